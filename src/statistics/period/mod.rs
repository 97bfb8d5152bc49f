//! The letters of a period, counted out of the ledger in one pass.
//!
//! Where the tables of a night show the month and year so far, these are for a month, a quarter,
//! a half-year, a year or any span, over years of nights.

mod axis;
mod count;
mod delivery;
mod export;
mod exposure;
mod facts;
mod funnel;
mod histogram;
mod keys;
mod label;
mod late;
mod local_day;
mod marks;
mod members;
mod one_company;
mod one_letter;
mod order;
mod renumber;
mod same;
mod security_txt;
mod slice;
mod span;
mod table;
mod tally;

pub use axis::{Axis, warnings_bounds};
pub use count::{Figures, Row, count, count_all};
pub use delivery::{Delivery, delivery};
pub use export::{Table, id_of, period_csv, period_parquet, small_csv};
pub use exposure::{ByThreat, Exposures, Follow, Outcomes, Week, survival};
pub use facts::{Facts, Gather};
pub use funnel::Funnel;
pub use label::{Titles, axis_name, feed_key, value_label};
pub use members::{WithMembers, count_members};
pub use security_txt::SecurityTxt;
pub use slice::{InWindow, Sliced, Window, count_in, slices};
pub use span::{Last, Span};
