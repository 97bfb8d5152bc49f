//! The operator's day, with the real binary: the status, the printer's report, answers,
//! corrections, the difference of two nights.

mod alias;
mod answers;
mod diff;
mod out_of_sight;
pub mod overviews;
mod printed;
mod rectify;
mod status;
