//! Puts packages into a folder: with uv where it is, else with pip. Only wheels, and only with the hashes that were pinned.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::host::{Host, plain};
use super::{GUEST_VERSION, Network};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Event, Life, Limits, Stream};
use crate::progress::{Progress, Unit};

/// Who installs.
#[derive(Clone, Debug)]
pub struct Installer {
    way: Way,
    interpreter: PathBuf,
}

#[derive(Clone, Debug)]
enum Way {
    /// `uv pip`
    Uv(PathBuf),
    /// `python -m pip`, of this Python.
    Pip(PathBuf),
}

impl Installer {
    /// Finds one. Where the host's Python has no pip and can make environments, one is made in `work` for its pip.
    ///
    /// # Errors
    /// There is none; the error says what to type.
    pub fn find(env: &Environment, host: &Host, work: &Path, progress: &dyn Progress) -> Result<Installer> {
        let interpreter = host.interpreter.clone();
        let way = if let Some(uv) = env.find_program("uv") {
            Way::Uv(uv)
        } else if host.has_pip {
            Way::Pip(interpreter.clone())
        } else if host.has_venv {
            let _task = progress.start("making an environment for pip", None, Unit::Items);
            Way::Pip(environment(env, host, &work.join("environment"))?)
        } else {
            return Err(no_installer(host));
        };
        Ok(Installer { way, interpreter })
    }

    /// `uv` or `pip`
    pub fn name(&self) -> &'static str {
        match self.way {
            Way::Uv(_) => "uv",
            Way::Pip(_) => "pip",
        }
    }

    /// Installs packages of the host's kind with pinned hashes.
    pub fn install_pinned(&self, env: &Environment, requirements: &Path, into: &Path) -> Result<()> {
        let mut command = self.command(env, &["install", "--no-deps", "--require-hashes"]);
        self.only_wheels(&mut command);
        command.arg("--target").arg(into).arg("-r").arg(requirements);
        watch(env, command)
    }

    /// Installs packages for the Python inside of components: wheels that every Python on every machine takes.
    pub fn install_for_guest(
        &self,
        env: &Environment,
        lock: &Path,
        into: &Path,
        network: Network,
    ) -> Result<()> {
        let mut command = self.command(env, &["install", "--no-deps", "--require-hashes"]);
        self.only_wheels(&mut command);
        self.for_guest(&mut command);
        self.offline(&mut command, network);
        command.arg("--target").arg(into).arg("-r").arg(lock);
        watch(env, command)
    }

    /// Chooses versions of all that `requirements` needs, and writes them with their hashes.
    ///
    /// # Errors
    /// They do not fit together, or cannot be had as wheels for every Python.
    pub fn lock(&self, env: &Environment, requirements: &Path, lock: &Path, network: Network) -> Result<()> {
        match &self.way {
            Way::Uv(_) => {
                let mut command = self.command(
                    env,
                    &["compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet"],
                );
                self.only_wheels(&mut command);
                command.args(["--python-version", GUEST_VERSION, "--python-platform", GUEST_PLATFORM]);
                self.offline(&mut command, network);
                command.arg(requirements).arg("--output-file").arg(lock);
                watch(env, command)
            }
            Way::Pip(_) => self.lock_with_pip(env, requirements, lock, network),
        }
    }

    /// pip tells what it would install, as JSON (<https://pip.pypa.io/en/stable/reference/installation-report/>).
    fn lock_with_pip(
        &self,
        env: &Environment,
        requirements: &Path,
        lock: &Path,
        network: Network,
    ) -> Result<()> {
        let report = lock.with_extension("report.json");
        let mut command = self.command(env, &["install", "--dry-run", "--ignore-installed"]);
        self.only_wheels(&mut command);
        self.for_guest(&mut command);
        self.offline(&mut command, network);
        // With a platform that is not the host's, pip insists on a folder, which a dry run does not make.
        command.arg("--target").arg(lock.with_extension("nowhere"));
        command.arg("--report").arg(&report).arg("-r").arg(requirements);
        let mut conflicts = Conflicts::default();
        let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
        process::watch(command, limits, &mut |event| conflicts.listen(event))
            .map_err(|error| conflicts.explain(error))?;
        let text = std::fs::read_to_string(&report)
            .map_err(|error| Error::environment("pip has not said what it would install").caused_by(error))?;
        let locked =
            locked(&text).ok_or_else(|| Error::environment("what pip would install cannot be understood"))?;
        std::fs::write(lock, locked).map_err(|error| {
            Error::environment(format!("cannot write `{}`", lock.display())).caused_by(error)
        })
    }

    fn command(&self, env: &Environment, arguments: &[&str]) -> Command {
        match &self.way {
            Way::Uv(uv) => {
                let mut command = plain(env, uv);
                command.arg("pip").args(arguments).env("UV_NO_PROGRESS", "1");
                if arguments.first() == Some(&"install") {
                    command.arg("--python").arg(&self.interpreter);
                }
                command
            }
            Way::Pip(python) => {
                let mut command = plain(env, python);
                command
                    .args(["-I", "-m", "pip", "--disable-pip-version-check", "--no-input"])
                    .args(arguments);
                // Settings in the user's files give way to variables.
                command.envs([("PIP_USER", "0"), ("PIP_REQUIRE_VIRTUALENV", "0")]);
                if arguments.first() == Some(&"install") {
                    command.args(["--no-compile", "--no-warn-script-location"]);
                }
                command
            }
        }
    }

    fn only_wheels(&self, command: &mut Command) {
        command.args(["--only-binary", ":all:"]);
    }

    fn for_guest(&self, command: &mut Command) {
        match self.way {
            Way::Uv(_) => {
                command.args(["--python-version", GUEST_VERSION, "--python-platform", GUEST_PLATFORM])
            }
            Way::Pip(_) => command.args([
                "--platform",
                "any",
                "--implementation",
                "py",
                "--abi",
                "none",
                "--python-version",
                GUEST_VERSION,
            ]),
        };
    }

    fn offline(&self, command: &mut Command, network: Network) {
        if network == Network::Forbidden {
            command.arg(match self.way {
                Way::Uv(_) => "--offline",
                Way::Pip(_) => "--no-index",
            });
        }
    }
}

