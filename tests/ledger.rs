//! The ledger by itself: damage, the run lock, takeover, parts, a full disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use nachtwacht::diag::{Failure, Kind};
use nachtwacht::ledger::{Holder, Ledger, Settings, Verified};
use nachtwacht::model::alias::{Alias, Followed};
use nachtwacht::model::company::{Channel, CompanyKey, PartyKind};
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::hold::Superseded;
use nachtwacht::model::identity::{FindingId, Item, LetterId, PartyRef, Reference, Secret};
use nachtwacht::model::ledger_record::{
    AttemptKey, Claim, ClaimItem, Frozen, LedgerView, Numbered, PinnedNight, ReceiptState, Record,
};
use nachtwacht::model::night::Night;
use nachtwacht::model::threat::Urgency;
use nachtwacht::store::{self, Place};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use url::Url;

/// A claim of the night of that day in March 2026; `n` tells letters apart.
pub fn claim(day: u8, n: u32) -> Claim {
    let night: Night = format!("2026-03-{day:02}").parse().unwrap();
    let company: CompanyKey = format!("kvk:{n:08}").parse().unwrap();
    let secret = Secret::new(b"0123456789abcdef");
    let finding_id = format!("{:032x}", u64::from(n) * 100 + u64::from(day))
        .parse()
        .unwrap();
    let item = Item {
        threat_id: "exposed-rdp".into(),
        trigger_id: "t".into(),
        finding_id,
        kind: ItemKind::First,
    };
    let letter_id = LetterId::of(&company, std::slice::from_ref(&item));
    Claim {
        letter_id,
        reference: Reference::of(&secret, night, letter_id),
        night,
        party_ref: PartyRef::of(&secret, &company),
        frozen: Arc::new(Frozen {
            party_kind: PartyKind::Participant,
            participant: true,
            sector: "62".into(),
            sector_scheme: "sbi2008".into(),
            size_class: "10-49".into(),
            province: "Utrecht".into(),
        }),
        channel: Channel::Email,
        contact_ref: None,
        attempt: 1,
        items: [ClaimItem {
            threat_id: item.threat_id.into(),
            trigger_id: item.trigger_id.into(),
            finding_id,
            kind: ItemKind::First,
            urgency: Urgency::Normal,
            feed: "shadowserver".into(),
            asset_ref: PartyRef::of(&secret, &company),
            first_observed_at: 1,
            observed_at: 1,
            evidence: nachtwacht::model::ledger_record::Evidence::default(),
        }]
        .into(),
        overview_of: Box::default(),
    }
}

fn place(folder: &Path) -> Place {
    let url = Url::from_directory_path(folder).unwrap();
    Place::open(&url, &store::Settings::default(), &BTreeMap::new()).unwrap()
}

fn who(run: &str) -> Holder {
    Holder::this_process(run)
}

/// The same run on a machine that nobody can look into.
fn elsewhere(run: &str) -> Holder {
    Holder {
        host: "other".into(),
        boot_id: "another boot".into(),
        ..Holder::this_process(run)
    }
}

fn patient(secs: u64) -> Settings {
    Settings {
        takeover_secs: secs,
        ..Settings::default()
    }
}

fn append(ledger: &mut Ledger, n: u32) -> Result<u64, Failure> {
    let records = vec![Record::from(claim(1, n)), Record::from(claim(2, n))];
    ledger.append(records, &mut |_, r| r).map(|a| a.seq)
}

fn filled(folder: &Path, n: u32) {
    let mut ledger = Ledger::open(&place(folder), &patient(600), &who("filler")).unwrap();
    for i in 1..=n {
        append(&mut ledger, i).unwrap();
    }
}

fn refused(folder: &Path, settings: &Settings) -> Failure {
    let failure = Ledger::open(&place(folder), settings, &who("reader"))
        .err()
        .unwrap_or_else(|| panic!("the ledger was opened"));
    assert!(Ledger::read_only(&place(folder), settings).is_err());
    assert!(Ledger::verify(&place(folder), settings).is_err());
    failure
}

