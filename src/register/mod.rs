//! register: to be written.
