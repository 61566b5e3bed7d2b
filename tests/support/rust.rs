//! Inferlets in Rust that only tests use: `tests/guests`, compiled with the toolchain that bakery finds or provides.

use std::path::Path;

use bakery::environment::Environment;
use bakery::process;
use bakery::progress::Silent;
use bakery::toolchain::{self, Network, TARGET};

/// The component of `tests/guests/NAME`. Cargo builds it if it has changed, and lets one test at a time do so.
pub fn guest(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let env = Environment::read().expect("the process has surroundings");
    let toolchain =
        toolchain::rust(&env, &folder, Network::Allowed, &Silent).expect("there is a compiler for guests");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guests");
    let mut command = env.command(&toolchain.cargo);
    command.current_dir(&folder).args(["build", "--quiet", "--locked", "--release", "--package", name]);
    command.args(["--target", TARGET, "--target-dir"]).arg(&target);
    if let Some(rustc) = &toolchain.rustc {
        command.env("RUSTC", rustc);
    }
    process::output(command).expect("the guest compiles");
    let component = target.join(TARGET).join("release").join(name.replace('-', "_")).with_extension("wasm");
    std::fs::read(component).expect("cargo has built it")
}
