//! How the program says that something is wrong, and who must act.
//!
//! A [`Failure`] ends a command; a [`Reject`] sets one row aside and the night goes on.
//!
//! Voice: lower case, values in backticks, no full stop, what was found *and* what was
//! expected, then the next step as a hint.

use std::fmt;

/// Foreign text as it may stand in a message: at most so many characters, and none that moves a
/// terminal's cursor.
#[must_use]
pub fn plain(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(most).map(shown).collect()
}

/// Text of any length, lines and tabs kept, without what moves a terminal's cursor or turns the
/// direction of text: names of files, replies of servers and values of rows are foreign.
#[must_use]
pub fn printable(text: &str) -> String {
    let is_unsafe = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(u32::from(c), 0x61C | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF)
    };
    let shown = |c| if is_unsafe(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// Who must act. The kind alone decides the exit code (DECISIONS, section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The job, a template, a threat or the call itself is wrong: exit 2.
    FixJob,
    /// An input object is missing, broken, empty or stale, or the store refuses us: exit 2.
    FixData,
    /// The outside world is not there, or another run has the ledger: exit 3, run again.
    TryLater,
    /// Our own sums do not close, or an invariant broke: exit 4.
    OurBug,
}

impl Kind {
    /// The process exit code that belongs to this kind.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::FixJob | Self::FixData => 2,
            Self::TryLater => 3,
            Self::OurBug => 4,
        }
    }
}

/// One problem with the place where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File or object, as the user named it.
    pub file: String,
    /// Key, column or row inside it; empty where the whole file is meant.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at `key` of `file`.
    pub fn new(
        file: impl Into<String>,
        key: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            key: key.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The one place through which every failure reaches a terminal or a log.
        for part in [&self.file, &self.key] {
            if !part.is_empty() {
                write!(f, "{}: ", printable(part))?;
            }
        }
        write!(f, "{}", printable(&self.message))?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {}", printable(hint))?;
        }
        Ok(())
    }
}

/// Why a command ended without doing its work: one kind, one or more problems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who must act.
    pub kind: Kind,
    /// Every problem that was found, in the order of the files; never empty.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// A failure with a single problem that has no place yet; see [`Failure::at`].
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            problems: vec![Problem::new("", "", message)],
        }
    }

    /// The job, a template, a threat or the call is wrong.
    pub fn fix_job(message: impl Into<String>) -> Self {
        Self::new(Kind::FixJob, message)
    }

    /// An input object is wrong.
    pub fn fix_data(message: impl Into<String>) -> Self {
        Self::new(Kind::FixData, message)
    }

    /// The outside world is not there.
    pub fn try_later(message: impl Into<String>) -> Self {
        Self::new(Kind::TryLater, message)
    }

    /// An invariant of ours broke.
    pub fn our_bug(message: impl Into<String>) -> Self {
        Self::new(Kind::OurBug, message)
    }

    /// Many problems at once; `None` where there is none.
    #[must_use]
    pub fn from_problems(kind: Kind, problems: Vec<Problem>) -> Option<Self> {
        (!problems.is_empty()).then_some(Self { kind, problems })
    }

    /// Names the file and the key of the last problem.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, key: impl Into<String>) -> Self {
        if let Some(last) = self.problems.last_mut() {
            last.file = file.into();
            last.key = key.into();
        }
        self
    }

    /// Adds the next step to the last problem.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.problems.last_mut() {
            last.hint = Some(hint.into());
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// A row that was set aside. Goes to `rejects.parquet` as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reject {
    /// The object or file that held the row.
    pub object: String,
    /// 0-based row in that object (for text files: the record, not the line), as `source_row`;
    /// a message gives a person the number that the editor shows (`model::row_numbers`).
    pub row: u64,
    /// The column that is at fault; empty where it is the whole row.
    pub column: &'static str,
    /// Why, out of a closed list.
    pub why: RejectReason,
    /// The value with its personal part masked (see [`mask`]).
    pub found: String,
}

