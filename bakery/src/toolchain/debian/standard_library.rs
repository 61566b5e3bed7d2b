//! Builds the standard library for the target from the packaged source, once, with the packaged compiler.
//!
//! The source's own `dist` profile is used, as for a released compiler: with bitcode, so that users can link with `lto`. The library is built as the
//! workspace it is, not through `-Zbuild-std`: then its crates are named by their place in that workspace and the result is the
//! same bytes wherever the cache is, so that components built with it are too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Event, Life, Limits, Stream};
use crate::progress::{Progress, Unit};
use crate::toolchain::{TARGET, Version};

/// Variables of the user's that would change what is built. The registry and the network stay as they are set.
const FOREIGN: [&str; 6] =
    ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_UNSTABLE_", "RUSTFLAGS", "RUSTC_"];

/// What is linked together to make the library.
pub struct Inputs<'a> {
    /// `bin/` of the toolchain.
    pub bin: &'a Path,
    /// The packages' `usr/`.
    pub usr: &'a Path,
    /// The compiler.
    pub rustc: &'a Version,
}

/// Builds the library into `scratch` and returns the folder of its `.rlib` files.
///
/// # Errors
/// The source is not where it should be, a crate it needs cannot be fetched, or it does not compile.
pub fn build(env: &Environment, inputs: &Inputs, scratch: &Path, progress: &dyn Progress) -> Result<PathBuf> {
    let library = source(inputs.usr)?;
    let mut command = env.command(inputs.bin.join("cargo"));
    for (name, _) in env.variables().filter(|(name, _)| is_foreign(name)) {
        command.env_remove(name);
    }
    command
        .current_dir(&library)
        .args([
            "build",
            "--locked",
            "--manifest-path",
            "sysroot/Cargo.toml",
            "--profile",
            "dist",
            "--target",
            TARGET,
        ])
        .args([
            "--features",
            "panic-unwind,compiler-builtins-mem",
            "--message-format",
            "json",
            "--target-dir",
        ])
        .arg(scratch)
        .env("RUSTC", inputs.bin.join("rustc"))
        // Released libraries are built by released compilers with this, too.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(env, &library, scratch, inputs.rustc))
        // Gives `libstd` a hash in its name, as released ones have.
        .env("__CARGO_DEFAULT_LIB_METADATA", "bakery");
    let task = progress.start("building the standard library", None, Unit::Items);
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    let mut crates = 0;
    process::watch(command, limits, &mut |event| {
        if let Event::Line(Stream::Out, _) = event {
            crates += 1;
            task.reached(crates);
        }
        Life::Moving
    })?;
    Ok(scratch.join(TARGET).join("dist/deps"))
}

/// The source: `src/rustc-1.96.0/library`.
fn source(usr: &Path) -> Result<PathBuf> {
    let missing = || Error::environment(format!("no source of the standard library in `{}`", usr.display()));
    let entries = usr.join("src").read_dir().map_err(|error| missing().caused_by(error))?;
    let libraries = entries.flatten().map(|entry| entry.path().join("library"));
    libraries.filter(|library| library.join("sysroot/Cargo.toml").is_file()).max().ok_or_else(missing)
}

/// The compiler's flags: the library's own items are unstable for its users, and no path of this machine ends up in it.
fn flags(env: &Environment, library: &Path, scratch: &Path, rustc: &Version) -> OsString {
    let commit = rustc.commit.clone().unwrap_or_else(|| rustc.release.to_string());
    let cargo_home =
        env.variable("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env.home()?.join(".cargo")));
    let mut flags = OsString::from("-Zforce-unstable-if-unmarked");
    let mut remap = |from: &Path, to: &str| {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    };
    if let Some(cargo_home) = cargo_home {
        remap(&cargo_home, "/cargo");
    }
    remap(scratch, "/target");
    remap(library, &format!("/rustc/{commit}/library"));
    flags
}

fn is_foreign(name: &std::ffi::OsStr) -> bool {
    name.to_str().is_some_and(|name| FOREIGN.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> Version {
        let text = "rustc 1.96.0\ncommit-hash: abc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.96.0\n";
        Version::parse(text).unwrap()
    }

    #[test]
    fn every_path_of_this_machine_is_renamed() {
        let env = Environment::new([("HOME", "/home/ada")], "/");
        let flags =
            flags(&env, Path::new("/c/usr/src/rustc-1.96.0/library"), Path::new("/c/std"), &version());
        let flags = flags.into_string().unwrap();
        let flags: Vec<_> = flags.split('\u{1f}').collect();
        assert_eq!(
            flags,
            [
                "-Zforce-unstable-if-unmarked",
                "--remap-path-prefix=/home/ada/.cargo=/cargo",
                "--remap-path-prefix=/c/std=/target",
                "--remap-path-prefix=/c/usr/src/rustc-1.96.0/library=/rustc/abc/library",
            ]
        );
    }

    #[test]
    fn what_would_change_the_build_is_dropped_and_the_registry_is_kept() {
        for name in [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "CARGO_PROFILE_DIST_DEBUG",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_TARGET_DIR",
        ] {
            assert!(is_foreign(name.as_ref()), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_HTTP_PROXY", "CARGO_NET_OFFLINE", "PATH", "HTTPS_PROXY"] {
            assert!(!is_foreign(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn the_source_is_found_whatever_its_version() {
        let usr = tempfile::tempdir().unwrap();
        assert!(source(usr.path()).is_err());
        let sysroot = usr.path().join("src/rustc-1.99.0/library/sysroot");
        std::fs::create_dir_all(&sysroot).unwrap();
        std::fs::create_dir_all(usr.path().join("src/other")).unwrap();
        std::fs::write(sysroot.join("Cargo.toml"), "").unwrap();
        assert_eq!(source(usr.path()).unwrap(), usr.path().join("src/rustc-1.99.0/library"));
    }
}
