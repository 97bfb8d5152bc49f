//! enrich: to be written.
