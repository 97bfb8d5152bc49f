//! Adoption of security.txt, as the nights wrote it down.

use std::collections::BTreeMap;

/// Participants on a night, by what was known of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityTxt {
    /// Participants with a name whose answer is known.
    pub looked_up: u64,
    /// Of them, with a file at one of their names at least.
    pub with_file: u64,
    /// Of those, with one that may be relied on and names a mailbox.
    pub usable: u64,
}

impl SecurityTxt {
    /// Out of a night's `statistics/security-txt.csv`; `None` where nobody was looked up.
    ///
    /// # Errors
    /// What cannot be read in it.
    pub fn participants(csv: &[u8], separator: u8) -> Result<Option<Self>, String> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(separator)
            .from_reader(csv);
        let rows = reader.deserialize::<BTreeMap<String, String>>();
        for row in rows {
            let row = row.map_err(|e| e.to_string())?;
            if row.get("group").map(String::as_str) != Some("participants") {
                continue;
            }
            let number = |name: &str| {
                let text = row.get(name).ok_or_else(|| format!("no column `{name}`"))?;
                text.parse::<u64>()
                    .map_err(|_| format!("`{name}` is `{text}`, expected a number"))
            };
            let found = Self {
                looked_up: number("looked_up")?,
                with_file: number("with_file")?,
                usable: number("usable")?,
            };
            return Ok((found.looked_up > 0).then_some(found));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_of_all_participants_is_read_and_a_broken_one_is_named() {
        let header = "status;night;group;value;companies;looked_up;with_file;usable";
        let read =
            |rows: &str| SecurityTxt::participants(format!("{header}\n{rows}").as_bytes(), b';');
        let all = "I;2026-03-09;participants;;90;80;30;20\nI;2026-03-09;party_kind;x;1;1;1;1";
        let want = SecurityTxt {
            looked_up: 80,
            with_file: 30,
            usable: 20,
        };
        assert_eq!(read(all), Ok(Some(want)));
        assert_eq!(read("I;2026-03-09;participants;;90;0;0;0"), Ok(None));
        assert_eq!(read("I;2026-03-09;party_kind;x;1;1;1;1"), Ok(None));
        let broken = read("I;2026-03-09;participants;;90;many;0;0").unwrap_err();
        assert!(broken.contains("`looked_up` is `many`"), "{broken}");
    }
}