#[test]
fn every_flipped_byte_every_cut_and_every_missing_number_is_found() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3);
    for seq in 1..=3 {
        let file = folder.path().join(format!("ledger/{seq:012}.jsonl"));
        let whole = fs::read(&file).unwrap();
        let check = |what: &str| {
            let found = Ledger::read_only(&place(folder.path()), &patient(600));
            let failure = found
                .err()
                .unwrap_or_else(|| panic!("{seq}: {what} is not found"));
            assert_eq!(failure.kind, Kind::FixData, "{failure}");
            let text = failure.to_string();
            assert!(
                text.contains(&format!("{seq:012}")) || text.contains(&format!("{:012}", seq + 1)),
                "{text}"
            );
            assert!(text.contains("nothing was sent"), "{text}");
        };
        for at in (0..whole.len()).step_by(if seq == 2 { 1 } else { 5 }) {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&file, flipped).unwrap();
            check(&format!("a flipped bit at {at}"));
        }
        for len in (0..whole.len()).step_by(7) {
            fs::write(&file, &whole[..len]).unwrap();
            check(&format!("a cut after {len}"));
        }
        fs::remove_file(&file).unwrap();
        check("a missing object");
        fs::write(&file, whole).unwrap();
    }
    Ledger::verify(&place(folder.path()), &patient(600)).unwrap();
}

#[test]
fn an_older_copy_laid_back_is_found_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 5);
    let before = Ledger::verify(&place(folder.path()), &patient(600)).unwrap();
    for seq in 3..=5 {
        fs::remove_file(folder.path().join(format!("ledger/{seq:012}.jsonl"))).unwrap();
    }
    let text = refused(folder.path(), &patient(600)).to_string();
    assert!(
        text.contains("ends at number 2") && text.contains("to number 5"),
        "{text}"
    );
    assert!(text.contains("ledger restore"), "{text}");
    let settings = patient(600);
    let restored = Ledger::restore(&place(folder.path()), &settings, &who("person")).unwrap();
    assert_eq!(restored, [3, 4, 5]);
    let after = Ledger::verify(&place(folder.path()), &settings).unwrap();
    assert_eq!(
        (before.view, before.head_sha256.clone()),
        (after.view, after.head_sha256)
    );
    // Both laid back: only a head that was noted outside can tell.
    for prefix in ["ledger", "ledger-copy"] {
        for seq in 4..=5 {
            fs::remove_file(folder.path().join(format!("{prefix}/{seq:012}.jsonl"))).unwrap();
        }
    }
    Ledger::verify(&place(folder.path()), &settings).unwrap();
    let head = format!("5:{}", before.head_sha256);
    let failure = Verified::expect(&place(folder.path()), &settings, &head).unwrap_err();
    assert!(failure.to_string().contains("laid back"), "{failure}");
}

#[test]
fn a_part_holds_the_same_bytes_and_its_damage_is_found() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 6);
    let settings = patient(600);
    let before = Ledger::read_only(&place(folder.path()), &settings).unwrap();
    {
        let mut ledger = Ledger::open(&place(folder.path()), &settings, &who("a")).unwrap();
        assert_eq!(
            ledger.compact(true).unwrap(),
            None,
            "six are not worth a part"
        );
        assert_eq!(ledger.compact(false).unwrap(), Some((1, 6)));
        append(&mut ledger, 7).unwrap();
    }
    let part = folder
        .path()
        .join("ledger/parts/000000000001-000000000006.parquet");
    let found = Ledger::verify(&place(folder.path()), &settings).unwrap();
    assert_eq!((found.n_compacted, found.view.last_seq), (6, 7));
    assert_eq!(found.view.as_of(6), before);
    let bytes = fs::read(&part).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes.clone())).unwrap();
    let rows = reader.metadata().file_metadata().num_rows();
    assert_eq!(rows, 6 * 3, "a header and two claims an object");
    let mut cut = bytes.clone();
    cut.truncate(bytes.len() / 2);
    fs::write(&part, cut).unwrap();
    let failure = refused(folder.path(), &settings);
    assert!(
        failure.to_string().contains("move this part away"),
        "{failure}"
    );
    fs::remove_file(&part).unwrap();
    // The part's own bytes below the name of a longer one.
    let longer = part.with_file_name("000000000001-000000000007.parquet");
    fs::write(&longer, &bytes).unwrap();
    let failure = refused(folder.path(), &settings).to_string();
    assert!(
        failure.contains("it ends with object 6, and its name says 7"),
        "{failure}"
    );
    fs::remove_file(&longer).unwrap();
    // Names that only look like a part's, and one that ends where numbers do, are passed over.
    for stray in ["1-6", "+1-6", "000000000008-18446744073709551615"] {
        fs::write(part.with_file_name(format!("{stray}.parquet")), b"no part").unwrap();
    }
    let read = Ledger::read_only(&place(folder.path()), &settings).unwrap();
    assert_eq!(read.last_seq, 7);
    let whole = "000000000001-18446744073709551615.parquet";
    fs::write(part.with_file_name(whole), b"no part").unwrap();
    refused(folder.path(), &settings);
}

