//! Batches for the printer: letters one after the other in posting order, and the list that says
//! on which page each begins.

use super::merge::MergeLetter;
use super::{Look, Mark, RenderError, content};
use crate::diag::Failure;
use crate::model::threat::Urgency;

/// How a printer wants its batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Letters in one file.
    pub letters_a_batch: usize,
    /// Both sides of a sheet are printed: each letter begins on a front side.
    pub is_duplex: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            letters_a_batch: 250,
            is_duplex: true,
        }
    }
}

/// Sorts letters as they are posted: urgent ones first, then by country, postcode and number, so
/// that the postal operator gets them in its own order; the reference makes the order total.
pub fn posting_order(letters: &mut [MergeLetter<'_>]) {
    letters.sort_by_cached_key(|m| {
        let is_urgent = |urgency| urgency == Urgency::Urgent;
        let has_urgent = m.letter.sections.iter().any(|s| is_urgent(s.urgency));
        let a = m.letter.addressee.address.clone().unwrap_or_default();
        let number: u32 = a.house_number.trim().parse().unwrap_or(u32::MAX);
        let postcode = a.postcode.replace(' ', "").to_uppercase();
        (
            !has_urgent,
            a.country.to_uppercase(),
            postcode,
            number,
            m.letter.reference.clone(),
        )
    });
}

/// One file for the printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// `2026-03-12-001`: names it for ever.
    pub id: String,
    /// PDF/A-2a and PDF/UA-1.
    pub pdf: Vec<u8>,
    /// Pages of the file, empty back sides too.
    pub pages: u32,
}

/// Typesets one batch of letters that are in posting order.
///
/// # Errors
/// A letter of it cannot be typeset in its own form.
pub fn batch(
    id: &str,
    letters: &[MergeLetter<'_>],
    look: &Look,
    settings: Settings,
) -> Result<Batch, RenderError> {
    let contents: Vec<_> = letters
        .iter()
        .map(|m| (content::content(m.letter, look, Mark::None), m.pages))
        .collect();
    let done = look.batch(id, &contents, settings.is_duplex)?;
    Ok(Batch {
        id: id.to_owned(),
        pdf: done.bytes,
        pages: done.pages,
    })
}

/// Where one letter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Batch.
    pub batch: String,
    /// File, seen from the night's folder.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Reference: stays the same however the addresses are sorted.
    pub reference: String,
    /// From 1, in the batch.
    pub position: usize,
    /// From 1, in the file.
    pub first_page: u32,
    /// Pages of the letter.
    pub pages: u32,
    /// Sheets of paper.
    pub sheets: u32,
}

/// The places of a batch's letters.
#[must_use]
pub fn places(
    batch: &Batch,
    file: &str,
    sha256: &str,
    letters: &[MergeLetter<'_>],
    settings: Settings,
) -> Vec<Place> {
    let mut next = 1;
    let mut places = Vec::with_capacity(letters.len());
    for (n, m) in letters.iter().enumerate() {
        let sheets = if settings.is_duplex {
            m.pages.div_ceil(2)
        } else {
            m.pages
        };
        places.push(Place {
            batch: batch.id.clone(),
            file: file.to_owned(),
            sha256: sha256.to_owned(),
            reference: m.letter.reference.to_string(),
            position: n + 1,
            first_page: next,
            pages: m.pages,
            sheets,
        });
        next += if settings.is_duplex {
            sheets * 2
        } else {
            sheets
        };
    }
    places
}

/// The list of places as CSV.
///
/// # Errors
/// `OurBug` where it cannot be written.
pub fn places_csv(places: &[Place], separator: u8) -> Result<Vec<u8>, Failure> {
    let bug = |e: String| Failure::our_bug(format!("writing the list of batches: {e}"));
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    let header = [
        "partij",
        "bestand",
        "sha256",
        "volgnummer",
        "kenmerk",
        "eerste_pagina",
        "paginas",
        "vellen",
    ];
    writer
        .write_record(header)
        .map_err(|e| bug(e.to_string()))?;
    for p in places {
        let row = [
            p.batch.clone(),
            p.file.clone(),
            p.sha256.clone(),
            p.position.to_string(),
            p.reference.clone(),
            p.first_page.to_string(),
            p.pages.to_string(),
            p.sheets.to_string(),
        ];
        writer.write_record(row).map_err(|e| bug(e.to_string()))?;
    }
    writer.into_inner().map_err(|e| bug(e.to_string()))
}

/// Reads what [`places_csv`] wrote.
///
/// # Errors
/// `FixData` where it is another list.
pub fn read_places(bytes: &[u8], separator: u8) -> Result<Vec<Place>, Failure> {
    let wrong = |e: String| {
        Failure::fix_data(format!("this is no list of batches: {e}"))
            .hint("put the file back that the run wrote")
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(bytes);
    let rows = reader.deserialize::<(String, String, String, usize, String, u32, u32, u32)>();
    rows.map(|row| {
        let (batch, file, sha256, position, reference, first_page, pages, sheets) =
            row.map_err(|e| wrong(e.to_string()))?;
        Ok(Place {
            batch,
            file,
            sha256,
            position,
            reference,
            first_page,
            pages,
            sheets,
        })
    })
    .collect()
}
