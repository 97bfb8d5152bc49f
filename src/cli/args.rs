//! Arguments and their help.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::diag::Failure;
use crate::ingest::Format;
use crate::model::company::Language;
use crate::model::decision::ItemKind;
use crate::model::identity::Secret;
use crate::model::letter::Form;
use crate::model::night::Night;
use crate::run::explain::Question;
use crate::run::{adhoc, ingest, preview, verify};

/// The nightly batch job of a national warning service.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Examples:
  nachtwacht run jobs/nightly.toml                      tonight, or the newest snapshot's night
  nachtwacht plan jobs/nightly.toml --night 2026-03-12  what a run would read and write
  nachtwacht preview exposed-rdp --form pdf --out letter.pdf
  nachtwacht verify NW-260309-00000-00000-F             is this letter real?
  nachtwacht explain --night 2026-03-12 --company kvk:00012345

Exit codes: 0 done; 1 look at rejects or letters; 2 a person must mend something;
3 try again later; 4 a bug of this program."
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
    /// How progress and warnings are written to standard error
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(super) log: LogForm,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogForm {
    /// For people
    Text,
    /// One JSON object a line, for a log collector
    Json,
}

#[derive(ClapArgs, Clone)]
pub(super) struct JobArgs {
    /// Job file
    #[arg(default_value = "jobs/nightly.toml")]
    pub(super) job: PathBuf,
    /// Another base than the job's: a folder, file:///…, s3://bucket/prefix, gs://…, az://…
    #[arg(long, value_name = "URL")]
    pub(super) base: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run a night from inputs to letters and statistics, or resume it
    Run {
        #[command(flatten)]
        job: JobArgs,
        /// The night's date; the job says which where this is absent
        #[arg(long, value_name = "YYYY-MM-DD")]
        night: Option<Night>,
        /// Plan a past night anew, with the inputs of today; without it the night's newest plan goes on
        #[arg(long, value_name = "N")]
        revision: Option<u32>,
        /// Send so many letters, oldest urgent first, and leave the others for the next nights
        #[arg(long, value_name = "N")]
        max_letters: Option<u32>,
        /// Stop after the plan of letters; nothing is claimed or sent
        #[arg(long, value_parser = ["plan"])]
        until: Option<String>,
    },
    /// Check a job, its threats and templates, and the inputs that it names
    Check {
        #[command(flatten)]
        job: JobArgs,
    },
    /// Print what a run would read and write; touches nothing
    Plan {
        #[command(flatten)]
        job: JobArgs,
        /// The night's date
        #[arg(long, value_name = "YYYY-MM-DD")]
        night: Option<Night>,
        /// Revision of a past night; its newest where absent
        #[arg(long, value_name = "N")]
        revision: Option<u32>,
    },
    /// Show a letter about a threat to a made-up company; needs no store
    Preview(PreviewArgs),
    /// Turn what a feed delivers into snapshots: a file, or a folder or prefix of a day
    Ingest(IngestArgs),
    /// Hold a list of addresses or names against a list of assets: who is on it?
    Match(MatchArgs),
    /// Say whether a reference is ours: real, withdrawn, not ours or mistyped
    Verify(VerifyArgs),
    /// Ask strangers' servers, politely; apart from the night, which reads the results
    #[command(subcommand)]
    Fetch(super::fetch::FetchCommand),
    /// Bring in reference data of others (KEV, EPSS, CVE, CSAF, lists), dated and checked
    #[command(subcommand)]
    Reference(super::reference::ReferenceCommand),
    /// Check registrations before they are applied
    #[command(subcommand)]
    Register(super::register::RegisterCommand),
    /// Look at a night that a brake holds, and let exactly that plan go
    Approve(super::hold::ApproveArgs),
    /// Say that what runs for the first time (the ledger, its feeds) may send from now on
    Baseline(super::hold::BaselineArgs),
    /// Look after the ledger: what is unknown, settle it, verify, restore
    #[command(subcommand)]
    Ledger(super::ledger::LedgerCommand),
    #[command(flatten)]
    Operator(super::operator::OperatorCommand),
    /// Read a mailbox of mails that came back, and note them in the ledger
    Bounces {
        /// An mbox file, a Maildir, or one message
        mailbox: PathBuf,
        #[command(flatten)]
        job: JobArgs,
    },
    /// Recompute a past night and prove the same hashes, or name the input that changed
    Replay {
        /// The night's date
        #[arg(value_name = "YYYY-MM-DD")]
        night: Night,
        /// Revision of the night's plan; without it, the newest
        #[arg(long, value_name = "N")]
        revision: Option<u32>,
        #[command(flatten)]
        job: JobArgs,
    },
    /// Count a period out of the ledger: a month, a quarter, a half-year, a year, any span
    Statistics(super::statistics::StatisticsArgs),
    /// Take away what is known of a company; counts stay
    Erase {
        /// Company, such as kvk:00012345
        company: String,
        /// Also print files of nights whose letters by post are not reported yet: those of others go with them
        #[arg(long)]
        also_unprinted: bool,
        #[command(flatten)]
        job: JobArgs,
    },
    /// Store an index of assets, for quick answers by `match`
    Index {
        #[command(subcommand)]
        command: IndexCommand,
    },
    /// Say why a company, a letter, an address or a name got what it got
    Explain(ExplainArgs),
}

