//! What cargo said while it built: its JSON messages (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>), as far as they matter.

use std::path::{Path, PathBuf};

use cargo_metadata::{Message, TargetKind};

/// What cargo made and from what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Crates that were compiled, or did not need to be, from folders of this machine.
    pub local: Vec<Crate>,
    /// Build scripts that were run, or did not need to be.
    pub scripts: Vec<Script>,
    /// The files of the target that was asked for.
    pub made: Vec<PathBuf>,
}

/// One crate from a folder of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crate {
    /// Its package's `Cargo.toml`.
    pub manifest: PathBuf,
    /// What the compiler made.
    pub files: Vec<PathBuf>,
    /// Whether it is a build script.
    pub is_script: bool,
}

/// One run of a build script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Identifies the package.
    pub package: String,
    /// What the script wrote to standard output.
    pub output: PathBuf,
    /// Whether the package is a folder of this machine.
    pub is_local: bool,
}

impl Report {
    /// Takes one line in. `package` and `target` name what was asked for.
    pub fn line(&mut self, line: &str, package: &str, target: &str) {
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact(artifact)) => {
                let id = artifact.package_id.repr;
                let files: Vec<PathBuf> = artifact.filenames.into_iter().map(PathBuf::from).collect();
                let is_script = artifact.target.kind.contains(&TargetKind::CustomBuild);
                if id == package && artifact.target.name == target && !is_script {
                    self.made.clone_from(&files);
                }
                if is_local(&id) {
                    self.local.push(Crate { manifest: artifact.manifest_path.into(), files, is_script });
                }
            }
            Ok(Message::BuildScriptExecuted(script)) => {
                let id = script.package_id.repr;
                let out_dir = script.out_dir.into_std_path_buf();
                let output = out_dir.with_file_name("output");
                self.scripts.push(Script { is_local: is_local(&id), package: id, output });
            }
            // Diagnostics go to standard error; what is no message was printed by a procedural macro.
            _ => {}
        }
    }

    /// The component.
    pub fn component(&self) -> Option<&Path> {
        self.made
            .iter()
            .map(PathBuf::as_path)
            .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    }
}

/// Whether a package's identity is a folder of this machine.
fn is_local(id: &str) -> bool {
    id.contains("path+file://")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact(id: &str, name: &str, kind: &str, files: &[&str]) -> String {
        json!({
            "reason": "compiler-artifact", "package_id": id, "manifest_path": "/w/a/Cargo.toml",
            "target": { "kind": [kind], "crate_types": [kind], "name": name, "src_path": "/w/a/src/lib.rs", "edition": "2024" },
            "profile": { "opt_level": "3", "debuginfo": 0, "debug_assertions": false, "overflow_checks": false, "test": false },
            "features": [], "filenames": files, "executable": null, "fresh": false,
        })
        .to_string()
    }

    #[test]
    fn the_component_is_that_of_the_target_that_was_asked_for() {
        let mut report = Report::default();
        let id = "path+file:///w/a#0.1.0";
        for line in [
            artifact("registry+https://r.test#b@1.0.0", "a", "cdylib", &["/t/b.wasm"]),
            artifact(id, "a", "cdylib", &["/t/a.rlib", "/t/a.wasm"]),
            artifact(id, "other", "bin", &["/t/other.wasm"]),
            "a macro printed this".to_owned(),
        ] {
            report.line(&line, id, "a");
        }
        assert_eq!(report.component(), Some(Path::new("/t/a.wasm")));
        assert_eq!(report.local.len(), 2, "{report:?}");
    }

    #[test]
    fn build_scripts_are_found_with_what_they_printed() {
        let script = json!({
            "reason": "build-script-executed", "package_id": "path+file:///w/a#0.1.0", "linked_libs": [],
            "linked_paths": [], "cfgs": [], "env": [], "out_dir": "/t/build/a-1/out",
        });
        let mut report = Report::default();
        report.line(&script.to_string(), "", "");
        let expected = Script {
            package: "path+file:///w/a#0.1.0".into(),
            output: "/t/build/a-1/output".into(),
            is_local: true,
        };
        assert_eq!(report.scripts, [expected]);
    }
}
