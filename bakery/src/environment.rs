//! What bakery takes from the process around it: variables, the current folder, the cache folder. Read once in `main` and passed down, so that a test
//! gives its own and nothing else in the crate reads the environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// The variable that moves bakery's cache.
pub const CACHE_VARIABLE: &str = "BAKERY_CACHE_DIR";

/// The surroundings of one bakery process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    current_dir: PathBuf,
    platform_cache: Option<PathBuf>,
}

impl Environment {
    /// The surroundings of this process.
    ///
    /// # Errors
    /// The current folder no longer exists.
    pub fn of_process() -> Result<Self> {
        let current_dir = std::env::current_dir()
            .map_err(|e| Error::environment("the current folder cannot be read").caused_by(e))?;
        let platform_cache = etcetera::choose_base_strategy()
            .ok()
            .map(|strategy| etcetera::BaseStrategy::cache_dir(&strategy).join("bakery"));
        Ok(Environment { variables: std::env::vars_os().collect(), current_dir, platform_cache })
    }

    /// Surroundings made up for a test: these variables, this folder, and a cache only where [`CACHE_VARIABLE`] says.
    pub fn of_test<K: Into<OsString>, V: Into<OsString>>(
        current_dir: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Environment { variables, current_dir: current_dir.into(), platform_cache: None }
    }

    /// A variable; one that is set to nothing counts as not set.
    pub fn var(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// Every variable, in the order of the names.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same surroundings with one variable changed.
    pub fn with_var(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The folder that relative paths of the user start at.
    pub fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// A path as the user wrote it, made absolute.
    pub fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.current_dir.join(path)
    }

    /// The user's home folder.
    pub fn home(&self) -> Option<PathBuf> {
        let name = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
        self.var(name).map(PathBuf::from)
    }

    /// Whether an automatic build says that it is one.
    pub fn is_ci(&self) -> bool {
        self.var("CI").is_some_and(|value| value != "false" && value != "0")
    }

    /// bakery's cache: everything in it can be deleted, and is made again when it is needed.
    ///
    /// # Errors
    /// No home folder and no [`CACHE_VARIABLE`].
    pub fn cache_dir(&self) -> Result<PathBuf> {
        if let Some(dir) = self.var(CACHE_VARIABLE) {
            return Ok(self.absolute(dir));
        }
        self.platform_cache.clone().ok_or_else(|| {
            Error::environment("there is no folder for the cache")
                .hint(format!("set `{CACHE_VARIABLE}` to a folder"))
        })
    }

    /// The file that a command name stands for on this `PATH`.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.var("PATH")?;
        let file_name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(path)
            .map(|dir| self.absolute(dir).join(&file_name))
            .find(|file| is_executable(file))
    }

    /// A command that sees these variables and starts in this folder, whatever those of the process are.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).current_dir(&self.current_dir);
        command
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_variable_wins_and_is_relative_to_the_current_folder() {
        let environment = Environment::of_test("/work", [(CACHE_VARIABLE, "cache")]);
        assert_eq!(environment.cache_dir().unwrap(), Path::new("/work/cache"));
    }

    #[test]
    fn without_a_home_the_error_names_the_variable_to_set() {
        let environment = Environment::of_test("/work", [(CACHE_VARIABLE, "")]);
        let error = environment.cache_dir().unwrap_err();
        assert!(error.hints[0].contains(CACHE_VARIABLE), "{error:?}");
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
        let path = std::env::join_paths(["a", "b", "c"].map(|folder| dir.path().join(folder))).unwrap();
        let environment = Environment::of_test(dir.path(), [(OsString::from("PATH"), path)]);
        assert_eq!(environment.find_program("tool"), Some(dir.path().join("b/tool")));
        assert_eq!(environment.find_program("other"), None);
    }

    #[test]
    fn continuous_integration_is_recognized_by_its_variable() {
        let with = |value: &str| Environment::of_test("/", [("CI", value)]).is_ci();
        assert!(with("true") && with("1"));
        assert!(!with("false") && !with("0") && !with(""));
    }
}
