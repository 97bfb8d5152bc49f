//! Names of columns, as forms and registers write them.

use arrow::datatypes::Schema;

use super::text_columns::{ID, KEY};
use super::{assets, companies, contacts};
use crate::model::table::{Column, ColumnType};

/// What people call our columns: lower case, letters and digits only → ours.
const ALSO: &[(&str, &str)] = &[
    ("kvk", ID),
    ("kvknummer", ID),
    ("kvknr", ID),
    ("dossiernummer", ID),
    ("companyid", ID),
    ("companykey", KEY),
    ("naam", "name"),
    ("bedrijfsnaam", "name"),
    ("handelsnaam", "name"),
    ("statutairenaam", "name"),
    ("taal", "language"),
    ("sbi", "sector"),
    ("sbicode", "sector"),
    ("provincie", "province"),
    ("gemeente", "municipality"),
    ("gemeentecode", "municipality"),
    ("deelnemersinds", "participant_since"),
    ("deelnemertot", "participant_until"),
    ("straat", "street"),
    ("straatnaam", "street"),
    ("huisnummer", "house_number"),
    ("toevoeging", "house_number_addition"),
    ("huisnummertoevoeging", "house_number_addition"),
    ("plaats", "town"),
    ("woonplaats", "town"),
    ("vestigingsplaats", "town"),
    ("land", "country"),
    ("adresafgeschermd", "address_shielded"),
    ("soort", "kind"),
    ("waarde", "value"),
    ("geldigvanaf", "valid_from"),
    ("geldigtot", "valid_until"),
    ("bron", "source"),
    ("bevestigdop", "confirmed_at"),
    ("kanaal", "channel"),
    ("functie", "role"),
    ("voorkeur", "priority"),
    ("geverifieerdop", "verified_at"),
];

/// Which of the three tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Who they are.
    Companies,
    /// What is theirs.
    Assets,
    /// Whom to tell.
    Contacts,
}

impl Kind {
    /// Known by its columns: `channel`, `kind` or `name`.
    #[must_use]
    pub fn of(schema: &Schema) -> Option<Self> {
        let has = |name| schema.field_with_name(name).is_ok();
        if has("channel") {
            Some(Self::Contacts)
        } else if has("kind") {
            Some(Self::Assets)
        } else if has("name") {
            Some(Self::Companies)
        } else {
            None
        }
    }

    /// `companies`, `assets` or `contacts`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Assets => "assets",
            Self::Contacts => "contacts",
        }
    }

    pub(super) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Companies => companies::COLUMNS,
            Self::Assets => assets::COLUMNS,
            Self::Contacts => contacts::COLUMNS,
        }
    }
}

fn all_columns() -> impl Iterator<Item = &'static Column> {
    [Kind::Companies, Kind::Assets, Kind::Contacts]
        .into_iter()
        .flat_map(Kind::columns)
}

/// Our name of a column: `KvK-nummer` is `company_id`; a name that nobody knows stays.
pub(super) fn canonical_name(header: &str) -> String {
    let plain = header.trim().to_lowercase();
    if all_columns().any(|c| c.name == plain) {
        return plain;
    }
    let bare: String = plain.chars().filter(|c| c.is_alphanumeric()).collect();
    let ours = all_columns().map(|c| (c.name.replace('_', ""), c.name));
    ALSO.iter()
        .find(|(theirs, _)| *theirs == bare)
        .map(|(_, ours)| *ours)
        .or_else(|| ours.into_iter().find(|(n, _)| *n == bare).map(|(_, c)| c))
        .map_or(plain, str::to_owned)
}

/// Does the column hold dates or moments?
pub(super) fn is_time(name: &str) -> bool {
    use ColumnType::{Date, DateOrInstant, Instant};
    all_columns().any(|c| c.name == name && matches!(c.holds, Date | Instant | DateOrInstant))
}

/// The name as a constant; empty for a column that is none of ours.
pub(super) fn known(name: &str) -> &'static str {
    [KEY, ID]
        .into_iter()
        .chain(all_columns().map(|c| c.name))
        .find(|n| *n == name)
        .unwrap_or("")
}
