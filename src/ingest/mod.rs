//! ingest: to be written.
