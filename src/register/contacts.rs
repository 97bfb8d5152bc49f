//! The table `contacts`.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;

use super::Kept;

use super::text_columns::{Faults, Row, Unreadable, read_rows};
use crate::diag::{Failure, RejectReason};
use crate::model::company::{Channel, CompanyKey, Contact};
use crate::model::email::mail_address;
use crate::model::table::{Column, ColumnType};

pub(super) const COLUMNS: &[Column] = &[
    Column::needed("channel", ColumnType::Text),
    Column::needed("value", ColumnType::Text),
    Column::optional("role", ColumnType::Text),
    Column::optional("priority", ColumnType::U16),
    Column::optional("verified_at", ColumnType::Instant),
    Column::optional("bounced_at", ColumnType::Instant),
];

/// Reads the table of contacts.
///
/// Needs `company_key` (or `company_id`), `channel` and `value`. A contact without a `priority`
/// comes after all that have one. `post` has no value: it goes to the company's address.
///
/// # Errors
/// `FixData` where a needed column is missing or of a wrong type. Everything else is a reject.
pub fn contacts(
    batches: &[RecordBatch],
    object: &str,
    companies: &BTreeSet<CompanyKey>,
) -> Result<Kept<Contact>, Failure> {
    read_contacts(batches, object, companies, &Unreadable::new())
}

pub(super) fn read_contacts(
    batches: &[RecordBatch],
    object: &str,
    companies: &BTreeSet<CompanyKey>,
    unreadable: &Unreadable,
) -> Result<Kept<Contact>, Failure> {
    let mut seen = BTreeSet::new();
    read_rows(batches, object, COLUMNS, unreadable, |row, faults| {
        let contact = contact(row, companies, faults)?;
        if !faults.is_empty() {
            return None;
        }
        if !seen.insert((
            contact.company.clone(),
            contact.channel,
            contact.value.clone(),
        )) {
            faults.add(("value", RejectReason::DuplicateRow, contact.value));
            return None;
        }
        Some(contact)
    })
}

fn contact(
    row: &Row<'_>,
    companies: &BTreeSet<CompanyKey>,
    faults: &mut Faults,
) -> Option<Contact> {
    let company = faults.note(row.known_company(companies));
    let channel_text = row.text("channel").unwrap_or_default();
    let channel = channel_text.to_ascii_lowercase().parse().map_err(|()| {
        (
            "channel",
            RejectReason::UnknownChannel,
            channel_text.to_owned(),
        )
    });
    let channel = faults.note(channel);
    let found = row.text("value");
    let value = match (channel, found) {
        (None, _) => Ok(String::new()),
        (Some(Channel::Post), _) => Ok(String::new()),
        (Some(_), None) => Err(RejectReason::EmptyValue),
        (Some(Channel::Email), Some(text)) => mail_address(text),
        (Some(Channel::Phone), Some(_)) => Ok(row.line("value")),
    };
    let value =
        faults.note(value.map_err(|why| ("value", why, found.unwrap_or_default().to_owned())));
    let priority = faults.note(row.number("priority"));
    let verified_at = faults.note(row.moment("verified_at"));
    let bounced_at = faults.note(row.moment("bounced_at"));
    Some(Contact {
        company: company?,
        channel: channel?,
        value: value?,
        role: row.line("role"),
        priority: priority?.unwrap_or(u16::MAX),
        verified_at: verified_at?,
        bounced_at: bounced_at?,
    })
}
