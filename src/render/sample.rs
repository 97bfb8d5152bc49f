//! The sample letter: for `preview`, and for the proof of templates.

use std::sync::Arc;

use serde::Deserialize;

use super::look::{Look, SampleThreat};
use crate::diag::{Failure, Problem};
use crate::model::company::{Channel, Company, CompanyKey, Language, PartyKind, PostalAddress};
use crate::model::decision::{ContactReason, ItemKind, Recipient};
use crate::model::identity::{FindingId, Item, LetterId, Reference, Secret, finding_form};
use crate::model::letter::{
    Fact, Letter, LetterFinding, LetterSection, Overview, OverviewLetter, OverviewThreat, TakenBack,
};
use crate::model::matches::{Confidence, MatchedBy};
use crate::model::night::Night;
use crate::model::observation::Severity;
use crate::model::threat::{
    Certainty, FindingUnit, ReferenceText, Threat, ThreatState, ThreatText, Trigger, Urgency,
};

const FILE: &str = "letter/sample.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    night: String,
    first_observed_at: String,
    company: CompanyText,
    parent: Relative,
    sister: Relative,
    finding: Vec<FindingText>,
}

/// A company at the same address.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Relative {
    key: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CompanyText {
    key: String,
    name: String,
    street: String,
    house_number: String,
    #[serde(default)]
    house_number_addition: String,
    postcode: String,
    town: String,
    country: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingText {
    ip: std::net::IpAddr,
    port: u16,
    protocol: String,
    hostname: Option<String>,
    /// Of a machine that connects outwards, in place of product and version.
    tag: Option<String>,
    product: Option<String>,
    version: Option<String>,
    #[serde(default)]
    cve: Vec<String>,
    observed_at: String,
    confidence: String,
    certainty: String,
}

/// A letter about `threat` to the company of `templates/letter/sample.toml`.
///
/// # Errors
/// `FixJob` where the sample file cannot be read.
pub fn sample_letter(
    threat: &Arc<Threat>,
    language: Language,
    kind: ItemKind,
    look: &Look,
) -> Result<Letter, Failure> {
    let wrong = |key: &str, what: String| Failure::fix_job(what).at(FILE, key);
    let file = file(look)?;
    let night: Night = file.night.parse().map_err(|e| wrong("night", e))?;
    let key: CompanyKey = file
        .company
        .key
        .parse()
        .map_err(|()| wrong("company.key", "not a company key".into()))?;
    let company = Arc::new(company(&file.company, key, language));
    let mut findings = Vec::new();
    for f in &file.finding {
        findings.push(
            finding(f, &file, threat, &company.key, kind).map_err(|p| wrong(&p.key, p.message))?,
        );
    }
    let items: Vec<Item> = findings
        .iter()
        .map(|f| Item {
            threat_id: threat.id.clone(),
            trigger_id: "sample".into(),
            finding_id: f.id,
            kind,
        })
        .collect();
    let id = LetterId::of(&company.key, &items);
    let letter = Letter {
        id,
        reference: Reference::of(&preview_key(), night, id),
        night,
        company: Arc::clone(&company),
        addressee: company,
        recipient: Recipient {
            channel: Channel::Post,
            value: String::new(),
            role: String::new(),
            why: ContactReason::PostalAddress,
        },
        language,
        attempt: 1,
        sections: vec![LetterSection {
            urgency: threat.urgency,
            threat: Arc::clone(threat),
            trigger: Arc::new(Trigger {
                id: "sample".into(),
                threat_id: threat.id.clone(),
                opened_on: night.date(),
                source: "own".into(),
                feeds: Vec::new(),
            }),
            facts: facts(&findings, night),
            findings,
        }],
        correction: None,
        overview: None,
    };
    Ok(match kind {
        ItemKind::Correction => taken_back(letter),
        _ => letter,
    })
}

fn file(look: &Look) -> Result<File, Failure> {
    let read = toml::from_str(look.sample_text());
    read.map_err(|e: toml::de::Error| Failure::fix_job(e.message()).at(FILE, ""))
}

/// The overview for the parent company of `templates/letter/sample.toml`: of `letter`, and of one to
/// another daughter, which went to the parent for want of a contact.
///
/// # Errors
/// As [`sample_letter`].
pub fn sample_overview(letter: &Letter, look: &Look) -> Result<Letter, Failure> {
    let file = file(look)?;
    let relative = |what: &str, of: &Relative| -> Result<Arc<Company>, Failure> {
        let key = of
            .key
            .parse()
            .map_err(|()| Failure::fix_job("not a company key").at(FILE, format!("{what}.key")))?;
        Ok(Arc::new(Company {
            key,
            name: of.name.clone(),
            ..(*letter.company).clone()
        }))
    };
    let (parent, sister) = (
        relative("parent", &file.parent)?,
        relative("sister", &file.sister)?,
    );
    let told = |company: &Arc<Company>, why, urgency, n_places: usize| {
        let id = LetterId::of(&company.key, &[]);
        let of_section = |s: &LetterSection| OverviewThreat {
            threat: Arc::clone(&s.threat),
            urgency,
            n_places,
        };
        OverviewLetter {
            id,
            reference: Reference::of(&preview_key(), letter.night, id),
            company: Arc::clone(company),
            why,
            threats: letter.sections.iter().map(of_section).collect(),
        }
    };
    let n_places = letter.sections.iter().map(|s| s.findings.len()).sum();
    let own = ContactReason::Registered;
    let letters = vec![
        told(&letter.company, own, Urgency::Urgent, n_places),
        told(&sister, ContactReason::Parent, Urgency::Normal, 1),
    ];
    let ids: Vec<LetterId> = letters.iter().map(|l| l.id).collect();
    let id = LetterId::of_overview(&parent.key, &ids);
    Ok(Letter {
        id,
        reference: Reference::of(&preview_key(), letter.night, id),
        company: Arc::clone(&parent),
        addressee: parent,
        sections: Vec::new(),
        correction: None,
        overview: Some(Overview { letters }),
        ..letter.clone()
    })
}

fn preview_key() -> Secret {
    Secret::new(b"samples-only:preview")
}

/// The same letter as a correction of itself.
fn taken_back(mut letter: Letter) -> Letter {
    for section in &mut letter.sections {
        section.findings.clear();
        section.facts.clear();
    }
    letter.correction = Some(TakenBack {
        reference: letter.reference.clone(),
        night: letter.night,
        is_part: false,
        reason: vec![
            match letter.language {
                Language::Nl => "Hier staat de reden van de rectificatie.",
                Language::En => "Here stands the reason of the correction.",
            }
            .to_owned(),
        ],
    });
    letter
}

fn company(c: &CompanyText, key: CompanyKey, language: Language) -> Company {
    Company {
        key,
        party_kind: PartyKind::Participant,
        name: c.name.clone(),
        language,
        sector: "1071".into(),
        sector_scheme: "SBI2008".into(),
        size_class: "2-9".into(),
        province: "Utrecht".into(),
        municipality: String::new(),
        participant_since: None,
        participant_until: None,
        legal_basis: String::new(),
        address: Some(PostalAddress {
            street: c.street.clone(),
            house_number: c.house_number.clone(),
            house_number_addition: c.house_number_addition.clone(),
            postcode: c.postcode.clone(),
            town: c.town.clone(),
            country: c.country.clone(),
            shielded: false,
        }),
        parent: None,
    }
}

fn finding(
    f: &FindingText,
    file: &File,
    threat: &Threat,
    key: &CompanyKey,
    kind: ItemKind,
) -> Result<LetterFinding, Problem> {
    let confidence: Confidence = f
        .confidence
        .parse()
        .map_err(|()| Problem::new("", "finding.confidence", "not one of low, medium, high"))?;
    let certainty: Certainty = f
        .certainty
        .parse()
        .map_err(|()| Problem::new("", "finding.certainty", "not one of vulnerable, possible"))?;
    let moment = |text: &str| {
        text.parse::<jiff::Timestamp>().map_err(|_| {
            Problem::new(
                "",
                "observed_at",
                format!("`{text}` is not a moment such as `2026-03-01T02:15:00Z`"),
            )
        })
    };
    let (seen, first) = (moment(&f.observed_at)?, moment(&file.first_observed_at)?);
    let target = f.ip.to_string();
    let is_machine = threat.finding.is_machine();
    let spot = (threat.finding).spot(Some(f.port), Some(f.protocol.clone()));
    let protocol = spot.protocol.as_deref();
    let form = finding_form(key, &threat.id, &target, protocol, spot.port);
    let observed_at = seen.as_microsecond();
    let is_first = kind == ItemKind::First;
    Ok(LetterFinding {
        id: FindingId::of(&form),
        target: target.clone(),
        ip: Some(f.ip),
        hostname: f.hostname.clone(),
        account_domain: None,
        port: spot.port,
        protocol: spot.protocol,
        source_port: spot.source_port,
        tags: f.tag.iter().filter(|_| is_machine).cloned().collect(),
        product: f.product.clone().filter(|_| !is_machine),
        version: (f.version.clone()).filter(|v| !v.is_empty() && !is_machine),
        cves: f.cve.iter().filter(|_| !is_machine).cloned().collect(),
        severity: Some(Severity::High),
        observed_at,
        first_observed_at: if is_first {
            observed_at
        } else {
            first.as_microsecond()
        },
        snapshot_date: seen.to_zoned_datetime(jiff::tz::TimeZone::UTC).date(),
        feed: "shadowserver".into(),
        report: "sample".into(),
        tlp: None,
        asset: target,
        matched_by: MatchedBy::Address,
        confidence,
        certainty,
        kind,
    })
}

fn facts(findings: &[LetterFinding], night: Night) -> Vec<Fact> {
    let cves = findings.iter().flat_map(|f| &f.cves);
    cves.flat_map(|cve| {
        [
            Fact::Kev {
                cve: cve.clone(),
                since: jiff::civil::date(2021, 11, 3),
                as_of: night.date(),
            },
            Fact::Epss {
                cve: cve.clone(),
                per_10_000: 9400,
                as_of: night.date(),
            },
        ]
    })
    .collect()
}

/// A sample letter as the owner of a network gets it, by mail.
#[must_use]
pub fn sample_to_owner(mut letter: Letter) -> Letter {
    let mut company = (*letter.company).clone();
    company.party_kind = PartyKind::NetworkOwner;
    letter.company = Arc::new(company);
    letter.addressee = Arc::clone(&letter.company);
    letter.recipient.channel = Channel::Email;
    letter
}

/// A threat of every part, to prove templates with where no catalogue is at hand.
pub(super) fn sample_threat() -> SampleThreat {
    let words = ThreatText {
        title: "title".into(),
        what: "what".into(),
        risk: "risk".into(),
        do_now: vec!["do".into()],
        check_for_abuse: vec!["check".into()],
        to_owner: None,
    };
    Arc::new(Threat {
        id: "sample".into(),
        version: 1,
        state: ThreatState::Active,
        urgency: Urgency::Urgent,
        finding: FindingUnit::Port,
        min_confidence: Confidence::Low,
        min_severity: Severity::Info,
        remind_after_days: 28,
        relapse_after_days: 14,
        supersedes: Vec::new(),
        when: Vec::new(),
        tests: Vec::new(),
        references: vec![ReferenceText {
            title: "reference".into(),
            url: String::new(),
        }],
        nl: words.clone(),
        en: words,
        sha256: String::new(),
    })
}
