//! The PDF annex of a publication: the page's own tables on A4, tagged, and nothing secret.

use std::process::Command;

use nachtwacht::model::company::Language;
use nachtwacht::render::tables_pdf;
use nachtwacht::statistics::forms::{self, Sheet, sheets};

use super::forms::{about, published};
use crate::harness::needs;
use crate::render::house;

fn answer(program: &str, options: &[&str], file: &std::path::Path) -> String {
    let ran = Command::new(program)
        .args(options)
        .arg(file)
        .args(if program == "pdftotext" {
            &["-"][..]
        } else {
            &[]
        })
        .output()
        .unwrap();
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// Words of a text, whatever stands between them.
fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_annex_holds_the_same_tables_tagged_on_a4() {
    let (done, titles) = published();
    let groups = super::work::groups(true);
    let mut about = about(&titles);
    about.work = &groups;
    let sheets: Vec<Sheet> = sheets(&done.publication);
    let (look, _) = house();
    let folder = tempfile::tempdir().unwrap();
    for (language, title) in [
        (Language::Nl, "Waarschuwingen aan bedrijven, 2022-Q1*"),
        (Language::En, "Warnings to companies, 2022-Q1*"),
    ] {
        let content = forms::annex(&sheets, &about, language).unwrap();
        let pdf = tables_pdf(&look, content.clone(), "statistics-test").unwrap();
        let again = tables_pdf(&look, content, "statistics-test").unwrap();
        assert_eq!(pdf, again, "no clock and no dice");
        let raw = String::from_utf8_lossy(&pdf).into_owned();
        for mark in [
            "<pdfaid:part>2<",
            "<pdfaid:conformance>A<",
            "<pdfuaid:part>1<",
        ] {
            assert!(raw.contains(mark), "{mark} is not in the metadata");
        }
        if let Some(folder) = std::env::var_os("NACHTWACHT_LOOK") {
            let name = format!("publication.{language}.pdf");
            std::fs::write(std::path::Path::new(&folder).join(name), &pdf).unwrap();
        }
        let has_poppler = Command::new("pdfinfo").arg("-v").output().is_ok();
        if !needs("pdfinfo", has_poppler) {
            continue;
        }
        let file = folder.path().join("annex.pdf");
        std::fs::write(&file, &pdf).unwrap();
        let info = answer("pdfinfo", &[], &file);
        for part in ["Tagged:          yes", "(A4)", title] {
            assert!(info.contains(part), "no {part} in {info}");
        }
        let structure = answer("pdfinfo", &["-struct-text"], &file);
        for tag in ["Document", "H1", "H2", "THead", "TH", "TBody", "TD", "LI"] {
            assert!(structure.contains(tag), "no {tag} in the structure");
        }
        let n_split = sheets.iter().filter(|s| !s.axes.is_empty()).count();
        let is_table = |l: &&str| l.trim_start().starts_with("Table");
        let n_tables = n_split + groups.len();
        assert_eq!(structure.lines().filter(is_table).count(), n_tables);
        for font in answer("pdffonts", &[], &file).lines().skip(2) {
            assert!(font.contains("yes yes yes"), "not embedded: {font}");
        }
        // Each row of each table stands there as the other forms have it, a point where secret.
        let printed = answer("pdftotext", &["-layout"], &file);
        let lines: Vec<Vec<String>> = printed.lines().map(words).collect();
        let mut n_rows = 0;
        for sheet in sheets.iter().filter(|s| s.axes.len() == 1) {
            for row in &sheet.rows {
                let figures: Vec<String> = match row.values {
                    Some(values) => values.map(|n| n.to_string()).to_vec(),
                    None => vec![".".to_owned(); 3],
                };
                if figures.iter().any(|f| f.len() > 3) {
                    continue; // a thousand is written with a sign between
                }
                // A long label takes several lines; its figures stand beside the first.
                let label = row.labels(&sheet.axes, language, about.titles).concat();
                let first = words(&label).first().cloned().unwrap_or_default();
                let is_row =
                    |l: &&Vec<String>| l.first() == Some(&first) && l.ends_with(figures.as_slice());
                assert!(
                    lines.iter().any(|l| is_row(&l)),
                    "{}: {label} {figures:?} is not in {printed}",
                    sheet.id
                );
                n_rows += 1;
            }
        }
        assert!(n_rows > 20, "{n_rows}");
    }
}
