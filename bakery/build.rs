//! Cargo sees when an embedded file changes, but not when one is added to an embedded folder: this watches the folders.

fn main() {
    println!("cargo::rerun-if-changed=../templates");
}
