//! The shared nouns with their invariants. Rank 0: imports nothing of ours but `diag`.

pub mod address;
pub mod aftermath;
pub mod asset;
pub mod company;
pub mod counts;
pub mod decision;
pub mod dotted_quad;
pub mod email;
pub mod hold;
pub mod identity;
pub mod ledger_record;
pub mod letter;
pub mod matches;
pub mod name;
pub mod net;
pub mod night;
pub mod night_csv;
pub mod observation;
pub mod published;
pub mod shown;
pub mod sighting;
pub mod suffix;
pub mod table;
pub mod threat;
