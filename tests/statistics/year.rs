//! A year of publications, one after the other: nothing follows from all of them together.

use std::collections::BTreeMap;

use nachtwacht::model::ledger_record::{LedgerView, Numbered, ReceiptState, Record};
use nachtwacht::model::night::Night;
use nachtwacht::statistics::guard::{
    self, Counting, Publication, Rules, Target, Which, opened, with_margins,
};
use nachtwacht::statistics::period::{Axis, Span};

use super::guard::Dice;
use super::period::{facts, own_findings};
use super::{claim, each_claim, one};

/// Letters on nights of 2022, in the order of the ledger.
pub fn ledger(seed: u64, n_letters: u64) -> LedgerView {
    let mut dice = Dice(seed);
    let first = jiff::civil::date(2022, 1, 1);
    let mut letters: Vec<(u64, u64)> = (0..n_letters)
        .map(|_| (dice.below(365), dice.below(120)))
        .collect();
    letters.sort_unstable();
    let mut view = LedgerView::default();
    for (number, (day, company)) in letters.into_iter().enumerate() {
        let finding = u8::try_from(dice.below(4)).unwrap();
        let mut claim = claim(&one(
            u8::try_from(company).unwrap(),
            0,
            vec![(finding, finding, 0, 0)],
        ));
        claim.night = Night::new(first + jiff::Span::new().days(i64::try_from(day).unwrap()));
        // Each letter is one of its own.
        claim.letter_id.0[..8].copy_from_slice(&(number as u64).to_be_bytes());
        push(&mut view, claim);
    }
    own_findings(&mut view);
    view
}

fn push(view: &mut LedgerView, claim: nachtwacht::model::ledger_record::Claim) {
    let receipt = claim.receipt(ReceiptState::HandedOver, "files");
    for record in [Record::from(claim), receipt] {
        view.last_seq += 1;
        view.records.push(Numbered {
            seq: view.last_seq,
            record,
        });
    }
}

fn tables() -> Vec<Vec<Axis>> {
    vec![vec![Axis::Sector, Axis::SizeClass], vec![Axis::Threat]]
}

/// What would be published of a period, after those that were published earlier.
fn drafted(
    view: &LedgerView,
    seq: u64,
    span: &str,
    tables: &[Vec<Axis>],
    earlier: &[Publication],
) -> (guard::Draft, guard::Before) {
    let ours: Span = span.parse().unwrap();
    let records = &view.as_of(seq).records;
    let overlapping = guard::connected(earlier.to_vec(), &ours);
    let draft = guard::draft(&Counting {
        facts: &facts(records, span),
        ledger_seq: seq,
        tables: with_margins(tables),
        perturbation: None,
    });
    let hull = overlapping.iter().fold(ours, |w, p| w.hull(&p.span));
    let of_all = facts(records, &hull.label());
    let before = guard::before(overlapping, &draft, &of_all, &Rules::default());
    (draft, before)
}

/// Publishes a period of the ledger up to `seq`, after those that were published earlier; `None`
/// where it is refused.
fn publish(
    view: &LedgerView,
    seq: u64,
    span: &str,
    earlier: &[Publication],
) -> Option<Publication> {
    let (draft, before) = drafted(view, seq, span, &tables(), earlier);
    let done = guard::protect(&draft, &before, &Rules::default()).ok()?;
    Some(done.publication)
}

/// Pairs of shown cells of a period and of a shorter one in it, of which the longer one has one or two
/// companies more; that is plain subtraction, where companies are the same in all periods.
fn bare_differences(all: &[Publication]) -> Vec<String> {
    let mut found = Vec::new();
    for (long, short) in all.iter().flat_map(|l| all.iter().map(move |s| (l, s))) {
        if long.span.hull(&short.span) != long.span {
            continue;
        }
        for (spot, of_short) in &short.cells {
            let of_long = long.cells.get(spot).copied().flatten();
            if let (Some([more, ..]), Some([n, ..])) = (of_long, of_short)
                && (1..3).contains(&more.abs_diff(*n))
            {
                let (long, short) = (long.span.label(), short.span.label());
                found.push(format!("{spot}: {more} in {long}, {n} in {short}"));
            }
        }
    }
    found
}

/// Two periods that make up a third, of which one or two companies were in both by the shown figures: again
/// plain arithmetic.
fn bare_overlaps(all: &[Publication]) -> Vec<String> {
    let days = |p: &Publication| p.span.from().until(p.span.until()).unwrap().get_days() + 1;
    let mut found = Vec::new();
    for long in all {
        for (one, other) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
            let is_whole = one.span.hull(&other.span) == long.span;
            if one.span >= other.span || !is_whole || days(one) + days(other) != days(long) {
                continue;
            }
            for (spot, of_long) in &long.cells {
                let at = |p: &Publication| Some(p.cells.get(spot).copied().flatten()?[0]);
                if let (Some([whole, ..]), Some(a), Some(b)) = (of_long, at(one), at(other))
                    && (1..3).contains(&(a + b - whole))
                {
                    found.push(format!(
                        "{spot}: {a} and {b} in {}, {whole} in all",
                        long.span.label()
                    ));
                }
            }
        }
    }
    found
}

