//! What a program depends on: the packages in the project's `node_modules`, which is read and never written. Where a package is missing there, and the project
//! has the lock of a package manager, they are installed as it says into bakery's cache.

use std::path::{Path, PathBuf};

use crate::build::Digest;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::process::{self, Life, Limits};
use crate::progress::{Progress, Unit};
use crate::project::Project;
use crate::project::javascript::package::PackageJson;
use crate::toolchain::Network;
use crate::toolchain::javascript::node::{npm, plain};
use crate::toolchain::lock::Lock;

/// A package manager: its lock, its program, and how that installs what the lock says, without asking and without running what packages bring.
struct Manager {
    lock: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// What it reads besides.
    variables: &'static [(&'static str, &'static str)],
    /// What stands in the lock, if another version of the program has one of the same name.
    mark: &'static str,
}

const NPM: &[&str] = &["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"];
const BUN: &[&str] = &["install", "--frozen-lockfile", "--ignore-scripts", "--production"];

/// What Bun wrote before it had a lock that people can read. What is in it depends on the version of Bun.
const BINARY_LOCK: &str = "bun.lockb";

const MANAGERS: [Manager; 6] = [
    Manager { lock: "package-lock.json", program: "npm", arguments: NPM, variables: &[], mark: "" },
    Manager { lock: "npm-shrinkwrap.json", program: "npm", arguments: NPM, variables: &[], mark: "" },
    Manager {
        lock: "pnpm-lock.yaml",
        program: "pnpm",
        arguments: &["install", "--frozen-lockfile", "--ignore-scripts", "--prod"],
        variables: &[],
        mark: "",
    },
    // From version 2 on. It would keep packages in archives that only it can read.
    Manager {
        lock: "yarn.lock",
        program: "yarn",
        arguments: &["install", "--immutable", "--mode=skip-build"],
        variables: &[("YARN_NODE_LINKER", "node-modules"), ("YARN_ENABLE_TELEMETRY", "0")],
        mark: "\n__metadata:",
    },
    Manager {
        lock: "yarn.lock",
        program: "yarn",
        arguments: &["install", "--frozen-lockfile", "--ignore-scripts", "--production", "--non-interactive"],
        variables: &[],
        mark: "",
    },
    Manager { lock: "bun.lock", program: "bun", arguments: BUN, variables: &[], mark: "" },
];

impl Manager {
    /// The first whose lock a project has.
    fn of(root: &Path) -> Option<&'static Manager> {
        MANAGERS.iter().find(|manager| {
            std::fs::read(root.join(manager.lock)).is_ok_and(|bytes| {
                manager.mark.is_empty() || String::from_utf8_lossy(&bytes).contains(manager.mark)
            })
        })
    }
}

/// Where packages are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// A folder like `node_modules`, in bakery's cache.
    pub folder: Option<PathBuf>,
    /// The lock of the project.
    pub lock: Option<PathBuf>,
}

/// Finds the packages of a project, or installs them.
///
/// # Errors
/// One is missing, and there is no lock that says which it is, or it cannot be installed.
pub fn provide(
    project: &Project,
    network: Network,
    env: &Environment,
    progress: &dyn Progress,
) -> Result<Packages> {
    let manager = Manager::of(&project.root);
    let path = manager.map(|manager| project.root.join(manager.lock));
    let absent = absent(project)?;
    if absent.is_empty() {
        return Ok(Packages { folder: None, lock: path });
    }
    let Some(manager) = manager else {
        let names = absent.join("`, `");
        if project.root.join(BINARY_LOCK).is_file() {
            return Err(Error::usage(format!(
                "`{names}` is not installed, and `{BINARY_LOCK}` is a lock that only Bun can read"
            ))
            .hint(
                "write it as `bun.lock`: bun install --save-text-lockfile --frozen-lockfile --lockfile-only",
            ));
        }
        return Err(Error::usage(format!("`{names}` is not installed, which `package.json` depends on"))
            .hint("npm install"));
    };
    let cache = env.cache_dir()?;
    let read = |name: &str| {
        std::fs::read(project.root.join(name))
            .map_err(|error| Error::environment(format!("cannot read `{name}`")).caused_by(error))
    };
    let files = [("package.json", read("package.json")?), (manager.lock, read(manager.lock)?)];
    let digest = Digest::of_parts(files.iter().flat_map(|(name, bytes)| [name.as_bytes(), bytes.as_slice()]));
    let place = cache.join("packages").join(format!("javascript-{}", digest.short()));
    let installed = |place: &Path| Packages { folder: Some(place.join("node_modules")), lock: path.clone() };
    if place.is_dir() {
        return Ok(installed(&place));
    }
    if network == Network::Forbidden {
        return Err(Error::environment(format!("`{}` is not installed", absent.join("`, `")))
            .hint("run it once without `--offline`, so that it can be fetched"));
    }
    let parent = cache.join("packages");
    let _lock = Lock::take(&parent, "to install packages", &env.interrupt, progress)?;
    if !place.is_dir() {
        install(env, manager, &files, (&parent, &place), progress)?;
    }
    Ok(installed(&place))
}

