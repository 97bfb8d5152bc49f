//! The table `companies`.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;

use super::Kept;
use super::text_columns::{Faults, Refusal, Row, Unreadable, read_rows};
use crate::diag::{Failure, Reject, RejectReason, mask};
use crate::model::company::{Company, CompanyKey, Language, PartyKind, PostalAddress};
use crate::model::table::{Column, ColumnType};

pub(super) const COLUMNS: &[Column] = &[
    Column::needed("name", ColumnType::Text),
    Column::optional("party_kind", ColumnType::Text),
    Column::optional("language", ColumnType::Text),
    Column::optional("sector", ColumnType::Text),
    Column::optional("sector_scheme", ColumnType::Text),
    Column::optional("size_class", ColumnType::Text),
    Column::optional("province", ColumnType::Text),
    Column::optional("municipality", ColumnType::Text),
    Column::optional("participant_since", ColumnType::Date),
    Column::optional("participant_until", ColumnType::Date),
    Column::optional("legal_basis", ColumnType::Text),
    Column::optional("street", ColumnType::Text),
    Column::optional("house_number", ColumnType::Text),
    Column::optional("house_number_addition", ColumnType::Text),
    Column::optional("postcode", ColumnType::Text),
    Column::optional("town", ColumnType::Text),
    Column::optional("country", ColumnType::Text),
    Column::optional("address_shielded", ColumnType::Bool),
    Column::optional("parent_company_key", ColumnType::Text),
];

/// Reads the table of companies.
///
/// Needs `company_key` (or `company_id`, a bare KvK number as text) and `name`. Without a
/// `party_kind` a company is `registered`, without a `language` it reads Dutch. Of two rows with
/// one key the first counts. A parent may stand anywhere in the table; a company whose parent is not
/// usable is kept without one, and the fault is among `further`: it gets its own letters all the same.
///
/// # Errors
/// `FixData` where a needed column is missing or of a wrong type, and where no company is left:
/// a night without companies would look like a night without warnings.
pub fn companies(batches: &[RecordBatch], object: &str) -> Result<Kept<Company>, Failure> {
    let kept = read_companies(batches, object, &Unreadable::new(), &BTreeSet::new())?;
    if kept.rows.is_empty() {
        let message = format!(
            "no company is left of {} rows; expected one at least",
            kept.read
        );
        return Err(Failure::fix_data(message)
            .at(object, "")
            .hint("look at the reasons in `rejects.parquet`, or deliver the register again"));
    }
    Ok(kept)
}

/// As [`companies`], without asking that one is left; parents may be among `known` companies too.
pub(super) fn read_companies(
    batches: &[RecordBatch],
    object: &str,
    unreadable: &Unreadable,
    known: &BTreeSet<CompanyKey>,
) -> Result<Kept<Company>, Failure> {
    let mut keys = BTreeSet::new();
    // One company has one key: the same in other letters is a second row of it.
    let mut folded = BTreeSet::new();
    let mut rows_of = BTreeMap::new();
    let mut kept = read_rows(batches, object, COLUMNS, unreadable, |row, faults| {
        let company = company(row, faults)?;
        if !faults.is_empty() {
            return None;
        }
        if !folded.insert(company.key.as_str().to_ascii_lowercase()) {
            faults.add((
                "company_key",
                RejectReason::DuplicateCompany,
                company.key.to_string(),
            ));
            return None;
        }
        keys.insert(company.key.clone());
        rows_of.insert(company.key.clone(), row.number);
        Some(company)
    })?;
    let rows = std::mem::take(&mut kept.rows);
    for mut company in rows {
        match &company.parent {
            Some(parent)
                if *parent == company.key || !(keys.contains(parent) || known.contains(parent)) =>
            {
                // The parent's fault, or a slip, must not take the company's letters away.
                kept.further.push(Reject {
                    object: object.to_owned(),
                    row: rows_of.get(&company.key).copied().unwrap_or_default(),
                    column: "parent_company_key",
                    why: RejectReason::UnknownParent,
                    found: mask(parent.as_str()),
                });
                company.parent = None;
            }
            _ => {}
        }
        kept.rows.push(company);
    }
    kept.further.sort_by_key(|reject| reject.row);
    Ok(kept)
}

fn company(row: &Row<'_>, faults: &mut Faults) -> Option<Company> {
    let key = faults.note(row.company());
    let name = row.line("name");
    if name.is_empty() {
        faults.add(("name", RejectReason::MissingName, String::new()));
    }
    let participant_since = faults.note(row.date("participant_since"));
    let participant_until = faults.note(row.date("participant_until"));
    if let (Some(Some(since)), Some(Some(until))) = (participant_since, participant_until)
        && until <= since
    {
        faults.add((
            "participant_until",
            RejectReason::BadInterval,
            until.to_string(),
        ));
    }
    let party_kind = faults.note(row.one_of(
        "party_kind",
        PartyKind::Registered,
        RejectReason::UnknownPartyKind,
    ));
    let language = row.one_of("language", Language::Nl, RejectReason::UnknownLanguage);
    let language = faults.note(language);
    let parent = faults.note(parent(row));
    Some(Company {
        key: key?,
        party_kind: party_kind?,
        name,
        language: language?,
        sector: row.line("sector"),
        sector_scheme: row.line("sector_scheme"),
        size_class: row.line("size_class"),
        province: row.line("province"),
        municipality: row.line("municipality"),
        participant_since: participant_since?,
        participant_until: participant_until?,
        legal_basis: row.line("legal_basis"),
        address: address(row),
        parent: parent?,
    })
}

fn parent(row: &Row<'_>) -> Result<Option<CompanyKey>, Refusal> {
    let column = "parent_company_key";
    let Some(text) = row.text(column) else {
        return Ok(None);
    };
    let refused = |()| (column, RejectReason::BadCompanyKey, text.to_owned());
    text.parse().map(Some).map_err(refused)
}

/// `None` where neither street, postcode nor town is known. A country that the register leaves
/// out is the Netherlands.
fn address(row: &Row<'_>) -> Option<PostalAddress> {
    let country = row.line("country").to_uppercase();
    let address = PostalAddress {
        street: row.line("street"),
        house_number: row.line("house_number"),
        house_number_addition: row.line("house_number_addition"),
        postcode: row.line("postcode"),
        town: row.line("town"),
        country: if country.is_empty() {
            "NL".to_owned()
        } else {
            country
        },
        shielded: row.truth("address_shielded"),
    };
    let is_known = [&address.street, &address.postcode, &address.town]
        .iter()
        .any(|part| !part.is_empty());
    is_known.then_some(address)
}
