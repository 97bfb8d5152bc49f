//! A store that lies in every way that stores do, under the real ledger and the real hand-over:
//! whatever it does, the end is that of a store without faults.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sha2::{Digest, Sha256};
use url::Url;

use nachtwacht::deliver::{Dispatch, Handed, Outbox, Trace};
use nachtwacht::diag::{Failure, Kind};
use nachtwacht::ledger::{Holder, Ledger, Settings};
use nachtwacht::model::company::{Channel, CompanyKey};
use nachtwacht::model::ledger_record::Claim;
use nachtwacht::run::hand_over::{ByLetter, Ready, claims_to};
use nachtwacht::run::progress::Silent;
use nachtwacht::store::Place;

use crate::ledger::claim;

/// Runs of one seed that meet faults; those after them must come to the end.
const FAULTY_RUNS: u64 = 12;

/// What one run sees of a store that all runs share.
#[derive(Debug)]
struct Faulty {
    store: Arc<InMemory>,
    seed: u64,
    run: u64,
    calls: AtomicU64,
    /// Dies with this call of its own; what comes after fails.
    dies_at: u64,
    is_dead: AtomicBool,
    seen: Mutex<BTreeMap<String, u64>>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

fn dice(parts: &[&str]) -> u64 {
    let digest = Sha256::digest(parts.join("|"));
    u64::from_be_bytes(digest[..8].try_into().unwrap())
}

fn error(status: &str) -> Error {
    Error::Generic {
        store: "faulty",
        source: format!("the server answered {status}").into(),
    }
}

impl Faulty {
    fn new(store: &Arc<InMemory>, seed: u64, run: u64) -> Self {
        let dies = dice(&[&seed.to_string(), &run.to_string(), "dies"]);
        let is_mortal = run < FAULTY_RUNS && !dies.is_multiple_of(3);
        Self {
            store: Arc::clone(store),
            seed,
            run,
            calls: AtomicU64::new(0),
            dies_at: if is_mortal { 10 + dies % 90 } else { u64::MAX },
            is_dead: AtomicBool::new(false),
            seen: Mutex::default(),
        }
    }

