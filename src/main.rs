//! The thin end: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    nachtwacht::cli::main()
}
