//! SpiderMonkey as WebAssembly, and what makes components of it: componentize-js with the jco that it needs, pinned by their digests. npm brings them into
//! bakery's cache; Node.js runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::installed::Pinned;
use super::node;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::toolchain::Network;

/// The release of componentize-js.
pub const VERSION: &str = "0.23.0";

/// What needs Node.js.
const NEEDED_FOR: &str = "`--engine spidermonkey`";

/// What calls componentize-js.
const SCRIPT: &str = "componentize.mjs";

/// What npm installs, with the digests of its archives.
const PINNED: Pinned = Pinned {
    name: "spidermonkey",
    package: include_str!("spidermonkey/package.json"),
    lock: include_str!("spidermonkey/package-lock.json"),
    script: Some((SCRIPT, include_str!("spidermonkey/componentize.mjs"))),
    // 90 MB for optimizing modules, which nobody asks for.
    superfluous: &["binaryen"],
};

/// What makes components.
pub struct SpiderMonkey {
    node: PathBuf,
    folder: PathBuf,
}

/// Finds or provides it.
///
/// # Errors
/// There is no Node.js that will do, or npm cannot install it.
pub fn provide(env: &Environment, network: Network, progress: &dyn Progress) -> Result<SpiderMonkey> {
    let node = node::find(env, NEEDED_FOR)?;
    if let Some(folder) = PINNED.find(env)? {
        return Ok(SpiderMonkey { node, folder });
    }
    if network == Network::Forbidden {
        return Err(Error::environment(format!("what {NEEDED_FOR} is built with is not here yet"))
            .hint("run it once without `--offline`, so that it can be fetched"));
    }
    let Some(npm) = node::npm(env) else {
        return Err(Error::environment(format!(
            "there is no npm, which brings what {NEEDED_FOR} is built with"
        ))
        .hint("install it: it comes with Node.js"));
    };
    let folder = PINNED.install(env, npm, "SpiderMonkey", progress).map_err(|error| {
        Error::environment(format!("componentize-js {VERSION} cannot be installed, which {NEEDED_FOR} needs"))
            .caused_by(error)
    })?;
    Ok(SpiderMonkey { node, folder })
}

/// Whether [`provide`] has nothing to fetch.
pub fn is_here(env: &Environment) -> bool {
    PINNED.find(env).is_ok_and(|found| found.is_some())
}

/// Identifies what [`provide`] gives.
pub fn digest() -> crate::build::Digest {
    PINNED.digest()
}

impl SpiderMonkey {
    /// Makes a component in `folder`, which has the program and its interface.
    pub fn command(&self, env: &Environment, folder: &Path) -> Command {
        let mut command = node::plain(env, &self.node);
        command.arg(self.folder.join(SCRIPT)).current_dir(folder);
        // It writes what is in between beside the program.
        for variable in ["TMPDIR", "TEMP", "TMP"] {
            command.env(variable, folder);
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn the_lock_names_no_hosts_and_has_a_digest_for_each_package() {
        super::super::installed::check_lock(PINNED.lock);
    }

    #[test]
    fn without_node_the_error_says_which_is_needed_and_for_what() {
        let cache = tempfile::tempdir().unwrap();
        let env = Environment::new([("BAKERY_CACHE_DIR", cache.path().as_os_str())], "/");
        let error = provide(&env, Network::Allowed, &Silent).err().unwrap();
        assert!(error.message.contains("Node.js 20 or newer"), "{error}");
        assert!(error.message.contains("`--engine spidermonkey`"), "{error}");
    }
}
