//! Lists for people: what goes by post, with batches for the printer, and where the job says so
//! what goes by e-mail out of somebody's own mail program, as a batch of its own.

use sha2::{Digest, Sha256};

use super::outputs::{Again, Files, Outputs, RenderedNight};
use super::rounds::CORRECTION;
use super::side_by_side;
use crate::deliver::MailOutbox;
use crate::diag::Failure;
use crate::model::aftermath::PrintBatch;
use crate::model::company::Channel;
use crate::model::night::Night;
use crate::render::{merge, print};

/// The list of letters by e-mail, in a run's folder.
pub(super) const EMAIL_LIST: &str = "email-merge/letters.csv";

/// A night has one batch of them.
const EMAIL_BATCH: &str = "e001";

/// The files of a mail merge, and what the ledger notes of its batches.
pub(super) type Merged = (Files, Vec<PrintBatch>);

impl Outputs<'_> {
    /// The mail merges of a night's letters.
    pub(super) fn mail_merge(
        &self,
        night: &RenderedNight<'_>,
        again: &[Again],
    ) -> Result<Merged, Failure> {
        let first = night.decided.letters.iter().zip(&night.rendered.pages);
        let later = again.iter().map(|a| (&a.drafted, &a.pages));
        let rows: Vec<merge::MergeLetter<'_>> = first
            .chain(later)
            .filter(|(d, _)| d.is_sendable)
            .map(|(d, pages)| merge::MergeLetter {
                letter: &d.letter,
                pages: *pages,
            })
            .collect();
        self.merged(rows)
    }

    /// The mail merges of these letters, which are sorted by how they travel.
    pub(super) fn merged(&self, rows: Vec<merge::MergeLetter<'_>>) -> Result<Merged, Failure> {
        let by = |channel| {
            let travel = rows
                .iter()
                .filter(move |m| m.letter.recipient.channel == channel);
            travel.copied().collect::<Vec<_>>()
        };
        let (mut files, mut batches) = self.by_post(by(Channel::Post))?;
        if self.loaded.job.delivery.email == MailOutbox::Merge {
            let (list, batch) = self.by_email(by(Channel::Email))?;
            files.extend(list);
            batches.extend(batch);
        }
        Ok((files, batches))
    }

    /// Letters by e-mail as CSV and XLSX: one batch, urgent ones first.
    fn by_email(
        &self,
        mut rows: Vec<merge::MergeLetter<'_>>,
    ) -> Result<(Files, Option<PrintBatch>), Failure> {
        let (look, separator) = (&self.loaded.look, self.loaded.job.csv_separator);
        print::posting_order(&mut rows);
        let id = format!("{}-{}{EMAIL_BATCH}", self.pin.night, self.batches_of());
        let csv = |profile| merge::email_csv(&rows, look, &id, separator, profile);
        let for_programs = csv(merge::Profile::Printer)?;
        let batch = email_batch(self.pin.night, &for_programs, separator)?;
        let files = vec![
            (
                "email-merge/letters-spreadsheet.csv".to_owned(),
                csv(merge::Profile::Spreadsheet)?,
            ),
            (
                "email-merge/letters.xlsx".to_owned(),
                merge::email_xlsx(&rows, look, &id, self.pin.night)?,
            ),
            (EMAIL_LIST.to_owned(), for_programs),
        ];
        Ok((files, batch))
    }

    /// Letters by post as CSV and XLSX, and the batches for the printer.
    fn by_post(&self, mut rows: Vec<merge::MergeLetter<'_>>) -> Result<Merged, Failure> {
        let (look, job) = (&self.loaded.look, &self.loaded.job);
        print::posting_order(&mut rows);
        let csv = |profile| merge::csv(&rows, look, job.csv_separator, profile);
        let name = |name: &str| format!("mail-merge/{name}");
        let mut files = vec![
            (name("letters.csv"), csv(merge::Profile::Printer)?),
            (
                name("letters-spreadsheet.csv"),
                csv(merge::Profile::Spreadsheet)?,
            ),
            (
                name("letters.xlsx"),
                merge::xlsx(&rows, look, self.pin.night)?,
            ),
        ];
        let chunks: Vec<_> = rows.chunks(job.print.letters_a_batch).enumerate().collect();
        let batches = side_by_side(&chunks, |(n, letters)| self.batch(n + 1, letters))?;
        let mut places = Vec::new();
        for (file, of_batch) in batches {
            files.extend(file);
            places.extend(of_batch);
        }
        files.push((
            name("print.csv"),
            print::places_csv(&places, job.csv_separator)?,
        ));
        Ok((files, print_batches(self.pin.night, &places)))
    }

    /// Batches of a revision, or of a correction, do not share numbers with those of the night.
    fn batches_of(&self) -> String {
        match (self.pin.run_id.strip_prefix(CORRECTION), self.pin.revision) {
            (Some(which), _) => format!("c{which}-"),
            (None, 0) => String::new(),
            (None, revision) => format!("r{revision}-"),
        }
    }

    /// One file for the printer; where a letter of it exists in its plain form only, the list
    /// names each letter's own PDF instead.
    fn batch(
        &self,
        n: usize,
        letters: &[merge::MergeLetter<'_>],
    ) -> (Option<(String, Vec<u8>)>, Vec<print::Place>) {
        let id = format!("{}-{}{n:03}", self.pin.night, self.batches_of());
        let settings = self.loaded.job.print;
        match print::batch(&id, letters, &self.loaded.look, settings) {
            Ok(batch) => {
                let file = format!("mail-merge/print-{n:03}.pdf");
                let sha256 = hex::encode(Sha256::digest(&batch.pdf));
                let places = print::places(&batch, &file, &sha256, letters, settings);
                (Some((file, batch.pdf)), places)
            }
            Err(e) => {
                tracing::warn!(batch = id, "printed letter by letter: {e}");
                let alone = letters.iter().enumerate().flat_map(|(at, letter)| {
                    let batch = print::Batch {
                        id: id.clone(),
                        pdf: Vec::new(),
                        pages: letter.pages,
                    };
                    let file = format!("letters/{}.pdf", letter.letter.name());
                    let one = std::slice::from_ref(letter);
                    let places = print::places(&batch, &file, "", one, settings);
                    places.into_iter().map(move |p| print::Place {
                        position: at + 1,
                        ..p
                    })
                });
                (None, alone.collect())
            }
        }
    }
}

