//! A Python of the host's, to run programs that are written in it. Any from 3.10 on will do.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;

/// The oldest that will do, as `(major, minor)`.
const MINIMUM: (u32, u32) = (3, 10);

/// What it may be called, the likely names first.
const NAMES: [&str; 7] =
    ["python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Tells where it is, its version, and whether it has pip and venv.
const QUESTION: &str = "import sys, importlib.util as u; print(sys.executable); print(*sys.version_info[:2]); \
    print(*(int(u.find_spec(name) is not None) for name in ('pip', 'venv', 'ensurepip')))";

/// Variables that change what Python does. All that begin with one of these are left out.
const FOREIGN: [&str; 6] = ["PYTHON", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__", "PIPENV_", "POETRY_"];

/// Settings of pip that say where packages come from, by the ends of their names. Others would change what is installed, and where.
const KEPT_OF_PIP: [&str; 12] = [
    "INDEX_URL",
    "FIND_LINKS",
    "NO_INDEX",
    "CERT",
    "PROXY",
    "TRUSTED_HOST",
    "TIMEOUT",
    "RETRIES",
    "CACHE_DIR",
    "KEYRING_PROVIDER",
    "CONFIG_FILE",
    "NO_CACHE_DIR",
];

/// The same of uv.
const KEPT_OF_UV: [&str; 14] = [
    "INDEX",
    "INDEX_URL",
    "FIND_LINKS",
    "INDEX_STRATEGY",
    "NATIVE_TLS",
    "SYSTEM_CERTS",
    "HTTP_TIMEOUT",
    "INSECURE_HOST",
    "CACHE_DIR",
    "KEYRING_PROVIDER",
    "CONFIG_FILE",
    "USERNAME",
    "PASSWORD",
    "NO_CACHE",
];

/// A Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The program itself, not what leads there.
    pub interpreter: PathBuf,
    /// `(major, minor)`
    pub version: (u32, u32),
    /// Whether `python -m pip` works.
    pub has_pip: bool,
    /// Whether it can make environments that have pip.
    pub has_venv: bool,
}

/// The first Python in `PATH` that will do, or one that uv knows: new enough, and with something that installs packages.
///
/// # Errors
/// There is none; the error says what was found instead.
pub fn find(env: &Environment) -> Result<Host> {
    let mut seen = Vec::new();
    let has_uv = env.find_program("uv").is_some();
    let named = NAMES.iter().filter_map(|name| env.find_program(name));
    for program in named.chain(known_to_uv(env)) {
        match ask(env, &program) {
            Ok(host) if host.version < MINIMUM => {
                seen.push(format!("`{}` is {}.{}", program.display(), host.version.0, host.version.1));
            }
            Ok(host) if !(has_uv || host.has_pip || host.has_venv) => {
                seen.push(format!("`{}` has neither pip nor venv, and there is no uv", program.display()));
            }
            Ok(host) => return Ok(host),
            Err(error) => seen.push(format!("`{}` does not run: {error}", program.display())),
        }
    }
    let message = format!("there is no Python {}.{} or newer to build with", MINIMUM.0, MINIMUM.1);
    let error = Error::environment(message);
    let error = if seen.is_empty() { error } else { error.caused_by(seen.join("\n")) };
    Err(error
        .hint("install one, such as `apt install python3 python3-venv` or `brew install python`")
        .hint("or install uv, and type: uv python install"))
}

fn known_to_uv(env: &Environment) -> Option<PathBuf> {
    let uv = env.find_program("uv")?;
    let mut command = plain(env, &uv);
    command.args(["python", "find", "--no-project", &format!(">={}.{}", MINIMUM.0, MINIMUM.1)]);
    let said = process::output(command).ok()?;
    Some(PathBuf::from(said.trim())).filter(|path| path.is_file())
}

/// Asks a Python about itself.
///
/// # Errors
/// It does not run, or is no Python.
pub fn ask(env: &Environment, program: &Path) -> Result<Host> {
    let mut command = plain(env, program);
    command.args(["-I", "-c", QUESTION]);
    let said = process::output(command)?;
    parse(&said).ok_or_else(|| Error::environment(format!("it says `{}`", said.trim())))
}

/// Reads the answer to [`QUESTION`].
fn parse(said: &str) -> Option<Host> {
    let mut lines = said.lines();
    let interpreter = PathBuf::from(lines.next()?);
    let mut numbers = lines.next()?.split(' ').map(str::parse::<u32>);
    let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let has: Vec<bool> = lines.next()?.split(' ').map(|flag| flag == "1").collect();
    let &[has_pip, venv, ensurepip] = has.as_slice() else { return None };
    Some(Host { interpreter, version, has_pip, has_venv: venv && ensurepip })
}

/// A command without what the user has set for a Python, a pip or a uv of their own. Where packages come from stays as they have it.
pub fn plain(env: &Environment, program: &Path) -> Command {
    let mut command = env.command(program);
    for (name, _) in env.variables() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

fn is_foreign(name: &str) -> bool {
    let kept = |rest: &str, kept: &[&str]| kept.iter().any(|end| rest.ends_with(end));
    match (name.strip_prefix("PIP_"), name.strip_prefix("UV_")) {
        (Some(rest), _) => !kept(rest, &KEPT_OF_PIP),
        (_, Some(rest)) => !kept(rest, &KEPT_OF_UV),
        _ => FOREIGN.iter().any(|prefix| name.starts_with(prefix)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_python_says_of_itself_is_read() {
        let host = parse("/usr/bin/python3.11\n3 11\n0 1 0\n").unwrap();
        assert_eq!(host.interpreter, Path::new("/usr/bin/python3.11"));
        assert_eq!((host.version, host.has_pip, host.has_venv), ((3, 11), false, false));
        assert!(parse("/usr/bin/python3\n3 12\n1 1 1\n").unwrap().has_venv);
        for text in ["", "/p\n3\n1 1 1", "/p\n3 x\n1 1 1", "/p\n3 12\n1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn settings_of_the_users_python_are_left_out_and_sources_of_packages_stay() {
        for name in [
            "PYTHONPATH",
            "PYTHONHOME",
            "VIRTUAL_ENV",
            "PIP_USER",
            "PIP_TARGET",
            "PIP_PREFIX",
            "UV_PYTHON",
            "UV_TARGET",
        ] {
            assert!(is_foreign(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "PIP_INDEX_URL",
            "PIP_EXTRA_INDEX_URL",
            "PIP_CERT",
            "UV_DEFAULT_INDEX",
            "UV_CACHE_DIR",
            "SSL_CERT_FILE",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_python_that_is_too_old_or_bare_is_passed_over_and_named_when_there_is_no_other() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let python = |name: &str, script: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        python("python3", "printf '/old/python3\\n3 8\\n1 1 1\\n'");
        python("python", "exit 1");
        let env = Environment::new([("PATH", dir.path().as_os_str())], dir.path());
        let error = find(&env).unwrap_err();
        let cause = error.source.unwrap().to_string();
        assert!(cause.contains("is 3.8") && cause.contains("does not run"), "{cause}");
        python("python3.11", "printf '/bare/python3\\n3 11\\n0 1 0\\n'");
        let cause = find(&env).unwrap_err().source.unwrap().to_string();
        assert!(cause.contains("has neither pip nor venv"), "{cause}");
        python("python3.10", "printf '/new/python3\\n3 10\\n1 1 1\\n'");
        assert_eq!(find(&env).unwrap().version, (3, 10));
        python("uv", "exit 1");
        assert_eq!(find(&env).unwrap().version, (3, 11), "uv installs for a Python without pip");
    }
}
