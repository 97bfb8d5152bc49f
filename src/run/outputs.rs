//! What a run leaves behind under `runs/<night>/<run>/`. Create-only: a resumed run finds its
//! own bytes again, or stops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::hand_over::Handed;
use super::hold::{Held, n_letters};
use super::load::Loaded;
use super::progress::Progress;
use super::sweep::Swept;
use super::world::{self, World};
use super::{Moment, overviews, shadow, side_by_side};
use crate::decide::{self, Decided, Drafted, history::History};
use crate::deliver::MailOutbox;
use crate::diag::{Failure, Reject};
use crate::ledger::crash;
use crate::model::aftermath::PrintBatch;
use crate::model::company::Channel;
use crate::model::counts::Outcomes;
use crate::model::decision::Reason;
use crate::model::hold::Figures;
use crate::model::identity::{LetterId, PartyRef, Reference};
use crate::model::ledger_record::{Claim, Erased, Frozen, LedgerView, PinnedNight};
use crate::model::letter::Letter;
use crate::model::sighting::{Gone, Sightings};
use crate::render::{self, Mark};
use crate::report::{self, letter_plan, manifest, summary::Summary, verification};
use crate::statistics;
use crate::store::{Created, Place};

/// A night that is decided and rendered.
pub struct RenderedNight<'a> {
    pub(super) world: World,
    pub(super) swept: Swept,
    pub(super) decided: Decided,
    /// What the threats in shadow would have done; nothing of it leaves.
    pub(super) rehearsed: Decided,
    pub(super) of_decisions: Outcomes,
    pub(super) rendered: Rendered,
    pub(super) view: &'a LedgerView,
    /// What `view` says of findings.
    pub(super) history: History,
    pub(super) rows_of: BTreeMap<String, u64>,
    /// Where a brake holds the night.
    pub(super) held: Option<Held>,
    /// For the brakes of later nights.
    pub(super) figures: Figures,
    /// Findings that are gone, or back.
    pub(super) sightings: Sightings,
}

/// The rendered letters: their files are written, their hashes kept.
#[derive(Default)]
pub struct Rendered {
    /// SHA-256 by file name, one map a letter, in the order of the letters.
    pub(super) forms: Vec<BTreeMap<String, String>>,
    /// Pages of the PDF, in the order of the letters.
    pub(super) pages: Vec<u32>,
    /// Letters that could not be typeset at all.
    pub(super) n_impossible: u64,
    /// Letters whose PDF is the plain form; overviews are not counted.
    pub(super) n_plain: u64,
}

/// A letter on its way to the next contact.
pub struct Again {
    pub(super) drafted: Drafted,
    /// SHA-256 by file name.
    pub(super) files: BTreeMap<String, String>,
    pub(super) pages: u32,
}

/// What a pass over the letters is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Their files are written.
    Write,
    /// Only the hashes are wanted: of what would leave, if the night were let go.
    Hash,
}

/// Where a run writes.
pub struct Outputs<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) place: &'a Place,
    pub(super) pin: &'a PinnedNight,
    pub(super) moment: &'a Moment,
    /// `runs/<night>/<run>/`.
    pub(super) folder: String,
    /// What was taken away and must not come back when the night is run again.
    pub(super) erased: Vec<Erased>,
}

/// Letters that are rendered before they are written: bounds memory.
const CHUNK: usize = 256;

pub(super) type Files = Vec<(String, Vec<u8>)>;

