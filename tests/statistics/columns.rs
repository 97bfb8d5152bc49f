//! The columns of the ledger's parts: the same figures as from its lines, and no trust in what was
//! changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::date;
use nachtwacht::diag::{Failure, Kind};
use nachtwacht::ledger::{Holder, Ledger, Settings, Streamed};
use nachtwacht::model::columns::Columns;
use nachtwacht::model::decision::ItemKind;
use nachtwacht::model::encoder::Encoder;
use nachtwacht::model::hold::Baseline;
use nachtwacht::model::identity::{FindingId, PartyRef, Secret};
use nachtwacht::model::ledger_record::{Claim, Erased, Final, Numbered, ReceiptState, Record};
use nachtwacht::model::night::Night;
use nachtwacht::model::sighting::{Gone, Sightings};
use nachtwacht::statistics::period::{Axis, Follow, Gather, Span, count, delivery};
use nachtwacht::store::{self, Place};

use super::guard::Dice;
use super::{claim, figures, one};

const DAY_US: i64 = 86_400_000_000;

fn night(day: i64) -> Night {
    Night::new(date(2021, 9, 1) + jiff::Span::new().days(day))
}

fn finding(n: u64) -> FindingId {
    FindingId::of(&format!("finding {n}"))
}

/// Two years in objects of any size: letters with several findings, second tries, receipts that
/// come late or before their claim, claims that stand twice, letters that come back, findings that
/// are gone and back, and records of other kinds.
pub fn objects(seed: u64, n_nights: u64) -> Vec<Vec<Record>> {
    let mut dice = Dice(seed);
    let mut records = Vec::new();
    let mut waiting: Vec<(u64, Record)> = Vec::new();
    for day in (0..n_nights).map(|n| n * 730 / n_nights) {
        let tonight = night(i64::try_from(day).unwrap());
        let (due, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(d, _)| *d <= day);
        waiting = later;
        records.extend(due.into_iter().map(|(_, r)| r));
        for _ in 0..dice.below(7) {
            letter(&mut dice, day, tonight, &mut records, &mut waiting);
        }
        end(&mut dice, tonight, &mut records);
    }
    let mut objects = Vec::new();
    while !records.is_empty() {
        let n = usize::try_from(1 + dice.below(9))
            .unwrap()
            .min(records.len());
        objects.push(records.drain(..n).collect());
    }
    objects
}

fn letter(
    dice: &mut Dice,
    day: u64,
    tonight: Night,
    records: &mut Vec<Record>,
    waiting: &mut Vec<(u64, Record)>,
) {
    let company = dice.below(40);
    let mut claim = claim(&one(u8::try_from(company).unwrap(), 0, vec![]));
    let mut items = Vec::new();
    let sketch = one(0, 0, vec![(0, 0, 0, 0)]);
    for _ in 0..=dice.below(4) {
        let (n, trigger) = (dice.below(12), dice.below(6));
        let mut item = super::claim(&sketch).items[0].clone();
        item.finding_id = finding(company * 100 + n);
        item.threat_id = format!("threat-{}", n % 4).into();
        item.trigger_id = format!("2021-{trigger:02}").into();
        item.asset_ref = PartyRef([u8::try_from(company * 3 + n / 5).unwrap(); 32]);
        item.kind = ItemKind::ALL[usize::try_from(dice.below(5)).unwrap()];
        item.feed = ["shadowserver", "partner"][usize::try_from(n % 2).unwrap()].into();
        let at = i64::try_from(18_871 + day).unwrap() * DAY_US;
        item.observed_at = at + i64::try_from(dice.below(90_000_000_000)).unwrap();
        item.first_observed_at = at - i64::try_from(dice.below(30)).unwrap() * DAY_US / 3;
        items.push(item);
    }
    claim.items = items.into();
    claim.night = tonight;
    claim.letter_id.0[..8].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
    Arc::make_mut(&mut claim.frozen).province =
        ["Utrecht", "Drenthe", ""][usize::try_from(dice.below(3)).unwrap()].into();
    let receipt = |claim: &Claim, state| claim.receipt(state, "files");
    let told = receipt(&claim, ReceiptState::HandedOver);
    if dice.below(20) == 0 {
        // Never written by a run; a reader passes it over.
        records.push(told.clone());
    }
    records.push(Record::from(claim.clone()));
    if dice.below(15) == 0 {
        records.push(Record::from(claim.clone()));
    }
    match dice.below(10) {
        0 => waiting.push((day + dice.below(30), told)),
        1 => {
            records.push(told);
            let back = receipt(&claim, ReceiptState::Bounced);
            waiting.push((day + dice.below(40), back));
            let again = Claim {
                attempt: 2,
                night: tonight,
                ..claim
            };
            waiting.push((day + 40, Record::from(again.clone())));
            waiting.push((day + 40, receipt(&again, ReceiptState::HandedOver)));
        }
        2 => {
            records.push(receipt(&claim, ReceiptState::Failed));
            let again = Claim {
                attempt: 2,
                ..claim
            };
            records.push(Record::from(again.clone()));
            records.push(receipt(&again, ReceiptState::HandedOver));
            if dice.below(2) == 0 {
                records.push(receipt(&again, ReceiptState::Bounced));
            }
        }
        3 => {}
        // Nights in which receipts have another order than claims.
        4 => waiting.push((day + 1, told)),
        _ => records.push(told),
    }
}

