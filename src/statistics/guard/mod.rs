//! Disclosure control: what of a period's tables may be published.
//!
//! A cell is secret if too few companies stand behind it, or one of them makes up most of it, or
//! its zeros would tell what each of a small group has ([`Rules`]). [`protect`] hides further
//! cells until nobody can work a secret out; [`opened`] is the attacker, who sees only what is
//! published.
//!
//! Pure: tables in, tables out.

mod ask;
mod attack;
mod between;
mod cheapest;
mod companies;
mod draft;
mod noise;
mod over_time;
mod perturbation;
mod protect;
mod publication;
mod relate;
mod risk;
mod rounding;
mod solve;

pub use attack::{Slices, Target, Which, opened};
pub use draft::{Counting, before, draft};
pub use noise::Noise;
pub(crate) use noise::mixed;
pub use perturbation::Perturbation;
pub use protect::{Before, Draft, Protected, protect};
pub use publication::{Measure, Publication, Seen, Spot, Values, connected, with_margins};
pub use relate::{Difference, Link, Members, Sum};
pub use risk::{Contribution, Contributions, Rules, is_sensitive, targets};
pub use rounding::Rounding;