/// The platform that uv chooses wheels for. It has none that is no machine, so that native wheels are refused afterwards.
const GUEST_PLATFORM: &str = "wasm32-pyodide2024";

/// Makes an environment for its pip, and returns its Python.
fn environment(env: &Environment, host: &Host, folder: &Path) -> Result<PathBuf> {
    let mut command = plain(env, &host.interpreter);
    command.args(["-I", "-m", "venv"]).arg(folder);
    watch(env, command)?;
    let python = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    Ok(folder.join(python))
}

fn no_installer(host: &Host) -> Error {
    let shown = host.interpreter.display();
    Error::environment(format!(
        "`{shown}` has neither pip nor venv, and there is no uv: nothing can install packages"
    ))
    .hint("apt install python3-venv")
    .hint("or install uv, and try again")
}

fn watch(env: &Environment, command: Command) -> Result<()> {
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    process::watch(command, limits, &mut |_| Life::Moving)
}

/// What pip says on its standard output of packages that do not fit together; on standard error it says only that there are some.
#[derive(Debug, Default)]
struct Conflicts {
    begun: bool,
    lines: Vec<String>,
}

impl Conflicts {
    fn listen(&mut self, event: Event<'_>) -> Life {
        if let Event::Line(Stream::Out, line) = event {
            self.begun |= line.starts_with("The conflict is caused by:");
            if self.begun && line.starts_with(' ') {
                self.lines.push(line.trim().to_owned());
            }
        }
        Life::Moving
    }

    /// The error of pip with that.
    fn explain(&self, error: Error) -> Error {
        match &error.source {
            Some(said) if !self.lines.is_empty() => {
                let text = format!("{said}\n{}", self.lines.join("\n"));
                error.caused_by(text)
            }
            _ => error,
        }
    }
}

/// Requirements with hashes from a report of pip's.
fn locked(report: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(report).ok()?;
    let mut lines = Vec::new();
    for package in report.get("install")?.as_array()? {
        let name = package.pointer("/metadata/name")?.as_str()?;
        let version = package.pointer("/metadata/version")?.as_str()?;
        let hash = package.pointer("/download_info/archive_info/hashes/sha256")?.as_str()?;
        lines.push(format!("{}=={version} \\\n    --hash=sha256:{hash}\n", name.to_ascii_lowercase()));
    }
    lines.sort();
    Some(lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pip_says_of_a_conflict_is_part_of_the_error() {
        let mut conflicts = Conflicts::default();
        for line in [
            "  Using cached a.whl",
            "The conflict is caused by:",
            "    a 1 depends on b==2",
            "",
            "To fix this",
        ] {
            assert_eq!(conflicts.listen(Event::Line(Stream::Out, line)), Life::Moving);
        }
        let error = conflicts.explain(Error::environment("`pip` failed").caused_by("conflicting"));
        assert_eq!(error.source.unwrap().to_string(), "conflicting\na 1 depends on b==2");
    }

    #[test]
    fn a_report_of_pips_becomes_a_lock() {
        let report = r#"{"install": [
            {"metadata": {"name": "Zebra", "version": "2.0"}, "download_info": {"archive_info": {"hashes": {"sha256": "bb"}}}},
            {"metadata": {"name": "ant", "version": "1.0"}, "download_info": {"archive_info": {"hashes": {"sha256": "aa"}}}}]}"#;
        let lock = locked(report).unwrap();
        assert_eq!(lock, "ant==1.0 \\\n    --hash=sha256:aa\nzebra==2.0 \\\n    --hash=sha256:bb\n");
        assert_eq!(locked("{}"), None);
    }

    #[test]
    fn a_python_without_pip_and_venv_gets_an_error_that_says_what_to_type() {
        let host = Host {
            interpreter: "/usr/bin/python3".into(),
            version: (3, 11),
            has_pip: false,
            has_venv: false,
        };
        let env = Environment::empty("/");
        let error = Installer::find(&env, &host, Path::new("/"), &crate::progress::Silent).unwrap_err();
        assert!(error.hints.iter().any(|hint| hint == "apt install python3-venv"), "{:?}", error.hints);
    }
}
