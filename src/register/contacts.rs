//! The table `contacts`.

use std::collections::BTreeSet;

use arrow::record_batch::RecordBatch;

use super::Kept;

use super::text_columns::{Refusal, Row, read_rows};
use crate::diag::{Failure, RejectReason};
use crate::model::company::{Channel, CompanyKey, Contact};
use crate::model::email::mail_address;
use crate::model::table::{Column, ColumnType};

const COLUMNS: &[Column] = &[
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
    let mut seen = BTreeSet::new();
    read_rows(batches, object, COLUMNS, |row| {
        let contact = contact(row, companies)?;
        if !seen.insert((
            contact.company.clone(),
            contact.channel,
            contact.value.clone(),
        )) {
            return Err(("value", RejectReason::DuplicateRow, contact.value));
        }
        Ok(contact)
    })
}

fn contact(row: &Row<'_>, companies: &BTreeSet<CompanyKey>) -> Result<Contact, Refusal> {
    let company = row.company()?;
    if !companies.contains(&company) {
        return Err((
            "company_key",
            RejectReason::UnknownCompany,
            company.to_string(),
        ));
    }
    let channel_text = row.text("channel").unwrap_or_default();
    let channel = channel_text.to_ascii_lowercase().parse().map_err(|()| {
        (
            "channel",
            RejectReason::UnknownChannel,
            channel_text.to_owned(),
        )
    })?;
    let refused = |why| {
        (
            "value",
            why,
            row.text("value").unwrap_or_default().to_owned(),
        )
    };
    let value = match (channel, row.text("value")) {
        (Channel::Post, _) => String::new(),
        (_, None) => return Err(refused(RejectReason::EmptyValue)),
        (Channel::Email, Some(text)) => mail_address(text).map_err(refused)?,
        (Channel::Phone, Some(_)) => row.line("value"),
    };
    Ok(Contact {
        company,
        channel,
        value,
        role: row.line("role"),
        priority: row.number("priority")?.unwrap_or(u16::MAX),
        verified_at: row.moment("verified_at")?,
        bounced_at: row.moment("bounced_at")?,
    })
}