/// The end of a night: figures, mostly with sightings at once; now and then other records.
fn end(dice: &mut Dice, tonight: Night, records: &mut Vec<Record>) {
    records.push(Record::from(Final {
        night: tonight,
        revision: u32::try_from(dice.below(2)).unwrap(),
        run_id: format!("run-{}", dice.below(1000)),
    }));
    if dice.below(10) > 0 {
        records.push(figures(tonight));
    }
    if dice.below(4) == 0 {
        records.push(Record::from(Baseline { feed: None, at: 0 }));
    }
    if dice.below(9) == 0 {
        let odd = u8::try_from(2 * dice.below(20) + 1).unwrap();
        records.push(super::alias::alias(odd));
    }
    if dice.below(6) == 0 {
        // Counts stay: what is erased is the map from the keyed hash to the company.
        records.push(Record::from(Erased {
            party_ref: None,
            objects: vec!["runs/x/".into()],
        }));
    }
    if dice.below(3) == 0 {
        return;
    }
    let mut some = |n: u64| -> Vec<FindingId> {
        let n = dice.below(n);
        (0..n)
            .map(|_| finding(dice.below(40) * 100 + dice.below(13)))
            .collect()
    };
    let (gone, back) = (some(12), some(4));
    let how = [Gone::Fixed, Gone::NotSeen, Gone::MovedOwner];
    let gone: Vec<_> = gone
        .into_iter()
        .map(|f| (f, how[usize::from(f.0[0]) % 3]))
        .collect();
    let counts = match dice.below(2) {
        0 => BTreeMap::from([(Gone::NotScanned, 3)]),
        _ => BTreeMap::new(),
    };
    records.push(Record::from(Sightings {
        night: tonight,
        gone,
        back,
        counts,
        assumed: vec![],
    }));
}

fn place(folder: &Path) -> Place {
    let url = url::Url::from_directory_path(folder).unwrap();
    Place::open(&url, &store::Settings::default(), &BTreeMap::new()).unwrap()
}

fn open(folder: &Path) -> Ledger {
    let who = Holder::this_process("test");
    Ledger::open(
        &place(folder),
        &Settings {
            takeover_secs: 0,
            ..Settings::default()
        },
        &who,
    )
    .unwrap()
}

fn append(ledger: &mut Ledger, objects: &[Vec<Record>]) {
    for records in objects {
        ledger
            .append(records.clone(), &mut |_, records| records)
            .unwrap();
    }
}

const SPANS: [&str; 4] = ["2021", "2022-H1", "2022-03", "2021-09-01..2023-12-31"];

type Each<'e> = &'e mut dyn FnMut(&Columns);

