//! Generates the samples.

fn main() {}
