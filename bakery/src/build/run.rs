//! Follows a recipe. What the programs say on standard error goes straight to the user's terminal, with its colours and bars: compilers explain their errors
//! better than anybody who repeats them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::recipe::{Invocation, Messages, Step};
use super::rust::messages::Report;
use super::sdk;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;

/// What cargo is asked for, to find it among its messages.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The package's identity.
    pub package: &'a str,
    /// The target's name.
    pub target: &'a str,
}

/// Follows the steps up to the last, which is for the caller to finish, and returns what cargo reported.
///
/// # Errors
/// A program cannot be started or fails: the project does not compile.
pub fn run(env: &Environment, steps: &[Step], name: &str, wanted: Wanted, cache: &Path) -> Result<Report> {
    let mut report = Report::default();
    for step in steps {
        env.interrupt.check()?;
        match step {
            Step::ProvideCompiler
            | Step::ProvidePython
            | Step::ProvideQuickJs { .. }
            | Step::ProvideSpiderMonkey { .. }
            | Step::Bundle { .. }
            | Step::InstallDependencies { .. }
            | Step::Preload { .. } => {
                return Err(Error::bug("a plan was followed that is not one of Rust's, with a compiler"));
            }
            Step::PlaceSdk { unpacked, link } => place_sdk(cache, unpacked, link)?,
            Step::Run(invocation) => invoke(env, invocation, name, &mut |line| {
                if invocation.messages == Messages::Cargo {
                    report.line(line, wanted.package, wanted.target);
                }
            })?,
            Step::Finish { .. } => {}
        }
    }
    Ok(report)
}

/// Runs a program with standard error left to the user, line by line of its standard output.
fn invoke(
    env: &Environment,
    invocation: &Invocation,
    name: &str,
    listen: &mut dyn FnMut(&str),
) -> Result<()> {
    let status = spawn_and_listen(env, command(env, invocation), listen)?;
    env.interrupt.check()?;
    match status.code() {
        Some(0) => Ok(()),
        Some(_) => Err(Error::failed(format!("`{name}` does not build"))),
        None => Err(process::ended_by_signal(status, format!("building `{name}` was ended by a signal"))),
    }
}

fn command(env: &Environment, invocation: &Invocation) -> Command {
    let mut command = env.command(&invocation.program);
    command.args(&invocation.arguments).envs(&invocation.variables).current_dir(&invocation.folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    command
}

fn spawn_and_listen(
    env: &Environment,
    mut command: Command,
    listen: &mut dyn FnMut(&str),
) -> Result<ExitStatus> {
    let name = process::name_of(&command);
    let mut child = command.spawn().map_err(|error| process::cannot_start(&name, error))?;
    let stdout = child.stdout.take();
    let child = Arc::new(Mutex::new(child));
    let to_end = Arc::clone(&child);
    // On a terminal Ctrl-C reaches the program by itself; a signal to bakery alone does not.
    let _waiting = env.interrupt.on_request(move || {
        // It fails only when the program has ended by itself.
        let _ = locked(&to_end).kill();
    });
    for line in
        stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).split(b'\n')).map_while(|line| line.ok())
    {
        listen(&String::from_utf8_lossy(&line));
    }
    let status = locked(&child).wait();
    status.map_err(|error| process::cannot_start(&name, error))
}

fn locked(child: &Mutex<Child>) -> std::sync::MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unpacks the SDK and makes it reachable at `link`.
fn place_sdk(cache: &Path, unpacked: &Path, link: &Path) -> Result<()> {
    sdk::unpack(cache)?;
    if fs::read_link(link).is_ok_and(|target| target == unpacked) {
        return Ok(());
    }
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", link.display())).caused_by(error);
    fs::create_dir_all(link.parent().unwrap_or(link)).map_err(unwritable)?;
    match fs::remove_file(link) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(error)),
        _ => {}
    }
    symlink(unpacked, link).map_err(unwritable)
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(target, link)
}

/// Writes a file in one step: whoever reads it sees the old or the new one. A file that has this content already is left alone.
///
/// # Errors
/// The file cannot be written, or its place is a folder.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", path.display())).caused_by(error);
    let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    fs::create_dir_all(&folder).map_err(unwritable)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bakery-");
    // Temporary files are for their owner only; this one is going to be an ordinary file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(&folder).map_err(unwritable)?;
    std::io::Write::write_all(&mut file, bytes).map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn shell(script: &str) -> Invocation {
        Invocation {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            variables: [("GREETING".to_owned(), "hello".to_owned())].into(),
            folder: "/".into(),
            messages: Messages::Ignored,
            inputs: vec![],
            outputs: vec![],
        }
    }

    fn environment() -> Environment {
        Environment::new([("PATH", "/usr/bin:/bin")], "/")
    }

    #[test]
    fn a_program_gets_its_variables_and_is_heard_line_by_line() {
        let mut lines = Vec::new();
        invoke(&environment(), &shell("echo $GREETING; pwd"), "x", &mut |line| lines.push(line.to_owned()))
            .unwrap();
        assert_eq!(lines, ["hello", "/"]);
    }

    #[test]
    fn a_project_that_does_not_compile_is_its_own_fault() {
        let error = invoke(&environment(), &shell("exit 101"), "x", &mut |_| {}).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Failed, "`x` does not build"));
        let error = invoke(&environment(), &shell("kill -9 $$"), "x", &mut |_| {}).unwrap_err();
        assert_eq!(error.kind, Kind::Environment);
    }

    #[test]
    fn a_request_to_stop_ends_the_program() {
        let env = environment();
        let interrupt = env.interrupt.clone();
        let result = invoke(&env, &shell("echo ready; exec sleep 60"), "x", &mut |_| interrupt.request());
        assert_eq!(result.unwrap_err().kind, Kind::Interrupted);
    }

    #[test]
    fn the_sdk_is_placed_once_and_again_after_it_moved() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("target/inferlets/sdk");
        for cache in ["one", "two", "two"] {
            let cache = dir.path().join(cache);
            place_sdk(&cache, &sdk::folder(&cache), &link).unwrap();
            assert_eq!(fs::read_link(&link).unwrap(), sdk::folder(&cache));
            assert!(link.join("inferlet/Cargo.toml").is_file());
        }
    }

    #[test]
    fn writing_makes_folders_replaces_and_leaves_an_equal_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a/b.wasm");
        write_atomically(&file, b"one").unwrap();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        write_atomically(&file, b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), time);
        write_atomically(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1, "nothing temporary stays");
        use std::os::unix::fs::PermissionsExt;
        assert_ne!(fs::metadata(&file).unwrap().permissions().mode() & 0o044, 0, "others can read it");
    }

    #[test]
    fn a_place_that_is_a_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(write_atomically(dir.path(), b"x").unwrap_err().message.contains("cannot write"));
    }
}
