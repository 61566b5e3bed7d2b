//! The world around the process: variables, the current folder, terminals, the clock and Ctrl-C. This is the only module that asks
//! the operating system for them; everything else is given an [`Environment`], so a test decides what it sees.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

/// The variable that names bakery's cache folder.
pub const CACHE_DIR_VARIABLE: &str = "BAKERY_CACHE_DIR";

/// The variable that names the folder of what bakery keeps for the user.
pub const DATA_DIR_VARIABLE: &str = "BAKERY_DATA_DIR";

/// The variable that names the folder of the user's settings.
pub const CONFIG_DIR_VARIABLE: &str = "BAKERY_CONFIG_DIR";

/// What a command may know about the world.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The current folder, absolute.
    pub current_dir: PathBuf,
    /// Which of the standard streams are terminals.
    pub terminals: Terminals,
    /// Columns to stay within: those of the terminal, or what `COLUMNS` says. Without either, lines may be of any length.
    pub width: Option<usize>,
    /// How durations are measured.
    pub clock: Clock,
    /// Whether the user asked to stop.
    pub interrupt: Interrupt,
}

/// Which of the standard streams are terminals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminals {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

impl Environment {
    /// Asks the operating system.
    ///
    /// # Errors
    /// The current folder is gone.
    pub fn read() -> Result<Environment> {
        let current_dir = std::env::current_dir().map_err(|error| {
            Error::environment("cannot tell the current folder").caused_by(error).hint("cd ~")
        })?;
        let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        if let Some(home) = std::env::home_dir() {
            variables.entry("HOME".into()).or_insert_with(|| home.into());
        }
        let terminals = Terminals {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
        };
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let mut environment = Environment::new(variables, current_dir);
        environment.terminals = terminals;
        environment.clock = Clock::System;
        environment.width = environment.columns().or(size.map(|(width, _)| usize::from(width.0)));
        Ok(environment)
    }

    /// A world made of these variables: no terminals, a clock that stands still, nobody who presses Ctrl-C.
    pub fn new(
        variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
        current_dir: impl Into<PathBuf>,
    ) -> Environment {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut environment = Environment {
            variables,
            current_dir: current_dir.into(),
            terminals: Terminals::default(),
            width: None,
            clock: Clock::Still,
            interrupt: Interrupt::default(),
        };
        environment.width = environment.columns();
        environment
    }

    /// A world without any variables.
    pub fn empty(current_dir: impl Into<PathBuf>) -> Environment {
        Environment::new(std::iter::empty::<(OsString, OsString)>(), current_dir)
    }

    /// A variable; an empty one counts as unset, as shells make it hard to tell the two apart.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Every variable, in the order of the names.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same surroundings with one variable changed.
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// A command that sees these variables and starts in this folder, whatever those of the process are.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).current_dir(&self.current_dir);
        command
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<&Path> {
        self.variable("HOME").map(Path::new)
    }

    /// The folder for everything bakery can make again: `BAKERY_CACHE_DIR`, else the platform's cache folder. It need not exist.
    ///
    /// # Errors
    /// Neither the variable nor a home folder is known.
    pub fn cache_dir(&self) -> Result<PathBuf> {
        self.own_folder(CACHE_DIR_VARIABLE, "XDG_CACHE_HOME", "Library/Caches", ".cache").ok_or_else(|| {
            Error::environment(format!(
                "there is no place for the cache: neither `HOME` nor `{CACHE_DIR_VARIABLE}` is set"
            ))
            .hint(format!("export {CACHE_DIR_VARIABLE}=/tmp/bakery-cache"))
        })
    }

    /// The folder for what bakery keeps for the user, such as installed inferlets: `BAKERY_DATA_DIR`, else the platform's folder for data. It need not
    /// exist.
    ///
    /// # Errors
    /// Neither the variable nor a home folder is known.
    pub fn data_dir(&self) -> Result<PathBuf> {
        let folder = self.own_folder(
            DATA_DIR_VARIABLE,
            "XDG_DATA_HOME",
            "Library/Application Support",
            ".local/share",
        );
        folder.ok_or_else(|| {
            Error::environment(format!(
                "there is no place for installed inferlets: neither `HOME` nor `{DATA_DIR_VARIABLE}` is set"
            ))
            .hint(format!("export {DATA_DIR_VARIABLE}=/tmp/bakery-data"))
        })
    }