/// Everything that statistics tell of a ledger, in each span.
fn told(read: &mut dyn FnMut(Each<'_>)) -> Vec<String> {
    let zone = jiff::tz::TimeZone::get("Europe/Amsterdam").unwrap();
    let spans = SPANS.map(|s| s.parse::<Span>().unwrap());
    let mut gather = spans.map(|s| Gather::new(s, zone.clone()).with_keys(Secret::new(b"key")));
    let mut follow = spans.map(|s| Follow::new(s, zone.clone()));
    read(&mut |columns| {
        gather.iter_mut().for_each(|g| g.take(columns));
        follow.iter_mut().for_each(|f| f.take(columns));
    });
    let all = gather.into_iter().zip(follow);
    let of = |(gather, follow): (Gather, Follow)| {
        let facts = gather.finish();
        let mut text = format!(
            "{:?} {:?} {:?}\n",
            facts.runs,
            facts.newest,
            delivery(&facts)
        );
        let axes = Axis::ALL.iter().map(|a| vec![*a]);
        for axes in axes.chain([vec![], vec![Axis::Kind, Axis::Month]]) {
            for row in count(&facts, &axes) {
                text.push_str(&format!("{axes:?} {row:?}\n"));
            }
        }
        text.push_str(&format!("{:?}\n", follow.finish()));
        text
    };
    all.map(of).collect()
}

fn of_folder(folder: &Path) -> Result<(Vec<String>, Streamed), Failure> {
    let mut streamed = None;
    let text = told(&mut |each| {
        streamed = Some(Ledger::stream(&place(folder), &Settings::default(), each));
    });
    Ok((text, streamed.unwrap()?))
}

pub fn by_itself(records: &[Numbered], n: usize) -> Vec<String> {
    told(&mut |each| {
        let mut encoder = Encoder::default();
        records
            .chunks(n)
            .for_each(|some| each(&encoder.encode(some)));
    })
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let parts = fs::read_dir(folder.join("ledger/parts")).unwrap();
    let mut found: Vec<PathBuf> = parts
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    found.sort();
    found
}

#[test]
fn columns_give_the_figures_of_the_lines_to_the_byte() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(seed, 60);
        let mut ledger = open(folder.path());
        append(&mut ledger, &objects);
        let view = ledger.view().clone();
        let (want, streamed) = of_folder(folder.path()).unwrap();
        assert_eq!(streamed.n_as_columns, 0);
        assert!(want[3].lines().count() > 60, "seed {seed}");
        for n in [1, 2, 7, 100, usize::MAX] {
            assert_eq!(
                by_itself(&view.records, n),
                want,
                "seed {seed}, {n} at once"
            );
        }
        drop(ledger);
        // The same ledger in three parts and a tail.
        let in_parts = tempfile::tempdir().unwrap();
        let mut ledger = open(in_parts.path());
        let mut ends = Vec::new();
        for some in objects.chunks(objects.len() / 4 + 1) {
            ends.push(ledger.view().last_seq);
            compact(&mut ledger);
            append(&mut ledger, some);
        }
        drop(ledger);
        let (text, streamed) = of_folder(in_parts.path()).unwrap();
        assert_eq!(text, want, "seed {seed}: columns");
        assert_eq!(streamed.n_as_columns, ends[3]);
        let found = Ledger::verify(&place(in_parts.path()), &Settings::default()).unwrap();
        assert_eq!((found.n_as_columns, found.n_compacted), (ends[3], ends[3]));
        // Parts of before columns were made: all of them, and each one alone.
        let all = folders(in_parts.path());
        assert_eq!(all.len(), 3);
        for without in [vec![0], vec![1], vec![2], vec![0, 1, 2]] {
            let kept = tempfile::tempdir().unwrap();
            for part in &without {
                fs::rename(&all[*part], kept.path().join(part.to_string())).unwrap();
            }
            let (text, streamed) = of_folder(in_parts.path()).unwrap();
            assert_eq!(text, want, "seed {seed}: without {without:?}");
            assert!(streamed.n_as_columns < ends[3]);
            let made = open(in_parts.path()).write_columns().unwrap();
            assert_eq!(made, without.len() as u64);
            for part in &without {
                let old = fs::read_dir(kept.path().join(part.to_string())).unwrap();
                for file in old.map(|e| e.unwrap().path()) {
                    let new = all[*part].join(file.file_name().unwrap());
                    assert_eq!(fs::read(&file).unwrap(), fs::read(new).unwrap());
                }
            }
        }
        assert_eq!(of_folder(in_parts.path()).unwrap().0, want);
    }
}

fn compact(ledger: &mut Ledger) {
    ledger.compact(false).unwrap();
    ledger.write_columns().unwrap();
}

/// Two parts with columns, and two objects after them.
fn in_two_parts(folder: &Path, seed: u64) {
    let objects = objects(seed, 12);
    let (last, rest) = objects.split_at(objects.len() - 2);
    let (first, second) = last.split_at(last.len() / 2);
    let mut ledger = open(folder);
    append(&mut ledger, first);
    compact(&mut ledger);
    append(&mut ledger, second);
    compact(&mut ledger);
    append(&mut ledger, rest);
}

