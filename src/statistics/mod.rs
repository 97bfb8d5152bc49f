//! statistics: to be written.