    /// The folder of the user's settings: `BAKERY_CONFIG_DIR`, else the platform's folder for such. It need not exist; nothing is known of it without a
    /// home.
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.own_folder(CONFIG_DIR_VARIABLE, "XDG_CONFIG_HOME", "Library/Application Support", ".config")
    }

    /// The folder that `variable` names, else a folder of bakery's own in the platform's: `xdg` names that on Linux, and the last two are below the
    /// home of macOS and of others.
    fn own_folder(&self, variable: &str, xdg: &str, on_macos: &str, elsewhere: &str) -> Option<PathBuf> {
        if let Some(folder) = self.variable(variable) {
            return Some(self.current_dir.join(folder));
        }
        let absolute = |name| self.variable(name).map(Path::new).filter(|path| path.is_absolute());
        let below_home = if cfg!(target_os = "macos") { on_macos } else { elsewhere };
        let base = match absolute(xdg).or_else(|| absolute("LOCALAPPDATA")) {
            Some(folder) => folder.to_owned(),
            None => self.home()?.join(below_home),
        };
        Some(base.join("bakery"))
    }

    /// Looks a program up in `PATH`.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let folders = std::env::split_paths(self.variable("PATH")?);
        folders.map(|folder| self.current_dir.join(folder).join(&file_name)).find(|path| is_executable(path))
    }

    /// Whether a continuous-integration service runs us: nothing is asked and nothing is drawn over.
    pub fn is_ci(&self) -> bool {
        self.variable("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// Whether the user wants no colour anywhere (<https://no-color.org>).
    pub fn wants_no_color(&self) -> bool {
        self.variable("NO_COLOR").is_some() || self.variable("TERM").is_some_and(|term| term == "dumb")
    }

    /// The width that `COLUMNS` asks for.
    fn columns(&self) -> Option<usize> {
        self.variable("COLUMNS")?.to_str()?.parse().ok().filter(|columns| (20..=1000).contains(columns))
    }
}

/// The arguments of the process, the program's name first.
pub fn arguments() -> Vec<OsString> {
    std::env::args_os().collect()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Measures durations for people. Nothing that is recorded or compared may depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The system's monotonic clock.
    System,
    /// Every duration is zero.
    Still,
}

impl Clock {
    /// Starts measuring.
    pub fn start(self) -> Stopwatch {
        Stopwatch { started: (self == Clock::System).then(Instant::now) }
    }
}

/// A running measurement.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Option<Instant>,
}

impl Stopwatch {
    /// The time since [`Clock::start`].
    pub fn elapsed(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().copied(), "/work")
    }

    #[test]
    fn the_cache_folder_follows_its_own_variable_first() {
        let folder = |variables: &[(&str, &str)]| with(variables).cache_dir().unwrap();
        assert_eq!(folder(&[("BAKERY_CACHE_DIR", "c"), ("HOME", "/home/ada")]), Path::new("/work/c"));
        assert_eq!(folder(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/home/ada")]), Path::new("/x/bakery"));
        if cfg!(target_os = "linux") {
            assert_eq!(folder(&[("HOME", "/home/ada")]), Path::new("/home/ada/.cache/bakery"));
            let relative_is_ignored = folder(&[("XDG_CACHE_HOME", "x"), ("HOME", "/home/ada")]);
            assert_eq!(relative_is_ignored, Path::new("/home/ada/.cache/bakery"));
        }
    }

    #[test]
    fn the_data_folder_has_a_variable_of_its_own() {
        let folder = |variables: &[(&str, &str)]| with(variables).data_dir().unwrap();
        assert_eq!(folder(&[("BAKERY_DATA_DIR", "d"), ("BAKERY_CACHE_DIR", "c")]), Path::new("/work/d"));
        assert_eq!(folder(&[("XDG_DATA_HOME", "/x"), ("HOME", "/home/ada")]), Path::new("/x/bakery"));
        if cfg!(target_os = "linux") {
            assert_eq!(folder(&[("HOME", "/home/ada")]), Path::new("/home/ada/.local/share/bakery"));
        }
        let error = with(&[]).data_dir().unwrap_err();
        assert!(error.hints[0].contains(DATA_DIR_VARIABLE), "{:?}", error.hints);
    }

    #[test]
    fn settings_have_a_folder_of_their_own() {
        let folder = |variables: &[(&str, &str)]| with(variables).config_dir();
        assert_eq!(folder(&[("BAKERY_CONFIG_DIR", "c"), ("HOME", "/home/ada")]), Some("/work/c".into()));
        assert_eq!(folder(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/home/ada")]), Some("/x/bakery".into()));
        if cfg!(target_os = "linux") {
            assert_eq!(folder(&[("HOME", "/home/ada")]), Some("/home/ada/.config/bakery".into()));
        }
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn without_a_home_there_is_no_cache_folder_and_a_hint() {
        let error = with(&[("HOME", "")]).cache_dir().unwrap_err();
        assert_eq!(error.kind, crate::error::Kind::Environment);
        assert!(error.hints[0].contains(CACHE_DIR_VARIABLE), "{:?}", error.hints);
    }

    #[test]
    fn columns_sets_the_width_when_it_makes_sense() {
        assert_eq!(with(&[("COLUMNS", "72")]).width, Some(72));
        for nonsense in ["", "0", "-3", "wide", "99999"] {
            assert_eq!(with(&[("COLUMNS", nonsense)]).width, None);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_program_is_found_in_the_first_folder_that_has_it_as_an_executable() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        for (folder, mode) in [("a", 0o644), ("b", 0o755), ("c", 0o755)] {
            let folder = dir.path().join(folder);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("tool"), "").unwrap();
            std::fs::set_permissions(folder.join("tool"), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let environment = Environment::new([("PATH", "a:b:c")], dir.path());
        assert_eq!(environment.find_program("tool"), Some(dir.path().join("b/tool")));
        assert_eq!(environment.find_program("other"), None);
    }

    #[test]
    fn continuous_integration_is_recognized_by_its_variable() {
        let ci = |value| with(&[("CI", value)]).is_ci();
        assert!(ci("true") && ci("1"));
        assert!(!ci("false") && !ci("0") && !ci(""));
    }
}
