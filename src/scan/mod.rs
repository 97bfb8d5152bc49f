//! scan: to be written.