    /// Which fault this call meets; by name and count, so that threads cannot change it.
    fn fault(&self, call: &str, path: &str) -> Result<Option<u64>> {
        if self.calls.fetch_add(1, Ordering::SeqCst) >= self.dies_at {
            self.is_dead.store(true, Ordering::SeqCst);
        }
        if self.is_dead.load(Ordering::SeqCst) {
            return Err(error("nothing: this process is dead"));
        }
        let key = format!("{call} {path}");
        let mut seen = self.seen.lock().unwrap();
        let nth = seen.entry(key.clone()).or_default();
        *nth += 1;
        let (seed, run) = (self.seed.to_string(), self.run.to_string());
        let roll = dice(&[&seed, &run, &key, &nth.to_string()]);
        let is_hit = self.run < FAULTY_RUNS && roll.is_multiple_of(14);
        Ok(is_hit.then_some(roll / 14))
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let exists = || Error::AlreadyExists {
            path: path.to_string(),
            source: "409 ConditionalRequestConflict".into(),
        };
        let precondition = || Error::Precondition {
            path: path.to_string(),
            source: "412 PreconditionFailed".into(),
        };
        match self.fault("put", path.as_ref())?.map(|f| f % 6) {
            None => self.store.put_opts(path, payload, options).await,
            // Committed, and the reply is lost; the client's own retry then says "exists".
            Some(0) => {
                let _ = self.store.put_opts(path, payload, options).await;
                Err(error("nothing: the connection was reset"))
            }
            Some(1) => {
                let _ = self.store.put_opts(path, payload, options).await;
                Err(exists())
            }
            Some(2) => Err(exists()),
            Some(3) => Err(precondition()),
            Some(4) => Err(error("429 Too Many Requests")),
            Some(_) => Err(error("500 Internal Server Error")),
        }
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let call = if options.head { "head" } else { "get" };
        let fault = self.fault(call, path.as_ref())?;
        let found = self.store.get_opts(path, options).await;
        match fault.map(|f| f % 2) {
            None => found,
            Some(0) if call == "get" => {
                let mut found = found?;
                let range = found.range.clone();
                let meta = found.meta.clone();
                let bytes = found.bytes().await?;
                let cut = bytes.slice(..bytes.len() / 2);
                found = GetResult {
                    payload: GetResultPayload::Stream(stream::iter([Ok(cut)]).boxed()),
                    meta,
                    range,
                    attributes: object_store::Attributes::default(),
                };
                Ok(found)
            }
            Some(_) => Err(error("500 Internal Server Error")),
        }
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.store.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let fault = self.fault("list", prefix.map_or("", |p| p.as_ref()))?;
        let mut found = self.store.list_with_delimiter(prefix).await?;
        match fault.map(|f| (f % 3, f / 3)) {
            None => {}
            Some((0, _)) => return Err(error("500 Internal Server Error")),
            // Stale: some of it, or its end, is not shown yet.
            Some((1, roll)) if !found.objects.is_empty() => {
                let n = u64::try_from(found.objects.len()).unwrap();
                found.objects.remove(usize::try_from(roll % n).unwrap());
            }
            Some((_, roll)) => {
                let n = u64::try_from(found.objects.len()).unwrap();
                found
                    .objects
                    .truncate(usize::try_from(roll % (n + 1)).unwrap());
            }
        }
        Ok(found)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// What really left, by reference and attempt.
type Left = Arc<Mutex<BTreeMap<String, u64>>>;

/// How an outbox can be made; both keep the trait's contract.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Make {
    /// A create-only release, as `files`: it can always tell.
    Release,
    /// A create-only mark before the act, as mail: with the mark alone nobody can tell.
    Mark,
}

struct Model<'a> {
    make: Make,
    marks: Left,
    left: Left,
    /// This run dies between the act and the answer at this letter.
    dies_at: u64,
    n_sent: AtomicU64,
    process: &'a Faulty,
    /// Another run takes over while this one stands between question and act.
    meanwhile: Option<&'a (dyn Fn() + Sync)>,
}

fn add(to: &Left, key: &str) -> u64 {
    let mut map = to.lock().unwrap();
    let n = map.entry(key.to_owned()).or_default();
    *n += 1;
    *n
}

fn key(dispatch: &Dispatch<'_>) -> String {
    format!("{} {}", dispatch.reference, dispatch.attempt)
}

impl Outbox for Model<'_> {
    fn name(&self, _: Channel) -> &'static str {
        "model"
    }

    fn trace(&self, dispatch: &Dispatch<'_>) -> std::result::Result<Trace, Failure> {
        let is_marked = self.marks.lock().unwrap().contains_key(&key(dispatch));
        Ok(match (self.make, is_marked) {
            (_, false) => Trace::NotHandedOver,
            (Make::Release, true) => Trace::HandedOver,
            (Make::Mark, true) => Trace::Unknowable,
        })
    }

    fn hand_over(&self, dispatch: &Dispatch<'_>) -> std::result::Result<Handed, Failure> {
        let n = self.n_sent.fetch_add(1, Ordering::SeqCst);
        if n == 1
            && let Some(meanwhile) = self.meanwhile
        {
            meanwhile();
        }
        let is_first = add(&self.marks, &key(dispatch)) == 1;
        let dead = || Failure::try_later("this process is dead");
        if n == self.dies_at {
            self.process.is_dead.store(true, Ordering::SeqCst);
        }
        match self.make {
            Make::Release if is_first => {
                add(&self.left, &key(dispatch));
            }
            Make::Release => {}
            Make::Mark if !is_first => {
                return Err(Failure::try_later("another run is sending this letter"));
            }
            Make::Mark => {
                add(&self.left, &key(dispatch));
            }
        }
        if n == self.dies_at {
            return Err(dead());
        }
        Ok(Handed::HandedOver)
    }
}

struct World {
    store: Arc<InMemory>,
    seed: u64,
    make: Make,
    marks: Left,
    left: Left,
    runs: AtomicU64,
}

fn settings() -> Settings {
    Settings {
        takeover_secs: 0,
        ..Settings::default()
    }
}

impl World {
    fn place(&self, process: &Arc<Faulty>) -> Place {
        let store: Arc<dyn ObjectStore> = Arc::clone(process) as _;
        Place::over(store, &Url::parse("memory:///").unwrap()).unwrap()
    }