#[derive(ClapArgs)]
#[command(after_help = "Examples:
  nachtwacht preview exposed-rdp --form pdf --out letter.pdf
  nachtwacht preview exposed-rdp --language en --form html --out letter.html --watch")]
pub(super) struct PreviewArgs {
    /// Id of the threat, such as exposed-rdp
    threat: String,
    /// nl or en
    #[arg(long, default_value = "nl")]
    language: String,
    /// txt, html or pdf; by the name of the file to write where absent, else txt
    #[arg(long)]
    form: Option<String>,
    /// first, reminder, relapse, escalation or correction
    #[arg(long, default_value = "first")]
    kind: String,
    /// As the owner of a network gets it, whose customer uses the address
    #[arg(long)]
    owner: bool,
    /// The overview that a parent company gets of such letters
    #[arg(long, conflicts_with = "owner")]
    overview: bool,
    /// File to write; standard output where absent
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Write the file again whenever a template, a threat or the job changes, until Ctrl-C
    #[arg(long, requires = "out")]
    pub(super) watch: bool,
    /// Job whose sender, threats and templates are used
    #[arg(long, value_name = "FILE", default_value = "jobs/nightly.toml")]
    job: PathBuf,
}

impl PreviewArgs {
    pub(super) fn job_args(&self) -> JobArgs {
        JobArgs {
            job: self.job.clone(),
            base: None,
        }
    }

    pub(super) fn ask(&self) -> Result<preview::Ask, Failure> {
        let wrong = |key: &str, found: &str, expected: &str| {
            Failure::fix_job(format!("`{found}` is not one of {expected}"))
                .at("", format!("--{key}"))
        };
        let language: Language = self
            .language
            .parse()
            .map_err(|()| wrong("language", &self.language, "nl, en"))?;
        let kind: ItemKind = self.kind.parse().map_err(|()| {
            wrong(
                "kind",
                &self.kind,
                "first, reminder, relapse, escalation, correction",
            )
        })?;
        let extension = self.out.as_ref().and_then(|out| out.extension()?.to_str());
        let asked = self.form.as_deref().or(extension);
        let all = || Form::ALL.iter().copied();
        let form = match asked.map(|asked| all().find(|f| f.extension() == asked)) {
            Some(Some(form)) => form,
            // A file may be called anything, where the form is not named.
            _ if self.form.is_none() => Form::Text,
            _ => return Err(wrong("form", asked.unwrap_or_default(), "txt, html, pdf")),
        };
        Ok(preview::Ask {
            threat: self.threat.clone(),
            language,
            kind,
            form,
            is_to_owner: self.owner,
            is_overview: self.overview,
        })
    }
}

