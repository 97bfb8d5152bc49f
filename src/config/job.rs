//! The job: what a night reads, whom it writes to, where it puts things.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::feeds::{Feed, feeds};
use super::operations::{Operations, operations};
use super::paths;
use super::section::{Section, Source};
use crate::decide::priority::UrgentRule;
use crate::diag::Problem;
use crate::model::company::PartyKind;
use crate::model::decision::ContactStep;
use crate::model::letter::Sender;
use crate::reference::Kind;
use crate::{brakes, decide, deliver, ledger, matching, register, render, store};

/// Which night a run is for when nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NightRule {
    /// Today's date in the job's time zone.
    Today,
    /// The date of the newest snapshot.
    Newest,
}

impl std::str::FromStr for NightRule {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "today" => Ok(Self::Today),
            "newest" => Ok(Self::Newest),
            _ => Err(()),
        }
    }
}

/// Where the inputs are, under the base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Table of companies.
    pub companies: String,
    /// Table of assets.
    pub assets: String,
    /// Table of contacts.
    pub contacts: String,
    /// Folder of snapshots: `<date>/<feed>/<report>.parquet`.
    pub snapshots: String,
    /// Folder of what was scanned: `<date>.parquet`. Without it nothing is ever called fixed.
    pub coverage: Option<String>,
}

/// Folders of dated reference objects, under the base: `<date>.<extension>`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// CISA's list of exploited vulnerabilities, official JSON.
    pub kev: Option<String>,
    /// FIRST's scores, official CSV.
    pub epss: Option<String>,
    /// Public Suffix List.
    pub public_suffixes: String,
    /// Address range → AS number, CSV.
    pub prefix_asn: Option<String>,
    /// Cloud, CDN, hosting, parking, … ranges and suffixes, CSV.
    pub shared_infrastructure: Option<String>,
    /// Results of look-ups (security.txt, RDAP, mail): every object young enough is read.
    pub lookups: Option<String>,
    /// An older result says nothing any more.
    pub lookups_max_age_days: u32,
    /// Folders of the other kinds.
    pub others: BTreeMap<Kind, String>,
}

impl References {
    /// The folder of a kind, if the job names one.
    #[must_use]
    pub fn folder(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Kev => self.kev.as_deref(),
            Kind::Epss => self.epss.as_deref(),
            Kind::PublicSuffixes => Some(&self.public_suffixes),
            Kind::PrefixAsn => self.prefix_asn.as_deref(),
            Kind::SharedInfrastructure => self.shared_infrastructure.as_deref(),
            Kind::Lookups => self.lookups.as_deref(),
            other => self.others.get(&other).map(String::as_str),
        }
    }
}

/// Where a secret comes from: the environment first, then a file. Never the job itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretPlace {
    /// Name of an environment variable.
    pub env: Option<String>,
    /// File, relative to the job.
    pub file: Option<String>,
}

/// A checked job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Zone of nights and of bare dates.
    pub zone: TimeZone,
    /// Which night.
    pub night: NightRule,
    /// URL, or a path relative to the job file.
    pub base: String,
    /// Where runs go, under the base.
    pub runs: String,
    /// Where the ledger is, and how long a silent run keeps it.
    pub ledger: ledger::Settings,
    /// Days for which letters, decisions and rejects of a night are kept.
    pub retention_days: u32,
    /// Folder of threats, relative to the job file.
    pub threats: String,
    /// Folder of triggers, relative to the job file.
    pub triggers: String,
    /// Folder of templates, relative to the job file.
    pub templates: String,
    /// More rejects than this and the run ends with exit code 1.
    pub rejects_tolerated: u64,
    /// Inputs.
    pub inputs: Inputs,
    /// Reference data.
    pub references: References,
    /// Feeds that must be there, by name.
    pub feeds: BTreeMap<String, Feed>,
    /// Registrations.
    pub register: register::Settings,
    /// Matching.
    pub matching: matching::Settings,
    /// Policy.
    pub policy: decide::Settings,
    /// What stops a night, and who may let it go.
    pub brakes: brakes::Settings,
    /// Who sends.
    pub sender: Sender,
    /// Separator of the mail merge's CSV.
    pub csv_separator: u8,
    /// Batches for the printer.
    pub print: render::print::Settings,
    /// Where letters leave the house.
    pub delivery: deliver::Settings,
    /// When a night must be done, and where its status goes.
    pub operations: Operations,
    /// Object storage.
    pub store: store::Settings,
    /// Key of references.
    pub verification_key: SecretPlace,
    /// Key of parties and accounts.
    pub party_key: SecretPlace,
}

