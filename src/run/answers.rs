//! `answer`: writes down what a recipient says about a letter; the next night acts on it.

use std::fmt::Write;

use jiff::civil::Date;

use super::Moment;
use super::inputs::Inputs;
use super::load::{Call, Loaded, load};
use super::why_not::described;
use super::world::{self, World};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::matching::Question as Asked;
use crate::model::aftermath::{Answer, AnswerKind};
use crate::model::alias::Aliases;
use crate::model::asset::{Asset, AssetValue};
use crate::model::identity::{FindingId, PartyRef, Reference};
use crate::model::ledger_record::{Claim, ClaimItem, LedgerView};
use crate::model::night::{Night, local_midnight};
use crate::store::Place;

/// Who may say something, as a role. Anybody else stands in the ledger as a keyed hash.
pub const ROLES: &[&str] = &[
    "recipient",
    "supplier",
    "network-owner",
    "helpdesk",
    "operator",
];

/// What was said.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The letter.
    pub reference: Reference,
    /// What its recipient says.
    pub kind: AnswerKind,
    /// Who says so: one of [`ROLES`], or any text, of which only a keyed hash is kept.
    pub by: String,
    /// First date on which it no longer counts.
    pub until: Option<Date>,
    /// The findings that are meant; all of the letter's where this and `threat` are empty.
    pub findings: Vec<FindingId>,
    /// All findings of this threat in the letter are meant.
    pub threat: Option<String>,
}

/// Writes an answer down, and says what will follow from it.
///
/// # Errors
/// `FixJob` where the letter is not ours, holds no such finding, or an opt-out or an
/// accepted risk has no end; else
/// as [`Ledger::open`].
pub fn answer(call: &Call, ask: &Ask, moment: &Moment) -> Result<String, Failure> {
    let has_end = matches!(ask.kind, AnswerKind::OptOut | AnswerKind::AcceptedRisk);
    if has_end && ask.until.is_none() {
        return Err(
            Failure::fix_job(format!("an {} needs an end date", ask.kind))
                .at("", "--until")
                .hint("say until when the company wants no letters about it: `--until YYYY-MM-DD`"),
        );
    }
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let claim = claim_of(ledger.view(), &ask.reference)?.clone();
    if let Some(until) = ask.until.filter(|until| *until <= claim.night.date()) {
        return Err(Failure::fix_job(format!(
            "{until} is not after the letter of {}: the answer would have no effect",
            claim.night
        ))
        .at("", "--until")
        .hint("give the first date on which it no longer counts"));
    }
    let items = if claim.is_overview() {
        of_overview(ask)?
    } else {
        items(&claim, ask)?
    };
    let said = said(&loaded, ask, &claim, &items, moment);
    ledger.append(vec![said.clone().into()], &mut |_, r| r)?;
    let mut text = format!(
        "{}: {} is noted for {} of {} findings\n{}\n",
        ask.reference,
        ask.kind,
        items.len(),
        claim.items.len(),
        consequence(ask.kind, ask.until)
    );
    if ask.kind == AnswerKind::NotMine {
        let night = ledger.view().latest_night().map_or(claim.night, Night::new);
        corrections(&loaded, &place, night, &said, ledger.view(), &mut text)?;
    }
    Ok(text)
}

/// The latest attempt of a letter.
fn claim_of<'v>(view: &'v LedgerView, reference: &Reference) -> Result<&'v Claim, Failure> {
    let claims = view.claims().filter(|c| c.reference == *reference);
    claims.max_by_key(|c| c.attempt).ok_or_else(|| {
        Failure::fix_job("no letter with this reference was claimed")
            .at("", reference.as_str())
            .hint("`nachtwacht verify REF` says whether a reference is ours")
    })
}

/// An overview has no findings: its reader can only say that it wants no letters.
fn of_overview(ask: &Ask) -> Result<Vec<&'static ClaimItem>, Failure> {
    let is_about_one = !ask.findings.is_empty() || ask.threat.is_some();
    if ask.kind == AnswerKind::OptOut && !is_about_one {
        return Ok(Vec::new());
    }
    Err(Failure::fix_job(format!(
        "{} is an overview for a parent company and has no findings, so {} says nothing of it",
        ask.reference, ask.kind
    ))
    .at("", ask.reference.as_str())
    .hint("give the reference of the letter that it names; `opt-out` without `--threat` and `--finding` is about all letters to the parent"))
}

/// The items of the letter that are meant.
fn items<'c>(claim: &'c Claim, ask: &Ask) -> Result<Vec<&'c ClaimItem>, Failure> {
    let foreign = ask
        .findings
        .iter()
        .find(|f| claim.items.iter().all(|i| i.finding_id != **f));
    if let Some(foreign) = foreign {
        return Err(
            Failure::fix_job(format!("finding `{foreign}` is not in the letter"))
                .at("", "--finding")
                .hint("`nachtwacht explain --letter REF --json` lists its findings"),
        );
    }
    let is_meant = |item: &&ClaimItem| {
        let by_id = ask.findings.contains(&item.finding_id);
        let by_threat = ask.threat.as_ref().is_some_and(|t| **t == *item.threat_id);
        by_id || by_threat || (ask.findings.is_empty() && ask.threat.is_none())
    };
    let items: Vec<&ClaimItem> = claim.items.iter().filter(is_meant).collect();
    if items.is_empty() {
        let threats: std::collections::BTreeSet<&str> =
            claim.items.iter().map(|i| i.threat_id.as_ref()).collect();
        let threats: Vec<&str> = threats.into_iter().collect();
        return Err(Failure::fix_job("the letter is not about that threat")
            .at("", "--threat")
            .hint(format!("it is about: {}", threats.join(", "))));
    }
    Ok(items)
}

