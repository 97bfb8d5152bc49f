//! Typst in process: PDF/A-2a and PDF/UA-1 from memory, with fixed fonts and the night's date.

use std::collections::BTreeMap;

use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World, WorldExt};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use super::visible::spelled;
use crate::diag::Problem;

/// The letter.
pub(super) const MAIN: &str = "letter/letter.typ";
/// What `MAIN` and `PRINT` lay out a letter with.
pub(super) const FORM: &str = "letter/form.typ";
/// A batch of letters for the printer.
pub(super) const PRINT: &str = "letter/print.typ";
/// The plain form.
pub(super) const PLAIN: &str = "letter/plain.typ";
/// The annex of a publication; it comes with the program.
pub(super) const TABLES: &str = "statistics/publication.typ";
/// Its source.
pub(super) const TABLES_SOURCE: &str = include_str!("../../templates/statistics/publication.typ");
/// Every source of the templates folder.
pub(super) const SOURCES: [&str; 4] = [MAIN, FORM, PRINT, PLAIN];
const DATA: &str = "letter/letter.json";

/// Fonts, sources and the standard library: the same for every letter.
pub(super) struct Fonts {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    family: String,
    /// Characters that every font of the family has, a bit each.
    covered: Vec<u64>,
    sources: BTreeMap<&'static str, Source>,
    data: FileId,
}

/// A typeset letter.
pub(super) struct Typeset {
    pub(super) bytes: Vec<u8>,
    pub(super) pages: u32,
}

impl Fonts {
    /// Reads `fonts/*.ttf` and `fonts/*.otf`.
    pub(super) fn load(files: &BTreeMap<&str, &[u8]>) -> Result<Self, Problem> {
        let is_font = |name: &str| {
            let name = name.to_lowercase();
            name.starts_with("fonts/") && (name.ends_with(".ttf") || name.ends_with(".otf"))
        };
        let mut fonts = Vec::new();
        for (name, bytes) in files.iter().filter(|(name, _)| is_font(name)) {
            let before = fonts.len();
            fonts.extend(Font::iter(Bytes::new(bytes.to_vec())));
            if fonts.len() == before {
                return Err(Problem::new(
                    *name,
                    "",
                    "the file is not a font; expected TrueType or OpenType",
                ));
            }
        }
        let Some(first) = fonts.first() else {
            return Err(Problem::new(
                "fonts/",
                "",
                "no font was found; expected `*.ttf` or `*.otf`",
            ));
        };
        let family = first.info().family.clone();
        let mut covered: Vec<u64> = Vec::new();
        for font in fonts.iter().filter(|f| f.info().family == family) {
            let of_font = bits(font.info().coverage.iter());
            // A bold letter must be there as well as a plain one.
            covered = if covered.is_empty() {
                of_font
            } else {
                covered.iter().zip(of_font).map(|(a, b)| a & b).collect()
            };
        }
        let data =
            file_id(DATA).ok_or_else(|| Problem::new(DATA, "", "not a path of the typesetter"))?;
        Ok(Self {
            library: LazyHash::new(Library::builder().build()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            family,
            covered,
            sources: BTreeMap::new(),
            data,
        })
    }

    pub(super) fn with_sources(mut self, texts: Vec<(&'static str, String)>) -> Self {
        for (name, text) in texts {
            if let Some(id) = file_id(name) {
                self.sources.insert(name, Source::new(id, text));
            }
        }
        self
    }

    pub(super) fn family(&self) -> &str {
        &self.family
    }

    /// Spells out every character of every text that the font has no glyph for: PDF/A wants a
    /// glyph for each, and a reader should see that something stood there.
    pub(super) fn show_only_known(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) if text.chars().any(|c| !self.knows(c)) => {
                *text = text
                    .chars()
                    .map(|c| {
                        if self.knows(c) {
                            c.to_string()
                        } else {
                            spelled(c)
                        }
                    })
                    .collect();
            }
            serde_json::Value::Array(items) => {
                items.iter_mut().for_each(|v| self.show_only_known(v))
            }
            serde_json::Value::Object(map) => {
                map.values_mut().for_each(|v| self.show_only_known(v))
            }
            _ => {}
        }
    }

    fn knows(&self, c: char) -> bool {
        let (word, bit) = place_of(u32::from(c));
        c == '\n' || self.covered.get(word).is_some_and(|w| w & bit != 0)
    }

    /// `letter/form.typ:12:8: `: where an error is, in lines and columns from 1.
    fn place(&self, world: &OneLetter<'_>, e: &SourceDiagnostic) -> Option<String> {
        let start = WorldExt::range(world, e.span)?.start;
        let id = e.span.id()?;
        let (name, source) = self.sources.iter().find(|(_, s)| s.id() == id)?;
        let before = source.text().get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Some(format!("{name}:{line}:{column}: "))
    }

    /// Typesets a source over the data of one letter; `ident` names the document for ever.
    pub(super) fn typeset(
        &self,
        source: &str,
        json: Vec<u8>,
        ident: &str,
    ) -> Result<Typeset, String> {
        let main = self.sources.get(source).ok_or("the source is missing")?;
        let world = OneLetter {
            fonts: self,
            main: main.id(),
            json: Bytes::new(json),
        };
        let say = |errors: &[SourceDiagnostic]| -> String {
            let lines = errors.iter().map(|e| {
                let place = self.place(&world, e);
                let hints: String = e
                    .hints
                    .iter()
                    .map(|h| format!(" (hint: {})", h.v))
                    .collect();
                format!("{}{}{hints}", place.unwrap_or_default(), e.message)
            });
            lines.collect::<Vec<_>>().join("; ")
        };
        let compiled = typst::compile::<PagedDocument>(&world).output;
        let document = compiled.map_err(|errors| say(&errors))?;
        let standards = PdfStandards::new(&[PdfStandard::A_2a, PdfStandard::Ua_1])
            .map_err(|e| e.message().to_string())?;
        let options = PdfOptions {
            ident: Smart::Custom(ident.to_owned()),
            creator: Smart::Custom(Some("Nachtwacht".to_owned())),
            standards,
            ..PdfOptions::default()
        };
        let bytes = typst_pdf::pdf(&document, &options).map_err(|errors| say(&errors))?;
        let pages = u32::try_from(document.pages().len()).unwrap_or(u32::MAX);
        // The typesetter remembers what it computed; a letter's data never comes again. What all
        // letters share is used by each, so it stays; few leftovers make lookups quicker.
        typst::comemo::evict(2);
        Ok(Typeset { bytes, pages })
    }
}

fn bits(characters: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut bits = Vec::new();
    for c in characters {
        let (word, bit) = place_of(c);
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        if let Some(w) = bits.get_mut(word) {
            *w |= bit;
        }
    }
    bits
}

fn place_of(c: u32) -> (usize, u64) {
    (usize::try_from(c / 64).unwrap_or(usize::MAX), 1 << (c % 64))
}

fn file_id(path: &str) -> Option<FileId> {
    let path = VirtualPath::new(path).ok()?;
    Some(FileId::new(RootedPath::new(VirtualRoot::Project, path)))
}

/// The world of one letter.
struct OneLetter<'a> {
    fonts: &'a Fonts,
    main: FileId,
    json: Bytes,
}

impl World for OneLetter<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &self.fonts.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.fonts.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let found = self.fonts.sources.values().find(|s| s.id() == id);
        found.cloned().ok_or(FileError::AccessDenied)
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.fonts.data {
            Ok(self.json.clone())
        } else {
            Err(FileError::AccessDenied)
        }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None // time is an argument: the letter carries the night's date
    }
}
