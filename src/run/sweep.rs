//! Holds every snapshot against the index: parallel by row group, in two passes, with memory
//! bounded by the row groups that are in flight. A row group or a page whose statistics lie
//! outside every asset is counted and never fetched.

use std::ops::Range;
use std::sync::Arc;

use super::progress::Progress;
use super::read_ahead::{self, read_ahead};
use super::world::World;
use crate::diag::{Failure, Reject, RejectReason};
use crate::model::counts::FeedCounts;
use crate::model::decision::Hit;
use crate::model::matches::{Match, Near, RowGroups};
use crate::model::night::Micros;
use crate::model::observation::{Observation, column};
use crate::plan::SnapshotObject;
use crate::scan::{self, Fetched, Snapshot};

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
    /// Of these, the ones that met assets, as far as they can be read.
    pub set_aside: Vec<Hit>,
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
    let mut swept = Swept::default();
    let mut work = Vec::new();
    for open in snapshots {
        for group in 0..open.snapshot.n_groups() {
            match Piece::near(open, group, world) {
                Ok(piece) => work.push(piece),
                Err(n_rows) => {
                    swept.counts.of(&open.object.feed).leave_out(n_rows);
                    progress.advance(1);
                }
            }
        }
    }
    let fetch = |piece: &Piece<'_>| {
        let rows = piece.rows.as_deref();
        piece.open.snapshot.fetch_keys(piece.group, rows)
    };
    let compute = |piece: &Piece<'_>, fetched| {
        let part = sweep_group(piece, fetched, world);
        progress.advance(1);
        part
    };
    let size = |piece: &Piece<'_>| piece.open.snapshot.key_bytes(piece.group);
    let parts = read_ahead(&work, read_ahead::BUDGET, size, fetch, compute)?;
    for part in parts {
        swept.hits.extend(part.hits);
        swept.rejects.extend(part.rejects);
        swept.set_aside.extend(part.set_aside);
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

/// A row group that must be read, or a part of it.
struct Piece<'a> {
    open: &'a OpenSnapshot,
    group: usize,
    /// The rows near an asset; `None` for all.
    rows: Option<Vec<Range<u32>>>,
    /// Rows that are left out unread: none of them matches, and none is rejected.
    n_left_out: u64,
}

impl<'a> Piece<'a> {
    /// The rows of a group that may match, or how many it has where none may.
    fn near(open: &'a OpenSnapshot, group: usize, world: &World) -> Result<Self, u64> {
        let mut piece = Self {
            open,
            group,
            rows: None,
            n_left_out: 0,
        };
        let Some(outline) = open.snapshot.outline(group) else {
            return Ok(piece);
        };
        match world.index.near(&outline) {
            Near::Nothing => return Err(outline.n_rows),
            Near::Everything => {}
            Near::Rows(rows) => {
                let n_near: u64 = rows
                    .iter()
                    .map(|rows| u64::from(rows.end - rows.start))
                    .sum();
                piece.n_left_out = outline.n_rows.saturating_sub(n_near);
                piece.rows = Some(rows);
            }
        }
        Ok(piece)
    }
}

fn sweep_group(piece: &Piece<'_>, fetched: Fetched, world: &World) -> Result<Swept, Failure> {
    let (open, group) = (piece.open, piece.group);
    let snapshot = &open.snapshot;
    let keys = snapshot.decode_keys(fetched)?;
    let mut matches = world.index.match_batch(&keys, snapshot.object())?;
    drop(keys);
    if let Some(rows) = &piece.rows {
        matches = matches.of_rows(rows);
    }
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
    counts.leave_out(piece.n_left_out);
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
    let hits_of = |observation: Observation| -> Vec<Hit> {
        let row = observation.row - identity.first_row;
        let observation = Arc::new(observation);
        let from = matches.partition_point(|m| u64::from(m.row) < row);
        let of_row = matches
            .iter()
            .skip(from)
            .take_while(|m| u64::from(m.row) == row);
        of_row.filter_map(|m| hit(&observation, m, world)).collect()
    };
    for (reject, observation) in misfits {
        swept.rejects.push(reject);
        swept.set_aside.extend(hits_of(observation));
    }
    let mut n_matched = 0;
    for mut observation in observations {
        if let Some(why) = bad_time(observation.observed_at, world) {
            swept.rejects.push(Reject {
                object: identity.object.to_owned(),
                row: observation.row,
                column: column::OBSERVED_AT,
                why,
                found: String::new(),
            });
            swept.set_aside.extend(hits_of(observation));
            continue;
        }
        classify(&mut observation, world);
        n_matched += 1;
        swept.hits.extend(hits_of(observation));
    }
    Ok(n_matched)
}

/// A time that no letter can name: after the night, or before every calendar.
fn bad_time(at: Micros, world: &World) -> Option<RejectReason> {
    if at >= world.too_late {
        return Some(RejectReason::TimeInFuture);
    }
    let is_readable = jiff::Timestamp::from_microsecond(at).is_ok();
    (!is_readable).then_some(RejectReason::BadTime)
}

/// A row that names its type of incident alone belongs to the class that RSIT has for it.
fn classify(observation: &mut Observation, world: &World) {
    if observation.classification_taxonomy.is_none() {
        let kind = observation.classification_type.as_deref();
        let class = kind.and_then(|kind| world.classes.of(kind));
        observation.classification_taxonomy = class.map(str::to_owned);
    }
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
