//! No contact of one company in another's letter: ten thousand companies, each with a token of
//! its own in every way to reach it, and traps between them.

use std::collections::BTreeMap;

use nachtwacht::contacts::{Lookup, LookupKind, LookupOutcome, published};
use nachtwacht::model::letter::Form;
use nachtwacht::render::{Look, Mark, render_form};

use super::*;
use crate::harness::root;

const COMPANIES: u32 = 10_000;

fn token(n: u32) -> String {
    format!("tok{n:05}x")
}

/// Every token in a text.
fn tokens(text: &str) -> Vec<&str> {
    text.match_indices("tok")
        .filter_map(|(at, _)| text.get(at..at + 9))
        .filter(|t| t.ends_with('x') && t[3..8].bytes().all(|b| b.is_ascii_digit()))
        .collect()
}

fn name_asset(n: u32, name: &str) -> Arc<Asset> {
    let ip = hit(1, 1, "rdp", 1, &[]).asset;
    Arc::new(Asset {
        company: key(n),
        kind: AssetKind::Domain,
        value: AssetValue::Name(name.parse().unwrap()),
        canonical: name.into(),
        original: name.into(),
        ..ip.as_ref().clone()
    })
}

fn file(subject: &str, address: &str) -> Lookup {
    let at = "2026-03-01T00:00:00Z".parse().unwrap();
    let text = format!("Contact: mailto:{address}\nExpires: 2026-12-01T00:00:00Z\n");
    let found = Lookup::without(
        LookupKind::SecurityTxt,
        subject.into(),
        at,
        LookupOutcome::Found,
        "",
    );
    Lookup {
        urls: vec![format!("https://{subject}/.well-known/security.txt")],
        content_type: Some("text/plain".into()),
        ..found.with_body(text.as_bytes())
    }
}

fn hit_of(n: u32) -> Hit {
    let ip = IpAddr::from([192, 0, 2, 1]);
    let mut hit = hit(1, 1, "rdp", 1, &[]);
    let observation = Arc::make_mut(&mut hit.observation);
    observation.row = u64::from(n);
    observation.ip = Some(ip);
    let asset = Arc::make_mut(&mut hit.asset);
    asset.company = key(n);
    asset.row = u64::from(n);
    hit
}

/// Way `n % 5`: 0 a registered contact; 1 security.txt; 2 a domain that is shared with the next
/// company, where the file names that one; 3 a contact that bounced, and post; 4 post.
#[test]
fn no_letter_names_another_companys_contact() {
    let mut house = House::new();
    house.contacts.clear();
    house.companies.clear();
    let (mut assets, mut lookups, mut hits) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..COMPANIES {
        let mine = token(n);
        house.company(n, None, true);
        let company = Arc::make_mut(house.companies.get_mut(&key(n)).unwrap());
        company.name = format!("Bedrijf {mine}");
        company.address.as_mut().unwrap().street = format!("Pad {mine}");
        let address = format!("{mine}@voorbeeld.example");
        let domain = format!("{mine}.example");
        match n % 5 {
            0 => house.contact(n, Channel::Email, &address, false),
            1 => {
                assets.push(name_asset(n, &domain));
                lookups.push(file(&domain, &address));
            }
            2 => {
                assets.push(name_asset(n, &domain));
                assets.push(name_asset(n + 1, &domain));
                lookups.push(file(
                    &domain,
                    &format!("{}@voorbeeld.example", token(n + 1)),
                ));
            }
            3 => house.contact(n, Channel::Email, &address, true),
            _ => {}
        }
        hits.push(hit_of(n));
    }
    house.published = published(&assets, &lookups, MARCH + DAY, 30);
    let decided = house.decide(&hits);
    assert_eq!(decided.letters.len(), COMPANIES as usize);
    let files = template_files();
    let look = Look::load(&files, sender(), jiff::tz::TimeZone::UTC).unwrap();
    let mut whys: BTreeMap<ContactReason, u32> = BTreeMap::new();
    for (i, drafted) in decided.letters.iter().enumerate() {
        let letter = &drafted.letter;
        let mine = token(i as u32);
        *whys.entry(letter.recipient.why).or_default() += 1;
        // One form of each letter; the three say the same, which has a test of its own.
        let form = if i % 10 == 0 { Form::Html } else { Form::Text };
        let text = render_form(letter, &look, form, Mark::None).unwrap();
        let text = format!(
            "{} {}",
            letter.recipient.value,
            String::from_utf8(text).unwrap()
        );
        let found = tokens(&text);
        assert!(
            !found.is_empty() && found.iter().all(|t| *t == mine),
            "{i}: {found:?}"
        );
    }
    let fifth = COMPANIES / 5;
    let wanted = BTreeMap::from([
        (ContactReason::Registered, fifth),
        (ContactReason::SecurityTxt, fifth),
        (ContactReason::PostalAddress, 3 * fifth),
    ]);
    assert_eq!(whys, wanted);
}

fn template_files() -> Vec<(String, Vec<u8>)> {
    let folder = root().join("templates");
    let mut files = Vec::new();
    for sub in ["letter", "fonts", "statistics"] {
        for entry in std::fs::read_dir(folder.join(sub)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!("{sub}/{name}"), std::fs::read(&path).unwrap()));
        }
    }
    files
}

fn sender() -> nachtwacht::model::letter::Sender {
    let text = std::fs::read_to_string(root().join("jobs/nightly.toml")).unwrap();
    config::job("jobs/nightly.toml", &text).unwrap().sender
}