#[derive(ClapArgs)]
#[command(
    after_help = "Formats: shadowserver (a report as delivered), list (addresses or names: CSV, Parquet, or one a
line), accounts (leaked accounts; the secret is dropped), intelmq and nuclei (JSON lines).

Examples:
  nachtwacht ingest 2026-03-13-scan_rdp-nl.csv.gz --out snapshots/
  nachtwacht ingest s3://bucket/incoming/2026-03-13/ --out s3://bucket/snapshots/
  nachtwacht ingest partner.csv --feed partner --report vpn_flaw --date 2026-03-13 --out snapshots/"
)]
pub(super) struct IngestArgs {
    /// A file (CSV, JSON lines, Parquet; gzip or zip), a folder, or the URL of an object or a prefix
    from: String,
    /// Folder or prefix of the snapshots, each <date>/<feed>/<report>.parquet; or one such file
    #[arg(long, value_name = "FOLDER")]
    out: String,
    /// Report type, where the file's name does not tell
    #[arg(long)]
    report: Option<String>,
    /// Date of the snapshot, where the file's name does not tell
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Night>,
    /// shadowserver, list, accounts, intelmq or nuclei, where the content does not tell
    #[arg(long)]
    format: Option<String>,
    /// Job whose [feeds] say what a delivery must be like: columns, rows, age, share of rejects
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// Feed, as under [feeds] in the job; shadowserver for its own reports
    #[arg(long)]
    feed: Option<String>,
    /// Environment variable that holds the key with which accounts are hashed
    #[arg(long, value_name = "NAME", default_value = "NACHTWACHT_PARTY_KEY")]
    key_env: String,
    /// Greatest size of an unpacked file, bytes
    #[arg(long, value_name = "BYTES", default_value_t = ingest::MAX_BYTES)]
    max_bytes: u64,
}

impl IngestArgs {
    pub(super) fn into_ask(self, env: &BTreeMap<String, String>) -> Result<ingest::Ask, Failure> {
        let format = self.format.map(|text| {
            text.parse().map_err(|()| {
                let known = Format::ALL.iter().map(|f| f.as_str()).collect::<Vec<_>>();
                Failure::fix_job(format!("`{text}` is not one of {}", known.join(", ")))
                    .at("", "--format")
            })
        });
        Ok(ingest::Ask {
            account_key: env
                .get(&self.key_env)
                .map(|k| Secret::new(k.trim().as_bytes())),
            from: self.from,
            out: self.out,
            report: self.report,
            date: self.date,
            format: format.transpose()?,
            feed: self.feed,
            max_bytes: self.max_bytes,
            contracts: self
                .job
                .as_deref()
                .map(ingest::contracts)
                .transpose()?
                .unwrap_or_default(),
            env: env.clone(),
        })
    }
}

#[derive(ClapArgs)]
#[command(
    after_help = "Output columns: row (0-based row of the list), company_key, asset (as registered), kind,
most_specific, confidence. One line for each row and asset that meet.

Example:
  nachtwacht match --assets assets.parquet --observations list.csv --out who.csv"
)]
pub(super) struct MatchArgs {
    /// Assets (.parquet or .csv): company_key, kind, value; valid_from and valid_until if any.
    /// Or a stored index of them, see `index build`
    #[arg(long, value_name = "FILE")]
    assets: PathBuf,
    /// The list (.parquet or .csv): an ip or a hostname column; observed_at if any
    #[arg(long, value_name = "FILE")]
    observations: PathBuf,
    /// .parquet, .csv or .jsonl; CSV on standard output where absent
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Public Suffix List of a day; without it the one that this program was built with
    #[arg(long, value_name = "FILE")]
    public_suffixes: Option<PathBuf>,
    /// Cloud, CDN and hosting ranges that weaken a match (network,kind,name)
    #[arg(long, value_name = "FILE")]
    shared_infrastructure: Option<PathBuf>,
    /// Address ranges and their AS number (start,end,asn)
    #[arg(long, value_name = "FILE")]
    prefix_asn: Option<PathBuf>,
}

