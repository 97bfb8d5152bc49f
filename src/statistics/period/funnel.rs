//! From observations to letters, as the manifests of the nights say.

use serde::Deserialize;

/// Sums over the manifests of a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funnel {
    /// Nights with a final manifest.
    pub nights: u64,
    /// Nights that ended, but whose manifest is gone.
    pub nights_without_manifest: u64,
    /// Rows of observations read.
    pub read: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Rows about nobody that is registered.
    pub unmatched: u64,
    /// Rows about a company.
    pub matched: u64,
    /// Matched rows below the policy, suppressed, held and in letters: together `matched`.
    pub below_policy: u64,
    /// See `below_policy`.
    pub suppressed: u64,
    /// See `below_policy`.
    pub held: u64,
    /// See `below_policy`.
    pub in_letters: u64,
    /// Letters that the nights held; one that is held on two nights counts twice.
    pub letters_held: u64,
    /// Letters that the nights sent.
    pub letters_sent: u64,
    /// Letters that brakes held until a person looked; again, each night counts.
    pub letters_held_by_brakes: u64,
}

#[derive(Deserialize)]
struct Manifest {
    counts: Counts,
    letters: Letters,
    /// Absent from those of before it was written down.
    #[serde(default)]
    letters_held_by_brakes: u64,
}

#[derive(Deserialize)]
struct Counts {
    read: u64,
    rejected: u64,
    unmatched: u64,
    matched: u64,
    below_policy: u64,
    suppressed: u64,
    held: u64,
    in_letters: u64,
}

#[derive(Deserialize)]
struct Letters {
    sent: u64,
    held: u64,
}

impl Counts {
    /// So many of these rows are in letters of an earlier plan of the night.
    fn told_before(&mut self, n: u64) {
        let n = n.min(self.suppressed);
        self.suppressed -= n;
        self.in_letters += n;
    }
}

impl Funnel {
    /// Column names, in order.
    pub const NAMES: &'static [&'static str] = &[
        "nights",
        "nights_without_manifest",
        "read",
        "rejected",
        "unmatched",
        "matched",
        "below_policy",
        "suppressed",
        "held",
        "in_letters",
        "letters_held",
        "letters_sent",
        "letters_held_by_brakes",
    ];

    /// The values, in the order of [`Funnel::NAMES`].
    #[must_use]
    pub fn values(&self) -> Vec<u64> {
        vec![
            self.nights,
            self.nights_without_manifest,
            self.read,
            self.rejected,
            self.unmatched,
            self.matched,
            self.below_policy,
            self.suppressed,
            self.held,
            self.in_letters,
            self.letters_held,
            self.letters_sent,
            self.letters_held_by_brakes,
        ]
    }

    /// Adds a night's `manifest.json` and those of its revisions, in their order; `None` where one
    /// is gone.
    ///
    /// A row has its best outcome. What an earlier plan of the night wrote about is suppressed in a
    /// later one, since it is known by then: it is in letters all the same.
    ///
    /// # Errors
    /// What cannot be read in it.
    pub fn add(&mut self, manifests: &[Option<impl AsRef<[u8]>>]) -> Result<(), String> {
        let Some((Some(newest), earlier)) = manifests.split_last() else {
            self.nights_without_manifest += 1;
            return Ok(());
        };
        let read = |bytes: &[u8]| -> Result<Manifest, String> {
            serde_json::from_slice(bytes).map_err(|e| e.to_string())
        };
        let Manifest {
            mut counts,
            letters,
            letters_held_by_brakes,
        } = read(newest.as_ref())?;
        self.letters_sent += letters.sent;
        self.letters_held_by_brakes += letters_held_by_brakes;
        for bytes in earlier.iter().flatten() {
            let manifest = read(bytes.as_ref())?;
            counts.told_before(manifest.counts.in_letters);
            // What brakes held is said by night, not by plan: the newest manifest has it all.
            self.letters_sent += manifest.letters.sent;
        }
        self.nights += 1;
        self.read += counts.read;
        self.rejected += counts.rejected;
        self.unmatched += counts.unmatched;
        self.matched += counts.matched;
        self.below_policy += counts.below_policy;
        self.suppressed += counts.suppressed;
        self.held += counts.held;
        self.in_letters += counts.in_letters;
        self.letters_held += letters.held;
        Ok(())
    }

    /// Do the sums close: every row once?
    #[must_use]
    pub const fn closes(&self) -> bool {
        self.read == self.rejected + self.unmatched + self.matched
            && self.matched == self.below_policy + self.suppressed + self.held + self.in_letters
    }
}
