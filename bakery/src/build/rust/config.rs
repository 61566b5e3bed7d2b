//! What cargo's configuration files say, as far as a build has to know: they are read where cargo reads them
//! (<https://doc.rust-lang.org/cargo/reference/config.html>), the nearest first.

use std::path::{Path, PathBuf};

use cargo_metadata::cargo_platform::{Cfg, CfgExpr};
use toml::{Table, Value};

use crate::environment::Environment;
use crate::toolchain::TARGET;

/// What is true of `wasm32-wasip2` in a `cfg(..)`.
const TARGET_CFG: [(&str, &str); 6] = [
    ("target_arch", "wasm32"),
    ("target_family", "wasm"),
    ("target_os", "wasi"),
    ("target_env", "p2"),
    ("target_pointer_width", "32"),
    ("target_endian", "little"),
];

/// One configuration file.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it is.
    pub path: PathBuf,
    /// What it says; what cannot be read says nothing, and cargo complains about it.
    pub table: Table,
}

/// All configuration of a folder, the strongest first.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The files that exist.
    pub files: Vec<File>,
    /// Every place where a file is or could appear.
    pub places: Vec<PathBuf>,
}

impl Config {
    /// The configuration that cargo has in `folder`.
    pub fn of(env: &Environment, folder: &Path) -> Config {
        let homes = folder.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home(env));
        let mut config = Config::default();
        for home in homes {
            let places = [home.join("config"), home.join("config.toml")];
            if config.places.contains(&places[0]) {
                continue;
            }
            // Cargo takes the one without the extension if both exist.
            let found = places.iter().find(|place| place.is_file()).cloned();
            config.places.extend(places);
            if let Some(path) = found {
                config.read(path);
            }
        }
        config
    }

    /// Reads a file and those that it includes, which are weaker than itself.
    fn read(&mut self, path: PathBuf) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let table: Table = text.parse().unwrap_or_default();
        let included = included(&table);
        let folder = path.parent().unwrap_or(&path).to_owned();
        self.files.push(File { path, table });
        for name in included.into_iter().rev() {
            let path = folder.join(name);
            if !self.places.contains(&path) {
                self.places.push(path.clone());
                self.read(path);
            }
        }
    }

    /// A value of the strongest file that has it, and that file.
    pub fn find(&self, keys: &[&str]) -> Option<(&Value, &Path)> {
        self.files.iter().find_map(|file| Some((get(&file.table, keys)?, file.path.as_path())))
    }

    /// The words of a list or a text of words, of all files: the weakest first, as cargo joins them.
    pub fn words(&self, keys: &[&str]) -> Vec<String> {
        self.files.iter().rev().filter_map(|file| get(&file.table, keys)).flat_map(words_of).collect()
    }

    /// Whether a file has compiler flags for the target, by its name or by a `cfg(..)` that is true of it. Cargo then ignores `build.rustflags`.
    pub fn has_target_flags(&self) -> bool {
        self.files.iter().filter_map(|file| file.table.get("target")?.as_table()).flatten().any(
            |(name, value)| (name == TARGET || is_true_of_target(name)) && value.get("rustflags").is_some(),
        )
    }
}

/// Cargo's own folder: `CARGO_HOME`, or `.cargo` in the home folder.
pub fn cargo_home(env: &Environment) -> Option<PathBuf> {
    let named = env.variable("CARGO_HOME").map(|home| env.current_dir.join(home));
    named.or_else(|| Some(env.home()?.join(".cargo")))
}

/// The files of `include`: a path, or a table with one, or a list of these.
fn included(table: &Table) -> Vec<String> {
    let path = |value: &Value| value.as_str().or_else(|| value.get("path")?.as_str()).map(str::to_owned);
    match table.get("include") {
        Some(Value::Array(values)) => values.iter().filter_map(path).collect(),
        Some(value) => path(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn get<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Value> {
    let (first, rest) = keys.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(key))
}

fn words_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(values) => values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

fn is_true_of_target(name: &str) -> bool {
    let Some(expression) = name.strip_prefix("cfg(").and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let pairs = TARGET_CFG.iter().filter_map(|(key, value)| format!("{key}=\"{value}\"").parse::<Cfg>().ok());
    let known: Vec<Cfg> = pairs.chain("panic=\"abort\"".parse()).collect();
    expression.parse::<CfgExpr>().is_ok_and(|expression| expression.matches(&known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(files: &[(&str, &str)]) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let env = Environment::new([("CARGO_HOME", dir.path().join("home"))], dir.path());
        let config = Config::of(&env, &dir.path().join("outer/project"));
        (dir, config)
    }

    #[test]
    fn the_nearest_file_wins_and_lists_are_joined_with_the_nearest_last() {
        let (_dir, config) = config(&[
            (
                "outer/project/.cargo/config.toml",
                "build = { rustflags = [\"-near\"], target-dir = \"near\" }",
            ),
            ("outer/.cargo/config.toml", "build = { rustflags = \"-far -away\", target-dir = \"far\" }"),
            ("home/config.toml", "[build]\nrustflags = [\"-home\"]"),
        ]);
        assert_eq!(config.find(&["build", "target-dir"]).unwrap().0.as_str(), Some("near"));
        assert_eq!(config.words(&["build", "rustflags"]), ["-home", "-far", "-away", "-near"]);
    }

    #[test]
    fn places_where_a_file_could_appear_are_known() {
        let (dir, config) = config(&[]);
        for place in ["outer/project/.cargo/config.toml", "outer/.cargo/config", "home/config.toml"] {
            assert!(config.places.contains(&dir.path().join(place)), "{place}");
        }
    }

    #[test]
    fn included_files_are_read_and_weaker() {
        let (dir, config) = config(&[
            ("outer/project/.cargo/config.toml", "include = [{ path = \"more.toml\" }]\n[build]\njobs = 1"),
            ("outer/project/.cargo/more.toml", "[build]\njobs = 2\ntarget-dir = \"more\""),
        ]);
        assert_eq!(config.find(&["build", "jobs"]).unwrap().0.as_integer(), Some(1));
        assert_eq!(config.find(&["build", "target-dir"]).unwrap().0.as_str(), Some("more"));
        assert!(config.places.contains(&dir.path().join("outer/project/.cargo/more.toml")));
    }

    #[test]
    fn a_file_that_includes_itself_is_read_once() {
        let (_dir, config) = config(&[("home/config.toml", "include = \"config.toml\"")]);
        assert_eq!(config.files.len(), 1);
    }

    #[test]
    fn flags_for_the_target_are_found_by_name_and_by_condition() {
        let has = |text: &str| config(&[("home/config.toml", text)]).1.has_target_flags();
        assert!(has("[target.wasm32-wasip2]\nrustflags = \"-a\""));
        assert!(has("[target.'cfg(target_family = \"wasm\")']\nrustflags = \"-a\""));
        assert!(has("[target.'cfg(not(unix))']\nrustflags = \"-a\""));
        assert!(!has("[target.'cfg(unix)']\nrustflags = \"-a\""));
        assert!(!has("[target.wasm32-wasip2]\nlinker = \"x\""));
        assert!(!has("[target.x86_64-unknown-linux-gnu]\nrustflags = \"-a\""));
    }
}
