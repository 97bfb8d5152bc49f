//! `STOP`, set at random moments while letters go: none starts more than a second later.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nachtwacht::deliver::{Dispatch, Guarded, Handed, Outbox, Stop, Trace};
use nachtwacht::diag::{Failure, Kind};
use nachtwacht::ledger::{Holder, Ledger, Settings};
use nachtwacht::model::company::{Channel, CompanyKey};
use nachtwacht::run::hand_over::{ByLetter, Ready, claims_to};
use nachtwacht::run::progress::Silent;
use nachtwacht::store::{self, Place};
use url::Url;

use crate::ledger::claim;

static STARTED: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

/// Takes a letter in some milliseconds, and notes when it began.
struct Slow;

impl Outbox for Slow {
    fn name(&self, _: Channel) -> &'static str {
        "slow"
    }
    fn lanes(&self, _: Channel) -> usize {
        4
    }
    fn trace(&self, dispatch: &Dispatch<'_>) -> Result<Trace, Failure> {
        let started = STARTED.lock().unwrap();
        let is_there = started.iter().any(|(name, _)| *name == dispatch.name());
        Ok(if is_there {
            Trace::HandedOver
        } else {
            Trace::NotHandedOver
        })
    }
    fn hand_over(&self, dispatch: &Dispatch<'_>) -> Result<Handed, Failure> {
        STARTED
            .lock()
            .unwrap()
            .push((dispatch.name(), Instant::now()));
        std::thread::sleep(Duration::from_millis(12));
        Ok(Handed::HandedOver)
    }
}

#[test]
fn set_at_random_moments_no_letter_starts_a_second_later_and_all_go_in_the_end() {
    const LETTERS: u32 = 120;
    let (mut longest, mut n_stopped) = (Duration::ZERO, 0);
    for round in 0..12u8 {
        STARTED.lock().unwrap().clear();
        let folder = tempfile::tempdir().unwrap();
        let base = Url::from_directory_path(folder.path()).unwrap();
        let place = Place::open(&base, &store::Settings::default(), &BTreeMap::new()).unwrap();
        let claims: Vec<_> = (0..LETTERS).map(|n| claim(round + 1, n)).collect();
        let (company, files): (CompanyKey, _) = ("kvk:00000001".parse().unwrap(), BTreeMap::new());
        let ready = Ready {
            company: &company,
            recipient: "",
            files: &files,
        };
        let letters: ByLetter<'_> = claims.iter().map(|c| (c.letter_id, ready)).collect();
        let run = |name: &str| {
            let settings = Settings {
                takeover_secs: 0,
                ..Settings::default()
            };
            let who = Holder::this_process(name);
            let mut ledger = Ledger::open(&place, &settings, &who).unwrap();
            let stop = Stop::new(place.clone(), "STOP".into());
            let outbox = Guarded::new(Box::new(Slow), stop);
            let ended = claims_to(&outbox, claims.clone(), &letters, &mut ledger, &Silent);
            let receipts = ledger.view().receipts().count();
            (ended, receipts)
        };
        let path = folder.path().join("STOP");
        // By letters, not by the clock: a fast machine would be done before.
        let n_before = 3 + 4 * usize::from(round);
        let (set_at, (ended, n_receipts)) = std::thread::scope(|scope| {
            let setter = scope.spawn(|| {
                while STARTED.lock().unwrap().len() < n_before {
                    std::thread::sleep(Duration::from_millis(1));
                }
                fs::write(&path, b"").unwrap();
                Instant::now()
            });
            let ran = run("a");
            (setter.join().unwrap(), ran)
        });
        let started = STARTED.lock().unwrap().clone();
        for (_, at) in &started {
            longest = longest.max(at.saturating_duration_since(set_at));
        }
        // What left is written down, whatever stopped the others.
        assert_eq!(n_receipts, started.len());
        if let Err(failure) = ended {
            assert_eq!(failure.kind, Kind::FixJob, "{failure}");
            assert!(failure.to_string().contains("STOP"), "{failure}");
            n_stopped += 1;
            let (again, _) = run("b");
            assert!(again.is_err() && STARTED.lock().unwrap().len() == started.len());
        }
        fs::remove_file(&path).unwrap();
        let (last, n_receipts) = run("c");
        last.unwrap();
        let mut names: Vec<String> = STARTED
            .lock()
            .unwrap()
            .iter()
            .map(|s| s.0.clone())
            .collect();
        names.sort();
        names.dedup();
        assert_eq!((names.len(), n_receipts), (120, 120), "all of them, once");
        assert_eq!(STARTED.lock().unwrap().len(), 120);
    }
    assert!(
        longest < Duration::from_secs(1),
        "a letter started {longest:?} after STOP"
    );
    assert!(n_stopped > 5, "STOP came too late {n_stopped} of 12 times");
    println!("a letter started {longest:?} after STOP at most; stopped {n_stopped} of 12 runs");
}

/// A store that does not answer counts as STOP: no letter starts, and it is not waited for longer
/// than was said.
#[test]
fn a_store_that_is_silent_counts_as_stop() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let env = [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".into()),
        ("AWS_REGION", "us-east-1".into()),
        ("AWS_ACCESS_KEY_ID", "k".into()),
        ("AWS_SECRET_ACCESS_KEY", "s".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let base = Url::parse("s3://night/base/").unwrap();
    let env: BTreeMap<String, String> = env.into_iter().collect();
    let place = Place::open(&base, &store::Settings::default(), &env).unwrap();
    let began = Instant::now();
    let stop = Stop::new(place, "STOP".into()).patience(Duration::from_millis(1_500));
    let failure = stop.check().unwrap_err();
    let took = began.elapsed();
    assert_eq!(failure.kind, Kind::TryLater, "{failure}");
    assert!(
        failure.to_string().contains("no letter starts"),
        "{failure}"
    );
    let second_look_ends = Duration::from_millis(2_000);
    assert!(took >= second_look_ends, "asked again: {took:?}");
    assert!(took < Duration::from_millis(3_500), "{took:?}");
}
