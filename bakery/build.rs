//! Cargo sees when an embedded file changes, but not when one is added to an embedded folder: this watches the folders.

fn main() {
    for folder in ["../templates", "../wit", "../sdk/rust"] {
        println!("cargo::rerun-if-changed={folder}");
    }
}