#[test]
fn objects_longer_than_what_is_unpacked_at_once_are_read_whole_from_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let settings = patient(600);
    {
        let mut ledger = Ledger::open(&place(folder.path()), &settings, &who("a")).unwrap();
        for n_records in [700, 2_500, 1, 1_024] {
            let records = (1..=n_records).map(|n| Record::from(claim(1, n)));
            ledger.append(records.collect(), &mut |_, r| r).unwrap();
        }
    }
    let before = Ledger::read_only(&place(folder.path()), &settings).unwrap();
    {
        let mut ledger = Ledger::open(&place(folder.path()), &settings, &who("b")).unwrap();
        assert_eq!(ledger.compact(false).unwrap(), Some((1, 4)));
    }
    let found = Ledger::verify(&place(folder.path()), &settings).unwrap();
    assert_eq!(found.n_compacted, 4);
    let after = Ledger::read_only(&place(folder.path()), &settings).unwrap();
    assert_eq!(after, before);
}

proptest! {
    /// Against a table of all receipts: in any order, several of one attempt, some without a claim;
    /// some nights are given up. What was not sent ends as the next attempt, if there is one.
    #[test]
    fn unknown_and_lost_letters_are_those_of_a_table_of_all_receipts(
        claimed in prop::collection::vec((1u8..7, 1u32..3), 0..12),
        told in prop::collection::vec((1u8..8, 1u32..3, 0usize..ReceiptState::ALL.len()), 0..20),
        gone in prop::collection::vec(1u8..7, 0..3),
        seed in any::<u64>(),
    ) {
        let at_attempt = |n: u8, attempt| Claim { attempt, ..claim(n, n.into()) };
        let claims = claimed.iter().map(|&(n, attempt)| Record::from(at_attempt(n, attempt)));
        let receipts = told.iter().map(|&(n, attempt, state)| {
            at_attempt(n, attempt).receipt(ReceiptState::ALL[state], "files")
        });
        let gone = gone.iter().map(|&n| {
            let night = claim(n, n.into()).night;
            Record::from(Superseded { night, revision: 0, by: night })
        });
        let mut records: Vec<Record> = claims.chain(receipts).chain(gone).collect();
        records.sort_by_cached_key(|r| {
            let mut hash = std::hash::DefaultHasher::new();
            (seed, format!("{r:?}")).hash(&mut hash);
            hash.finish()
        });
        let numbered = (1..).zip(records).map(|(seq, record)| Numbered { seq, record });
        let view = LedgerView { last_seq: 99, records: numbered.collect() };
        let last: BTreeMap<AttemptKey, ReceiptState> =
            view.receipts().map(|r| (r.key(), r.state)).collect();
        let mut listed = BTreeSet::new();
        let is_unknown = |c: &&Claim| !last.contains_key(&c.key()) && listed.insert(c.key());
        let unknown: Vec<&Claim> = view.claims().filter(is_unknown).collect();
        prop_assert_eq!(view.unknown(), unknown);
        let is_over = |key: &AttemptKey| {
            let gone = view.records.iter().rposition(
                |r| matches!(&r.record, Record::Superseded(s) if s.night == key.1),
            );
            let before = view.records.iter().take(gone.unwrap_or(0));
            before.map(|r| &r.record).any(|r| matches!(r, Record::Claim(c) if c.key() == *key))
        };
        let became = |key: &AttemptKey| match last.get(key) {
            Some(ReceiptState::NotSent) => None,
            state => state.filter(|s| matches!(s, ReceiptState::Failed | ReceiptState::Bounced)),
        };
        let lost = last.iter().filter_map(|(key, state)| {
            let next = (key.0, key.1, key.2 + 1);
            let not_sent = *state == ReceiptState::NotSent;
            let next_is_over = last.get(&next) == Some(&ReceiptState::NotSent) && is_over(&next);
            let state = match became(key).copied() {
                None if not_sent => became(&next)
                    .copied()
                    .or((next_is_over || is_over(key)).then_some(ReceiptState::NotSent)),
                state => state,
            };
            Some((*key, state?))
        });
        prop_assert_eq!(view.lost(), lost.collect());
    }
}

#[test]
fn the_second_run_names_the_first_and_waits_for_its_silence() {
    let folder = tempfile::tempdir().unwrap();
    let settings = patient(600);
    let first = Ledger::open(&place(folder.path()), &settings, &elsewhere("first")).unwrap();
    let second = Ledger::open(&place(folder.path()), &settings, &who("second"));
    let failure = second.err().unwrap();
    assert_eq!(failure.kind.exit_code(), 3);
    let text = failure.to_string();
    assert!(
        text.contains("run first on other") && text.contains("more seconds of silence"),
        "{text}"
    );
    drop(first);
    Ledger::open(&place(folder.path()), &settings, &who("third")).unwrap();
}

