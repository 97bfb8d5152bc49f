//! The thin end: arguments in, exit code out.

fn main() {}
