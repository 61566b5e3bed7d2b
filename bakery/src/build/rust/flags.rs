//! Compiler flags that make the same sources give the same bytes wherever they lie, added to the user's own.
//!
//! Paths of this machine reach a program through panics, `file!()` and debug information. They are renamed with `--remap-path-prefix`, in what is compiled only:
//! `--remap-path-scope=object` leaves the compiler's messages as they are. Cargo leaves these flags out of the names it gives to crates.

use std::path::{Path, PathBuf};

use super::config::{Config, cargo_home};
use crate::environment::Environment;
use crate::toolchain::{TARGET, Toolchain};

/// The first compiler that knows `--remap-path-scope`.
const SCOPES_SINCE: semver::Version = semver::Version::new(1, 95, 0);

/// How flags reach the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// In `CARGO_ENCODED_RUSTFLAGS`, because the user's are in a variable, which is stronger than any file.
    Variable(String),
    /// In an argument of cargo's, `--config NAME=VALUE`, which is added to the flags of the files.
    Argument(String),
}

/// The flags for a project whose sources and target folder are here. Where several prefixes fit, the last counts.
pub fn renaming(env: &Environment, toolchain: &Toolchain, workspace: &Path, target: &Path) -> Vec<String> {
    let commit = toolchain.version.commit.clone().unwrap_or_else(|| toolchain.version.release.to_string());
    let renamed = [
        (env.home().map(Path::to_owned), "/home".to_owned()),
        (cargo_home(env), "/cargo".to_owned()),
        // Where `rust-src` is installed, the compiler names the library's sources by their place.
        (Some(toolchain.sysroot.join("lib/rustlib/src/rust")), format!("/rustc/{commit}")),
        (Some(target.to_owned()), "target".to_owned()),
        (Some(workspace.to_owned()), ".".to_owned()),
    ];
    let is_inside = |path: &PathBuf| path != target || !target.starts_with(workspace);
    let flag = |(from, to): (Option<PathBuf>, String)| {
        from.filter(is_inside).map(|from| format!("--remap-path-prefix={}={to}", from.display()))
    };
    let mut flags: Vec<String> = renamed.into_iter().filter_map(flag).collect();
    if toolchain.version.release >= SCOPES_SINCE {
        flags.push("--remap-path-scope=object".to_owned());
    }
    flags
}

/// How to deliver `flags` so that the user's own stay in force: cargo takes them from one place only
/// (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>).
pub fn delivery(env: &Environment, config: &Config, flags: &[String]) -> Delivery {
    let text = |name: &str| env.variable(name).map(|value| value.to_string_lossy().into_owned());
    let words = |text: String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let encoded = |own: Vec<String>| Delivery::Variable([own, flags.to_vec()].concat().join("\u{1f}"));
    if let Some(own) = text("CARGO_ENCODED_RUSTFLAGS") {
        return encoded(own.split('\u{1f}').map(str::to_owned).collect());
    }
    if let Some(own) = text("RUSTFLAGS") {
        return encoded(words(own));
    }
    let for_target = format!("CARGO_TARGET_{}_RUSTFLAGS", TARGET.to_ascii_uppercase().replace('-', "_"));
    let mut all = Vec::new();
    // As soon as there are flags for the target, those for every target are ignored: they come along.
    if !config.has_target_flags() && text(&for_target).is_none() {
        all.extend(config.words(&["build", "rustflags"]));
        all.extend(text("CARGO_BUILD_RUSTFLAGS").map(words).unwrap_or_default());
    }
    all.extend_from_slice(flags);
    let list = toml::Value::Array(all.into_iter().map(toml::Value::String).collect());
    Delivery::Argument(format!("target.{TARGET}.rustflags={list}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toolchain::{Origin, Version};

    fn toolchain(release: &str) -> Toolchain {
        let text = format!("rustc {release}\ncommit-hash: abc\nhost: h\nrelease: {release}\n");
        Toolchain {
            cargo: "/rust/bin/cargo".into(),
            rustc: None,
            version: Version::parse(&text).unwrap(),
            sysroot: "/rust".into(),
            origin: Origin::Installed,
            witnesses: vec![],
        }
    }

    fn with(variables: &[(&str, &str)], config_text: &str) -> Delivery {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.toml"), config_text).unwrap();
        let env = Environment::new(variables.iter().copied(), "/").with_variable("CARGO_HOME", dir.path());
        delivery(&env, &Config::of(&env, Path::new("/project")), &["-new".to_owned()])
    }

    #[test]
    fn every_path_gets_a_name_that_is_the_same_everywhere() {
        let env = Environment::new([("HOME", "/home/ada")], "/");
        let flags =
            renaming(&env, &toolchain("1.96.0"), Path::new("/home/ada/w"), Path::new("/home/ada/w/target"));
        assert_eq!(
            flags,
            [
                "--remap-path-prefix=/home/ada=/home",
                "--remap-path-prefix=/home/ada/.cargo=/cargo",
                "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/abc",
                "--remap-path-prefix=/home/ada/w=.",
                "--remap-path-scope=object",
            ]
        );
        let elsewhere = renaming(&env, &toolchain("1.96.0"), Path::new("/w"), Path::new("/t"));
        assert!(elsewhere.contains(&"--remap-path-prefix=/t=target".to_owned()));
    }

    #[test]
    fn an_older_compiler_is_not_given_a_flag_that_it_does_not_know() {
        let env = Environment::new([("HOME", "/home/ada")], "/");
        let flags = renaming(&env, &toolchain("1.94.1"), Path::new("/w"), Path::new("/w/target"));
        assert!(!flags.iter().any(|flag| flag.contains("scope")), "{flags:?}");
    }

    #[test]
    fn flags_in_variables_are_kept_and_ours_follow() {
        assert_eq!(with(&[("RUSTFLAGS", "-a  -b")], ""), Delivery::Variable("-a\u{1f}-b\u{1f}-new".into()));
        let both = [("RUSTFLAGS", "-a"), ("CARGO_ENCODED_RUSTFLAGS", "-c d\u{1f}-e")];
        assert_eq!(with(&both, ""), Delivery::Variable("-c d\u{1f}-e\u{1f}-new".into()));
    }

    #[test]
    fn flags_in_files_are_kept_and_ours_are_added() {
        let argument = |value: &str| Delivery::Argument(format!("target.wasm32-wasip2.rustflags={value}"));
        assert_eq!(with(&[], ""), argument("[\"-new\"]"));
        assert_eq!(with(&[], "build.rustflags = [\"-a\"]"), argument("[\"-a\", \"-new\"]"));
        assert_eq!(
            with(&[("CARGO_BUILD_RUSTFLAGS", "-b")], "build.rustflags = \"-a\""),
            argument("[\"-a\", \"-b\", \"-new\"]")
        );
        let for_target = "build.rustflags = [\"-a\"]\n[target.wasm32-wasip2]\nrustflags = [\"-t\"]";
        assert_eq!(with(&[], for_target), argument("[\"-new\"]"), "cargo adds ours to the file's");
    }
}