/// Silence is measured between two times of the store. What the hosts' clocks say does not
/// matter: files get their times here as a store with a clock of its own would give them.
#[test]
fn clocks_of_hosts_do_not_matter_and_a_store_whose_clock_turns_back_takes_nothing_over() {
    for (ago_secs, is_taken) in [
        (601i64, true),
        (86_400, true),
        (599, false),
        (-86_400, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let first =
            Ledger::open(&place(folder.path()), &patient(600), &elsewhere("first")).unwrap();
        let lock = fs::File::open(folder.path().join("ledger/lock/000000000001.json")).unwrap();
        let then = lock.metadata().unwrap().modified().unwrap();
        let shifted = if ago_secs < 0 {
            then + Duration::from_secs(ago_secs.unsigned_abs())
        } else {
            then - Duration::from_secs(ago_secs.unsigned_abs())
        };
        lock.set_modified(shifted).unwrap();
        let second = Ledger::open(&place(folder.path()), &patient(600), &who("second"));
        assert_eq!(second.is_ok(), is_taken, "{ago_secs} s ago");
        drop(first);
    }
}

#[test]
fn a_run_that_was_replaced_cannot_write_and_what_it_wrote_before_stands() {
    let folder = tempfile::tempdir().unwrap();
    let settings = patient(0);
    let mut old = Ledger::open(&place(folder.path()), &settings, &elsewhere("old")).unwrap();
    append(&mut old, 1).unwrap();
    let mut new = Ledger::open(&place(folder.path()), &settings, &who("new")).unwrap();
    // Until the successor's first object the old run's claims decide.
    append(&mut old, 2).unwrap();
    let mut seen = 0;
    let done = new.append(
        vec![Record::from(claim(1, 2)), Record::from(claim(1, 3))],
        &mut |view, records| {
            seen = view.claims().count();
            let claimed: Vec<_> = view.claims().map(|c| c.letter_id).collect();
            records
                .into_iter()
                .filter(|r| matches!(r, Record::Claim(c) if !claimed.contains(&c.letter_id)))
                .collect()
        },
    );
    assert_eq!((done.unwrap().n_records, seen), (1, 4));
    let failure = append(&mut old, 4).unwrap_err();
    assert_eq!(failure.kind.exit_code(), 3);
    assert!(
        failure.to_string().contains("took the ledger over"),
        "{failure}"
    );
    assert!(old.check_held().is_err(), "and it may hand nothing over");
    let view = Ledger::read_only(&place(folder.path()), &settings).unwrap();
    assert_eq!(view.claims().count(), 5);
}

/// The heartbeat keeps a slow run alive, and tells a replaced one to stop.
#[test]
fn a_run_that_beats_is_not_replaced_and_one_that_is_replaced_learns_it() {
    let folder = tempfile::tempdir().unwrap();
    // Wide margins: a busy machine may hold a thread up for a second.
    let settings = patient(4);
    let slow = Ledger::open(&place(folder.path()), &settings, &elsewhere("slow")).unwrap();
    std::thread::sleep(Duration::from_millis(5200));
    assert!(Ledger::open(&place(folder.path()), &settings, &who("eager")).is_err());
    slow.check_held().unwrap();
    let _new = Ledger::open(&place(folder.path()), &patient(0), &who("new")).unwrap();
    let is_told = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        slow.check_held().is_err()
    });
    assert!(is_told);
}

#[test]
fn eight_threads_at_once_have_one_winner() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let held: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..8)
                .map(|n| {
                    let place = place.clone();
                    scope.spawn(move || {
                        Ledger::open(&place, &patient(600), &elsewhere(&format!("r{n}")))
                    })
                })
                .collect();
            runs.into_iter().map(|r| r.join().unwrap()).collect()
        });
        let n_won = held.iter().filter(|h| h.is_ok()).count();
        assert_eq!(n_won, 1);
        assert!(
            held.iter()
                .filter_map(|h| h.as_ref().err())
                .all(|f| f.kind == Kind::TryLater)
        );
    }
}

/// A full disk is a reason to run again, and tears nothing. Needs a small file system of its own.
#[test]
fn a_full_disk_tears_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(folder.path())
        .output()
        .is_ok_and(|o| o.status.success());
    if !mounted {
        println!("SKIPPED: this machine lets nobody mount a small file system");
        return;
    }
    let outcome = std::panic::catch_unwind(|| fill_up(folder.path()));
    Command::new("umount").arg(folder.path()).status().unwrap();
    outcome.unwrap();
}

