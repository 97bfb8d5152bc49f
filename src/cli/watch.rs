//! `preview --watch`: the letter once more, each time that a template or a text changes.

use std::path::Path;
use std::time::Duration;

use super::args::PreviewArgs;
use crate::diag::Failure;
use crate::run::load::Call;
use crate::run::preview;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes the letter to a file, and again after each change, until it is stopped. What is wrong
/// with a text is said, and the last good letter stays.
pub(super) fn watch(call: &Call, args: &PreviewArgs, out: &Path) -> Result<u8, Failure> {
    let ask = args.ask()?;
    let mut before = None;
    loop {
        // Looked at first: a change while the letter is made shows in the next look.
        let now = preview::sources(call, out);
        if before.as_ref() != Some(&now) {
            match preview::preview(call, &ask) {
                Ok(bytes) => {
                    super::write_out(Some(out), &bytes)?;
                    eprintln!("written {}", out.display());
                }
                Err(failure) => super::explain(&failure),
            }
            before = Some(now);
        }
        std::thread::sleep(PAUSE);
    }
}
