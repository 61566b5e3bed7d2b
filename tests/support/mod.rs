//! A world of its own for each test: an empty home, an empty current folder, no terminal, and only the variables that are named.

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod browser;
pub mod folder;
pub mod guest;
pub mod hub;
pub mod javascript;
pub mod node;
pub mod python;
pub mod rust;
pub mod server;
#[cfg(unix)]
pub mod terminal;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use snapbox::cmd::Command;

/// Folders that vanish with it.
pub struct World {
    root: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        let root = tempfile::tempdir().expect("the machine has a folder for temporary files");
        for folder in ["home", "work", "cache"] {
            std::fs::create_dir(root.path().join(folder)).expect("the folder is new and empty");
        }
        World { root }
    }

    /// The current folder of the programs.
    pub fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Writes a file below [`World::work`], and the folders above it.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).expect("the folder can be made");
        std::fs::write(&path, contents).expect("the file can be written");
        path
    }

    /// `bakery` with these arguments.
    pub fn bakery<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_bakery"))).args(arguments)
    }

    /// `pie` with these arguments.
    pub fn pie<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        self.command(Path::new(env!("CARGO_BIN_EXE_pie"))).args(arguments)
    }

    /// `bakery` with these arguments on a terminal.
    #[cfg(unix)]
    pub fn terminal(&self, arguments: &[&str]) -> terminal::Start {
        let start = terminal::Start::new(Path::new(env!("CARGO_BIN_EXE_bakery")), &self.work());
        start.args(arguments).envs(self.variables())
    }

    fn command(&self, program: &Path) -> Command {
        Command::new(program).env_clear().envs(self.variables()).current_dir(self.work())
    }

    fn variables(&self) -> [(&'static str, PathBuf); 2] {
        let root = self.root.path();
        [("HOME", root.join("home")), ("BAKERY_CACHE_DIR", root.join("cache"))]
    }
}
