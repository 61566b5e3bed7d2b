//! QuickJS as WebAssembly: `runtime.wasm` of the crate `componentize-qjs`, pinned by its digest.
//!
//! It is taken from where its project publishes it, with the client that is there: cargo unpacks the crate (`cargo info` fetches it and nothing that it
//! depends on), npm installs the package for Node.js, whose library has the same bytes inside. Neither is built or run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use super::node::npm;
use crate::build::Digest;
use crate::build::run::write_atomically;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;
use crate::progress::{Progress, Unit};
use crate::toolchain::lock::Lock;
use crate::toolchain::{Attempt, Attempts, Network, Unavailable, provided};

/// The release that bakery is made for.
pub const VERSION: &str = "0.4.5";

/// SHA-256 of its `runtime.wasm`.
pub const DIGEST: &str = "6ad50dc7de20ea42379dc9d5cfc1737fbf8f7549f37851b77a83027106d8f95d";

/// Its size.
const SIZE_BYTES: usize = 1_537_220;

/// The crate, and the package for one kind of machine. The kind does not matter: the library is not loaded.
const CRATE: &str = "componentize-qjs";
const PACKAGE: &str = "@andreiltd/componentize-qjs-binding-linux-x64-gnu";

/// What every file of WebAssembly begins with.
const MAGIC: &[u8] = b"\0asm\x01\0\0\0";

/// Finds or provides it.
///
/// # Errors
/// It is not here, and it cannot be had; the error says what was tried.
pub fn provide(env: &Environment, network: Network, progress: &dyn Progress) -> Result<Vec<u8>> {
    let cache = env.cache_dir()?;
    let path = place(&cache);
    if let Some(found) = open(&path) {
        return Ok(found);
    }
    if network == Network::Forbidden {
        return Err(Error::environment("what JavaScript is built with is not here yet")
            .hint("run it once without `--offline`, so that it can be fetched"));
    }
    let parent = folder(&cache);
    let _lock = Lock::take(&parent, "to provide QuickJS", &env.interrupt, progress)?;
    if let Some(found) = open(&path) {
        return Ok(found);
    }
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(unwritable)?;
    let bytes = {
        let _task = progress.start("fetching QuickJS, once", None, Unit::Items);
        fetch(env, &cache, work.path())?
    };
    write_atomically(&path, &bytes)?;
    Ok(bytes)
}

/// Whether [`provide`] has nothing to fetch.
pub fn is_here(env: &Environment) -> bool {
    env.cache_dir().is_ok_and(|cache| place(&cache).is_file())
}

fn place(cache: &Path) -> PathBuf {
    folder(cache).join(format!("quickjs-{VERSION}-{}.wasm", &DIGEST[..16]))
}

fn open(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok().filter(|bytes| is_it(bytes))
}

fn is_it(bytes: &[u8]) -> bool {
    bytes.len() == SIZE_BYTES && Digest::of(bytes).as_str() == DIGEST
}

fn fetch(env: &Environment, cache: &Path, work: &Path) -> Result<Vec<u8>> {
    let mut attempts = Attempts::default();
    let found = attempts
        .take("cargo", with_cargo(env, cache, work))
        .or_else(|| attempts.take("npm", with_npm(env, work)));
    env.interrupt.check()?;
    found.ok_or_else(|| {
        Error::environment(format!("QuickJS {VERSION} cannot be fetched"))
            .caused_by(attempts.tried())
            .hint("install Node.js with npm, or Rust with cargo: one of them is needed once, to fetch it")
    })
}

