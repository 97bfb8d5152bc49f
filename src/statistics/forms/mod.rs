//! A publication for readers: CSV with its description, Parquet, a workbook, a page.
//!
//! Everything is made from the publication alone, which holds no secret figure: what a form
//! could give away is not there. Rows are sorted by their codes, never by their figures, since
//! an order by size would tell where a secret lies.

mod chart;
mod export;
mod page;
mod sheet;
mod words;
mod work;
mod workbook;

pub use export::{csv_of, csvw, parquet_of, work_csv};
pub use page::{annex, page};
pub use sheet::{About, Sheet, SheetRow, sheets};
pub use work::{WorkGroup, WorkInput, work};
pub use workbook::workbook;
