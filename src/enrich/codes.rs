//! Tables of codes: titles of branches (SBI, NACE), provinces of municipalities, classes of
//! incidents (RSIT).

use std::collections::BTreeMap;

use crate::diag::Failure;
use crate::model::row_numbers::line_of;

/// Digits that SBI 2008 has in common with NACE Rev. 2 (Eurostat); a fifth one is Dutch.
const NACE_DIGITS: usize = 4;

/// Titles of branches by SBI code without dots: Dutch, English.
///
/// `sbi` is the table `code,title_nl`, `nace` is `code,title_nl,title_en`. An SBI code has the English
/// title of the NACE class that it lies in, or its Dutch one; NACE's own titles stand where SBI has
/// none.
///
/// # Errors
/// `FixData`, as [`keyed`].
pub fn branch_titles(
    sbi: Option<(&[u8], &str)>,
    nace: Option<(&[u8], &str)>,
) -> Result<BTreeMap<String, (String, String)>, Failure> {
    let read = |table: Option<(&[u8], &str)>, columns: &[&str]| match table {
        Some((bytes, name)) => keyed(name, bytes, columns),
        None => Ok(BTreeMap::new()),
    };
    let cell = |cells: &[String], n: usize| cells.get(n).cloned().unwrap_or_default();
    let plain = |code: &str| code.replace('.', "");
    let nace = read(nace, &["code", "title_nl", "title_en"])?;
    let mut titles: BTreeMap<String, (String, String)> = nace
        .iter()
        .map(|(code, cells)| (plain(code), (cell(cells, 0), cell(cells, 1))))
        .collect();
    for (code, cells) in read(sbi, &["code", "title_nl"])? {
        let (code, nl) = (plain(&code), cell(&cells, 0));
        let class = code.get(..NACE_DIGITS).unwrap_or(&code);
        let en = titles
            .get(class)
            .map_or_else(|| nl.clone(), |(_, en)| en.clone());
        titles.insert(code, (nl, en));
    }
    Ok(titles)
}

/// Provinces of municipalities, by code of Statistics Netherlands (`GM0344`) and by name.
#[derive(Clone, Debug, Default)]
pub struct Municipalities(BTreeMap<String, String>);

impl Municipalities {
    /// Reads the table `code,name,province`.
    ///
    /// # Errors
    /// `FixData`, as [`keyed`].
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, Failure> {
        let mut by = BTreeMap::new();
        for (code, cells) in keyed(name, bytes, &["code", "name", "province"])? {
            if let [name, province] = cells.as_slice() {
                by.insert(name.to_lowercase(), province.clone());
                by.insert(code.to_lowercase(), province.clone());
            }
        }
        Ok(Self(by))
    }

    /// The province of a municipality by its code or name.
    #[must_use]
    pub fn province(&self, municipality: &str) -> Option<&str> {
        self.0.get(&municipality.to_lowercase()).map(String::as_str)
    }
}

/// Classes of incidents by type (RSIT, ENISA's task force): the table `type,class`.
#[derive(Clone, Debug, Default)]
pub struct Classes(BTreeMap<String, String>);

impl Classes {
    /// Reads the table.
    ///
    /// # Errors
    /// `FixData`, as [`keyed`].
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, Failure> {
        let rows = keyed(name, bytes, &["type", "class"])?;
        let rows = rows.into_iter();
        Ok(Self(
            rows.map(|(kind, cells)| (kind, cells.concat())).collect(),
        ))
    }

    /// The class that a type belongs to.
    #[must_use]
    pub fn of(&self, kind: &str) -> Option<&str> {
        self.0.get(kind).map(String::as_str)
    }
}

/// A CSV whose rows are known by the first of the `wanted` columns; the cells of the others by it.
///
/// # Errors
/// `FixData` where it is no CSV, a column is missing, or a key is empty or stands twice.
pub fn keyed(
    name: &str,
    bytes: &[u8],
    wanted: &[&str],
) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let unreadable = |e: csv::Error| {
        Failure::fix_data(format!("cannot be read as CSV: {e}"))
            .at(name, "")
            .hint("fetch the file again: it may be cut")
    };
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().map_err(unreadable)?.clone();
    let mut columns = Vec::new();
    for column in wanted {
        let found = header
            .iter()
            .position(|h| h.trim().eq_ignore_ascii_case(column));
        columns.push(found.ok_or_else(|| {
            let has: Vec<&str> = header.iter().collect();
            Failure::fix_data(format!(
                "the column is missing; the header has `{}`",
                has.join("`, `")
            ))
            .at(name, *column)
            .hint(format!("expected a CSV with `{}`", wanted.join(",")))
        })?);
    }
    let mut rows = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let mut cells = columns
            .iter()
            .map(|c| record.get(*c).unwrap_or_default().trim().to_owned());
        let key = cells.next().unwrap_or_default();
        if key.is_empty() || rows.insert(key.clone(), cells.collect()).is_some() {
            return Err(
                Failure::fix_data(format!("the key `{key}` is empty or stands twice"))
                    .at(name, format!("line {}", line_of(bytes, &record)))
                    .hint("each row needs a key of its own"),
            );
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sbi_code_has_the_english_title_of_its_nace_class() {
        let sbi = b"code,title_nl\n62,ICT\n6201,Software\n47641,Fietsen\n99,Iets\n";
        let nace = b"code,title_nl,title_en\n62.01,Programmeren,Programming\n47.64,Sport,Sports\n63,Info,Information\n";
        let titles = branch_titles(Some((sbi, "sbi")), Some((nace, "nace"))).unwrap();
        let of = |code: &str| titles.get(code).map(|(nl, en)| (nl.as_str(), en.as_str()));
        assert_eq!(of("6201"), Some(("Software", "Programming")));
        assert_eq!(of("47641"), Some(("Fietsen", "Sports")));
        assert_eq!(of("99"), Some(("Iets", "Iets")));
        assert_eq!(of("63"), Some(("Info", "Information")));
        assert!(branch_titles(None, None).unwrap().is_empty());
        let failure = branch_titles(Some((b"a,b\n", "sbi.csv")), None).unwrap_err();
        assert!(failure.to_string().contains("sbi.csv"), "{failure}");
    }

    #[test]
    fn a_municipality_is_known_by_code_and_by_name() {
        let table = b"code,name,province\nGM0344,Utrecht,Utrecht\nGM1680,Aa en Hunze,Drenthe\n";
        let table = Municipalities::read(table, "m.csv").unwrap();
        assert_eq!(table.province("gm1680"), Some("Drenthe"));
        assert_eq!(table.province("AA EN HUNZE"), Some("Drenthe"));
        assert_eq!(table.province(""), None);
    }
}
