//! The page as a whole.

use std::collections::{BTreeMap, BTreeSet};

use nachtwacht::model::ledger_record::LedgerView;
use nachtwacht::statistics::{Input, html, tables};

use super::{Sketch, each_claim, history, night, one};

/// Titles of threats by id: Dutch, English.
type Titles = BTreeMap<String, (String, String)>;

/// An invented winter of letters with every attribute.
pub fn winter() -> (LedgerView, Titles) {
    let sketches: Vec<Sketch> = (0..240u16)
        .map(|i| {
            let n = u8::try_from(i % 97).unwrap();
            let kind = if i % 9 == 0 { 1 } else { 0 };
            let more = (n % 6, n + 1, kind, 0);
            let mut items = vec![((i * 7 % 24) as u8, n, kind, u8::from(i % 11 == 0))];
            if i % 4 == 0 {
                items.push(more);
            }
            Sketch {
                channel: u8::from(i % 5 == 0),
                ..one(n, i * 7 % 71, items)
            }
        })
        .collect();
    let (mut ledger, _) = history(&sketches);
    let provinces = [
        "Utrecht",
        "Noord-Holland",
        "Zuid-Holland",
        "Gelderland",
        "Noord-Brabant",
        "Fryslân",
        "Groningen",
        "Limburg",
        "Zeeland",
        "Overijssel",
        "Drenthe",
        "Flevoland",
        "DE",
        "",
    ];
    let sectors = [
        "6201", "2511", "4711", "4941", "8610", "3511", "69101", "01131", "", "5610", "85", "43",
    ];
    let sizes = ["1", "2-9", "10-49", "50-249", "250+", ""];
    each_claim(&mut ledger, |claim, frozen| {
        let p = usize::from(claim.party_ref.0[0]);
        frozen.province = provinces[p * p % 97 % 14].into();
        frozen.sector = sectors[p * 3 % 31 % 12].into();
        frozen.sector_scheme = "SBI2008".into();
        frozen.size_class = sizes[p % 11 % 6].into();
    });
    let names = [
        "Lek in de mailserver (Exchange)",
        "Extern bureaublad open op internet (RDP)",
        "Bestandsdeling open op internet (SMB)",
        "Lek in de VPN-toegang",
        "Onbeveiligde databank",
        "Gelekt wachtwoord van een medewerker",
        "Besmette computer in een botnet",
        "Gehackte website",
        "Lek in het beheerpaneel van de firewall",
        "Verouderde webserver",
        "Open printer",
        "Lek in Log4j",
    ];
    let titles = names.iter().enumerate();
    let titles = titles.map(|(i, n)| (format!("threat-{i}"), ((*n).to_owned(), (*n).to_owned())));
    (ledger, titles.collect())
}

/// The page of a night, with every chart.
pub fn full_page() -> Vec<u8> {
    let (ledger, titles) = winter();
    let input = Input {
        night: night(),
        ledger: &ledger,
        tonight: &[],
        titles: &titles,
    };
    let cells = tables(&input).unwrap();
    html(&cells, night(), "Nachtwacht – waarschuwingsdienst").unwrap()
}

/// `NACHTWACHT_LOOK=folder` writes it there, to look at.
#[test]
fn a_full_page_is_well_formed() {
    let page = full_page();
    let text = String::from_utf8(page.clone()).unwrap();
    let n = |what: &str| text.matches(what).count();
    assert_eq!(n("<svg"), 10, "a chart for every split");
    assert_eq!(n("<table"), n("<svg") + 2);
    assert_well_formed(&text);
    if let Some(folder) = std::env::var_os("NACHTWACHT_LOOK") {
        std::fs::write(std::path::Path::new(&folder).join("statistics.html"), page).unwrap();
    }
}

/// Tags are closed, ids are unique, links lead somewhere, charts and tables say what they are.
#[track_caller]
pub fn assert_well_formed(text: &str) {
    let n = |what: &str| text.matches(what).count();
    assert_eq!(n("<figure"), n("<svg"));
    assert_eq!(n("<desc"), n("<svg"), "every chart says what it shows");
    assert_eq!(n("<table"), n("<caption"), "every table has a caption");
    for tag in [
        "section", "table", "tr", "td", "th", "svg", "figure", "div", "p", "ul", "li",
    ] {
        let open = n(&format!("<{tag}>")) + n(&format!("<{tag} "));
        assert_eq!(open, n(&format!("</{tag}>")), "<{tag}> is closed");
    }
    let ids: Vec<&str> = text
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "ids are unique");
    let referred = text
        .split("href=\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for target in referred {
        assert!(ids.contains(&target), "`#{target}` leads nowhere");
    }
}