/// What the ledger notes of the letters by e-mail, out of their list; nothing of an empty one.
pub(super) fn email_batch(
    night: Night,
    list: &[u8],
    separator: u8,
) -> Result<Option<PrintBatch>, Failure> {
    let (ids, letters): (Vec<String>, Vec<_>) =
        merge::read_email(list, separator)?.into_iter().unzip();
    Ok(ids.into_iter().next().map(|batch_id| PrintBatch {
        batch_id,
        night,
        sha256: hex::encode(Sha256::digest(list)),
        sheets: 0,
        letters,
    }))
}

/// What the ledger notes of the batches for the printer: the sum of their letters.
pub(super) fn print_batches(night: Night, places: &[print::Place]) -> Vec<PrintBatch> {
    let mut batches: Vec<PrintBatch> = Vec::new();
    for place in places {
        let Ok(reference) = place.reference.parse() else {
            continue; // ours, so it parses
        };
        match batches.last_mut().filter(|b| b.batch_id == place.batch) {
            Some(batch) => {
                batch.sheets += place.sheets;
                batch.letters.push(reference);
            }
            None => batches.push(PrintBatch {
                batch_id: place.batch.clone(),
                night,
                sha256: place.sha256.clone(),
                sheets: place.sheets,
                letters: vec![reference],
            }),
        }
    }
    batches
}
