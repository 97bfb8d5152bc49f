//! `alias`: writes down that a provisional key turned out to be a company's; nothing is rewritten.

use std::fmt::Write;

use super::Moment;
use super::answers::without_name;
use super::former::{clear_key, entry_path};
use super::load::{Call, Loaded, load};
use crate::diag::Failure;
use crate::ledger::{Holder, Ledger};
use crate::model::alias::{Alias, Aliases};
use crate::model::company::CompanyKey;
use crate::model::identity::PartyRef;
use crate::model::ledger_record::{LedgerView, Record};
use crate::model::night::local_date;
use crate::store::Place;

/// What was found out.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The provisional key.
    pub former: CompanyKey,
    /// The company's own key.
    pub own: CompanyKey,
    /// Who found out: one of [`super::answers::ROLES`], or any text, of which only a keyed hash is kept.
    pub by: String,
}

impl Ask {
    /// Checks the two keys.
    ///
    /// # Errors
    /// `FixJob` where one is malformed, the first is no provisional key, or the second is one.
    pub fn of(former: &str, own: &str, by: &str) -> Result<Self, Failure> {
        let ask = Self {
            former: key_of(former, "OLD", "unreg:voorbeeld.nl")?,
            own: key_of(own, "NEW", "kvk:01234567")?,
            by: by.to_owned(),
        };
        if ask.former == ask.own {
            let what = format!("`{own}` stands there twice; expected two keys");
            return Err(Failure::fix_job(what).at("", "NEW").hint(
                "give the provisional key first, then the company's own, such as `kvk:01234567`",
            ));
        }
        if !ask.former.is_provisional() {
            let what = format!(
                "`{former}` is a company's own key; expected a provisional one: `unreg:`, `net:` or `asn:`"
            );
            return Err(Failure::fix_job(what).at("", "OLD").hint(
                "do the two keys stand in the wrong order? The provisional one comes first",
            ));
        }
        if ask.own.is_provisional() {
            let what = format!(
                "`{own}` is a provisional key; expected a company's own: `kvk:`, `rsin:` or `vat:`"
            );
            return Err(Failure::fix_job(what)
                .at("", "NEW")
                .hint("note the alias when the company's own key is known"));
        }
        Ok(ask)
    }
}

fn key_of(text: &str, name: &str, example: &str) -> Result<CompanyKey, Failure> {
    text.parse().map_err(|()| {
        Failure::fix_job(format!(
            "`{text}` is not a company key; expected one such as `{example}`"
        ))
        .at("", name)
        .hint("`nachtwacht explain --letter REF` shows the key of a letter's company")
    })
}

/// Writes an alias down, and says what follows from it; one that stands adds nothing.
///
/// # Errors
/// `FixJob` where no letter was ever claimed for the provisional key, or it is another company's already;
/// else as [`Ledger::open`].
pub fn alias(call: &Call, ask: &Ask, moment: &Moment) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let who = Holder::this_process(&moment.run_id);
    let mut ledger = Ledger::open(&place, &loaded.job.ledger, &who)?;
    let secret = &loaded.secrets.party;
    let new = Alias {
        former: PartyRef::of(secret, &ask.former),
        party: PartyRef::of(secret, &ask.own),
        by: without_name(&loaded, &ask.by),
        at: moment.now.as_microsecond(),
    };
    let stands = stands(ledger.view(), &new, ask)?;
    if !stands {
        was_claimed(ledger.view(), &new, ask)?;
        let records = vec![new.clone().into()];
        ledger.append(records, &mut |view, records| missing(view, records))?;
        // Another writer may have come first, with another company.
        self::stands(ledger.view(), &new, ask)?;
    }
    // The list shows keys, and the own one may not have had a letter. What was erased stays so.
    let entry = entry_path(&loaded, new.party);
    if !ledger.view().erased().any(|e| e.covers(&entry)) {
        ledger.put_party(new.party, &ask.own)?;
    }
    if stands {
        let (former, own) = (&ask.former, &ask.own);
        return Ok(format!(
            "{former} is {own}: that stands already, and nothing was added\n"
        ));
    }
    said(&loaded, &place, ledger.view(), &new, ask)
}

