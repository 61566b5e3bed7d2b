//! Servers of the Model Context Protocol, which are programs for Node.js: small ones of ours, and one that others wrote, which npm installs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bakery::environment::Environment;
use bakery::process;

/// Files of the tests about servers.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mcp")
}

fn program(name: &str) -> PathBuf {
    let env = Environment::read().expect("the process has surroundings");
    env.find_program(name).unwrap_or_else(|| {
        panic!("tests of MCP servers need Node.js 20 or later with npm, and there is no `{name}` in PATH")
    })
}

/// The program that runs JavaScript.
pub fn node() -> &'static Path {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    NODE.get_or_init(|| program("node"))
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
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-servers");
        let (lock, done) = (folder().join("package-lock.json"), home.join("installed-package-lock.json"));
        let wanted = std::fs::read(&lock).expect("the lock file is part of the repository");
        if std::fs::read(&done).ok().as_ref() != Some(&wanted) {
            std::fs::create_dir_all(&home).expect("the target folder can be written");
            for file in ["package.json", "package-lock.json"] {
                std::fs::copy(folder().join(file), home.join(file))
                    .expect("the target folder can be written");
            }
            let env = Environment::read().expect("the process has surroundings");
            let mut npm = env.command(program("npm"));
            npm.current_dir(&home).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
            process::output(npm).expect("npm installs the server");
            std::fs::write(&done, wanted).expect("the target folder can be written");
        }
        home.join("node_modules/@modelcontextprotocol/server-everything/dist/index.js")
    })
}
