//! `apt-get` with folders of its own: it sees the private sources, writes nothing outside its folder and needs no root. It checks the signatures of the
//! package lists and the hashes of the packages against them, as ever; the system's proxies and credentials apply.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::packages::{self, C_LIBRARY, Package};
use super::sources::{self, Source};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Event, Life, Limits};
use crate::progress::{Progress, Unit};
use crate::toolchain::rustup::size_of;

/// Settings that replace the system's. The hooks of the system's `apt-get update` are for the system's lists. Without the error mode, a list that cannot be
/// had for want of a network is only warned about.
const SETTINGS: &str = r#"
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Sandbox::User "root";
APT::Get::List-Cleanup "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
"#;

/// A private apt.
pub struct Apt<'a> {
    env: &'a Environment,
    folder: PathBuf,
}

impl<'a> Apt<'a> {
    /// Prepares an empty folder for it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn prepare(env: &'a Environment, folder: &Path, archive: &[Source]) -> Result<Apt<'a>> {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(|error| {
                Error::environment(format!("cannot write `{}`", path.display())).caused_by(error)
            })
        };
        for name in ["state", "lists/partial", "cache/archives/partial"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|error| {
                Error::environment(format!("cannot make `{}`", path.display())).caused_by(error)
            })?;
        }
        write("status", "")?;
        write("private.sources", &sources::render(archive))?;
        write("preferences", &preferences())?;
        let apt = Apt { env, folder: folder.to_owned() };
        let architecture = process::output({
            let mut command = env.command("dpkg");
            command.arg("--print-architecture");
            command
        })?;
        write("apt.conf", &apt.settings(architecture.trim()))?;
        Ok(apt)
    }

    fn settings(&self, architecture: &str) -> String {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let folders = [
            ("Dir::State", at("state")),
            ("Dir::State::lists", at("lists")),
            ("Dir::State::status", at("status")),
            ("Dir::Cache", at("cache")),
            ("Dir::Cache::archives", at("cache/archives")),
            ("Dir::Cache::pkgcache", at("cache/pkgcache.bin")),
            ("Dir::Cache::srcpkgcache", at("cache/srcpkgcache.bin")),
            ("Dir::Etc::sourcelist", at("private.sources")),
            ("Dir::Etc::sourceparts", "/dev/null".to_owned()),
            ("Dir::Etc::preferences", at("preferences")),
            ("Dir::Etc::preferencesparts", "/dev/null".to_owned()),
            ("APT::Architecture", architecture.to_owned()),
        ];
        let lines = folders.map(|(name, value)| format!("{name} \"{value}\";\n"));
        // The lists are cleared before the architecture is set.
        format!("{SETTINGS}{}APT::Architectures {{ \"{architecture}\"; }};\n", lines.concat())
    }

    /// Fetches the lists of packages.
    ///
    /// # Errors
    /// Some list cannot be had; others may have been. What is unsigned or signed by somebody else is not had.
    pub fn update(&self, progress: &dyn Progress) -> Result<()> {
        let lists = self.folder.join("lists");
        let task = progress.start("fetching the lists of packages", None, Unit::Bytes);
        process::watch(self.command("apt-get", &["update"]), self.limits(), &mut |_| {
            task.reached(size_of(&lists));
            Life::Moving
        })
    }

    /// Describes the packages of these names, each in the version that would be fetched. Unknown names are left out.
    ///
    /// # Errors
    /// `apt-cache` cannot be run.
    pub fn show(&self, names: &BTreeSet<String>) -> Result<Vec<Package>> {
        let mut command = self.command("apt-cache", &["show", "--no-all-versions"]);
        command.args(names);
        let mut text = String::new();
        let outcome = process::watch(command, self.limits(), &mut |event| {
            if let Event::Line(process::Stream::Out, line) = event {
                text.push_str(line);
                text.push('\n');
            }
            Life::Silent
        });
        match packages::parse(&text) {
            shown if !shown.is_empty() => Ok(shown),
            // It fails when it knows none of the names, which is an answer; everything else it says something about.
            shown => match outcome {
                Err(error)
                    if !error
                        .source
                        .as_ref()
                        .is_some_and(|said| said.to_string().contains("No packages found")) =>
                {
                    Err(error)
                }
                _ => Ok(shown),
            },
        }
    }

    /// Fetches these packages into a folder that is empty, and checks them. `what` they are is for the progress.
    ///
    /// # Errors
    /// One cannot be fetched, or is not what the signed lists say.
    pub fn download(
        &self,
        packages: &[Package],
        into: &Path,
        what: &str,
        progress: &dyn Progress,
    ) -> Result<()> {
        let total = packages.iter().map(|package| package.size_bytes).sum();
        let mut command = self.command("apt-get", &["download"]);
        command
            .current_dir(into)
            .args(packages.iter().map(|package| format!("{}={}", package.name, package.version)));
        let task = progress.start(&format!("downloading {what}"), Some(total), Unit::Bytes);
        process::watch(command, self.limits(), &mut |_| {
            task.reached(size_of(into).min(total));
            Life::Moving
        })
    }

    fn limits(&self) -> Limits<'a> {
        Limits { interrupt: Some(&self.env.interrupt), ..Limits::default() }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.env.command(program);
        command.arg("-c").arg(self.folder.join("apt.conf")).arg("-q").args(arguments);
        command.env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive").current_dir(&self.folder);
        command
    }
}

/// Which versions are taken: the newest of the distribution, from the backports only the C library, and nothing of anybody else's.
fn preferences() -> String {
    let rules = [
        (C_LIBRARY, "o=Debian*", 500),
        ("*", "n=*-backports", 100),
        ("*", "o=Debian*", 500),
        ("*", "o=*", -1),
    ];
    rules
        .map(|(name, pin, priority)| {
            format!("Package: {name}\nPin: release {pin}\nPin-Priority: {priority}\n\n")
        })
        .concat()
}

/// The names of the packages that are installed on the system.
///
/// # Errors
/// `dpkg-query` cannot be run.
pub fn installed(env: &Environment) -> Result<BTreeSet<String>> {
    let mut command = env.command("dpkg-query");
    command.args(["-W", "-f", "${Package} ${db:Status-Status}\\n"]);
    let text = process::output(command)?;
    let names = text.lines().filter_map(|line| line.strip_suffix(" installed"));
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_name_only_the_private_folder_and_keep_checking_signatures() {
        let env = Environment::new([("PATH", "/bin")], "/");
        let apt = Apt { env: &env, folder: "/private".into() };
        let settings = apt.settings("amd64");
        for line in settings.lines().filter(|line| line.starts_with("Dir::")) {
            assert!(line.contains("\"/private/") || line.contains("\"/dev/null\""), "{line}");
        }
        let cleared = settings.find("#clear APT::Architectures").unwrap();
        assert!(cleared < settings.find("APT::Architectures {").unwrap());
        assert!(settings.contains("AllowInsecureRepositories \"false\""));
    }

    #[test]
    fn backports_are_preferred_for_the_c_library_only() {
        let preferences = preferences();
        let records: Vec<_> = preferences.trim().split("\n\n").collect();
        assert_eq!(records[0], "Package: wasi-libc\nPin: release o=Debian*\nPin-Priority: 500");
        assert_eq!(records[1], "Package: *\nPin: release n=*-backports\nPin-Priority: 100");
    }
}
