//! `baseline`: what runs for the first time may send from now on.

use super::Moment;
use super::load::{Call, load};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::model::command;
use crate::model::hold::Baseline;
use crate::model::ledger_record::{LedgerView, Record};

/// Writes down that the ledger and every feed of the job, or one feed, are no longer new.
///
/// # Errors
/// `FixJob` where the job does not know the feed; else as [`Ledger::open`].
pub fn baseline(call: &Call, feed: Option<&str>, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let feeds = &loaded.job.feeds;
    if let Some(feed) = feed.filter(|f| !feeds.contains_key(*f)) {
        let known: Vec<&str> = feeds.keys().map(String::as_str).collect();
        return Err(
            Failure::fix_job(format!("the job does not know feed `{feed}`"))
                .at("", "--feed")
                .hint(format!("it knows {}", known.join(", "))),
        );
    }
    let meant: Vec<Option<String>> = match feed {
        Some(feed) => vec![Some(feed.to_owned())],
        None => std::iter::once(None)
            .chain(feeds.keys().cloned().map(Some))
            .collect(),
    };
    let at = moment.now.as_microsecond();
    let records = meant
        .into_iter()
        .map(|feed| Baseline { feed, at }.into())
        .collect();
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let records = missing(ledger.view(), records);
    let n = records.len();
    ledger.append(records, &mut |view, records| missing(view, records))?;
    let mut text = match (n, feed) {
        (0, _) => "the baseline stands already\n".to_owned(),
        (_, Some(feed)) => format!("feed `{feed}` may send from now on\n"),
        (_, None) => "this ledger and the job's feeds may send from now on\n".to_owned(),
    };
    for hold in ledger.view().open_holds() {
        text.push_str(&format!(
            "`{}` goes on with the night that is held\n",
            command::run(call.job.display(), hold.night, hold.revision)
        ));
    }
    text.push_str("with `--max-letters N` a later night sends N letters and leaves the others for the next ones, oldest urgent first\n");
    Ok(text)
}

fn missing(view: &LedgerView, mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|r| match r {
        Record::Baseline(b) => view.baselines().all(|known| known.feed != b.feed),
        _ => true,
    });
    records
}