/// Reads a job. `file` is its name for messages.
///
/// # Errors
/// Every problem of the file at once, each with line and key.
pub fn job(file: &str, text: &str) -> Result<Job, Vec<Problem>> {
    let source = Source::new(file, text);
    let table = source.parse();
    let job = read(source.root(&table));
    if let Some(job) = &job {
        paths::check(&source.root(&table), job);
    }
    let problems = source.into_problems();
    match job {
        Some(job) if problems.is_empty() => Ok(job),
        _ => Err(problems),
    }
}

fn read(root: Section<'_, '_>) -> Option<Job> {
    if root.number::<u32>("schema", "1").is_some_and(|v| v != 1) {
        root.problem("schema", "this program reads version 1 of job files");
    }
    let name = root.text("name");
    let zone = zone(&root);
    let night = root.parsed("night", "today, newest");
    let base = root.text("base");
    let runs = root.text("runs").map(folder);
    let ledger = ledger_settings(&root);
    let retention_days = retention(&root);
    let threats = root.text_or("threats", "threats");
    let triggers = root.text_or("triggers", "triggers");
    let templates = root.text_or("templates", "../templates");
    let rejects_tolerated = root.number("rejects_tolerated", "a number of rows");
    let inputs = root.section("inputs").and_then(inputs);
    let references = root.section("reference").and_then(references);
    let feeds = root.section("feeds").map(feeds);
    let (register, matching) = registrations(root.section("registrations"));
    let policy = policy(root.section_if("policy"));
    let brakes = super::brakes::brakes(root.section_if("brakes"));
    let sender = root.section("sender").and_then(sender);
    let (csv_separator, print) = mail_merge(root.section_if("mail_merge"));
    let delivery = super::delivery::delivery(root.section_if("delivery"));
    let operations = operations(root.section_if("operations"));
    let store = storage(root.section_if("storage"));
    let secrets = root.section("secrets").map(secrets);
    root.finish();
    let (verification_key, party_key) = secrets?;
    Some(Job {
        name: name?,
        zone: zone?,
        night: night?,
        base: base?,
        runs: runs?,
        ledger: ledger?,
        retention_days: retention_days?,
        threats,
        triggers,
        templates,
        rejects_tolerated: rejects_tolerated?,
        inputs: inputs?,
        references: references?,
        feeds: feeds?,
        register,
        matching,
        policy,
        brakes,
        sender: sender?,
        csv_separator,
        print,
        delivery,
        operations,
        store,
        verification_key,
        party_key,
    })
}

/// Names of objects are put behind it.
fn folder(path: String) -> String {
    if path.ends_with('/') {
        path
    } else {
        path + "/"
    }
}

fn ledger_settings(root: &Section<'_, '_>) -> Option<ledger::Settings> {
    let defaults = ledger::Settings::default();
    let settings = ledger::Settings {
        prefix: folder(root.text("ledger")?),
        copy: folder(root.text_or("ledger_copy", &defaults.copy)),
        takeover_secs: root.number_or(
            "takeover_secs",
            defaults.takeover_secs,
            "a number of seconds",
        ),
    };
    if settings.copy.starts_with(&settings.prefix) || settings.prefix.starts_with(&settings.copy) {
        root.problem(
            "ledger_copy",
            format!(
                "`{}` and the ledger's `{}` lie in each other: whatever harms one must not reach the other",
                settings.copy, settings.prefix
            ),
        );
    }
    if settings.takeover_secs == 0 {
        root.problem(
            "takeover_secs",
            "expected one second at least; 600 is usual",
        );
    }
    Some(settings)
}

/// A hundred years.
const MOST_DAYS: u32 = 36_525;

/// No default: the law names no term, so whoever runs the service must choose one.
fn retention(root: &Section<'_, '_>) -> Option<u32> {
    let days = root.number("retention_days", "a number of days");
    if days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        let message = format!("expected 1 to {MOST_DAYS} days");
        root.problem("retention_days", &message);
    }
    days
}