impl Outputs<'_> {
    /// Renders every letter and writes its files: `letters/` for those that will be claimed,
    /// `held/`, marked CONCEPT, for the rest. A letter that cannot be typeset is held.
    pub(super) fn render_letters(
        &self,
        decided: &mut Decided,
        pass: Pass,
        progress: &dyn Progress,
    ) -> Result<Rendered, Failure> {
        progress.begin(
            "write letters",
            u64::try_from(decided.letters.len()).unwrap_or(0),
        );
        let mut rendered = Rendered::default();
        let mut impossible = BTreeSet::new();
        let n_warnings = decided.warnings().count();
        let mut overviews = decided.letters.split_off(n_warnings);
        let mut render = |drafts: &mut [Drafted], impossible: &mut BTreeSet<LetterId>| {
            self.render_all(drafts, pass, progress, &mut rendered, impossible)
        };
        render(&mut decided.letters, &mut impossible)?;
        // An overview tells of no letter that cannot be made.
        let key = &self.loaded.secrets.verification;
        decide::without(&mut overviews, &impossible, key);
        render(&mut overviews, &mut impossible)?;
        decided.letters.append(&mut overviews);
        for d in &mut decided.decisions {
            if d.letter.is_some_and(|id| impossible.contains(&id)) {
                d.reason = Reason::LetterImpossible;
            }
        }
        rendered.n_impossible = u64::try_from(impossible.len()).unwrap_or(0);
        progress.end();
        Ok(rendered)
    }

    fn render_all(
        &self,
        drafts: &mut [Drafted],
        pass: Pass,
        progress: &dyn Progress,
        rendered: &mut Rendered,
        impossible: &mut BTreeSet<LetterId>,
    ) -> Result<(), Failure> {
        for chunk in drafts.chunks_mut(CHUNK) {
            let done = side_by_side(chunk, |drafted| {
                let letter = self.render_one(drafted);
                progress.advance(1);
                letter
            })?;
            let mut files = Files::new();
            for (drafted, letter) in chunk.iter_mut().zip(done) {
                if letter.is_impossible {
                    drafted.is_sendable = false;
                    impossible.insert(drafted.letter.id);
                }
                rendered.n_plain += u64::from(letter.is_plain && !drafted.is_overview());
                rendered.forms.push(hashes(&letter.files));
                rendered.pages.push(letter.pages);
                files.extend(letter.files);
            }
            if pass == Pass::Write {
                self.write_all(files)?;
            }
        }
        Ok(())
    }

    /// Renders further attempts: letters that go to a company's next contact.
    pub(super) fn render_again(&self, drafts: Vec<Drafted>) -> Result<Vec<Again>, Failure> {
        let mut done = Vec::with_capacity(drafts.len());
        for drafted in drafts {
            let letter = self.render_one(&drafted);
            if letter.is_impossible {
                continue; // its first attempt was typeset: the same words, another address
            }
            let files = hashes(&letter.files);
            self.write_all(letter.files)?;
            done.push(Again {
                drafted,
                files,
                pages: letter.pages,
            });
        }
        Ok(done)
    }

    fn render_one(&self, drafted: &Drafted) -> OneLetter {
        let mark = if drafted.is_sendable {
            Mark::None
        } else {
            Mark::Concept
        };
        let folder = if drafted.is_sendable {
            "letters"
        } else {
            "held"
        };
        let name = drafted.letter.name();
        let name = |extension: &str| format!("{folder}/{name}.{extension}");
        match render::render(&drafted.letter, &self.loaded.look, mark) {
            Ok(done) => {
                if done.is_fallback {
                    let reference = drafted.letter.reference.as_str();
                    tracing::warn!(reference, "the letter's PDF is the plain form");
                }
                let is_mail = drafted.letter.recipient.channel == Channel::Email;
                let mail = (is_mail && drafted.is_sendable)
                    .then(|| render::mail(&drafted.letter, &self.loaded.look, &done));
                let mut files = vec![
                    (name("txt"), done.text),
                    (name("html"), done.html),
                    (name("pdf"), done.pdf),
                ];
                files.extend(mail.map(|bytes| (name("eml"), bytes)));
                if let Some(annex) = done.annex {
                    files.push((name("csv"), annex.csv));
                    files.push((name("json"), annex.json));
                }
                OneLetter {
                    files,
                    pages: done.pages,
                    is_plain: done.is_fallback,
                    is_impossible: false,
                }
            }
            Err(e) => {
                tracing::warn!(
                    reference = drafted.letter.reference.as_str(),
                    "letter cannot be typeset: {e}"
                );
                OneLetter {
                    files: Vec::new(),
                    pages: 0,
                    is_plain: false,
                    is_impossible: true,
                }
            }
        }
    }

    pub(super) fn write_all(&self, files: Files) -> Result<(), Failure> {
        let full = files
            .into_iter()
            .map(|(name, bytes)| (format!("{}{name}", self.folder), bytes))
            .filter(|(path, _)| !self.erased.iter().any(|e| e.covers(path)));
        self.place.create_many(full.collect())
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.place
            .create_same(&format!("{}{name}", self.folder), bytes)
    }

    /// Writes `letters.plan.json` and `manifest.planned.json`: what would leave, before it does.
    pub(super) fn write_plan(&self, night: &RenderedNight<'_>) -> Result<(), Failure> {
        let (bytes, sha256) = self.letter_plan(&night.decided, &night.rendered)?;
        self.write("letters.plan.json", &bytes)?;
        self.write_parties(night)?;
        crash::point("letter_plan_written");
        let outputs = BTreeMap::from([("letters.plan.json".to_owned(), sha256)]);
        self.write_manifest("manifest.planned.json", "planned", night, outputs, None)
    }

    /// The bytes of `letters.plan.json`, and their SHA-256.
    pub(super) fn letter_plan(
        &self,
        decided: &Decided,
        rendered: &Rendered,
    ) -> Result<(Vec<u8>, String), Failure> {
        let planned: Vec<letter_plan::Planned<'_>> = decided
            .letters
            .iter()
            .zip(&rendered.forms)
            .map(|(drafted, forms)| letter_plan::Planned {
                letter: &drafted.letter,
                recipient_hash: self.recipient_hash(&drafted.letter),
                forms,
                is_sendable: drafted.is_sendable,
            })
            .collect();
        letter_plan::json(
            &self.pin.night.to_string(),
            self.pin.revision,
            &self.pin.job_sha256,
            &planned,
        )
    }

    fn recipient_hash(&self, letter: &Letter) -> String {
        let recipient = &letter.recipient;
        let text = format!(
            "{}|{}|{}",
            recipient.channel, recipient.value, letter.addressee.key
        );
        hex::encode(self.loaded.secrets.party.hmac(text.as_bytes()))
    }

    /// Writes tables, mail merge, statistics and the final manifest, in that order.
    pub(super) fn write_results(
        &self,
        night: &RenderedNight<'_>,
        again: &[Again],
        ledger: &LedgerView,
        progress: &dyn Progress,
    ) -> Result<Vec<PrintBatch>, Failure> {
        progress.begin("write tables", 4);
        let letters: Vec<&Letter> = night.decided.letters.iter().map(|d| &d.letter).collect();
        let mut files: Files = vec![
            (
                "decisions.parquet".into(),
                report::decisions_parquet(&night.decided.decisions, &letters)?,
            ),
            (
                "rejects.parquet".into(),
                report::rejects_parquet(rejects(night))?,
            ),
        ];
        files.extend(self.shadow(night)?);
        progress.advance(1);
        let (merge, batches) = self.mail_merge(night, again)?;
        files.extend(merge);
        files.push(self.verification(night, ledger)?);
        progress.advance(1);
        files.extend(self.statistics(night)?);
        progress.advance(1);
        let mut outputs = hashes(&files);
        for forms in &night.rendered.forms {
            outputs.extend(forms.clone());
        }
        for letter in again {
            outputs.extend(letter.files.clone());
        }
        self.write_all(files)?;
        crash::point("results_written");
        let held = Some(ledger.held_before(self.pin));
        self.write_manifest("manifest.json", "final", night, outputs, held)?;
        crash::point("manifest_written");
        progress.advance(1);
        progress.end();
        Ok(batches)
    }

    /// The list with which readers confirm a reference: of the letters that this run claimed, and
    /// of those that earlier plans of the night did, so that the newest list knows them all.
    fn verification(
        &self,
        night: &RenderedNight<'_>,
        ledger: &LedgerView,
    ) -> Result<(String, Vec<u8>), Failure> {
        let claimed: BTreeSet<_> = ledger
            .claims_of(self.pin.night)
            .map(|c| &c.reference)
            .collect();
        let ours = night
            .decided
            .letters
            .iter()
            .filter(|d| d.is_sendable && claimed.contains(&d.letter.reference))
            .map(|d| &d.letter.reference);
        let earlier = night.view.claims_of(self.pin.night).map(|c| &c.reference);
        let ours: BTreeSet<&Reference> = ours.chain(earlier).collect();
        let ours: Vec<Reference> = ours.into_iter().cloned().collect();
        let key = &self.loaded.secrets.verification;
        let bytes = verification::list(self.pin.night, key, &ours)?;
        Ok((format!("verification/{}.json", self.pin.night), bytes))
    }

    pub(super) fn statistics(&self, night: &RenderedNight<'_>) -> Result<Files, Failure> {
        let tonight = self.claims(night);
        let titles = world::titles(self.loaded, night.world.branches.clone());
        let input = statistics::Input {
            night: self.pin.night,
            ledger: night.view,
            tonight: &tonight,
            titles: &titles,
        };
        let cells = statistics::tables(&input)?;
        let page = statistics::html(&cells, self.pin.night, &self.loaded.job.sender.name)?;
        Ok(vec![
            (
                "statistics/statistics.parquet".into(),
                statistics::parquet(&cells)?,
            ),
            (
                "statistics/statistics.csv".into(),
                statistics::csv(&cells, self.loaded.job.csv_separator)?,
            ),
            ("statistics/statistics.html".into(), page),
            (
                "statistics/security-txt.csv".into(),
                crate::contacts::adoption_csv(
                    &super::adoption::rows(&night.world, self.pin.night),
                    statistics::INTERNAL,
                    &self.pin.night.to_string(),
                    self.loaded.job.csv_separator,
                )?,
            ),
        ])
    }

    /// The claims of the night's letters that are sent, in the order of the letters.
    pub(super) fn claims(&self, night: &RenderedNight<'_>) -> Vec<Claim> {
        let sendable = night.decided.letters.iter().filter(|d| d.is_sendable);
        sendable.map(|drafted| self.claim(drafted)).collect()
    }

    /// Names the address without naming it: one that refused or returned a letter is not used
    /// again.
    fn contact_ref(&self, letter: &Letter) -> Option<PartyRef> {
        let key = &self.loaded.secrets.party;
        match letter.recipient.channel {
            Channel::Email => Some(PartyRef::of_contact(key, &letter.recipient.value)),
            Channel::Post => {
                let address = letter.addressee.address.as_ref();
                address.map(|a| PartyRef::of_postal(key, a))
            }
            Channel::Phone => None,
        }
    }

    pub(super) fn claim(&self, drafted: &Drafted) -> Claim {
        let letter = &drafted.letter;
        let company = &letter.company;
        Claim {
            letter_id: letter.id,
            reference: letter.reference.clone(),
            night: letter.night,
            party_ref: PartyRef::of(&self.loaded.secrets.party, &company.key),
            frozen: Arc::new(Frozen {
                party_kind: company.party_kind,
                participant: company.is_participant_on(letter.night.date()),
                sector: company.sector.as_str().into(),
                sector_scheme: company.sector_scheme.as_str().into(),
                size_class: company.size_class.as_str().into(),
                province: company.province.as_str().into(),
            }),
            channel: letter.recipient.channel,
            contact_ref: self.contact_ref(letter),
            attempt: letter.attempt,
            items: drafted.items.as_slice().into(),
            overview_of: overviews::letters_of(letter),
        }
    }

    /// A manifest is committed once; a resumed run must agree with its content.
    pub(super) fn write_manifest(
        &self,
        name: &str,
        state: &'static str,
        night: &RenderedNight<'_>,
        outputs: BTreeMap<String, String>,
        letters_held_by_brakes: Option<u64>,
    ) -> Result<(), Failure> {
        let content = self.content(night, outputs);
        let circumstances = manifest::Circumstances {
            run_id: self.pin.run_id.clone(),
            state,
            started_at: self.moment.now.to_string(),
            written_at: self.moment.now.to_string(),
            program: concat!("nachtwacht ", env!("CARGO_PKG_VERSION")),
            letters_held_by_brakes,
        };
        let (bytes, sha256) = manifest::json(&content, &circumstances)?;
        let path = format!("{}{name}", self.folder);
        if self.place.create(&path, &bytes)? == Created::Exists {
            let there = self.place.get(&path)?;
            let agrees = String::from_utf8_lossy(&there).contains(&sha256);
            if !agrees {
                return Err(Failure::our_bug(
                    "the manifest is there with another content than this run computes",
                )
                .at(self.place.display(&path), "content_sha256")
                .hint("nothing was overwritten; keep both and report this"));
            }
        }
        Ok(())
    }

    fn content<'c>(
        &'c self,
        night: &'c RenderedNight<'_>,
        outputs: BTreeMap<String, String>,
    ) -> manifest::Content<'c> {
        let mut reasons = BTreeMap::new();
        for d in &night.decided.decisions {
            *reasons.entry(d.reason.code()).or_insert(0) += 1;
        }
        let mut reject_reasons = BTreeMap::new();
        for reject in rejects(night) {
            *reject_reasons.entry(reject.why.code()).or_insert(0) += 1;
        }
        let snapshots = self.pin.snapshots.iter();
        let n_sent = count(night.decided.warnings().filter(|d| d.is_sendable));
        manifest::Content {
            night: self.pin.night.to_string(),
            revision: self.pin.revision,
            job: &self.loaded.job.name,
            job_sha256: &self.pin.job_sha256,
            ledger_seq: self.pin.ledger_seq,
            snapshots: snapshots
                .map(|o| (o, night.rows_of.get(&o.path).copied().unwrap_or(0)))
                .collect(),
            inputs: &self.pin.inputs,
            rows: &night.swept.counts,
            decisions: night.of_decisions,
            reasons,
            register: night.world.tables.clone(),
            reject_reasons,
            gone: gone_counts(night),
            assumed: &night.sightings.assumed,
            letters: n_sent,
            letters_plain: night.rendered.n_plain,
            letters_held: count(night.decided.warnings().filter(|d| !d.is_sendable)),
            overviews: overviews::counts(&night.decided),
            companies: n_sent,
            outputs,
        }
    }

    /// The figures for the operator.
    pub(super) fn summary(&self, night: &RenderedNight<'_>, handed: &Handed) -> Summary {
        let sent = || night.decided.warnings().filter(|d| d.is_sendable);
        let by_channel = Channel::ALL
            .iter()
            .map(|c| {
                (
                    c.to_string(),
                    count(sent().filter(|d| d.letter.recipient.channel == *c)),
                )
            })
            .filter(|(_, n)| *n > 0)
            .collect();
        let register = night.world.tables.iter();
        Summary {
            night: self.pin.night.to_string(),
            revision: self.pin.revision,
            n_snapshots: self.pin.snapshots.len(),
            rows: night.swept.counts.total(),
            decisions: night.of_decisions,
            register: register.fold((0, 0), |sum, (_, read, bad)| (sum.0 + read, sum.1 + bad)),
            letters: count(sent()),
            new_letters: handed.new_letters,
            new_overviews: handed.new_overviews,
            held_letters: count(night.decided.warnings().filter(|d| !d.is_sendable)),
            without_contact: n_letters(&night.decided, Reason::NoContact),
            over_limit: n_letters(&night.decided, Reason::OverMaxLetters),
            overviews: overviews::counts(&night.decided),
            unknown_letters: handed.unknown,
            companies: count(sent()),
            by_channel,
            place: self.place.display(&self.folder),
            merged_emails: (self.loaded.job.delivery.email == MailOutbox::Merge).then(|| {
                let letters = night.decided.letters.iter().filter(|d| d.is_sendable);
                count(letters.filter(|d| d.letter.recipient.channel == Channel::Email))
            }),
            example: sent()
                .next()
                .map(|d| format!("letters/{}.pdf", d.letter.name())),
            rejects_tolerated: self.loaded.job.rejects_tolerated,
            rejects: count(rejects(night)),
            gone: gone_counts(night),
            assumed: night.sightings.assumed.clone(),
            shadow: shadow::rows(night),
            hold: night.held.as_ref().map(|held| self.hold_text(held)),
        }
    }
}

fn gone_counts(night: &RenderedNight<'_>) -> BTreeMap<&'static str, u64> {
    let counts = &night.sightings.counts;
    Gone::ALL
        .iter()
        .map(|how| (how.as_str(), counts.get(how).copied().unwrap_or(0)))
        .collect()
}

struct OneLetter {
    files: Files,
    pages: u32,
    is_plain: bool,
    is_impossible: bool,
}

pub(super) fn rejects<'n>(night: &'n RenderedNight<'_>) -> impl Iterator<Item = &'n Reject> {
    night.swept.rejects.iter().chain(&night.world.rejects)
}

pub(super) fn hashes(files: &Files) -> BTreeMap<String, String> {
    files
        .iter()
        .map(|(name, bytes)| (name.clone(), hex::encode(Sha256::digest(bytes))))
        .collect()
}

fn count<T>(rows: impl Iterator<Item = T>) -> u64 {
    u64::try_from(rows.count()).unwrap_or(u64::MAX)
}
