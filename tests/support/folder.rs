//! A folder with a program in a language that runs as it is.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a language needs to run and to be built, made once for all tests.
pub trait Language {
    /// The cache folder of all tests of the language.
    fn cache() -> PathBuf;

    /// `bakery` with that cache, and with the tools of whoever runs the tests.
    fn bakery() -> Command;

    /// Provides the runtime, so that later runs need nothing of the machine.
    fn prepare();
}

/// A folder with a program, which vanishes with it.
pub struct Folder<L> {
    root: tempfile::TempDir,
    language: PhantomData<L>,
}

impl<L: Language> Folder<L> {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("the machine has a folder for temporary files");
        let folder = Folder { root, language: PhantomData };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("the folder can be made");
        std::fs::write(path, text).expect("the file can be written");
    }

    /// `bakery` in the folder; nothing of the machine is there for it but its cache.
    pub fn bakery(&self, arguments: &[&str]) -> Output {
        L::prepare();
        self.finished(L::bakery().env_clear().env("BAKERY_CACHE_DIR", L::cache()), arguments)
    }

    /// `bakery` with the tools of whoever runs the tests.
    pub fn bakery_with_tools(&self, arguments: &[&str]) -> Output {
        L::prepare();
        self.finished(&mut L::bakery(), arguments)
    }

    pub fn finished(&self, command: &mut Command, arguments: &[&str]) -> Output {
        command.current_dir(self.root()).args(arguments).stdin(Stdio::null());
        command.output().expect("bakery is there")
    }
}

/// What a program has printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
