//! `src/bindings.rs` is generated from `wit/` and checked in, so that no user's build has to generate it again: the
//! generator takes longer to compile than the SDK, its dependencies and a small inferlet together (26 to 21 processor
//! seconds when measured). This test generates it once more and compares. To accept a change of the interface:
//!
//! ```sh
//! UPDATE_BINDINGS=1 cargo test -p inferlet --test bindings
//! ```

use std::path::Path;
use wit_bindgen_core::wit_parser::{Resolve, UnresolvedPackageGroup};
use wit_bindgen_core::{Files, WorldGenerator};

/// What the SDK imports itself: the whole interface, the clock for `sleep`, and HTTP. The standard library brings the rest
/// of WASI, and what a program does not use is not in its component.
const WORLD: &str = "package pie:sdk-rust;
world bindings {
    include pie:inferlet/imports;
    import wasi:clocks/monotonic-clock@0.2.12;
    include pie:inferlet/network;
}";

fn generate() -> String {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
    let mut resolve = Resolve::default();
    resolve.push_dir(&wit).expect("`wit/` parses");
    let group = UnresolvedPackageGroup::parse("bindings.wit", WORLD).expect("the world parses");
    let package = resolve.push_group(group).expect("the world resolves");
    let world = resolve.select_world(&[package], Some("bindings")).expect("there is one world");
    let options = wit_bindgen_rust::Opts {
        format: true,
        generate_all: true,
        runtime_path: Some("::wit_bindgen::rt".to_owned()),
        type_section_suffix: Some("inferlet".to_owned()),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).expect("bindings can be generated");
    let (_, text) = files.iter().next().expect("one file is generated");
    String::from_utf8(text.to_vec()).expect("generated code is UTF-8")
}

#[test]
fn checked_in_bindings_are_those_of_the_interface() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bindings.rs");
    let generated = generate();
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        std::fs::write(&path, &generated).expect("the source folder is writable");
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "`src/bindings.rs` is not what `wit/` says; run `UPDATE_BINDINGS=1 cargo test -p inferlet --test bindings`"
    );
}
