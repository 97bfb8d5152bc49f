//! The forms of a publication say what it says, and nothing else.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use nachtwacht::model::company::Language;
use nachtwacht::statistics::forms::{self, About, Sheet, SheetRow, sheets};
use nachtwacht::statistics::guard::{self, Before, Counting, Protected, Rules, with_margins};
use nachtwacht::statistics::period::{Axis, Titles};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::page::{assert_well_formed, winter};
use super::period::{facts, own_findings};

pub fn published() -> (Protected, Titles) {
    let (mut ledger, titles) = winter();
    own_findings(&mut ledger);
    let mut tables: Vec<Vec<Axis>> = [
        Axis::Threat,
        Axis::Urgency,
        Axis::Sector,
        Axis::SizeClass,
        Axis::Province,
        Axis::PartyKind,
        Axis::Channel,
        Axis::Feed,
        Axis::Kind,
        Axis::Month,
    ]
    .map(|a| vec![a])
    .to_vec();
    tables.push(vec![Axis::PartyKind, Axis::SizeClass]);
    let draft = guard::draft(&Counting {
        facts: &facts(&ledger.records, "2022-Q1"),
        ledger_seq: ledger.last_seq,
        tables: with_margins(&tables),
        perturbation: None,
    });
    let done = guard::protect(&draft, &Before::nothing(), &Rules::default()).unwrap();
    (done, titles)
}

pub fn about(titles: &Titles) -> About<'_> {
    About {
        span: "2022-Q1".parse().unwrap(),
        version: 1,
        is_provisional: true,
        newest_night: "2022-03-12".into(),
        sender: "Nachtwacht – waarschuwingsdienst",
        titles,
        min_companies: 3,
        work: &[],
        perturbation: None,
    }
}

fn rows(csv: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let rows = reader
        .records()
        .map(|r| r.unwrap().iter().map(str::to_owned).collect());
    (header, rows.collect())
}

/// Figures as they stand in a form, `.` for a secret.
fn figures(sheet: &Sheet) -> Vec<Vec<String>> {
    let of = |v: Option<[u64; 3]>| match v {
        Some(values) => values.map(|n| n.to_string()).to_vec(),
        None => vec![".".to_owned(); 3],
    };
    sheet.rows.iter().map(|r| of(r.values)).collect()
}

