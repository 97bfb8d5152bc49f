//! Reads what the world publishes about whom to tell: security.txt (RFC 9116), RDAP (RFC 9083).
//!
//! All of it is written by strangers. An address that comes out of here is one plain mailbox or
//! none, and what could not be fetched is *unknown*, never *none*.
//! Deliberately absent: fetching. The nightly run reads dated results; `fetch` makes them.

mod adoption;
mod armor;
mod language_tag;
mod lookup;
mod published;
mod rdap;
mod security_txt;
mod timestamp;

pub use adoption::{Adoption, AdoptionRow, adoption_csv};
pub use lookup::{Lookup, LookupKind, LookupOutcome, read_lookups};
pub use published::{judge, published};
pub use rdap::{AbuseMailbox, Rdap, read_rdap};
pub use security_txt::{SecurityTxt, Verdict, read_security_txt};