    /// One run of a night, with whatever befalls it.
    fn run(&self, claims: &[Claim], may_be_overtaken: bool) -> std::result::Result<(), Failure> {
        let run = self.runs.fetch_add(1, Ordering::SeqCst);
        let process = Arc::new(Faulty::new(&self.store, self.seed, run));
        let place = self.place(&process);
        let who = Holder::this_process(&format!("run{run}"));
        let mut ledger = Ledger::open(&place, &settings(), &who)?;
        let roll = dice(&[&self.seed.to_string(), &run.to_string(), "outbox"]);
        let is_faulty = run < FAULTY_RUNS;
        let overtake = || {
            let _ = self.run(claims, false);
        };
        let is_overtaken = is_faulty && may_be_overtaken && roll.is_multiple_of(4);
        let outbox = Model {
            make: self.make,
            marks: Arc::clone(&self.marks),
            left: Arc::clone(&self.left),
            dies_at: if is_faulty && roll.is_multiple_of(3) {
                roll / 3 % 9
            } else {
                u64::MAX
            },
            n_sent: AtomicU64::new(0),
            process: &process,
            meanwhile: is_overtaken.then_some(&overtake as &(dyn Fn() + Sync)),
        };
        let company: CompanyKey = "kvk:00000001".parse().unwrap();
        let files = BTreeMap::new();
        let letters: ByLetter<'_> = claims
            .iter()
            .map(|c| {
                let ready = Ready {
                    company: &company,
                    recipient: "",
                    files: &files,
                };
                (c.letter_id, ready)
            })
            .collect();
        claims_to(&outbox, claims.to_vec(), &letters, &mut ledger, &Silent).map(|_| ())
    }
}

fn one_seed(seed: u64, make: Make) {
    let world = World {
        store: Arc::new(InMemory::new()),
        seed,
        make,
        marks: Left::default(),
        left: Left::default(),
        runs: AtomicU64::new(0),
    };
    let nights: Vec<Vec<Claim>> = (1..=3)
        .map(|day| (0..6).map(|n| claim(day, n)).collect())
        .collect();
    for claims in &nights {
        let mut n_runs = 0;
        while let Err(failure) = world.run(claims, true) {
            assert_eq!(failure.kind, Kind::TryLater, "seed {seed}: {failure}");
            n_runs += 1;
            assert!(
                n_runs <= FAULTY_RUNS + 1,
                "seed {seed} has no end: {failure}"
            );
        }
    }
    let sane = Arc::new(Faulty::new(&world.store, seed, FAULTY_RUNS));
    let place = world.place(&sane);
    let found = Ledger::verify(&place, &settings()).unwrap();
    let view = &found.view;
    assert_eq!(
        found.n_copied, view.last_seq,
        "seed {seed}: the copy is whole"
    );

    // The model: each letter claimed once, in order of nights, and left once.
    let mut claimed: Vec<Claim> = view.claims().cloned().collect();
    let mut expected: Vec<Claim> = nights.concat();
    claimed.sort_by_key(|c| (c.night, c.letter_id));
    expected.sort_by_key(|c| (c.night, c.letter_id));
    assert_eq!(claimed, expected, "seed {seed}");
    let unknown: Vec<String> = view
        .unknown()
        .iter()
        .map(|c| c.reference.to_string())
        .collect();
    let left = world.left.lock().unwrap();
    for claim in &expected {
        let reference = claim.reference.to_string();
        let n = left.get(&format!("{reference} 1")).copied().unwrap_or(0);
        assert!(n <= 1, "seed {seed}: {reference} left {n} times");
        let receipts = view.receipts().filter(|r| r.letter_id == claim.letter_id);
        let n_receipts = receipts.count();
        if unknown.contains(&reference) {
            assert_eq!((make, n_receipts), (Make::Mark, 0), "seed {seed}");
        } else {
            assert_eq!((n, n_receipts), (1, 1), "seed {seed}: {reference}");
        }
    }
}

fn seeds(from: u64, until: u64) {
    for seed in from..until {
        one_seed(
            seed,
            if seed % 2 == 0 {
                Make::Release
            } else {
                Make::Mark
            },
        );
    }
}

#[test]
fn a_store_that_lies_changes_nothing_in_the_first_half_of_the_seeds() {
    seeds(0, 250);
}

#[test]
fn a_store_that_lies_changes_nothing_in_the_second_half_of_the_seeds() {
    seeds(250, 500);
}

/// The faults are real: without the read-back a lost reply would end the run as a lost race.
#[test]
fn the_seeds_meet_every_kind_of_fault() {
    let store = Arc::new(InMemory::new());
    let mut kinds = std::collections::BTreeSet::new();
    let mut n_dead = 0;
    for seed in 0..500 {
        let process = Faulty::new(&store, seed, 0);
        n_dead += u64::from(process.dies_at != u64::MAX);
        for n in 0..20 {
            if let Ok(Some(f)) = process.fault("put", &n.to_string()) {
                kinds.insert(f % 6);
            }
        }
    }
    assert_eq!(kinds.len(), 6);
    assert!(n_dead > 200, "{n_dead}");
}
