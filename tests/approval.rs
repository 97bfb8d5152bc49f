//! What an approval permits, and until when: one row for each way in which it permits nothing.

use std::collections::BTreeMap;

use nachtwacht::brakes::Settings;
use nachtwacht::brakes::approval::{NAMESPACE, Statement, standing};
use nachtwacht::model::hold::{Approval, Hold};
use nachtwacht::model::ledger_record::{LedgerView, Numbered, Record};

use crate::signing::Key;

const HOUR: i64 = 3_600_000_000;
/// 2026-03-10T08:00:00Z.
const SIGNED_AT: i64 = 1_773_129_600_000_000;

fn plan(letters: u64) -> Statement {
    Statement {
        night: "2026-03-10".parse().unwrap(),
        revision: 0,
        plan_sha256: "ab".repeat(32),
        letters,
        expires_at: SIGNED_AT + 72 * HOUR,
    }
}

/// The approval of a statement by a key, as it stands in the ledger.
fn approved(statement: &Statement, key: &Key) -> Approval {
    Approval {
        night: statement.night,
        revision: statement.revision,
        plan_sha256: statement.plan_sha256.clone(),
        letters: statement.letters,
        expires_at: statement.expires_at,
        key: "SHA256:shown".into(),
        signature: key.sign(NAMESPACE, statement.to_string().as_bytes()),
    }
}

#[test]
fn an_approval_permits_its_own_plan_by_allowed_keys_and_until_it_expires() {
    let (one, two, stranger) = (Key::of(1), Key::of(2), Key::of(3));
    let settings = Settings {
        signers: BTreeMap::from([("one".into(), one.public()), ("two".into(), two.public())]),
        two_keys_above: 500,
        ..Settings::default()
    };
    let small = plan(500);
    let large = plan(501);
    let mut other_plan = approved(&small, &one);
    other_plan.plan_sha256 = "cd".repeat(32);
    let mut longer = approved(&small, &one);
    longer.expires_at += HOUR;
    let mut of_other_night = approved(&small, &one);
    of_other_night.night = "2026-03-11".parse().unwrap();
    let end = small.expires_at;
    let mut twice = vec![approved(&large, &one); 2];
    for (what, plan, approvals, now, is_enough) in [
        (
            "signed",
            &small,
            vec![approved(&small, &one)],
            SIGNED_AT,
            true,
        ),
        (
            "the last moment",
            &small,
            vec![approved(&small, &one)],
            end - 1,
            true,
        ),
        ("expired", &small, vec![approved(&small, &one)], end, false),
        ("not signed", &small, vec![], SIGNED_AT, false),
        ("another plan", &small, vec![other_plan], SIGNED_AT, false),
        (
            "other letters",
            &small,
            vec![approved(&plan(499), &one)],
            SIGNED_AT,
            false,
        ),
        (
            "made to last longer",
            &small,
            vec![longer],
            SIGNED_AT,
            false,
        ),
        (
            "another night",
            &small,
            vec![of_other_night],
            SIGNED_AT,
            false,
        ),
        (
            "a stranger",
            &small,
            vec![approved(&small, &stranger)],
            SIGNED_AT,
            false,
        ),
        (
            "one key for many",
            &large,
            vec![approved(&large, &one)],
            SIGNED_AT,
            false,
        ),
        (
            "the same key twice",
            &large,
            twice.clone(),
            SIGNED_AT,
            false,
        ),
        (
            "two keys",
            &large,
            {
                twice.push(approved(&large, &two));
                twice
            },
            SIGNED_AT,
            true,
        ),
    ] {
        let records = approvals.into_iter().map(|approval| Numbered {
            seq: 1,
            record: Record::from(approval),
        });
        let view = LedgerView {
            last_seq: 1,
            records: records.collect(),
        };
        let hold = Hold {
            night: plan.night,
            revision: plan.revision,
            plan_sha256: plan.plan_sha256.clone(),
            letters: plan.letters,
            overviews: 0,
            pulled: Vec::new(),
        };
        let found = standing(&settings, &view, &hold, now);
        assert_eq!(found.is_enough(), is_enough, "{what}: {found:?}");
    }
}