fn zone(root: &Section<'_, '_>) -> Option<TimeZone> {
    let name = root.text("time_zone")?;
    let zone = TimeZone::get(&name).ok();
    if zone.is_none() {
        let message =
            format!("`{name}` is not a time zone of the IANA database, such as `Europe/Amsterdam`");
        root.problem("time_zone", message);
    }
    zone
}

fn inputs(section: Section<'_, '_>) -> Option<Inputs> {
    let inputs = Inputs {
        companies: section.text("companies")?,
        assets: section.text("assets")?,
        contacts: section.text("contacts")?,
        snapshots: section.text("snapshots")?,
        coverage: section.text_if("coverage"),
    };
    section.finish();
    Some(inputs)
}

fn references(section: Section<'_, '_>) -> Option<References> {
    let references = References {
        kev: section.text_if("kev"),
        epss: section.text_if("epss"),
        public_suffixes: section.text("public_suffixes")?,
        prefix_asn: section.text_if("prefix_asn"),
        shared_infrastructure: section.text_if("shared_infrastructure"),
        lookups: section.text_if("lookups"),
        lookups_max_age_days: section.number_or("lookups_max_age_days", 30, "a number of days"),
        others: [
            Kind::Cve,
            Kind::Csaf,
            Kind::Rsit,
            Kind::Sbi,
            Kind::Nace,
            Kind::Municipalities,
        ]
        .into_iter()
        .filter_map(|kind| Some((kind, section.text_if(kind.as_str())?)))
        .collect(),
    };
    section.finish();
    Some(references)
}

fn registrations(section: Option<Section<'_, '_>>) -> (register::Settings, matching::Settings) {
    let mut register = register::Settings::default();
    let mut matching = matching::Settings::default();
    if let Some(section) = section {
        let bits = "a prefix length in bits";
        register.max_prefix_v4 = section.number_or("max_prefix_v4", register.max_prefix_v4, bits);
        register.max_prefix_v6 = section.number_or("max_prefix_v6", register.max_prefix_v6, bits);
        for (key, bits, most) in [
            ("max_prefix_v4", register.max_prefix_v4, 32),
            ("max_prefix_v6", register.max_prefix_v6, 128),
        ] {
            if bits > most {
                section.problem(key, format!("`{bits}` is more than {most} bits"));
            }
        }
        register.accepted_reserved =
            section.parsed_list("accepted_reserved", "prefixes such as 192.0.2.0/24");
        matching.many_owners =
            section.number_or("many_owners", matching.many_owners, "a number of companies");
        section.finish();
    }
    (register, matching)
}

/// Steps of the chain of contacts, for messages.
const CHAIN: &str =
    "registered, parent, security_txt, rdap, rfc2142, postal_address, network_owner";

fn policy(section: Option<Section<'_, '_>>) -> decide::Settings {
    let mut policy = decide::Settings::default();
    if let Some(section) = section {
        let kinds: BTreeSet<PartyKind> = section
            .parsed_list(
                "write_to",
                "participant, registered, unregistered, network_owner",
            )
            .into_iter()
            .collect();
        if !kinds.is_empty() {
            policy.write_to = kinds;
        }
        policy.post_for_all = section.bool_or("post_for_all", policy.post_for_all);
        policy.copy_to_parent = section.bool_or("copy_to_parent", policy.copy_to_parent);
        let chain: Vec<ContactStep> = section.parsed_list("contacts", CHAIN);
        if !chain.is_empty() {
            policy.chain = chain;
        }
        policy.max_letters = section.number_if("max_letters", "a number of letters");
        policy.urgent = section
            .sections("urgent")
            .into_iter()
            .filter_map(urgent_rule)
            .collect();
        section.finish();
    }
    policy
}

