//! RDAP answers (RFC 9083): the abuse mailboxes in them.

use serde_json::Value;

use crate::model::email::mail_address;

/// One abuse mailbox of an RDAP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbuseMailbox {
    /// Plain address.
    pub address: String,
    /// It is that of the registrar who sold the name, not of the name's holder: telling it what
    /// is wrong at the holder's would be a leak.
    pub is_registrars: bool,
}

/// What an RDAP answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rdap {
    /// An object, with its abuse mailboxes in order of preference; often there is none.
    Object(Vec<AbuseMailbox>),
    /// The server knows no such object (error 404).
    NotFound,
    /// The server answered with another error: it says nothing about the object.
    Error(u64),
}

/// Reads an answer.
///
/// Entities count that have the role `abuse`, at any depth (RFC 9083, section 5.1); of their
/// jCards (RFC 7095) the `email` properties, preferred ones first. What is not one plain mailbox
/// is left out.
///
/// # Errors
/// A sentence, where the bytes are no RDAP object.
pub fn read_rdap(bytes: &[u8]) -> Result<Rdap, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("not JSON: {e}"))?;
    let object = value.as_object().ok_or("not a JSON object")?;
    if let Some(code) = object.get("errorCode") {
        return Ok(match code.as_u64() {
            Some(404) => Rdap::NotFound,
            code => Rdap::Error(code.unwrap_or(0)),
        });
    }
    if !object.contains_key("objectClassName") {
        return Err("no `objectClassName` and no `errorCode`: not an RDAP answer".into());
    }
    let mut found = Vec::new();
    if has_role(&value, "abuse") {
        found.extend(mailboxes(&value, false));
    }
    collect(&value, false, &mut found);
    let mut unique: Vec<AbuseMailbox> = Vec::new();
    for mailbox in found {
        if !unique.iter().any(|u| u.address == mailbox.address) {
            unique.push(mailbox);
        }
    }
    Ok(Rdap::Object(unique))
}

/// Abuse mailboxes of the entities below; the depth is bounded by the JSON reader's own limit.
fn collect(object: &Value, is_registrars: bool, found: &mut Vec<AbuseMailbox>) {
    let entities = object.get("entities").and_then(Value::as_array);
    for entity in entities.into_iter().flatten() {
        let is_registrars = is_registrars || has_role(entity, "registrar");
        if has_role(entity, "abuse") {
            found.extend(mailboxes(entity, is_registrars));
        }
        collect(entity, is_registrars, found);
    }
}

fn has_role(entity: &Value, role: &str) -> bool {
    let roles = entity.get("roles").and_then(Value::as_array);
    roles.into_iter().flatten().any(|r| {
        r.as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(role))
    })
}

fn mailboxes(entity: &Value, is_registrars: bool) -> Vec<AbuseMailbox> {
    let properties = entity
        .get("vcardArray")
        .and_then(|card| card.get(1))
        .and_then(Value::as_array);
    let mut found: Vec<(u64, AbuseMailbox)> = Vec::new();
    for property in properties.into_iter().flatten() {
        let Some([name, parameters, _, values @ ..]) = property.as_array().map(Vec::as_slice)
        else {
            continue;
        };
        if !name
            .as_str()
            .is_some_and(|n| n.eq_ignore_ascii_case("email"))
        {
            continue;
        }
        for text in values.iter().filter_map(Value::as_str) {
            let text = text.trim();
            let text = text.strip_prefix("mailto:").unwrap_or(text);
            if let Ok(address) = mail_address(text) {
                found.push((
                    preference(parameters),
                    AbuseMailbox {
                        address,
                        is_registrars,
                    },
                ));
            }
        }
    }
    found.sort_by_key(|(preference, _)| *preference);
    found.into_iter().map(|(_, mailbox)| mailbox).collect()
}

/// 1 is preferred, 100 and none are not (RFC 6350, section 5.3).
fn preference(parameters: &Value) -> u64 {
    match parameters.get("pref") {
        Some(Value::Number(n)) => n.as_u64().unwrap_or(101),
        Some(Value::String(text)) => text.parse().unwrap_or(101),
        _ => 101,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(roles: &str, mail: &str, below: &str) -> String {
        format!(
            r#"{{"objectClassName":"entity","roles":["{roles}"],"vcardArray":["vcard",[["version",{{}},"text","4.0"],{mail}]],"entities":[{below}]}}"#
        )
    }

    fn of(entities: &str) -> Vec<(String, bool)> {
        let text = format!(r#"{{"objectClassName":"domain","entities":[{entities}]}}"#);
        match read_rdap(text.as_bytes()) {
            Ok(Rdap::Object(found)) => found
                .into_iter()
                .map(|m| (m.address, m.is_registrars))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_plain_mailboxes_of_abuse_entities_count() {
        let mail = r#"["email",{},"text","abuse@a.example"]"#;
        let abuse = entity("abuse", mail, "");
        assert_eq!(of(&abuse), [("abuse@a.example".to_owned(), false)]);
        assert!(of(&entity("technical", mail, "")).is_empty());
        assert_eq!(
            of(&entity("registrar", "[]", &abuse)),
            [("abuse@a.example".to_owned(), true)]
        );
        let hostile = r#"["email",{},"text","a@a.example\r\nBcc: b@b.example"],["email",{},"text","a@a.example, b@b.example"],["email",{},"uri",7],["email"]"#;
        assert!(of(&entity("abuse", hostile, "")).is_empty());
        let two = r#"["email",{"pref":"2"},"text","b@a.example"],["EMAIL",{"pref":1},"uri","mailto:a@a.example"],["email",{},"text","b@a.example"]"#;
        let names: Vec<String> = of(&entity("ABUSE", two, ""))
            .into_iter()
            .map(|(a, _)| a)
            .collect();
        assert_eq!(names, ["a@a.example", "b@a.example"]);
    }

    #[test]
    fn an_error_is_not_an_absence() {
        let read = |text: &str| read_rdap(text.as_bytes());
        assert_eq!(read(r#"{"errorCode":404}"#), Ok(Rdap::NotFound));
        assert_eq!(read(r#"{"errorCode":429}"#), Ok(Rdap::Error(429)));
        for text in ["", "[]", "{}", "<html>", &"[".repeat(100_000)] {
            assert!(read(text).is_err(), "{}", text.len());
        }
    }
}
