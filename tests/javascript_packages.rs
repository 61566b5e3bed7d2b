//! Packages from the lock of each package manager, installed by the manager itself; and what fetches with them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::folder::{self, text};
use crate::support::server::Server;
use crate::support::{javascript, node};

type Folder = folder::Folder<javascript::JavaScript>;

/// Files of these tests.
fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/javascript")
}

/// Locks of all kinds.
const LOCKS: [&str; 6] = [
    "package-lock-2.json",
    "package-lock-3.json",
    "pnpm-lock.yaml",
    "yarn-1.lock",
    "yarn-4.lock",
    "bun.lock",
];

/// The program of a package manager, in the version of `tests/javascript/managers`, installed once below the target folder.
fn manager(lock: &str) -> (&'static str, PathBuf) {
    let modules = node::packages(&files().join("managers"), "javascript-managers").join("node_modules");
    match lock {
        // The machine's own: it comes with Node.js.
        "package-lock-2.json" | "package-lock-3.json" => ("npm", PathBuf::new()),
        "pnpm-lock.yaml" => ("pnpm", modules.join("pnpm/bin/pnpm.cjs")),
        "yarn-1.lock" => ("yarn", modules.join("yarn/bin/yarn.js")),
        "yarn-4.lock" => ("yarn", modules.join("@yarnpkg/cli-dist/bin/yarn.js")),
        // The program itself is in the package of the platform, because nothing that packages bring is run.
        "bun.lock" => {
            let platforms = std::fs::read_dir(modules.join("@oven")).expect("bun is there for this platform");
            let platform = platforms.flatten().next().expect("bun is there for this platform");
            ("bun", platform.path().join("bin/bun"))
        }
        _ => panic!("there is no manager for `{lock}`"),
    }
}

/// A project with this lock, and what is printed when it runs with its manager in the path.
#[cfg(unix)]
fn run(lock: &str, change: impl Fn(String) -> String) -> std::process::Output {
    let (name, program) = manager(lock);
    let folder = Folder::new(&[(
        "main.ts",
        "import isOdd from 'is-odd';\nimport ms from 'ms';\nexport async function main() { return [ms('2 days'), isOdd(3)]; }\n",
    )]);
    // A description that nobody else has, so that nothing was installed before.
    let package = json!({
        "name": "bread", "version": "0.1.0", "type": "module", "description": folder.root().to_str(),
        "dependencies": { "ms": "2.1.3", "is-odd": "3.0.1" }, "devDependencies": { "is-number": "7.0.0" },
    });
    folder.write("package.json", &package.to_string());
    let written = std::fs::read_to_string(files().join("locks").join(lock)).expect("the lock is there");
    let file = match lock {
        lock if lock.starts_with("yarn-") => "yarn.lock",
        lock if lock.starts_with("package-lock-") => "package-lock.json",
        lock => lock,
    };
    folder.write(file, &change(written));
    let tools = tempfile::tempdir().expect("the machine has a folder for temporary files");
    if name != "npm" {
        std::os::unix::fs::symlink(program, tools.path().join(name)).expect("the folder is new");
    }
    let own = node::search_path();
    let folders = std::iter::once(tools.path().to_owned()).chain(std::env::split_paths(&own));
    let path = std::env::join_paths(folders).expect("the folders have no separators in their names");
    javascript::prepare();
    let mut command = javascript::bakery();
    command.env("PATH", path).arg("run").arg(folder.root()).stdin(Stdio::null());
    command.output().expect("bakery is there")
}

#[cfg(unix)]
#[test]
fn each_package_manager_installs_what_its_lock_says() {
    for lock in LOCKS {
        let output = run(lock, |written| written);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{lock}: {stderr}");
        assert_eq!(text(&output.stdout).trim_end(), "[172800000,true]", "{lock}");
        let name = manager(lock).0;
        assert!(stderr.contains(&format!("installing packages with {name}")), "{lock}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn a_lock_that_does_not_fit_the_project_is_an_error_of_its_manager() {
    for lock in LOCKS {
        // Of another version of a package than the project asks for.
        let output = run(lock, |written| written.replace("2.1.3", "2.1.2"));
        let (stderr, name) = (text(&output.stderr), manager(lock).0);
        assert_eq!(output.status.code(), Some(1), "{lock}: {stderr}");
        let said = format!("`{name}` cannot install what the project depends on");
        assert!(stderr.contains(&said), "{lock}: {stderr}");
    }
}

#[test]
fn fetch_posts_and_the_answer_comes_back_whole() {
    let server = Server::start();
    let folder = Folder::new(&[(
        "main.ts",
        "interface Input { url: string }\nexport async function main({ url }: Input) {\n  \
         const headers = { 'content-type': 'application/json', 'x-loaf': 'rye' };\n  \
         const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ loaf: '🍞' }) });\n  \
         const put = await fetch(url, { method: 'PUT', body: new Uint8Array([114, 121, 101]) });\n  \
         return [response.status, response.ok, await response.text(), await put.text()];\n}\n",
    )]);
    folder.write(
        "Pie.toml",
        &format!(
            "[package]\nname = \"poster\"\nversion = \"0.1.0\"\n[permissions]\nnetwork = [\"{}\"]\n",
            server.authority()
        ),
    );
    let output = folder.bakery(&["run", ".", "--", "--url", &server.url("/echo?a=1")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the answer is JSON");
    let line = |method| format!("{method} /echo?a=1 HTTP/1.1|");
    let expected = json!([200, true, line("POST") + "{\"loaf\":\"🍞\"}", line("PUT") + "rye"]);
    assert_eq!(answer, expected);
    let asked = &server.asked()[0];
    for header in ["content-type: application/json", "x-loaf: rye", "content-length: 15"] {
        assert!(asked.headers.iter().any(|line| line == header), "{header}: {asked:?}");
    }
}