fn urgent_rule(section: Section<'_, '_>) -> Option<UrgentRule> {
    let rule = UrgentRule {
        name: section.text("name").unwrap_or_default(),
        threat: section.texts("threat"),
        threat_urgency: section.parsed_if("threat_urgency", "urgent, normal"),
        min_severity: section.parsed_if("min_severity", "critical, high, medium, low, info"),
        kev: section.bool_if("kev"),
        min_epss_percent: section.number_if("min_epss_percent", "a percentage from 0 to 100"),
        min_confidence: section.parsed_if("min_confidence", "low, medium, high"),
        seen_within_days: section.number_if("seen_within_days", "a number of days"),
        open_for_days: section.number_if("open_for_days", "a number of days"),
    };
    let asks_nothing = rule
        == UrgentRule {
            name: rule.name.clone(),
            ..UrgentRule::default()
        };
    if asks_nothing {
        section.problem(
            "urgent",
            "the rule names nothing and would make every finding urgent",
        );
    }
    section.finish();
    Some(rule).filter(|_| !asks_nothing)
}

fn sender(section: Section<'_, '_>) -> Option<Sender> {
    let both = |nl, en| Some([section.text(nl)?, section.text(en)?]);
    let (tagline, legal_basis) = (
        both("tagline_nl", "tagline_en"),
        both("legal_basis_nl", "legal_basis_en"),
    );
    let accent = section.text_or("accent", "#154273");
    if accent.len() != 7
        || !accent.starts_with('#')
        || !accent.bytes().skip(1).all(|b| b.is_ascii_hexdigit())
    {
        section.problem(
            "accent",
            format!("`{accent}` is not a colour such as `#154273`"),
        );
    }
    let texts = [
        "name",
        "return_address",
        "phone",
        "email",
        "website",
        "privacy_notice",
        "town",
    ]
    .map(|key| section.text(key));
    if let [_, _, _, Some(email), ..] = &texts
        && !super::delivery::is_mailbox(email)
    {
        section.problem("email", format!("`{email}` is not one plain mail address"));
    }
    section.finish();
    let [
        name,
        return_address,
        phone,
        email,
        website,
        privacy_notice,
        town,
    ] = texts;
    Some(Sender {
        name: name?,
        tagline: tagline?,
        return_address: return_address?,
        phone: phone?,
        email: email?,
        website: website?,
        legal_basis: legal_basis?,
        privacy_notice: privacy_notice?,
        town: town?,
        accent,
    })
}

fn mail_merge(section: Option<Section<'_, '_>>) -> (u8, render::print::Settings) {
    let mut print = render::print::Settings::default();
    let Some(section) = section else {
        return (b';', print);
    };
    let text = section.text_or("csv_separator", ";");
    let separator = match text.as_bytes() {
        [byte @ (b';' | b',' | b'\t')] => *byte,
        _ => {
            section.problem(
                "csv_separator",
                format!("`{text}` is not one of `;`, `,` or a tab"),
            );
            b';'
        }
    };
    let letters = section.number_or("letters_a_batch", 250u16, "1 to 5000");
    if !(1..=5000).contains(&letters) {
        section.problem(
            "letters_a_batch",
            format!("`{letters}` is not in 1 to 5000"),
        );
    }
    print.letters_a_batch = usize::from(letters.max(1));
    print.is_duplex = section.bool_or("duplex", print.is_duplex);
    section.finish();
    (separator, print)
}

fn storage(section: Option<Section<'_, '_>>) -> store::Settings {
    let mut settings = store::Settings::default();
    if let Some(section) = section {
        let seconds = "a number of seconds";
        settings.timeout_secs = section.number_or("timeout_secs", settings.timeout_secs, seconds);
        settings.connect_timeout_secs = section.number_or(
            "connect_timeout_secs",
            settings.connect_timeout_secs,
            seconds,
        );
        settings.retries = section.number_or("retries", settings.retries, "a number of tries");
        section.finish();
    }
    settings
}

fn secrets(section: Section<'_, '_>) -> (SecretPlace, SecretPlace) {
    let verification = section.section("verification_key").map(secret_place);
    let party = section.section("party_key").map(secret_place);
    section.finish();
    (verification.unwrap_or_default(), party.unwrap_or_default())
}

fn secret_place(section: Section<'_, '_>) -> SecretPlace {
    let place = SecretPlace {
        env: section.text_if("env"),
        file: section.text_if("file"),
    };
    if place == SecretPlace::default() {
        section.problem(
            "env",
            "name an environment variable (`env`), a file (`file`) or both",
        );
    }
    section.finish();
    place
}
