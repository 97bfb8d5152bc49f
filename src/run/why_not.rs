//! Why not: what the register says about something that no decision of the night is about.

use std::fmt::Write;

use super::explain::Question;
use super::inputs::Inputs;
use super::load::Loaded;
use super::world::{self, World};
use crate::diag::Failure;
use crate::matching::Question as Asked;
use crate::model::asset::Asset;
use crate::model::company::CompanyKey;
use crate::model::matches::MatchedBy;
use crate::model::night::{Night, local_midnight};
use crate::store::Place;

/// Sentences for a person: who registered it, whether that counted on the night, and so why no
/// row met it.
///
/// # Errors
/// The register or a reference cannot be read.
pub(super) fn why_not(
    loaded: &Loaded,
    place: &Place,
    night: Night,
    question: &Question,
) -> Result<String, Failure> {
    let world = world::read(loaded, Inputs::now(place, night))?;
    let asked = match question {
        Question::Letter(reference) => {
            return Ok(format!("{reference} is no letter of this night\n"));
        }
        Question::Company(key) => return Ok(of_company(&world, key, night)),
        Question::Address(ip) => (
            Asked {
                ip: Some(*ip),
                ..Asked::default()
            },
            ip.to_string(),
        ),
        Question::Name(name) => (
            Asked {
                hostname: Some(name.as_str()),
                ..Asked::default()
            },
            name.to_string(),
        ),
    };
    let at = local_midnight(night.date(), &loaded.job.zone)
        .map_err(|e| Failure::our_bug(format!("midnight of {night}: {e}")))?;
    let (asked, shown) = asked;
    let found = world.index.explain(&asked, at);
    let mut said = String::new();
    let asset = |n: u32| world.assets.get(usize::try_from(n).ok()?);
    for (owner, by) in found
        .matches
        .iter()
        .filter_map(|m| Some((asset(m.asset)?, m.by)))
    {
        let _ = writeln!(
            said,
            "{shown} was registered on this night: {}",
            registered(owner, by)
        );
    }
    for (owner, by) in found
        .not_valid_then
        .iter()
        .filter_map(|(n, by)| Some((asset(*n)?, *by)))
    {
        let _ = writeln!(
            said,
            "{shown} is registered, and not for this night: {}",
            registered(owner, by)
        );
    }
    if said.is_empty() {
        let _ = writeln!(
            said,
            "{shown} was registered by nobody that the register knows"
        );
    } else {
        let _ = writeln!(
            said,
            "no row of the night's snapshots met it while it counted"
        );
    }
    for kind in [&found.shared_address, &found.shared_name]
        .into_iter()
        .flatten()
    {
        let _ = writeln!(
            said,
            "it lies in shared infrastructure ({kind}): a weak match at best"
        );
    }
    Ok(said)
}

fn of_company(world: &World, key: &CompanyKey, night: Night) -> String {
    let Some(company) = world.companies.get(key) else {
        return format!(
            "{key} is not in the register, or its row was rejected: see rejects.parquet\n"
        );
    };
    let assets: Vec<_> = world.assets.iter().filter(|a| &a.company == key).collect();
    let mut said = format!(
        "{key} is in the register as {} with {} usable assets; no row of night {night} met one while it counted\n",
        company.party_kind,
        assets.len()
    );
    for asset in assets {
        let _ = writeln!(said, "  {}", described(asset));
    }
    said
}

fn registered(asset: &Asset, by: MatchedBy) -> String {
    format!("{} as {} (by {by})", asset.company, described(asset))
}

pub(super) fn described(asset: &Asset) -> String {
    let moment = |at: Option<i64>, otherwise: &str| {
        at.and_then(|at| jiff::Timestamp::from_microsecond(at).ok())
            .map_or_else(|| otherwise.to_owned(), |t| t.to_string())
    };
    format!(
        "{} {}, valid {} to {}, source {}, row {}",
        asset.kind,
        asset.canonical,
        moment(asset.valid.from, "always"),
        moment(asset.valid.until, "now"),
        asset.source,
        asset.row.saturating_add(1)
    )
}
