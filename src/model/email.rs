//! Mail addresses: one plain mailbox, or none.

use super::name::Domain;
use crate::diag::RejectReason;

/// Reads one mail address and gives it back with its domain in A-labels.
///
/// RFC 5321 `Mailbox` without its quoted and literal forms: a dot-string of ASCII of 64 bytes at
/// most, `@`, a domain name of two labels at least; 254 bytes in all (RFC 3696, erratum 1690). A
/// display name, a list, a comment, a quoted local part, an address literal and every blank or
/// control character are refused: each is a way to make one recipient into another.
///
/// # Errors
/// [`RejectReason::BadEmail`].
pub fn mail_address(text: &str) -> Result<String, RejectReason> {
    let bad = RejectReason::BadEmail;
    let (local, domain) = text.rsplit_once('@').ok_or(bad)?;
    let is_local = local.len() <= 64
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte));
    // UTS 46 would map some blanks and dots away: nothing may be mapped away in an address.
    let is_name = domain
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.'))
        && domain.contains('.')
        && !domain.ends_with('.');
    if !is_local || !is_name {
        return Err(bad);
    }
    let domain: Domain = domain.parse().map_err(|()| bad)?;
    let address = format!("{local}@{domain}");
    if address.len() > 254 {
        return Err(bad);
    }
    Ok(address)
}

/// `atext` of RFC 5322, section 3.2.3.
fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_plain_mailbox_passes() {
        let table = [
            (
                "security@voorbeeld.example",
                Some("security@voorbeeld.example"),
            ),
            (
                "Jan.de-Vries+nw@Voorbeeld.EXAMPLE",
                Some("Jan.de-Vries+nw@voorbeeld.example"),
            ),
            ("info@één.example", Some("info@xn--n-9faa.example")),
            ("", None),
            ("info", None),
            ("@voorbeeld.example", None),
            ("info@voorbeeld", None),
            ("info@voorbeeld.example.", None),
            ("in..fo@voorbeeld.example", None),
            (".info@voorbeeld.example", None),
            ("\"in fo\"@voorbeeld.example", None),
            ("Info <info@voorbeeld.example>", None),
            ("info@voorbeeld.example, cc@voorbeeld.example", None),
            ("info@voorbeeld.example;cc@voorbeeld.example", None),
            ("info@voorbeeld.example\r\nBcc: cc@voorbeeld.example", None),
            ("cc@a.example\n@voorbeeld.example", None),
            ("info(x)@voorbeeld.example", None),
            ("info@[192.0.2.1]", None),
            ("info@192.0.2.1", None),
            ("info@voor beeld.example", None),
            ("info@voor\u{ad}beeld.example", None),
            ("info@voor_beeld.example", None),
            ("infó@voorbeeld.example", None),
        ];
        for (text, want) in table {
            assert_eq!(mail_address(text).ok().as_deref(), want, "{text:?}");
        }
        let long = format!("{}@voorbeeld.example", "a".repeat(65));
        assert!(mail_address(&long).is_err());
    }
}