/// Is it in the ledger?
fn stands(view: &LedgerView, new: &Alias, ask: &Ask) -> Result<bool, Failure> {
    let own = Aliases::of(view).own(new.former);
    if own == new.party || own == new.former {
        return Ok(own == new.party);
    }
    let what = format!("`{}` is known to be another company's", ask.former);
    Err(Failure::fix_job(what).at("", "OLD").hint(
        "`nachtwacht alias JOB` shows whose; an alias is never rewritten, so what follows from a wrong one stays",
    ))
}

fn was_claimed(view: &LedgerView, new: &Alias, ask: &Ask) -> Result<(), Failure> {
    if view.claims().any(|c| c.party_ref == new.former) {
        return Ok(());
    }
    let what = format!("no letter was ever claimed for `{}`", ask.former);
    Err(Failure::fix_job(what).at("", "OLD").hint(format!(
        "nothing was sent to it, so nothing has to follow: register the company as `{}`; mend the key if it was mistyped",
        ask.own
    )))
}

fn missing(view: &LedgerView, mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|r| match r {
        Record::Alias(new) => view.aliases().all(|known| known.former != new.former),
        _ => true,
    });
    records
}

fn said(
    loaded: &Loaded,
    place: &Place,
    view: &LedgerView,
    new: &Alias,
    ask: &Ask,
) -> Result<String, Failure> {
    let (former, own) = (&ask.former, &ask.own);
    let mut text = format!(
        "{former} is {own}: that is noted\n\
         nights that are planned from now on take what was written under {former}, and what was answered to it, as {own}'s; statistics count one company\n"
    );
    if clear_key(loaded, place, new.former)?.is_none() {
        let _ = writeln!(
            text,
            "the map entry of {former} was erased: its findings cannot be told again and do not follow; an opt-out and not-mine do"
        );
    }
    for pin in view.open_nights() {
        let _ = writeln!(
            text,
            "night {} was planned before, and goes on without it",
            pin.night
        );
    }
    Ok(text)
}

/// Every alias, in order; keys that were erased as the beginning of their hash.
///
/// # Errors
/// The job, the store or the ledger.
pub fn list(call: &Call) -> Result<String, Failure> {
    let loaded = load(call)?;
    let place = loaded.place(&call.env)?;
    let view = Ledger::read_only(&place, &loaded.job.ledger)?;
    let text = lines(&loaded, &place, view.aliases())?;
    Ok(match text.is_empty() {
        true => "no provisional key is known to be a company's\n".to_owned(),
        false => text,
    })
}

/// The aliases that a company has a part in.
pub(super) fn of_company(
    loaded: &Loaded,
    place: &Place,
    company: &CompanyKey,
) -> Result<String, Failure> {
    let view = Ledger::read_only(place, &loaded.job.ledger)?;
    let party = PartyRef::of(&loaded.secrets.party, company);
    let is_of = |a: &&Alias| a.former == party || a.party == party;
    lines(loaded, place, view.aliases().filter(is_of))
}

fn lines<'a>(
    loaded: &Loaded,
    place: &Place,
    aliases: impl Iterator<Item = &'a Alias>,
) -> Result<String, Failure> {
    let shown = |party: PartyRef| -> Result<String, Failure> {
        let key = clear_key(loaded, place, party)?;
        let erased = || format!("party {:.12}… (erased)", party.to_string());
        Ok(key.map_or_else(erased, |key| key.to_string()))
    };
    let mut text = String::new();
    for alias in aliases {
        let (former, own) = (shown(alias.former)?, shown(alias.party)?);
        let on = local_date(alias.at, &loaded.job.zone);
        let on = on.map_or_else(String::new, |date| format!(" on {date}"));
        let _ = writeln!(text, "{former} is {own}, noted{on} by {}", alias.by);
    }
    Ok(text)
}
