//! The frame of an OpenPGP signature (RFC 4880, section 6.2): is one there, and is it whole?
//!
//! Whose it is, and whether it fits the text, is not looked at: nobody says whose key counts.

/// Checks the ASCII armour of a signed text.
///
/// # Errors
/// The reference checker's code: `pgp_data_error` where there is no block of the right form,
/// `pgp_error` and `pgp_signature_error` where its content is no signature packet.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let is_plain = |b: u8| (b' '..=b'~').contains(&b) || matches!(b, b'\r' | b'\n' | b'\t');
    if !text.bytes().all(is_plain) {
        let fits_latin_1 = text.chars().all(|c| u32::from(c) <= 0xff);
        return Err(if fits_latin_1 {
            "pgp_error"
        } else {
            "pgp_data_error"
        });
    }
    let lines: Vec<&str> = text
        .split('\n')
        .map(|l| l.strip_suffix('\r').unwrap_or(l))
        .collect();
    let block = (0..lines.len()).find_map(|at| block(lines.get(at..)?));
    let (magic, body) = block.ok_or("pgp_data_error")?;
    let bytes = base64(&body).ok_or("pgp_error")?;
    // The frame's marks stand once each; the first line's own is not counted.
    let count = |start: &str| {
        let marks = lines.iter().skip(1);
        marks
            .filter(|l| l.strip_prefix(start).and_then(magic_of).is_some())
            .count()
    };
    if count("-----BEGIN PGP ") >= 2 || count("-----END PGP ") >= 2 {
        return Err("pgp_data_error");
    }
    if !matches!(magic, "MESSAGE" | "SIGNATURE") {
        return Err("pgp_data_error");
    }
    packets(&bytes)
}

/// `SIGNATURE` out of `SIGNATURE-----`.
fn magic_of(rest: &str) -> Option<&str> {
    let magic = rest.strip_suffix("-----")?;
    let is_magic = !magic.is_empty()
        && magic
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b','));
    is_magic.then_some(magic)
}

/// A block that begins with the first of these lines: its kind, and its body without breaks.
fn block<'a>(lines: &[&'a str]) -> Option<(&'a str, String)> {
    let (first, rest) = lines.split_first()?;
    let magic = magic_of(first.strip_prefix("-----BEGIN PGP ")?)?;
    let mut rest = rest.iter().copied().peekable();
    let is_header = |line: &&str| {
        line.split_once(": ").is_some_and(|(key, value)| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric()) && !value.is_empty()
        })
    };
    while rest.next_if(is_header).is_some() {}
    let _ = rest.next_if(|line| line.is_empty());
    let mut body = String::new();
    while let Some(line) = rest.next_if(|line| is_body(line)) {
        body.push_str(line);
    }
    let crc = rest.next()?.strip_prefix('=')?;
    let is_crc = crc.len() == 4 && crc.bytes().all(is_base64);
    let ends = rest
        .next()?
        .starts_with(&format!("-----END PGP {magic}-----"));
    (!body.is_empty() && is_crc && ends).then_some((magic, body))
}

const fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')
}

/// Up to 76 characters and their padding.
fn is_body(line: &str) -> bool {
    let data = line.trim_end_matches('=');
    (1..=76).contains(&data.len()) && line.len() - data.len() <= 2 && data.bytes().all(is_base64)
}

/// Decodes; `None` where the padding does not come out even.
fn base64(text: &str) -> Option<Vec<u8>> {
    let data = text.split('=').next().unwrap_or_default();
    let n_padding = (4 - data.len() % 4) % 4;
    if data.len() % 4 == 1 || text.len() < data.len() + n_padding {
        return None;
    }
    let mut bytes = Vec::with_capacity(data.len());
    let (mut bits, mut n_bits) = (0_u32, 0_u32);
    for b in data.bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(six);
        n_bits += 6;
        if n_bits >= 8 {
            n_bits -= 8;
            bytes.push(u8::try_from((bits >> n_bits) & 0xff).unwrap_or(0));
        }
    }
    Some(bytes)
}

/// Packets with a header each, whole, and a signature among them (RFC 4880, sections 4.2 and 5.2).
fn packets(mut bytes: &[u8]) -> Result<(), &'static str> {
    let mut has_signature = false;
    while let Some((&first, rest)) = bytes.split_first() {
        if first & 0x80 == 0 {
            return Err("pgp_error");
        }
        let (tag, length, body) = if first & 0x40 == 0 {
            let n = 1_usize << (first & 3);
            if n == 8 {
                return Ok(()); // of indefinite length: up to the end
            }
            let (size, body) = rest.split_at_checked(n).ok_or("pgp_signature_error")?;
            ((first >> 2) & 0x0f, number(size), body)
        } else {
            let (length, body) = new_length(rest).ok_or("pgp_signature_error")?;
            (first & 0x3f, length, body)
        };
        let (_, after) = body.split_at_checked(length).ok_or("pgp_signature_error")?;
        has_signature |= tag == 2;
        bytes = after;
    }
    if has_signature {
        Ok(())
    } else {
        Err("pgp_error")
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, b| (n << 8) | usize::from(*b))
}

fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..=191 => Some((usize::from(first), rest)),
        192..=223 => {
            let (&second, rest) = rest.split_first()?;
            Some((
                (usize::from(first) - 192) * 256 + usize::from(second) + 192,
                rest,
            ))
        }
        255 => {
            let (size, rest) = rest.split_at_checked(4)?;
            Some((number(size), rest))
        }
        224..=254 => Some((1 << (first & 0x1f), rest)),
    }
}