/// Everything that would be shown if only small cells and dominated ones were hidden.
fn careless(view: &LedgerView, span: &str) -> Publication {
    let (draft, _) = drafted(view, view.last_seq, span, &tables(), &[]);
    let shown = |cell: &guard::Contribution| {
        (!guard::is_sensitive(cell, &Rules::default())).then_some(cell.values)
    };
    let cells = draft
        .cells
        .iter()
        .map(|(spot, cell)| (spot.clone(), shown(cell)));
    Publication {
        span: draft.span,
        ledger_seq: draft.ledger_seq,
        tables: draft.tables.clone(),
        cells: cells.collect(),
        perturbation: None,
    }
}

#[test]
fn nothing_follows_from_a_year_of_overlapping_publications() {
    let view = ledger(7, 900);
    let mut spans: Vec<String> = Vec::new();
    for month in 1..=12 {
        spans.push(format!("2022-{month:02}"));
        if month % 3 == 0 {
            spans.push(format!("2022-Q{}", month / 3));
        }
        if month % 6 == 0 {
            spans.push(format!("2022-H{}", month / 6));
        }
    }
    spans.push("2022".into());
    // A few nights less than a period above: hardly a company more.
    spans.push("2022-01-01..2022-06-27".into());
    // Subtracted from February, the first leaves four nights.
    spans.push("2022-02-01..2022-02-24".into());
    spans.push("2022-05-20..2022-08-10".into());
    let mut all: Vec<Publication> = Vec::new();
    let mut shown = BTreeMap::new();
    for span in &spans {
        // A refused period is not written: nobody has it in hand.
        if let Some(publication) = publish(&view, view.last_seq, span, &all) {
            let n_shown = publication.cells.values().flatten().count();
            shown.insert(span.clone(), (n_shown, publication.cells.len()));
            all.push(publication);
        }
    }
    println!("shown, of: {shown:?}");
    // Nor do two figures of the same cell, one less the other.
    let bare: Vec<Publication> = spans.iter().map(|s| careless(&view, s)).collect();
    assert!(bare_differences(&bare).len() > 5, "the test proves nothing");
    assert_eq!(bare_differences(&all), Vec::<String>::new());
    assert_eq!(bare_overlaps(&all), Vec::<String>::new());
    // The attacker has the whole year in hand: every period, and what is left between them.
    let of_year = facts(&view.records, "2022");
    let draft = guard::draft(&Counting {
        facts: &of_year,
        ledger_seq: view.last_seq,
        tables: with_margins(&tables()),
        perturbation: None,
    });
    let before = guard::before(all.clone(), &draft, &of_year, &Rules::default());
    let mut slices = before.slices.clone();
    for slice in &mut slices.of {
        slice.pop();
    }
    let is_between = |t: &&Target| matches!(t.which, Which::Slices(_));
    let n_between = before.targets.iter().filter(is_between).count();
    println!(
        "{} targets, {n_between} between periods",
        before.targets.len()
    );
    assert!(
        all.len() >= 19,
        "{} of {} were published",
        all.len(),
        spans.len()
    );
    assert!(n_between > 0 && before.targets.len() > n_between);
    assert!(opened(&all, &slices, &before.targets).is_empty());
    assert!(
        shown.values().all(|(n, _)| *n > 0),
        "something is shown of each period"
    );
}

/// A long period first, then its parts: parts share no night, and still the last one is what is left of the whole.
#[test]
fn the_last_part_of_a_period_does_not_follow_from_the_others() {
    let mut n_hidden = 0;
    for seed in 20..24 {
        let view = ledger(seed, 260);
        let spans = ["2022-Q1", "2022-01", "2022-02", "2022-03"];
        let mut all: Vec<Publication> = Vec::new();
        for span in spans {
            all.extend(publish(&view, view.last_seq, span, &all));
        }
        assert_eq!(all.len(), spans.len(), "all are published");
        let bare: Vec<Publication> = spans.iter().map(|s| careless(&view, s)).collect();
        for (number, truth) in spans.iter().enumerate() {
            let (draft, _) = drafted(&view, view.last_seq, truth, &tables(), &[]);
            let small = draft.cells.iter().filter(|(_, c)| c.values[0] < 3);
            for (spot, _) in small.filter(|(spot, _)| all[number].tables.contains(&spot.axes())) {
                let is_left = |all: &[Publication]| {
                    let mut others = all.iter().enumerate().filter(|(n, _)| *n != number);
                    others.all(|(_, p)| p.cells.get(spot) != Some(&None))
                };
                n_hidden += u32::from(is_left(&bare));
                assert!(!is_left(&all), "{truth}: {spot} is what the others leave");
            }
        }
        assert_eq!(bare_overlaps(&all), Vec::<String>::new());
    }
    assert!(n_hidden > 3, "{n_hidden}: the test proves nothing");
}