fn said(
    loaded: &Loaded,
    ask: &Ask,
    claim: &Claim,
    items: &[&ClaimItem],
    moment: &Moment,
) -> Answer {
    let mut findings: Vec<FindingId> = items.iter().map(|i| i.finding_id).collect();
    let mut assets: Vec<PartyRef> = items.iter().map(|i| i.asset_ref).collect();
    findings.sort_unstable();
    findings.dedup();
    assets.sort_unstable();
    assets.dedup();
    Answer {
        letter_id: claim.letter_id,
        night: claim.night,
        party_ref: claim.party_ref,
        kind: ask.kind,
        by: without_name(loaded, &ask.by),
        said_at: moment.now.as_microsecond(),
        until: ask.until,
        findings,
        assets,
    }
}

/// A role as it is, anything else as a keyed hash: the ledger names nobody.
pub(super) fn without_name(loaded: &Loaded, by: &str) -> String {
    let by = by.trim().to_lowercase();
    if ROLES.contains(&by.as_str()) {
        return by;
    }
    hex::encode(loaded.secrets.party.hmac(format!("by|{by}").as_bytes()))
}

fn consequence(kind: AnswerKind, until: Option<Date>) -> String {
    let end = until.map(|d| format!(" before {d}")).unwrap_or_default();
    match kind {
        AnswerKind::Fixed => {
            "from the next night on: seen again later, it is a relapse and written about at once"
                .to_owned()
        }
        AnswerKind::NotMine => format!(
            "from the next night on: no letter{end} about these assets to this company, unless it confirms them anew"
        ),
        AnswerKind::FalsePositive | AnswerKind::AcceptedRisk => {
            format!("from the next night on: no letter{end} about these findings")
        }
        AnswerKind::OptOut => format!("from the next night on: no letter{end} to this company"),
    }
}

/// What somebody could mend in the register: each asset with its row, who else registered it, and
/// whether it lies in shared infrastructure.
fn corrections(
    loaded: &Loaded,
    place: &Place,
    night: Night,
    said: &Answer,
    view: &LedgerView,
    text: &mut String,
) -> Result<(), Failure> {
    let world = world::read(loaded, Inputs::now(place, night))?;
    let key = &loaded.secrets.party;
    let by_party = world.by_party(key);
    // The letter may have gone to a key that turned out to be another's since.
    let own = Aliases::of(view).own(said.party_ref);
    let company = by_party.get(&said.party_ref).or_else(|| by_party.get(&own));
    let Some(company) = company.map(|c| &c.key) else {
        text.push_str("the company is no longer in the register\n");
        return Ok(());
    };
    let is_meant = |asset: &&std::sync::Arc<Asset>| {
        asset.company == *company
            && said
                .assets
                .contains(&PartyRef::of_asset(key, &asset.canonical))
    };
    let _ = writeln!(text, "\npossible corrections of the register");
    let mut n = 0;
    for asset in world.assets.iter().filter(is_meant) {
        n += 1;
        let _ = writeln!(text, "  {company}: {}", described(asset));
        let _ = writeln!(
            text,
            "    take it out, end it (`valid_until`), or have {company} confirm it"
        );
        others(loaded, &world, night, asset, text)?;
    }
    if n == 0 {
        let _ = writeln!(text, "  none: {company} no longer has these assets");
    }
    Ok(())
}

/// Who else registered what this asset covers.
fn others(
    loaded: &Loaded,
    world: &World,
    night: Night,
    asset: &Asset,
    text: &mut String,
) -> Result<(), Failure> {
    let asked = match &asset.value {
        AssetValue::Nets(nets) => Asked {
            ip: nets.first().map(ipnet::IpNet::network),
            ..Asked::default()
        },
        AssetValue::Name(name) => Asked {
            hostname: Some(name.as_str()),
            ..Asked::default()
        },
        AssetValue::Asn(_) => return Ok(()),
    };
    let at = local_midnight(night.date(), &loaded.job.zone)
        .map_err(|e| Failure::our_bug(format!("midnight of {night}: {e}")))?;
    let found = world.index.explain(&asked, at);
    let owner = |n: u32| world.assets.get(usize::try_from(n).ok()?);
    for other in found.matches.iter().filter_map(|m| owner(m.asset)) {
        if other.company != asset.company {
            let _ = writeln!(
                text,
                "    {} registered it too: {}",
                other.company,
                described(other)
            );
        }
    }
    for kind in [&found.shared_address, &found.shared_name]
        .into_iter()
        .flatten()
    {
        let _ = writeln!(text, "    it lies in shared infrastructure ({kind})");
    }
    Ok(())
}
