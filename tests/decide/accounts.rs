//! Letters about leaked accounts say at which domain, and show nobody a hash.

use std::net::IpAddr;
use std::sync::Arc;

use nachtwacht::model::company::{Channel, PartyKind};
use nachtwacht::model::decision::Hit;
use nachtwacht::model::letter::Letter;
use nachtwacht::model::matches::MatchedBy;
use nachtwacht::render::{self, Mark};

use super::{House, hit};
use crate::render::house;

/// An account that is known by its hash, met by its mail domain.
fn account(row: u64, n: u32, ip: Option<IpAddr>, hostname: Option<&str>) -> Hit {
    let mut hit = hit(row, 1, "rdp", 0, &[]);
    hit.how.by = MatchedBy::Account;
    let mut seen = (*hit.observation).clone();
    (seen.port, seen.protocol) = (None, None);
    (seen.ip, seen.hostname) = (ip, hostname.map(str::to_owned));
    seen.account_hash = Some(format!("{n:064x}"));
    seen.account_domain = Some("post.bedrijf.example".into());
    hit.observation = Arc::new(seen);
    hit
}

/// Text and HTML on one line.
fn flat(letter: &Letter) -> Vec<String> {
    let (look, _) = house();
    let texts = render::render_texts(letter, &look, Mark::None).unwrap();
    let flat = |text: &String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    texts.iter().map(flat).collect()
}

/// Accounts of which a letter has nothing to tell apart are one line, and none is on the network.
#[test]
fn a_letter_counts_the_accounts_of_each_domain_and_shows_no_hash() {
    let house = House::new();
    let mut second = account(2, 8, None, None);
    let mut seen = (*second.observation).clone();
    let first = account(1, 7, None, None);
    seen.observed_at = first.observation.observed_at;
    second.observation = Arc::new(seen);
    let mut later = account(3, 9, None, None);
    let mut seen = (*later.observation).clone();
    seen.observed_at += 3_600_000_000;
    later.observation = Arc::new(seen);
    let decided = house.decide(&[first, second, later]);
    assert_eq!(decided.letters[0].items.len(), 3);
    for text in flat(&decided.letters[0].letter) {
        for line in [
            "een account op @post[.]bedrijf[.]example",
            "2 accounts op @post[.]bedrijf[.]example",
            "Het gaat om 3 accounts. In",
        ] {
            assert_eq!(text.matches(line).count(), 1, "{line}: {text}");
        }
        assert!(!text.contains("0000000"), "{text}");
        assert!(
            text.contains("Punten in namen staan tussen haken"),
            "{text}"
        );
    }
}

/// What else the row holds may lead to the machine that leaked it.
#[test]
fn address_and_name_of_a_leak_stand_beside_the_account() {
    let house = House::new();
    let ip = "192.0.2.77".parse().ok();
    let decided = house.decide(&[account(1, 7, ip, Some("vpn.bedrijf.example"))]);
    for text in flat(&decided.letters[0].letter) {
        let want = "een account op @post[.]bedrijf[.]example, 192.0.2.77 (vpn[.]bedrijf[.]example)";
        assert!(text.contains(want), "{text}");
        assert!(text.contains("Het gaat om 1 account. In"), "{text}");
    }
}

#[test]
fn a_letter_about_both_counts_places_and_accounts_apart() {
    let house = House::new();
    let of_both = [account(1, 7, None, None), hit(2, 1, "rdp", 0, &[])];
    let decided = house.decide(&of_both);
    for text in flat(&decided.letters[0].letter) {
        assert!(
            text.contains("Het gaat om 1 plek op uw netwerk en 1 account. In"),
            "{text}"
        );
    }
}

#[test]
fn the_annex_names_the_domain_in_a_column_of_its_own() {
    let house = House::new();
    let decided = house.decide(&[account(1, 7, None, None)]);
    let mut letter = decided.letters[0].letter.clone();
    let mut company = (*letter.company).clone();
    company.party_kind = PartyKind::NetworkOwner;
    letter.company = Arc::new(company);
    letter.recipient.channel = Channel::Email;
    let (look, _) = crate::render::house();
    let annex = render::render(&letter, &look, Mark::None)
        .unwrap()
        .annex
        .unwrap();
    let csv = String::from_utf8(annex.csv).unwrap();
    let mut rows = csv.lines().map(|line| line.split(';'));
    let (mut head, mut row) = (rows.next().unwrap(), rows.next().unwrap());
    let at = head.position(|name| name == "account_domain").unwrap();
    assert_eq!(row.nth(at), Some("post.bedrijf.example"));
    let json = String::from_utf8(annex.json).unwrap();
    assert!(
        json.contains("\"account_domain\": \"post.bedrijf.example\""),
        "{json}"
    );
    assert!(
        !csv.contains("0000000") && !json.contains("0000000"),
        "{csv}{json}"
    );
}
