//! The `pie` command.
fn main() {}