/// What would be installed, and the lock that says how; `None` if there is nothing to do.
///
/// # Errors
/// `package.json` has a mistake.
pub fn missing(project: &Project) -> Result<Option<(Vec<String>, PathBuf)>> {
    let absent = absent(project)?;
    let lock = Manager::of(&project.root).map(|manager| project.root.join(manager.lock));
    Ok(lock.filter(|_| !absent.is_empty()).map(|lock| (absent, lock)))
}

/// What a project depends on and has not in a `node_modules` of its own or above.
fn absent(project: &Project) -> Result<Vec<String>> {
    let root = &project.root;
    let Some(package) = PackageJson::read(root, Path::new("package.json"))? else { return Ok(Vec::new()) };
    let is_there =
        |name: &str| root.ancestors().any(|folder| folder.join("node_modules").join(name).is_dir());
    Ok(package.foreign().filter(|name| !is_there(name)).map(str::to_owned).collect())
}

fn install(
    env: &Environment,
    manager: &Manager,
    files: &[(&str, Vec<u8>)],
    (parent, place): (&Path, &Path),
    progress: &dyn Progress,
) -> Result<()> {
    let name = manager.program;
    let program =
        if name == "npm" { npm(env) } else { env.find_program(name).map(|found| plain(env, &found)) };
    let Some(mut command) = program else {
        return Err(Error::environment(format!(
            "there is no `{name}`, which the lock of this project is for"
        ))
        .hint(format!("install {name}, or install the packages into `node_modules` yourself")));
    };
    let unwritable =
        |error| Error::environment(format!("cannot write `{}`", parent.display())).caused_by(error);
    let work = tempfile::Builder::new().prefix(".making-").tempdir_in(parent).map_err(unwritable)?;
    let made = work.path().join("packages");
    std::fs::create_dir_all(&made).map_err(unwritable)?;
    for (name, bytes) in files {
        std::fs::write(made.join(name), bytes).map_err(unwritable)?;
    }
    let _task = progress.start(&format!("installing packages with {name}"), None, Unit::Items);
    command.args(manager.arguments).env("CI", "1").current_dir(&made);
    command.envs(manager.variables.iter().copied());
    let limits = Limits { interrupt: Some(&env.interrupt), ..Limits::default() };
    process::watch(command, limits, &mut |_| Life::Moving).map_err(|error| {
        Error::failed(format!("`{name}` cannot install what the project depends on")).caused_by(error)
    })?;
    std::fs::create_dir_all(made.join("node_modules")).map_err(unwritable)?;
    std::fs::rename(&made, place).map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let project = Project::discover(root.path(), root.path()).unwrap();
        (root, project)
    }

    const PACKAGE: (&str, &str) =
        ("package.json", r#"{ "name": "a", "dependencies": { "zod": "4", "inferlet": "0.1" } }"#);
    const MAIN: (&str, &str) = ("main.ts", "export async function main() {}");

    #[test]
    fn what_is_in_node_modules_needs_nothing() {
        let (_root, project) =
            project(&[PACKAGE, MAIN, ("node_modules/zod/package.json", "{}"), ("package-lock.json", "{}")]);
        let env = Environment::new([("PATH", "/nowhere")], "/");
        let packages = provide(&project, Network::Forbidden, &env, &Silent).unwrap();
        assert_eq!(packages, Packages { folder: None, lock: Some(project.root.join("package-lock.json")) });
    }

    #[test]
    fn without_a_lock_the_user_is_asked_to_install() {
        let (_root, project) = project(&[PACKAGE, MAIN]);
        let env = Environment::new([("PATH", "/nowhere")], "/");
        let error = provide(&project, Network::Allowed, &env, &Silent).unwrap_err();
        assert!(
            error.message.contains("`zod` is not installed") && error.hints == ["npm install"],
            "{error}"
        );
    }

    #[test]
    fn a_binary_lock_is_refused_with_the_command_that_makes_text_of_it() {
        let (root, project) = project(&[PACKAGE, MAIN, ("bun.lockb", "\0")]);
        let env = Environment::new([("PATH", "/nowhere")], "/");
        let error = provide(&project, Network::Allowed, &env, &Silent).unwrap_err();
        assert!(
            error.message.contains("`bun.lockb`") && error.hints[0].contains("--save-text-lockfile"),
            "{error}"
        );
        // Beside the other form it does not matter.
        std::fs::write(root.path().join("bun.lock"), "").unwrap();
        let error = provide(&project, Network::Forbidden, &env, &Silent).unwrap_err();
        assert!(!error.message.contains("`bun.lockb`"), "{error}");
    }

    #[test]
    fn a_lock_without_its_manager_says_which_one_is_missing() {
        let (root, project) = project(&[PACKAGE, MAIN, ("pnpm-lock.yaml", "")]);
        let variables = [("PATH", Path::new("/nowhere")), ("BAKERY_CACHE_DIR", root.path())];
        let env = Environment::new(variables, "/");
        let error = provide(&project, Network::Allowed, &env, &Silent).unwrap_err();
        assert!(error.message.contains("no `pnpm`"), "{error}");
        assert_eq!(missing(&project).unwrap().unwrap().0, ["zod"]);
    }
}
