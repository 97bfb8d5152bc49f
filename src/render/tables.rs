//! The annex of a publication of statistics: its tables as PDF, beside the letters' own forms.

use serde_json::Value;

use super::look::Look;
use super::{RenderError, pdf};
use crate::model::letter::Form;

/// Typesets the tables of a publication, as PDF/A-2a and PDF/UA-1 on A4, in the job's own font.
///
/// `content` is what `templates/statistics/publication.typ` reads but for the font; `ident` names
/// the document for ever.
///
/// # Errors
/// The template reads something that is not in `content`.
pub fn tables_pdf(look: &Look, mut content: Value, ident: &str) -> Result<Vec<u8>, RenderError> {
    let error = |message: String| RenderError {
        form: Form::Pdf,
        message,
    };
    if let Some(map) = content.as_object_mut() {
        map.insert("font".into(), look.font().into());
    }
    let fonts = look.fonts();
    fonts.show_only_known(&mut content);
    let json = serde_json::to_vec(&content).map_err(|e| error(e.to_string()))?;
    let typeset = fonts.typeset(pdf::TABLES, json, ident).map_err(error)?;
    Ok(typeset.bytes)
}
