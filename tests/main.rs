//! One test binary for everything that looks at the product from outside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a test may panic: that is how it fails"
)]

mod adhoc;
mod approval;
mod axe;
mod bad_input;
mod brakes;
mod contacts;
mod crash;
mod decide;
mod delivery;
mod deploy;
mod desk;
mod explain;
mod faults;
mod fetch;
mod gone;
mod harness;
mod history;
mod hold;
mod hostile;
mod ingest;
mod ledger;
mod matching;
mod merge;
mod nightly;
mod operator;
mod preview;
mod reference;
mod register;
mod render;
mod resume;
mod s3;
mod samples;
mod sandbox;
mod scan;
mod signing;
mod statistics;
mod stop;
mod tidy;
mod tokens;
mod verify;
mod watch;
