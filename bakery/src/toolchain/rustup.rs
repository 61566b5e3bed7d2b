//! `rustup target add`, bounded: a network that swallows everything must not hold a build up for minutes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Attempt, TARGET, Unavailable};
use crate::environment::Environment;
use crate::process::{self, Event, Life, Limits};
use crate::progress::{Progress, Unit};

/// The longest time in which rustup may neither say anything nor write to its folders.
const SILENCE: Duration = Duration::from_secs(20);

/// Adds the target to the toolchain that rustup uses in `dir`.
///
/// # Errors
/// There is no rustup, or it cannot add the target.
pub fn add_target(env: &Environment, dir: &Path, progress: &dyn Progress) -> Attempt<()> {
    add_target_within(env, dir, progress, SILENCE)
}

fn add_target_within(
    env: &Environment,
    dir: &Path,
    progress: &dyn Progress,
    silence: Duration,
) -> Attempt<()> {
    let rustup = env.find_program("rustup").ok_or_else(|| Unavailable::Absent("not in `PATH`".into()))?;
    let mut command = env.command(rustup);
    // Failing is not the end here, so it tries once only.
    command.current_dir(dir).args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0");
    let folders = folders(env);
    let limits = Limits { silence: Some(silence), interrupt: Some(&env.interrupt) };
    let mut seen = 0;
    let task = progress.start(&format!("adding `{TARGET}` with rustup"), None, Unit::Bytes);
    process::watch(command, limits, &mut |event| match event {
        Event::Line(..) => Life::Moving,
        Event::Tick => {
            let size = folders.iter().map(|folder| size_of(folder)).sum();
            let life = if size == seen { Life::Silent } else { Life::Moving };
            seen = size;
            task.reached(size);
            life
        }
    })?;
    drop(task);
    progress.note(&format!("added `{TARGET}` with rustup"));
    Ok(())
}

/// Where rustup puts what it is fetching and unpacking.
fn folders(env: &Environment) -> Vec<PathBuf> {
    let home = env.variable("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(env.home()?.join(".rustup")));
    home.map(|home| vec![home.join("downloads"), home.join("tmp")]).unwrap_or_default()
}

/// The bytes in a folder and the folders in it.
pub(super) fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = folder.read_dir() else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::progress::Silent;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    fn with_rustup(script: &str) -> (tempfile::TempDir, Environment) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("rustup");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::join_paths([dir.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let home = dir.path().join("home");
        let env = Environment::new([("PATH", path), ("RUSTUP_HOME", home.into_os_string())], dir.path());
        (dir, env)
    }

    #[test]
    fn a_rustup_that_hangs_is_ended() {
        let (dir, env) = with_rustup("exec sleep 60");
        let started = Instant::now();
        let result = add_target_within(&env, dir.path(), &Silent, Duration::from_millis(300));
        assert!(matches!(result, Err(Unavailable::Failed(_))), "{result:?}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_download_that_grows_is_not_taken_for_a_hang() {
        let grow = "mkdir -p $RUSTUP_HOME/downloads; for i in 1 2 3 4 5 6; do echo x >> $RUSTUP_HOME/downloads/f; sleep 0.3; done";
        let (dir, env) = with_rustup(grow);
        add_target_within(&env, dir.path(), &Silent, Duration::from_millis(900)).unwrap();
    }

    #[test]
    fn a_refusal_carries_what_rustup_said() {
        let (dir, env) = with_rustup("echo 'error: toolchain is custom' >&2; exit 1");
        let Err(Unavailable::Failed(error)) = add_target(&env, dir.path(), &Silent) else {
            panic!("must fail")
        };
        assert_eq!(error.source.unwrap().to_string(), "error: toolchain is custom");
    }

    #[test]
    fn the_target_is_named_in_the_projects_folder() {
        let (dir, env) = with_rustup("echo \"$PWD $*\" > $(dirname $0)/said");
        std::fs::create_dir(dir.path().join("project")).unwrap();
        add_target(&env, &dir.path().join("project"), &Silent).unwrap();
        let said = std::fs::read_to_string(dir.path().join("said")).unwrap();
        assert!(said.trim().ends_with("/project target add wasm32-wasip2"), "{said}");
    }
}
