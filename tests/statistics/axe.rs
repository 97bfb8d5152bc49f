//! What axe-core finds in the pages of statistics, on a screen and at the widths of phones: nothing.

use nachtwacht::model::company::Language;
use nachtwacht::statistics::forms::{self, sheets};

use super::forms::{about, published};
use super::page::full_page;
use super::work::groups;
use crate::axe::{assert_clean_but_for, judge};

/// Every page by its name: the night's, and a publication in both languages.
pub fn pages() -> Vec<(String, String)> {
    let (done, titles) = published();
    let groups = groups(true);
    let mut about = about(&titles);
    about.work = &groups;
    let sheets = sheets(&done.publication);
    let publication = |language| forms::page(&sheets, &about, language).unwrap();
    [
        ("publication nl", publication(Language::Nl)),
        ("publication en", publication(Language::En)),
        ("night", full_page()),
    ]
    .map(|(name, page)| (name.to_owned(), String::from_utf8(page).unwrap()))
    .to_vec()
}

#[test]
fn axe_core_finds_nothing_in_the_pages_of_statistics() {
    // Behind the text of a chart, and of a table that scrolls, axe-core sees a picture, and one
    // digit is too short for it; the test below judges the colours of the whole sheet.
    let is_judged = |line: &str| line.starts_with("color-contrast at ");
    if let Some(judged) = judge(&pages()) {
        assert_clean_but_for(&judged, &is_judged);
    }
}

/// Relative luminance (WCAG 2.2) of `#rrggbb`.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_colour_can_be_told_from_what_is_behind_it() {
    assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    assert!((contrast("#767676", "#ffffff") - 4.54).abs() < 0.01);
    for (name, page) in pages() {
        let of = |variable: &str| {
            let (_, rest) = page.split_once(&format!("--{variable}: ")).unwrap();
            rest[..7].to_owned()
        };
        let rule = |selector: &str| {
            let (_, rest) = page.split_once(&format!("\nsvg {selector} {{")).unwrap();
            let (rule, _) = rest.split_once('}').unwrap();
            let (_, fill) = rule.split_once("fill: var(--").unwrap();
            of(fill.split_once(')').unwrap().0)
        };
        let white = "#ffffff";
        assert!(page.contains("background: #fff;"), "{name}");
        // Text at 4.5 to 1, what else must be seen at 3 to 1 (1.4.3, 1.4.11 and 2.4.11).
        let tint = of("tint");
        let texts = page.split("color: var(--").skip(1);
        let mut texts: Vec<&str> = texts.filter_map(|t| t.split(')').next()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert!(texts.len() >= 3, "{texts:?}");
        for text in texts.into_iter().map(of).chain([rule("text")]) {
            for behind in [white, &tint] {
                assert!(contrast(&text, behind) >= 4.5, "{name}: {text} on {behind}");
            }
        }
        assert!(contrast(white, &of("alarm")) >= 4.5, "{name}");
        for beside in [white, &rule(".track")] {
            assert!(contrast(&rule(".bar"), beside) >= 3.0, "{name}");
        }
        let (_, outline) = page.split_once("outline: 3px solid ").unwrap();
        assert!(contrast(&outline[..7], white) >= 3.0, "{name}");
    }
}
