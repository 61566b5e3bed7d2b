//! A real browser without a window: Chromium as npm has it, pinned with its hashes in `tests/browser/package-lock.json`, unpacked once below the target folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::node;

/// What came of a visit to a page.
#[derive(serde::Deserialize)]
pub struct Visit {
    /// What the steps that evaluate something gave.
    pub results: Vec<Value>,
    /// The URLs that were asked for.
    pub asked: Vec<String>,
    /// Exceptions, and what the browser complained about.
    pub complaints: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser")
}

/// The folder with the browser.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let home = node::packages(&folder(), "browser");
        let unpacked = home.join("unpacked");
        let done = home.join("unpacked-package-lock.json");
        let wanted = std::fs::read(folder().join("package-lock.json")).expect("it is part of the repository");
        if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
            let script = folder().join("unpack.mjs");
            let status = Command::new(node::node()).arg(script).arg(&home).arg(&unpacked).status();
            assert!(status.expect("there is Node.js").success(), "the browser cannot be unpacked");
            std::fs::write(&done, wanted).expect("the target folder can be written");
        }
        unpacked
    })
}

/// Opens a file and takes the steps that `tests/browser/drive.mjs` knows.
pub fn visit(file: &Path, steps: &Value) -> Visit {
    let url = format!("file://{}", file.to_str().expect("the path is UTF-8"));
    let mut child = Command::new(node::node())
        .arg(folder().join("drive.mjs"))
        .arg(installed())
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is Node.js");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(steps.to_string().as_bytes()).expect("the driver reads its steps");
    drop(stdin);
    let output = child.wait_with_output().expect("the driver ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the driver prints a document")
}
