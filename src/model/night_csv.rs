//! Small tables of a night's figures as CSV.

use crate::diag::Failure;

/// Rows of words and then counts. The columns of `header` stand behind `status` (what the table may
/// be used for) and `night`, which are the same in every row.
///
/// # Errors
/// `OurBug`: the writer refuses.
pub fn night_csv<'r, const WORDS: usize, const COUNTS: usize>(
    header: &[&str],
    [status, night]: [&str; 2],
    separator: u8,
    rows: impl IntoIterator<Item = ([&'r str; WORDS], [u64; COUNTS])>,
) -> Result<Vec<u8>, Failure> {
    let bug = |e: &dyn std::fmt::Display| Failure::our_bug(format!("figures as CSV: {e}"));
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .from_writer(Vec::new());
    let header = ["status", "night"].iter().chain(header);
    writer.write_record(header).map_err(|e| bug(&e))?;
    for (words, counts) in rows {
        let counts = counts.map(|n| n.to_string());
        let words = [status, night].into_iter().chain(words);
        let fields = words.chain(counts.iter().map(String::as_str));
        writer.write_record(fields).map_err(|e| bug(&e))?;
    }
    writer.into_inner().map_err(|e| bug(&e))
}