#[test]
fn a_later_version_does_not_tell_the_letter_between_them() {
    // The ledger of the second version holds one letter more, to one company.
    let mut view = ledger(11, 300);
    let seq = view.last_seq;
    let first = publish(&view, seq, "2022", &[]).unwrap();
    let mut late = claim(&one(4, 0, vec![(0, 0, 0, 0)]));
    late.night = "2022-12-30".parse().unwrap();
    late.letter_id.0[0] = 0xff;
    push(&mut view, late);
    own_findings(&mut view);
    let earlier = [first.clone()];
    let ours: Span = "2022".parse().unwrap();
    let records = &view.records;
    let of_period = facts(records, "2022");
    let draft = guard::draft(&Counting {
        facts: &of_period,
        ledger_seq: view.last_seq,
        tables: with_margins(&tables()),
        perturbation: None,
    });
    let before = guard::before(
        earlier.to_vec(),
        &draft,
        &facts(records, &ours.label()),
        &Rules::default(),
    );
    let left_over = |t: &&guard::Target| matches!(t.which, Which::Slices(_));
    assert!(before.targets.iter().filter(left_over).count() > 0);
    // Published as it is, the difference is the letter.
    let careless = Publication {
        ledger_seq: view.last_seq,
        cells: draft
            .cells
            .iter()
            .map(|(s, c)| {
                (
                    s.clone(),
                    first
                        .cells
                        .get(s)
                        .map_or(Some(c.values), |v| v.map(|_| c.values)),
                )
            })
            .collect(),
        ..first.clone()
    };
    let in_hand = [first.clone(), careless];
    assert!(!opened(&in_hand, &before.slices, &before.targets).is_empty());
    // The total cannot be hidden and shown at once: either the version is safe, or it is refused.
    match guard::protect(&draft, &before, &Rules::default()) {
        Ok(done) => {
            let in_hand = [first, done.publication];
            assert!(opened(&in_hand, &before.slices, &done.targets).is_empty());
        }
        Err(targets) => assert!(!targets.is_empty()),
    }
}

/// Companies grow in spring: half of them are of another size class from April on.
fn growing(view: &mut LedgerView) {
    each_claim(view, |claim, frozen| {
        if claim.night.date().month() > 3 && claim.party_ref.0[0].is_multiple_of(2) {
            frozen.size_class = "50-249".into();
        }
    });
}

#[test]
fn periods_in_which_companies_are_another_are_held_against_each_other() {
    let mut view = ledger(5, 500);
    growing(&mut view);
    let tables = [
        vec![Axis::Sector, Axis::SizeClass],
        vec![Axis::Sector, Axis::Warnings],
    ];
    let mut all: Vec<Publication> = Vec::new();
    let mut n_moved = 0;
    for span in ["2022-02", "2022-03", "2022-04", "2022-Q1", "2022-H1"] {
        let (draft, before) = drafted(&view, view.last_seq, span, &tables, &all);
        // What was secret in an earlier publication must stay so, as it was counted then.
        for (p, earlier) in before.publications.iter().enumerate() {
            let span = earlier.span.label();
            let (own, _) = drafted(&view, view.last_seq, &span, &tables, &[]);
            let which = Which::Publication(p);
            let want = guard::targets(&which, &own.cells, &Rules::default());
            let want: Vec<&Target> = want.iter().collect();
            // Those of sums of cells are beside them.
            let of_cells = before.targets.iter().filter(|t| t.beside.is_empty());
            let found = of_cells.filter(|t| t.which == which);
            assert_eq!(found.collect::<Vec<_>>(), want, "{span}");
            assert!(!want.is_empty());
        }
        n_moved += before.slices.moved.len();
        let done = guard::protect(&draft, &before, &Rules::default());
        let done = done.unwrap_or_else(|open| panic!("{span}: {open:?}"));
        let mut in_hand = before.publications.clone();
        in_hand.push(done.publication.clone());
        assert!(opened(&in_hand, &before.slices, &done.targets).is_empty());
        all.push(done.publication);
    }
    assert!(
        n_moved > 0,
        "no company was another: the test proves nothing"
    );
}
