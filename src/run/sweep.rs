//! Holds every snapshot against the index: parallel by row group, in two passes, with memory
//! bounded by the row groups that are in flight. A row group whose statistics lie outside every
//! asset is counted and never decoded.

use std::sync::Arc;

use rayon::prelude::*;

use super::progress::Progress;
use super::world::World;
use crate::diag::{Failure, Reject};
use crate::model::counts::FeedCounts;
use crate::model::decision::Hit;
use crate::model::matches::{Match, RowGroups};
use crate::model::observation::Observation;
use crate::plan::SnapshotObject;
use crate::scan::{self, Snapshot};

/// A snapshot that is open: its footer is read and its schema fits.
pub struct OpenSnapshot {
    /// As planned.
    pub object: SnapshotObject,
    /// Footer and readers.
    pub snapshot: Snapshot,
    /// Rows.
    pub n_rows: u64,
    /// SHA-256 of the footer.
    pub footer_sha256: String,
}

/// What the sweep found.
#[derive(Default)]
pub struct Swept {
    /// Rows that met assets, sorted by object, row and asset.
    pub hits: Vec<Hit>,
    /// Rows that were set aside.
    pub rejects: Vec<Reject>,
    /// `read`, `rejected`, `unmatched` and `matched` by feed.
    pub counts: FeedCounts,
}

/// Matches all row groups of all snapshots.
///
/// # Errors
/// The first object that broke while it was read, or the store that went away.
pub fn sweep(
    snapshots: &[OpenSnapshot],
    world: &World,
    progress: &dyn Progress,
) -> Result<Swept, Failure> {
    let work: Vec<(&OpenSnapshot, usize)> = snapshots
        .iter()
        .flat_map(|s| (0..s.snapshot.n_groups()).map(move |group| (s, group)))
        .collect();
    let parts: Vec<Swept> = work
        .par_iter()
        .map(|(snapshot, group)| {
            let part = sweep_group(snapshot, *group, world);
            progress.advance(1);
            part
        })
        .collect::<Result<_, _>>()?;
    let mut swept = Swept::default();
    for part in parts {
        swept.hits.extend(part.hits);
        swept.rejects.extend(part.rejects);
        swept.counts += part.counts;
    }
    swept.hits.sort_by(|a, b| {
        let key = |h: &Hit| (h.observation.row, h.how.asset);
        a.observation
            .object
            .cmp(&b.observation.object)
            .then_with(|| key(a).cmp(&key(b)))
    });
    swept.rejects.sort();
    Ok(swept)
}

fn sweep_group(open: &OpenSnapshot, group: usize, world: &World) -> Result<Swept, Failure> {
    let snapshot = &open.snapshot;
    if let Some(outline) = snapshot.outline(group)
        && !world.index.may_match(&outline)
    {
        let mut swept = Swept::default();
        let counts = swept.counts.of(&open.object.feed);
        counts.read = outline.n_rows;
        counts.unmatched = outline.n_rows;
        return Ok(swept);
    }
    let keys = snapshot.read_keys(group)?;
    let mut matches = world.index.match_batch(&keys, snapshot.object())?;
    let first_row = snapshot.first_row(group);
    let mut swept = Swept::default();
    for (row, why, column, found) in std::mem::take(&mut matches.rejected) {
        swept.rejects.push(Reject {
            object: snapshot.object().to_owned(),
            row: first_row + u64::from(row),
            column,
            why,
            found,
        });
    }
    let rows = matches.matched_rows();
    let n_read = u64::from(matches.n_rows);
    // Unmatched is what matching left over, not what the equation lacks: so the sums can fail.
    let unmatched = n_read.saturating_sub(count(&rows) + count(&swept.rejects));
    let matched = take_hits(open, group, &rows, &matches.matches, world, &mut swept)?;
    let rejected = count(&swept.rejects);
    let counts = swept.counts.of(&open.object.feed);
    counts.read = n_read;
    counts.rejected = rejected;
    counts.matched = matched;
    counts.unmatched = unmatched;
    Ok(swept)
}

/// Reads the other columns of the rows that hit; a row whose values do not fit is rejected.
fn take_hits(
    open: &OpenSnapshot,
    group: usize,
    rows: &[u32],
    matches: &[Match],
    world: &World,
    swept: &mut Swept,
) -> Result<u64, Failure> {
    if rows.is_empty() {
        return Ok(0);
    }
    let batch = open.snapshot.read_rows(group, rows)?;
    let identity = scan::Identity {
        object: open.snapshot.object(),
        feed: &open.object.feed,
        report: &open.object.report,
        snapshot_date: open.object.date,
        first_row: open.snapshot.first_row(group),
    };
    let (observations, misfits) = scan::observations(&batch, rows, &identity)?;
    swept.rejects.extend(misfits);
    let mut n_matched = 0;
    for observation in observations {
        let observation = Arc::new(observation);
        let row = observation.row - identity.first_row;
        let from = matches.partition_point(|m| u64::from(m.row) < row);
        let of_row = matches
            .iter()
            .skip(from)
            .take_while(|m| u64::from(m.row) == row);
        n_matched += 1;
        swept
            .hits
            .extend(of_row.filter_map(|m| hit(&observation, m, world)));
    }
    Ok(n_matched)
}

fn count<T>(rows: &[T]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

fn hit(observation: &Arc<Observation>, how: &Match, world: &World) -> Option<Hit> {
    let asset = world.assets.get(usize::try_from(how.asset).ok()?)?;
    Some(Hit {
        observation: Arc::clone(observation),
        asset: Arc::clone(asset),
        how: *how,
    })
}