/// Shows the shape of a value without the value: letters become `x`, digits become `9`,
/// everything else stays; at most 40 characters. `jan@a.nl` becomes `xxx@x.xx`.
#[must_use]
pub fn mask(value: &str) -> String {
    let shape = |c: char| match c {
        c if c.is_ascii_digit() => '9',
        c if c.is_alphanumeric() => 'x',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    let mut masked: String = value.chars().take(40).map(shape).collect();
    if value.chars().nth(40).is_some() {
        masked.push('…');
    }
    masked
}

macro_rules! reject_reasons {
    ($($variant:ident $code:literal $text:literal;)*) => {
        /// The closed list of reasons for which a row is set aside.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RejectReason { $(#[doc = $text] $variant,)* }
        impl RejectReason {
            /// Every reason, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// The stable code that stands in `rejects.parquet`.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }
            /// What is wrong and what was expected, for a person.
            #[must_use]
            pub const fn text(self) -> &'static str { match self { $(Self::$variant => $text,)* } }
        }
    };
}

reject_reasons! {
    NoSubject "no_subject" "the row has no address, no host name and no account: one of them is needed";
    BadAddress "bad_address" "not an IPv4 or IPv6 address in its usual notation";
    BadHostname "bad_hostname" "not a host name (RFC 1123, UTS 46)";
    BadTime "bad_time" "missing or unreadable time: expected UTC, such as `2026-03-01T02:15:00Z`";
    TimeInFuture "time_in_future" "seen more than a day after the night's date: the sender's clock or the column is wrong";
    BadPort "bad_port" "not a port number between 0 and 65535";
    BadNumber "bad_number" "not a whole number in the range of the column";
    BadSeverity "bad_severity" "not one of critical, high, medium, low, info";
    WrongFieldCount "wrong_field_count" "the line has more fields than the header";
    NotUtf8 "not_utf8" "not readable as UTF-8 text";
    BadJson "bad_json" "not one JSON object on one line";
    NotAFinding "not_a_finding" "the scanner says that this check did not match";
    BadCompanyKey "bad_company_key" "not `scheme:value` with a known scheme and form (a KvK number has eight digits)";
    LostLeadingZeros "lost_leading_zeros" "fewer than eight digits: a spreadsheet dropped the leading zeros of a KvK number, as in 1234567 for 01234567";
    ScientificNotation "scientific_notation" "a number such as 1.2E+07: a spreadsheet rounded it, and its last digits are gone";
    TurnedIntoDate "turned_into_date" "a spreadsheet made a date of the text";
    SpreadsheetError "spreadsheet_error" "the cell holds an error of the spreadsheet, such as #REF!";
    BadTruth "bad_truth" "not one of true, false, yes, no, ja, nee, 1, 0";
    DuplicateCompany "duplicate_company" "the company key stands in an earlier row";
    MissingName "missing_name" "a company needs a name";
    UnknownLanguage "unknown_language" "not one of nl, en";
    UnknownPartyKind "unknown_party_kind" "not one of participant, registered, unregistered, network_owner";
    UnknownCompany "unknown_company" "the company key is not in the register of companies";
    UnknownParent "unknown_parent" "the parent's company key is not in the register, or is the company itself";
    UnknownAssetKind "unknown_asset_kind" "not one of ip, cidr, range, asn, domain, host, email_domain";
    EmptyValue "empty_value" "the value is empty";
    AmbiguousAddress "ambiguous_address" "an address that programs read in different ways (leading zero, short, hexadecimal or bare-number form)";
    ZoneId "zone_id" "an address with a zone id means something on one machine only";
    BracketedAddress "bracketed_address" "an address without brackets and without port was expected";
    HostBits "host_bits" "the prefix has host bits set: either the address or the network was meant";
    BadPrefix "bad_prefix" "not a prefix such as 192.0.2.0/24 or 2001:db8::/32";
    BadRange "bad_range" "not `first-last` with two addresses of one family in rising order";
    PrefixTooWide "prefix_too_wide" "wider than the job allows for a registration";
    ReservedRange "reserved_range" "reserved, private, loopback, link-local, multicast or documentation space";
    BadAsn "bad_asn" "not an AS number between 1 and 4294967294 that is assigned to networks";
    BadName "bad_name" "not a domain name (RFC 1035, UTS 46)";
    PublicSuffix "public_suffix" "a public suffix: everybody below it would be warned for everybody else";
    BadInterval "bad_interval" "valid_until is not after valid_from";
    BadDate "bad_date" "not a date such as 2026-03-01 or an instant such as 2026-03-01T00:00:00Z";
    UnknownChannel "unknown_channel" "not one of email, post, phone";
    BadEmail "bad_email" "not one plain mail address (RFC 5321 mailbox, no display name, no list)";
    DuplicateRow "duplicate_row" "the same row stands earlier in the object";
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_moves_the_cursor_or_turns_the_text() {
        let failure = Failure::try_later("550 \u{1b}[2Jno\u{9b}31m \u{202e}txt.exe\r\nsecond line")
            .at("a\u{1b}]0;x\u{7}b", "k\u{200b}")
            .hint("say \u{2066}so");
        assert_eq!(
            failure.to_string(),
            "a\u{fffd}]0;x\u{fffd}b: k\u{fffd}: 550 \u{fffd}[2Jno\u{fffd}31m \u{fffd}txt.exe\u{fffd}\nsecond line\n  hint: say \u{fffd}so"
        );
    }
}
