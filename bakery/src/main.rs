//! The `bakery` command.
fn main() {}
