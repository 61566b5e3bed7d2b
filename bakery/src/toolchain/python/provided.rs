//! The Python to build with: the host's, and where none will do, that of the distribution's packages, in bakery's cache.

use std::path::Path;

use super::host::{self, Host};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::toolchain::{Network, Unavailable, chain, debian};

/// A Python that can install packages, or that packages are installed for by uv. On Debian it is provided, if there is none.
///
/// # Errors
/// There is none, and none can be provided; the error says what was found and tried.
pub fn host(env: &Environment, network: Network, progress: &dyn Progress) -> Result<Host> {
    let missing = match find(env) {
        Ok(host) => return Ok(host),
        Err(missing) => missing,
    };
    if network == Network::Forbidden {
        return Err(missing.hint("or run it once without `--offline`, so that a Python can be fetched"));
    }
    let ask = |program: &Path| ask(env, program);
    let failed = match debian::python::provide(env, &env.cache_dir()?, &ask, progress) {
        Ok(host) => return Ok(host),
        Err(Unavailable::Absent(reason)) => reason,
        Err(Unavailable::Failed(error)) => chain(&error),
    };
    env.interrupt.check()?;
    Err(with_cause(missing, &format!("the packages of the distribution: {failed}")))
}

/// What [`host`] would use without providing anything.
///
/// # Errors
/// There is none.
pub fn find(env: &Environment) -> Result<Host> {
    host::find(env).or_else(|missing| {
        let program = debian::python::program(&env.cache_dir()?);
        if program.is_file() { ask(env, &program).map_err(|_| missing) } else { Err(missing) }
    })
}

/// Asks a provided Python, which runs by its script only: what it says that it is lacks its libraries.
fn ask(env: &Environment, program: &Path) -> Result<Host> {
    let host = host::ask(env, program)?;
    if !host.has_pip {
        return Err(Error::environment(format!("`{}` has no pip", program.display())));
    }
    Ok(Host { interpreter: program.to_owned(), ..host })
}

/// Adds a line to the cause of an error.
fn with_cause(error: Error, line: &str) -> Error {
    let text = match &error.source {
        Some(cause) => format!("{cause}\n{line}"),
        None => line.to_owned(),
    };
    error.caused_by(text)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::progress::Silent;

    /// Surroundings without any program, and a cache with a Python that says this of itself.
    fn provided(said: &str) -> (tempfile::TempDir, Environment) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let program = debian::python::program(dir.path());
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, format!("#!/bin/sh\nprintf '{said}'\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", dir.path().as_os_str())], "/");
        (dir, env)
    }

    #[test]
    fn a_provided_python_is_used_without_a_network_and_by_its_script() {
        let (dir, env) = provided("/elsewhere/usr/bin/python3.11\\n3 11\\n1 1 0\\n");
        let host = host(&env, Network::Forbidden, &Silent).unwrap();
        assert_eq!(host.interpreter, debian::python::program(dir.path()));
        assert_eq!(host.version, (3, 11));
    }

    #[test]
    fn a_provided_python_that_no_longer_runs_does_not_count() {
        let (_dir, env) = provided("not a Python");
        let error = host(&env, Network::Forbidden, &Silent).unwrap_err();
        assert!(error.message.contains("no Python"), "{error}");
        assert!(error.hints.iter().any(|hint| hint.contains("`--offline`")), "{:?}", error.hints);
    }

    #[test]
    fn the_error_says_why_none_was_provided() {
        let dir = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", dir.path().as_os_str())], "/");
        let error = host(&env, Network::Allowed, &Silent).unwrap_err();
        let cause = error.source.unwrap().to_string();
        assert!(cause.contains("the packages of the distribution: "), "{cause}");
    }
}