fn fill_up(folder: &Path) {
    let settings = patient(600);
    let mut n_written = 0;
    {
        let mut ledger = Ledger::open(&place(folder), &settings, &who("filler")).unwrap();
        let failure = loop {
            match append(&mut ledger, n_written + 1) {
                Ok(_) => n_written += 1,
                Err(failure) => break failure,
            }
            assert!(n_written < 10_000, "the disk has no end");
        };
        assert_eq!(failure.kind, Kind::TryLater, "{failure}");
        assert!(failure.to_string().contains("disk's space"), "{failure}");
    }
    assert!(n_written > 10);
    // The last claim may stand without its copy: durable, and nothing was handed over for it.
    let view = Ledger::read_only(&place(folder), &settings).unwrap();
    assert!((u64::from(n_written)..=u64::from(n_written) + 1).contains(&view.last_seq));
    Command::new("mount")
        .args(["-o", "remount,size=4m"])
        .arg(folder)
        .status()
        .unwrap();
    // There was no room to say that the lock is released, and this very process lives on.
    let mut ledger = Ledger::open(&place(folder), &patient(0), &who("next")).unwrap();
    append(&mut ledger, n_written + 2).unwrap();
    drop(ledger);
    let found = Ledger::verify(&place(folder), &settings).unwrap();
    assert_eq!(found.n_copied, found.view.last_seq);
}

/// A ledger that an earlier version of this program wrote. Never change these bytes.
#[test]
fn a_ledger_of_version_1_is_read_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("ledger")).unwrap();
    let golden = crate::harness::root().join("tests/golden/ledger-v1");
    for seq in 1..=4 {
        let name = format!("{seq:012}.jsonl");
        fs::copy(golden.join(&name), folder.path().join("ledger").join(&name)).unwrap();
    }
    // Its part and the columns of that, as they were made when columns came.
    let part = "parts/000000000001-000000000004";
    fs::create_dir_all(folder.path().join("ledger").join(part)).unwrap();
    let mut names = vec![format!("{part}.parquet")];
    for file in fs::read_dir(golden.join(part)).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        names.push(format!("{part}/{file}"));
    }
    assert_eq!(names.len(), 6);
    for name in names {
        fs::copy(golden.join(&name), folder.path().join("ledger").join(&name)).unwrap();
    }
    // Older ledgers have no copy yet: the next run makes it.
    drop(Ledger::open(&place(folder.path()), &patient(600), &who("next")).unwrap());
    let found = Ledger::verify(&place(folder.path()), &patient(600)).unwrap();
    assert_eq!(found.view.last_seq, 4);
    let (n, r) = (found.view.claims().count(), found.view.receipts().count());
    assert_eq!((n, r), (29, 29));
    // Made anew out of the lines they say the same: what a column means never changes.
    assert_eq!(found.n_as_columns, 4);
    assert_eq!(found.view.nights().count(), 1);
}

/// Lines of the kinds that came with aliases, written by hand: they are read for ever, and written so.
#[test]
fn an_alias_and_what_a_night_follows_are_lines_without_a_key_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let golden = crate::harness::root().join("tests/golden/ledger-v1-alias");
    let lines = |path: &Path| -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    let hash = |n: u8| PartyRef([n; 32]);
    let alias = Alias {
        former: hash(0xaa),
        party: hash(0xbb),
        by: "operator".into(),
        at: 1_772_323_200_000_000,
    };
    let pin = PinnedNight {
        night: "2026-03-10".parse().unwrap(),
        revision: 0,
        run_id: "r".into(),
        ledger_seq: 1,
        job_sha256: "00".into(),
        max_letters: None,
        snapshots: vec![],
        inputs: vec![],
        followed: vec![Followed {
            former: hash(0xaa),
            findings: vec![(FindingId([1; 16]), FindingId([2; 16]))],
        }],
    };
    let records = vec![Record::from(alias), Record::from(pin)];
    let mut ledger = Ledger::open(&place(folder.path()), &patient(0), &who("w")).unwrap();
    ledger.append(records.clone(), &mut |_, r| r).unwrap();
    drop(ledger);
    let name = "000000000001.jsonl";
    let written = folder.path().join("ledger").join(name);
    assert_eq!(lines(&written), lines(&golden.join(name)));
    fs::copy(golden.join(name), &written).unwrap();
    fs::copy(
        golden.join(name),
        folder.path().join("ledger-copy").join(name),
    )
    .unwrap();
    let found = Ledger::verify(&place(folder.path()), &patient(0)).unwrap();
    let read: Vec<Record> = found.view.records.into_iter().map(|r| r.record).collect();
    assert_eq!(read, records);
}