#[test]
fn every_form_has_the_same_figures() {
    let (done, titles) = published();
    let about = about(&titles);
    let sheets = sheets(&done.publication);
    assert!(
        done.publication.n_secret() > 3,
        "nothing is secret: the test proves little"
    );
    let described: Value = serde_json::from_slice(&forms::csvw(&sheets, &about).unwrap()).unwrap();
    let book = forms::workbook(&sheets, &about, Language::Nl).unwrap();
    assert_eq!(
        book,
        forms::workbook(&sheets, &about, Language::Nl).unwrap(),
        "no clock"
    );
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(book)).unwrap();
    assert_eq!(book.sheet_names()[0], "Toelichting");
    assert_eq!(book.sheet_names().len(), sheets.len() + 1);
    for (i, sheet) in sheets.iter().enumerate() {
        let want = figures(sheet);
        let (header, rows) = rows(&forms::csv_of(sheet, &about).unwrap());
        let n = header.len() - 3;
        let of_csv: Vec<Vec<String>> = rows.iter().map(|r| r[n..].to_vec()).collect();
        assert_eq!(of_csv, want, "{}", sheet.id);
        assert!(rows.iter().all(|r| r[0] == "2022-Q1*"), "provisional");
        let columns = described["tables"][i]["tableSchema"]["columns"]
            .as_array()
            .unwrap();
        let names: Vec<&str> = columns
            .iter()
            .map(|c| c["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, header, "the description names every column");
        assert_eq!(described["tables"][i]["url"], format!("{}.csv", sheet.id));
        let range = book.worksheet_range_at(i + 1).unwrap().unwrap();
        let of_book: Vec<Vec<String>> = range
            .rows()
            .skip(2)
            .map(|r| r[sheet.axes.len()..].iter().map(text).collect())
            .collect();
        assert_eq!(of_book, want, "{}", sheet.id);
    }
    let parquet = bytes::Bytes::from(forms::parquet_of(&sheets, &about).unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet)
        .unwrap()
        .build()
        .unwrap();
    let n_rows: usize = reader.map(|b| b.unwrap().num_rows()).sum();
    assert_eq!(n_rows, sheets.iter().map(|s| s.rows.len()).sum::<usize>());
}

fn text(cell: &Data) -> String {
    match cell {
        Data::Float(n) => format!("{n}"),
        other => other.to_string(),
    }
}

#[test]
fn shown_rows_add_up_to_their_totals() {
    let (done, _) = published();
    let mut n_sums = 0;
    for sheet in sheets(&done.publication) {
        let [axis] = sheet.axes.as_slice() else {
            continue;
        };
        let values: Option<Vec<[u64; 3]>> = sheet.rows.iter().map(|r| r.values).collect();
        let Some((total, parts)) = values.as_deref().and_then(<[_]>::split_first) else {
            continue; // a secret row has no sum to check
        };
        for (i, measure) in guard::Measure::ALL.iter().enumerate() {
            let sum: u64 = parts.iter().map(|p| p[i]).sum();
            if measure.adds_up(*axis) {
                assert_eq!(sum, total[i], "{axis} {measure}");
                n_sums += 1;
            } else {
                assert!(sum >= total[i], "{axis} {measure}");
            }
        }
    }
    assert!(n_sums >= 4, "{n_sums}");
}

#[test]
fn a_published_page_is_well_formed_in_both_languages() {
    let (done, titles) = published();
    let groups = super::work::groups(true);
    let mut about = about(&titles);
    about.work = &groups;
    let sheets = sheets(&done.publication);
    for (language, secret, title) in [
        (
            Language::Nl,
            "geheim",
            "Waarschuwingen aan bedrijven, 2022-Q1*",
        ),
        (Language::En, "secret", "Warnings to companies, 2022-Q1*"),
    ] {
        let page = forms::page(&sheets, &about, language).unwrap();
        let text = String::from_utf8(page.clone()).unwrap();
        assert_well_formed(&text);
        assert!(text.contains(title) && text.contains(secret));
        assert!(text.contains(&format!("<html lang=\"{language}\">")));
        assert!(!text.contains("INTERN"), "this page is public");
        for forbidden in [
            "<script", "http://", "https://", "url(", "@import", "<img", "<link",
        ] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
        let n = |what: &str| text.matches(what).count();
        let has_bars = |s: &&Sheet| {
            let shown = |r: &SheetRow| !r.is_total() && r.values.is_some_and(|v| v[0] > 0);
            s.axes.len() == 1 && s.rows.iter().any(shown)
        };
        let n_charts = sheets.iter().filter(has_bars).count();
        assert_eq!(
            n("<svg"),
            n_charts + 1,
            "a chart for each table of one axis, and the funnel"
        );
        assert!(n_charts > 7, "{n_charts}");
        assert_eq!(n("<table"), 15);
        if let Some(folder) = std::env::var_os("NACHTWACHT_LOOK") {
            let name = format!("publication.{language}.html");
            std::fs::write(std::path::Path::new(&folder).join(name), page).unwrap();
        }
    }
}

#[test]
fn marks_follow_statistics_netherlands() {
    let titles = BTreeMap::new();
    let mark = |is_provisional, version| {
        About {
            is_provisional,
            version,
            ..about(&titles)
        }
        .mark()
    };
    assert_eq!(
        [mark(false, 1), mark(true, 1), mark(false, 2), mark(true, 2)],
        ["", "*", "*", "**"]
    );
}

#[test]
fn labels_of_two_axes_stand_apart_in_sentences() {
    let (done, titles) = published();
    let about = about(&titles);
    let sheets = sheets(&done.publication);
    let mut n_found = 0;
    for language in [Language::Nl, Language::En] {
        let page = String::from_utf8(forms::page(&sheets, &about, language).unwrap()).unwrap();
        for sheet in sheets.iter().filter(|s| s.axes.len() == 2) {
            let rows = sheet.rows.iter().filter(|r| !r.is_total());
            for labels in rows.map(|r| r.labels(&sheet.axes, language, &titles)) {
                assert!(!page.contains(&labels.concat()), "{labels:?}");
                n_found += usize::from(page.contains(&labels.join(", ")));
            }
        }
    }
    assert!(n_found > 0, "no sentence is about a row of two axes");
}
