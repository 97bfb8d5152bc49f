//! Arguments of the commands about registrations.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::args::JobArgs;
use crate::model::night::Night;
use crate::run::{register, unconfirmed};

#[derive(Subcommand)]
pub(super) enum RegisterCommand {
    /// Every fault of a delivery of registrations, and what it would change
    Check(CheckArgs),
    /// List participants whose registrations were not confirmed for long, as CSV, or write to them
    Unconfirmed(UnconfirmedArgs),
}

#[derive(ClapArgs)]
#[command(
    after_help = "A table is known by its columns: companies by `name`, assets by `kind`, \
contacts by `channel`.
Dutch headers such as `KvK-nummer` or `Postcode` are understood. Rows are counted as a
spreadsheet does: the header is row 1.

Examples:
  nachtwacht register check form.xlsx --partial
  nachtwacht register check companies.csv --first --out register/   # then assets.csv, contacts.csv

Exit codes: 0 nothing is wrong; 1 a row has a fault; 2 the file cannot be read as a table."
)]
pub(super) struct CheckArgs {
    /// CSV, XLSX or Parquet, out of a form or a register
    file: PathBuf,
    #[command(flatten)]
    job: JobArgs,
    /// Give KvK numbers the leading zeros back that a spreadsheet dropped
    #[arg(long)]
    restore_zeros: bool,
    /// The file only adds and changes: what it leaves out stays
    #[arg(long, conflicts_with = "out")]
    partial: bool,
    /// The register is being made: a table that is not there yet is empty
    #[arg(long)]
    first: bool,
    /// How many changes of a kind to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    list: usize,
    /// Folder to write the tables to, as Parquet, if nothing is wrong
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(ClapArgs)]
#[command(after_help = "Examples:
  nachtwacht register unconfirmed --days 180 > unconfirmed.csv
  nachtwacht register unconfirmed --days 365 --letters letters/2026-03/

Each letter lists what is registered and asks whether it still holds; letters.csv says by which
way each company is reached. They are no warnings: the ledger does not know them.")]
pub(super) struct UnconfirmedArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Older than this many days
    #[arg(long, value_name = "N", default_value_t = 180)]
    days: u32,
    /// As of this date; today where absent
    #[arg(long, value_name = "YYYY-MM-DD")]
    on: Option<Night>,
    /// Folder for a letter to each company (text, HTML, PDF) that asks it to confirm
    #[arg(long, value_name = "FOLDER")]
    letters: Option<String>,
}

impl UnconfirmedArgs {
    pub(super) fn into_parts(self) -> (JobArgs, unconfirmed::Ask) {
        let ask = unconfirmed::Ask {
            days: self.days,
            on: self.on,
            letters: self.letters,
        };
        (self.job, ask)
    }
}

impl CheckArgs {
    pub(super) fn into_parts(self) -> (JobArgs, register::Ask) {
        let ask = register::Ask {
            file: self.file,
            restores_zeros: self.restore_zeros,
            is_partial: self.partial,
            is_first: self.first,
            n_listed: self.list,
            out: self.out,
        };
        (self.job, ask)
    }
}
