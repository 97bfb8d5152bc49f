//! The operator's day, with the real binary: the status, the printer's report, answers,
//! corrections, the difference of two nights.

mod answers;
mod diff;
pub mod overviews;
mod printed;
mod rectify;
mod status;
