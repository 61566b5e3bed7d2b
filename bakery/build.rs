//! Cargo sees when an embedded file changes, but not when one is added to an embedded folder: this watches the folders. And it makes what QuickJS needs to
//! call the interface: a library of WebAssembly, written from `wit/` by the generator that fits the QuickJS which bakery pins.

use std::path::Path;

use wit_component::StringEncoding;
use wit_parser::Resolve;

/// The worlds of components in JavaScript: those that are run and those that respond to requests, without and with the network. Their exports have one name; that
/// of the program takes its place later. `handle` is an async function here: in a synchronous one QuickJS runs no job that a promise has left.
const WORLDS: [(&str, &str); 4] = [
    ("program", "export run;"),
    ("program-with-network", "include pie:inferlet/network; export run;"),
    ("server", "import wasi:http/types@0.2.12; export incoming-handler;"),
    ("server-with-network", "include pie:inferlet/network; export incoming-handler;"),
];

/// What they export.
const EXPORTS: &str = "interface run { run: async func(input: string) -> result<string, string>; }
interface incoming-handler {
    use wasi:http/types@0.2.12.{incoming-request, response-outparam};
    handle: async func(request: incoming-request, response-out: response-outparam);
}
";

fn main() -> anyhow::Result<()> {
    for folder in [
        "../templates",
        "../wit",
        "../sdk/rust",
        "../sdk/python/src",
        "../sdk/python/tests/fake",
        "../sdk/javascript/src",
    ] {
        println!("cargo::rerun-if-changed={folder}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    keep_at_a_fixed_address();
    for (name, items) in WORLDS {
        let library = bindings(name, items)?;
        std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join(format!("{name}.wasm")), library)?;
    }
    Ok(())
}

/// Links `bakery` without position independence where that is common practice, for the release.
///
/// At each start the loader of Linux writes every address in an executable's tables again if it may be anywhere, and copies the pages they are in: 50,000
/// addresses, a quarter of the time that `bakery run` takes. Given up is that the executable's own code is elsewhere at each start. Stack, heap, libraries and
/// the code that is compiled from components still are, and components reach no address of this process. `pie`, which serves, stays as it is.
fn keep_at_a_fixed_address() {
    let is = |name: &str, wanted: &str| std::env::var(name).is_ok_and(|value| value == wanted);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bin=bakery=-no-pie");
    }
}

fn bindings(name: &str, items: &str) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    resolve.push_dir("../wit")?;
    let text = format!(
        "package pie:program;\n{EXPORTS}world {name} {{ include pie:inferlet/inferlet-async; {items} }}\n"
    );
    let package = resolve.push_source("program.wit", &text)?;
    let world = resolve.select_world(&[package], Some(name))?;
    let mut library = wit_dylib::create(&resolve, world, None);
    wit_component::embed_component_metadata(&mut library, &resolve, world, StringEncoding::UTF8)?;
    Ok(library)
}
