//! matching: to be written.