fn refused(folder: &Path, what: &str) -> String {
    let failure = of_folder(folder)
        .err()
        .unwrap_or_else(|| panic!("{what}: it was counted"));
    assert_eq!(failure.kind, Kind::FixData, "{what}: {failure}");
    let failure = failure.to_string();
    assert!(
        failure.contains("ledger/parts/") && failure.contains("move this folder away"),
        "{what}: {failure}"
    );
    assert!(
        Ledger::verify(&place(folder), &Settings::default()).is_err(),
        "{what}"
    );
    failure
}

#[test]
fn columns_that_were_changed_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    in_two_parts(folder.path(), 3);
    let good = of_folder(folder.path()).unwrap().0;
    let parts = folders(folder.path());
    for file in fs::read_dir(&parts[1]).unwrap().map(|e| e.unwrap().path()) {
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 40 + 1) {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            fs::write(&file, flipped).unwrap();
            refused(folder.path(), &format!("{} byte {at}", file.display()));
        }
        fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        refused(folder.path(), "cut");
        fs::remove_file(&file).unwrap();
        if file.ends_with("columns.jsonl") {
            // Nobody reads an unfinished folder.
            assert_eq!(of_folder(folder.path()).unwrap().0, good);
        } else {
            assert!(refused(folder.path(), "gone").contains("it is missing"));
        }
        fs::write(&file, &whole).unwrap();
    }
    assert_eq!(of_folder(folder.path()).unwrap().0, good);
    fs::remove_dir_all(&parts[1]).unwrap();
    assert_eq!(
        of_folder(folder.path()).unwrap().0,
        good,
        "as the failure says"
    );
}

#[test]
fn columns_of_another_ledger_and_those_that_lie_are_found() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut both = Vec::new();
    for (folder, feed) in [(&ours, "a"), (&other, "b")] {
        let mut ledger = open(folder.path());
        for n in 0..3 {
            let at = Baseline {
                feed: Some(feed.into()),
                at: n,
            };
            append(&mut ledger, &[vec![Record::from(at)]]);
        }
        append(&mut ledger, &objects(5, 4)[..3]);
        compact(&mut ledger);
        both.push(folders(folder.path()).remove(0));
    }
    let copy = |from: &Path, name: &str| fs::copy(from.join(name), both[0].join(name)).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let closing = kept.path().join("columns.jsonl");
    fs::copy(both[0].join("columns.jsonl"), &closing).unwrap();
    copy(&both[1], "columns.jsonl");
    let failure = refused(ours.path(), "of another ledger");
    assert!(
        failure.contains("is not the one that they end with"),
        "{failure}"
    );
    // A lie with all its hashes right: statistics cannot tell, `ledger verify` can.
    let text = fs::read_to_string(&closing).unwrap();
    let (_, body) = text.split_once('\n').unwrap();
    let body = body.replace("\"threat-1\"", "\"threat-9\"");
    assert!(body.contains("threat-9"));
    let body = body.trim_end();
    let sha256 = {
        use sha2::Digest;
        hex::encode(sha2::Sha256::digest(body.as_bytes()))
    };
    let lie = format!("{{\"v\":1,\"sha256\":\"{sha256}\"}}\n{body}\n");
    fs::write(both[0].join("columns.jsonl"), lie).unwrap();
    of_folder(ours.path()).unwrap();
    let failure = Ledger::verify(&place(ours.path()), &Settings::default()).unwrap_err();
    assert_eq!(failure.kind, Kind::FixData);
    assert!(
        failure
            .to_string()
            .contains("not what the lines of the part say"),
        "{failure}"
    );
    fs::copy(&closing, both[0].join("columns.jsonl")).unwrap();
    Ledger::verify(&place(ours.path()), &Settings::default()).unwrap();
}

/// Columns that are made build on those before them, so these must be the ledger's own.
#[test]
fn no_columns_are_made_after_foreign_ones() {
    let (ours, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    in_two_parts(ours.path(), 3);
    in_two_parts(other.path(), 4);
    let (parts, foreign) = (folders(ours.path()), folders(other.path()));
    fs::remove_dir_all(&parts[1]).unwrap();
    for file in fs::read_dir(&foreign[0])
        .unwrap()
        .map(|e| e.unwrap().path())
    {
        fs::copy(&file, parts[0].join(file.file_name().unwrap())).unwrap();
    }
    let failure = open(ours.path()).write_columns().unwrap_err();
    assert_eq!(failure.kind, Kind::FixData, "{failure}");
    assert!(!parts[1].exists());
}
