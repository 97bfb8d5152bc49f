//! Nachtwacht: the nightly batch job of a national warning service.
//!
//! One line: **config → plan → scan → match → enrich → decide → render → deliver → report.**
//!
//! | phase | room | rank | takes | gives |
//! |---|---|---|---|---|
//! | – | [`diag`] | 0 | – | failures, rejects |
//! | – | [`model`] | 0 | – | the shared nouns with their invariants |
//! | in | [`ingest`] | 1, pure | a feed's bytes | observations, rejects |
//! | in | [`contacts`] | 1, pure | security.txt, RDAP answers | mailboxes, verdicts |
//! | in | [`register`] | 1, pure | tables of registrations | companies, assets, contacts, rejects |
//! | plan | [`plan`] | 1, pure | listing, night, ledger | objects and columns to read |
//! | match | [`matching`] | 1, pure | assets, key columns | matches with confidence |
//! | enrich | [`enrich`] | 1, pure | hits, reference tables | facts with their day |
//! | decide | [`decide`] | 1, pure | hits, threats, ledger | decisions and letters |
//! | decide | [`brakes`] | 1, pure | the last nights, tonight's plan | go, or what stops it |
//! | render | [`render`] | 1, pure | letters, templates | text, HTML, PDF, mail merge |
//! | report | [`statistics`], [`report`] | 1, pure | claims, decisions | tables, manifest |
//! | – | [`store`] | 1, I/O | URLs | objects |
//! | in | [`reference`](mod@reference) | 2, pure | files of others | checked lists, what changed |
//! | scan | [`scan`] | 2, I/O | snapshot objects | row groups in two passes |
//! | deliver | [`deliver`], [`ledger`] | 2, I/O | letters, claims | receipts |
//! | – | [`fetch`] | 2, I/O | names | results of look-ups |
//! | config | [`config`] | 3 | `jobs/*.toml` | a checked job |
//! | all | [`run`] | 4 | job, night | outcome |
//!
//! A room imports from a lower rank only (`tests/tidy.rs`). Pure rooms have no clock, no
//! randomness, no files and no sockets.

pub mod diag;
pub mod model;

pub mod contacts;
pub mod ingest;
pub mod register;

pub mod brakes;
pub mod decide;
pub mod enrich;
pub mod matching;
pub mod plan;
pub mod render;
pub mod report;
pub mod statistics;
pub mod store;

pub mod deliver;
pub mod fetch;
pub mod ledger;
pub mod reference;
pub mod scan;

pub mod config;

pub mod run;

pub mod cli;
