//! Which columns are dropped at the door, because they hold somebody's data or a secret.

/// Every column name of the published layouts, old ones of the samples included, sorted.
static KNOWN: &str = include_str!("columns.txt");

/// Columns that hold personal or secret data: dropped, whatever the report.
const SECRET: &[&str] = &[
    "account",
    "badsecret_secret",
    "cookie",
    "email",
    "login",
    "mail",
    "password",
    "username",
];

/// Words that make an unknown column one of those.
const SECRET_WORDS: &[&str] = &[
    "credential",
    "credentials",
    "email",
    "login",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "pwd",
    "secret",
    "token",
    "user",
    "username",
];

/// Of a leaked account nothing is kept but these: any other text of the row may quote the
/// address or the password.
const KEPT_OF_ACCOUNTS: &[&str] = &["infection", "public_source", "service", "status"];

/// Does a published layout have this column?
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.lines().any(|known| known == name)
}

/// Does a word of this name warn that a secret or a person's name stands there?
pub(super) fn has_secret_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| SECRET.contains(&word) || SECRET_WORDS.contains(&word))
}

/// Is a column's content dropped at the door? Known columns are judged by name; an unknown one
/// is dropped if a word of its name warns, or if the report is about accounts.
pub(super) fn is_dropped(name: &str, is_known: bool, is_account: bool) -> bool {
    SECRET.contains(&name)
        || (is_account && !KEPT_OF_ACCOUNTS.contains(&name))
        || (!is_known && has_secret_word(name))
}
