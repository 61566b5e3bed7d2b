//! What JavaScript needs to run and to be built, made once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;

use super::folder::Language;

/// The cache folder of all tests that run JavaScript.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("javascript")
}

/// `bakery` with that cache, and with the tools of whoever runs the tests, among them npm.
pub fn bakery() -> Command {
    let program =
        std::env::var_os("BAKERY_TEST_RELEASE").unwrap_or_else(|| env!("CARGO_BIN_EXE_bakery").into());
    let mut command = Command::new(program);
    command.env("BAKERY_CACHE_DIR", cache()).env("PATH", super::node::search_path());
    command
}

/// Provides the runtime, so that later runs need nothing of the machine. Tests that run side by side wait for each other.
pub fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let program = folder.path().join("ready.js");
        std::fs::write(&program, "export async function main() {}\n").expect("the folder is new");
        let output =
            bakery().arg("run").arg(&program).stdin(Stdio::null()).output().expect("bakery is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// JavaScript, for [`Folder`](super::folder::Folder).
pub struct JavaScript;

impl Language for JavaScript {
    fn cache() -> PathBuf {
        cache()
    }

    fn bakery() -> Command {
        bakery()
    }

    fn prepare() {
        prepare();
    }
}