impl MatchArgs {
    /// `now` is when rows were seen that do not say.
    pub(super) fn ask(&self, now: jiff::Timestamp) -> adhoc::Ask {
        adhoc::Ask {
            assets: self.assets.clone(),
            observations: self.observations.clone(),
            out: self.out.clone(),
            public_suffixes: self.public_suffixes.clone(),
            shared_infrastructure: self.shared_infrastructure.clone(),
            prefix_asn: self.prefix_asn.clone(),
            at: now.as_microsecond(),
        }
    }
}

#[derive(Subcommand)]
pub(super) enum IndexCommand {
    /// Check assets and store the usable ones; `match --assets` takes the result
    #[command(after_help = "Examples:
  nachtwacht index build --assets assets.parquet --out assets.index.parquet
  nachtwacht match --assets assets.index.parquet --observations list.csv

Exit codes: 0 every asset is stored; 1 some were refused; 2 none can be used, and nothing is written.")]
    Build {
        /// Assets (.parquet or .csv): company_key, kind, value; valid_from and valid_until if any
        #[arg(long, value_name = "FILE")]
        assets: PathBuf,
        /// Public Suffix List of a day; without it the one that this program was built with
        #[arg(long, value_name = "FILE")]
        public_suffixes: Option<PathBuf>,
        /// The stored index (.parquet)
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 the letter is real; 1 it is withdrawn, not ours or mistyped; 2 the job, the
ledger or the list cannot be read."
)]
pub(super) struct VerifyArgs {
    /// The reference as it is read out: NW-YYMMDD-XXXXX-XXXXX-X, in any case, with or without hyphens
    reference: String,
    /// A published list (verification/<night>.json), to ask in place of the ledger: needs no key
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    #[command(flatten)]
    pub(super) job: JobArgs,
}

impl VerifyArgs {
    pub(super) fn ask(&self) -> verify::Ask {
        verify::Ask {
            reference: self.reference.clone(),
            list: self.list.clone(),
        }
    }
}

#[derive(ClapArgs)]
pub(super) struct ExplainArgs {
    /// The night; the newest run where absent
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(super) night: Option<Night>,
    /// Company, such as kvk:00012345
    #[arg(long)]
    company: Option<String>,
    /// Reference of a letter, such as NW-260312-…
    #[arg(long)]
    letter: Option<String>,
    /// Address
    #[arg(long)]
    address: Option<String>,
    /// Host or domain name
    #[arg(long)]
    name: Option<String>,
    /// For programs
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) job: JobArgs,
}

impl ExplainArgs {
    pub(super) fn question(&self) -> Result<Question, Failure> {
        let wrong = |what: &str| {
            Failure::fix_job(what.to_owned())
                .hint("ask by one of `--company`, `--letter`, `--address`, `--name`")
        };
        match (&self.company, &self.letter, &self.address, &self.name) {
            (Some(key), None, None, None) => {
                let key = key.parse().map_err(|()| {
                    wrong(&format!(
                        "`{key}` is not a company key such as `kvk:00012345`"
                    ))
                })?;
                Ok(Question::Company(key))
            }
            (None, Some(reference), None, None) => Ok(Question::Letter(
                reference.parse().map_err(|e: String| wrong(&e))?,
            )),
            (None, None, Some(address), None) => {
                let ip = crate::model::address::parse_ip(address)
                    .map_err(|why| wrong(&format!("`{address}`: {why}")))?;
                Ok(Question::Address(ip))
            }
            (None, None, None, Some(name)) => {
                Ok(Question::Name(name.parse().map_err(|()| {
                    wrong(&format!("`{name}` is not a domain name"))
                })?))
            }
            _ => Err(wrong("one question at a time was expected")),
        }
    }
}
