//! Node.js of the host's, and npm. Plain programs need neither.

use std::path::PathBuf;
use std::process::Command;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process;

/// The oldest that will do.
const MINIMUM: u32 = 20;

/// Variables that change what Node.js does.
const FOREIGN: [&str; 4] = ["NODE_OPTIONS", "NODE_PATH", "NODE_ENV", "NODE_PENDING_DEPRECATION"];

/// A Node.js that is new enough.
///
/// # Errors
/// There is none; the error says what it would be needed for.
pub fn find(env: &Environment, needed_for: &str) -> Result<PathBuf> {
    let missing = |cause: String| {
        Error::environment(format!(
            "there is no Node.js {MINIMUM} or newer, which is needed for {needed_for}"
        ))
        .caused_by(cause)
        .hint("install it, as the home page of Node.js shows")
    };
    let Some(node) = env.find_program("node") else {
        return Err(missing("`node` is not in `PATH`".to_owned()));
    };
    let mut command = plain(env, &node);
    command.arg("--version");
    let said = process::output(command)?;
    match major(&said) {
        Some(version) if version >= MINIMUM => Ok(node),
        _ => Err(missing(format!("`{}` is {}", node.display(), said.trim()))),
    }
}

/// npm, as a command with nothing of the user's that changes what Node.js does. It asks nobody anything.
pub fn npm(env: &Environment) -> Option<Command> {
    let npm = env.find_program("npm")?;
    let mut command = plain(env, &npm);
    command.env("CI", "1").env("npm_config_update_notifier", "false");
    Some(command)
}

/// A command without variables that change what Node.js does.
pub fn plain(env: &Environment, program: &std::path::Path) -> Command {
    let mut command = env.command(program);
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// `20` of `v20.20.2`
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20.1.0"), None);
    }

    #[test]
    fn without_one_the_error_says_what_for() {
        let env = Environment::new([("PATH", "/nowhere")], "/");
        let error = find(&env, "`--engine spidermonkey`").unwrap_err();
        assert!(error.message.contains("`--engine spidermonkey`"), "{error}");
    }
}