/// Takes it out of the crate, which cargo fetches into a folder of its own.
fn with_cargo(env: &Environment, cache: &Path, work: &Path) -> Attempt<Vec<u8>> {
    let provided = || provided::find(&provided::folder(cache)).map(|toolchain| toolchain.cargo);
    let Some(cargo) = env.find_program("cargo").or_else(provided) else {
        return Err(Unavailable::Absent("not in `PATH`".to_owned()));
    };
    let home = work.join("cargo");
    std::fs::create_dir_all(&home)
        .map_err(|error| Error::environment(format!("cannot write `{}`", home.display())).caused_by(error))?;
    keep_settings(env, &home);
    let mut command = env.command(&cargo);
    command
        .args(["info", "--quiet", &format!("{CRATE}@{VERSION}")])
        .env("CARGO_HOME", &home)
        .current_dir(work);
    run(env, command)?;
    let sources = home.join("registry/src").read_dir().into_iter().flatten().flatten();
    let files = sources.map(|source| source.path().join(format!("{CRATE}-{VERSION}/prebuilt/runtime.wasm")));
    let found = files.filter_map(|file| std::fs::read(file).ok()).find(|bytes| is_it(bytes));
    found.ok_or_else(|| {
        Error::environment(format!("`{CRATE}` {VERSION} has not the bytes that are pinned")).into()
    })
}

/// Which mirror or proxy the user's cargo goes through stays as it is.
fn keep_settings(env: &Environment, home: &Path) {
    let theirs = env.variable("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env.home()?.join(".cargo")));
    for name in ["config.toml", "config", "credentials.toml"] {
        if let Some(theirs) = &theirs {
            // There may be none.
            let _ = std::fs::copy(theirs.join(name), home.join(name));
        }
    }
}

/// Finds it inside of the library for Node.js.
fn with_npm(env: &Environment, work: &Path) -> Attempt<Vec<u8>> {
    let Some(mut command) = npm(env) else { return Err(Unavailable::Absent("not in `PATH`".to_owned())) };
    let folder = work.join("npm");
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::environment(format!("cannot write `{}`", folder.display())).caused_by(error)
    })?;
    command.args([
        "install",
        "--force",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
        "--prefix",
    ]);
    command.arg(&folder).arg(format!("{PACKAGE}@{VERSION}")).current_dir(&folder);
    run(env, command)?;
    let package = folder.join("node_modules").join(PACKAGE);
    let files = package.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let libraries = files.filter(|path| path.extension().is_some_and(|extension| extension == "node"));
    let found = libraries.filter_map(|path| inside(&std::fs::read(path).ok()?)).next();
    found.ok_or_else(|| {
        Error::environment(format!("`{PACKAGE}` {VERSION} has not the bytes that are pinned")).into()
    })
}

/// The pinned bytes somewhere in others.
fn inside(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.windows(MAGIC.len()).position(|window| window == MAGIC) {
        let start = from + at;
        if let Some(found) = bytes.get(start..start + SIZE_BYTES).filter(|found| is_it(found)) {
            return Some(found.to_vec());
        }
        from = start + 1;
    }
    None
}

fn run(env: &Environment, command: Command) -> Result<()> {
    let limits = process::Limits { interrupt: Some(&env.interrupt), ..process::Limits::default() };
    process::watch(command, limits, &mut |_| process::Life::Moving)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn other_bytes_do_not_count() {
        let cache = tempfile::tempdir().unwrap();
        let path = place(cache.path());
        write_atomically(&path, &vec![0; SIZE_BYTES]).unwrap();
        assert_eq!(open(&path), None);
        assert_eq!(inside(&[MAGIC, &[0; 100]].concat()), None);
    }

    #[test]
    fn without_clients_the_error_says_what_is_needed() {
        let cache = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", cache.path().as_os_str())], "/");
        let error = provide(&env, Network::Allowed, &Silent).unwrap_err();
        assert_eq!(error.causes(), ["cargo: not in `PATH`\nnpm: not in `PATH`"]);
        assert!(error.hints[0].contains("Node.js"), "{:?}", error.hints);
        let error = provide(&env, Network::Forbidden, &Silent).unwrap_err();
        assert!(error.hints[0].contains("`--offline`"), "{:?}", error.hints);
    }
}
