//! How figures are changed before they are shown, where hiding is not all that protects them.

use super::noise::Noise;
use super::publication::{Measure, Values};
use super::rounding::Rounding;

/// A change of figures. An attacker is taken to know it, and not what it hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Perturbation {
    /// By cell keys: each figure by itself.
    CellKey(Noise),
    /// By controlled rounding: rows add up to their totals.
    Rounding(Rounding),
}

impl Perturbation {
    /// The least and the greatest figure that can stand behind what is shown.
    #[must_use]
    pub fn bounds(&self, shown: &Values, measure: Measure) -> (f64, f64) {
        match self {
            Self::CellKey(noise) => noise.bounds(shown, measure),
            Self::Rounding(rounding) => rounding.bounds(shown, measure),
        }
    }
}
