//! The `bakery` command. [`bakery::cli`] is the place to start reading.

use std::process::ExitCode;

fn main() -> ExitCode {
    bakery::cli::main(bakery::cli::parse)
}
