//! The examples leave the traces that were recorded, byte for byte: in each run, with any number of threads, and from any build
//! of bakery.
//!
//! `tests/examples/NAME.toml` says how `examples/NAME` is run, `tests/examples/NAME.jsonl` is its trace. With `UPDATE_TRACES=1`
//! traces are recorded anew; look at the change before you commit it. With `BAKERY_TEST_RELEASE=PATH` that bakery is tested, instead
//! of the one that was built with the tests.
//!
//! Those in Python, TypeScript and JavaScript are run as they are, and built too: what is built leaves the same trace. And each leaves the trace of the example in
//! Rust that does the same, but for what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::support::{javascript, node, python};

/// How often each example is run, and with how many threads.
const THREADS: [&str; 3] = ["1", "1", "2"];

/// How an example is run.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    /// Its input; the defaults of its manifest where nothing is given.
    parameters: toml::Table,
    /// Messages it is sent.
    send: Vec<String>,
    /// A file of replies in its folder, for the dummy model.
    script: Option<String>,
    seed: u64,
    /// MCP servers by name: programs for Node.js in its folder.
    mcp: BTreeMap<String, String>,
    /// Pages of the KV cache, where they are to be short.
    pages: Option<u32>,
    /// What it asked of the network is answered from its recorded trace.
    replay: bool,
    /// Requests that it responds to, one after another.
    request: Vec<Request>,
}

/// An HTTP request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Method and path.
    line: String,
    #[serde(default)]
    body: String,
}

#[test]
fn every_example_leaves_its_recorded_trace() {
    let world = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let names = examples();
    // All are built first. They share a target folder, in which cargo builds what they share once.
    for name in names.iter().filter(|name| !is_script(name)) {
        build(name, &component(world.path(), name));
    }
    python::prepare();
    javascript::prepare();
    let differences: Vec<String> = names.iter().filter_map(|name| check(name, world.path())).collect();
    assert!(
        differences.is_empty(),
        "traces differ; UPDATE_TRACES=1 records them anew\n\n{}",
        differences.join("\n\n")
    );
}

#[test]
fn examples_in_python_leave_the_same_traces_when_they_are_built() {
    let world = tempfile::tempdir().expect("the machine has a folder for temporary files");
    python::prepare();
    for name in examples().iter().filter(|name| is_python(name)) {
        let case = case(name);
        let component = component(world.path(), name);
        succeed(python::bakery().arg("build").arg(examples_folder().join(name)).arg("-o").arg(&component));
        let trace = run(name, &case, "1", world.path(), &component);
        let expected = std::fs::read_to_string(recorded(&format!("{name}.jsonl"))).unwrap_or_default();
        assert_eq!(difference(&expected, &trace), None, "`{name}`, built");
        // Each has an interpreter and its library in it.
        std::fs::remove_file(component).expect("it was just made");
    }
}

#[test]
fn every_example_in_javascript_leaves_the_same_trace_when_it_is_built() {
    let world = tempfile::tempdir().expect("the machine has a folder for temporary files");
    javascript::prepare();
    for name in examples().iter().filter(|name| is_javascript(name)) {
        let case = case(name);
        let component = component(world.path(), name);
        succeed(
            javascript::bakery().arg("build").arg(examples_folder().join(name)).arg("-o").arg(&component),
        );
        let trace = run(name, &case, "1", world.path(), &component);
        let expected = std::fs::read_to_string(recorded(&format!("{name}.jsonl"))).unwrap_or_default();
        assert_eq!(difference(&expected, &trace), None, "`{name}`, built");
    }
}

/// Their answers have numbers that a function of `Math` has computed, whose last digit is the engine's own.
const WITH_LOGARITHMS: [&str; 1] = ["beam-search-typescript"];

#[test]
fn every_example_in_javascript_leaves_the_same_trace_with_spidermonkey() {
    let world = tempfile::tempdir().expect("the machine has a folder for temporary files");
    javascript::prepare();
    // All are run as they are, by one component for all of them. Each that is built takes half a minute of a processor, so one is.
    let built = "parallel-generation-typescript";
    for name in examples().iter().filter(|name| is_javascript(name)) {
        let case = case(name);
        let mut targets = vec![(examples_folder().join(name), "as it is")];
        if name == built {
            let component = component(world.path(), name);
            let mut command = javascript::bakery();
            command.arg("build").arg(examples_folder().join(name)).arg("-o").arg(&component);
            succeed(command.args(["--engine", "spidermonkey"]));
            targets.push((component, "built"));
        }
        for (target, how) in targets {
            let engine: &[&str] = if how == "built" { &[] } else { &["--engine", "spidermonkey"] };
            let trace = run_with(name, &case, engine, world.path(), &target);
            let expected = std::fs::read_to_string(recorded(&format!("{name}.jsonl"))).unwrap_or_default();
            let same = if WITH_LOGARITHMS.contains(&name.as_str()) {
                difference(&without_answers(&expected), &without_answers(&trace))
            } else {
                difference(&expected, &trace)
            };
            assert_eq!(same, None, "`{name}`, {how}");
        }
    }
}

#[test]
fn what_is_written_in_several_languages_leaves_the_same_trace() {
    let read = |name: &str| std::fs::read_to_string(recorded(&format!("{name}.jsonl")));
    let all = examples();
    let twins = all.iter().filter(|name| is_script(name)).map(|name| (name, twin(name)));
    let mut compared = 0;
    for (name, twin) in twins.filter(|(_, twin)| all.contains(twin)) {
        let trace = read(name).expect("it has a trace").replace(name.as_str(), &twin);
        let expected = without_answers(&read(&twin).expect("it has a trace"));
        assert_eq!(difference(&expected, &without_answers(&trace)), None, "`{name}`, compared with `{twin}`");
        compared += 1;
    }
    assert!(compared >= 15, "only {compared} have a twin");
}

#[test]
fn every_example_has_a_case_and_every_case_an_example() {
    assert_eq!(recorded_with("toml"), examples());
    let obsolete: Vec<_> = recorded_with("jsonl").difference(&examples()).cloned().collect();
    assert!(obsolete.is_empty(), "there are traces of examples that are gone: {obsolete:?}");
}

#[test]
fn every_example_is_explained() {
    let overview =
        std::fs::read_to_string(examples_folder().join("README.md")).expect("there is an overview");
    for name in examples() {
        assert!(
            examples_folder().join(&name).join("README.md").is_file(),
            "`examples/{name}` has no README.md"
        );
        assert!(
            overview.contains(&format!("[{name}]({name})")),
            "`examples/README.md` does not list `{name}`"
        );
    }
}

/// Runs an example as often as it takes, and says where a trace is not the recorded one.
fn check(name: &str, world: &Path) -> Option<String> {
    let case = case(name);
    let expected = recorded(&format!("{name}.jsonl"));
    for (number, threads) in THREADS.iter().enumerate() {
        let target = if is_script(name) { examples_folder().join(name) } else { component(world, name) };
        let trace = run(name, &case, threads, world, &target);
        if number == 0 && std::env::var_os("UPDATE_TRACES").is_some_and(|value| value == "1") {
            std::fs::write(&expected, &trace).expect("the trace can be recorded");
        }
        let Ok(before) = std::fs::read_to_string(&expected) else {
            return Some(format!("`{name}`: there is no `{}`", expected.display()));
        };
        if let Some(difference) = difference(&before, &trace) {
            return Some(format!("`{name}`, run {}, {threads} threads: {difference}", number + 1));
        }
    }
    None
}

/// A trace without the answers: how floats and the fields of objects are written is the language's own.
fn without_answers(trace: &str) -> String {
    let lines = trace.lines().map(|line| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a trace is lines of JSON");
        if let Some(outcome) = record.pointer_mut("/event/outcome") {
            *outcome = serde_json::Value::Null;
        } else if record["event"] == "finished" {
            record["outcome"] = serde_json::Value::Null;
        } else if record.pointer("/response/status").is_some_and(|status| status == 400) {
            // What is wrong with a request, each language says in its words.
            record["response"]["body"] = serde_json::Value::Null;
        }
        format!("{record}\n")
    });
    lines.collect()
}

/// How an example is run.
fn case(name: &str) -> Case {
    let path = recorded(&format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// Whether an example runs as it is.
fn is_script(name: &str) -> bool {
    is_python(name) || is_javascript(name)
}

fn is_python(name: &str) -> bool {
    name.ends_with("-python")
}

fn is_javascript(name: &str) -> bool {
    name.ends_with("-typescript") || name.ends_with("-javascript")
}

/// The example in Rust that does the same.
fn twin(name: &str) -> String {
    let (kind, _language) = name.rsplit_once('-').unwrap_or((name, ""));
    format!("{kind}-rust")
}

/// Builds an example with the tools of whoever runs the tests: compilers are found, or provided, in their home.
fn build(name: &str, output: &Path) {
    let mut command = Command::new(bakery());
    command.arg("build").arg(examples_folder().join(name)).arg("--locked").arg("-o").arg(output);
    // A folder of its own, because the one of the tests may be in use by another cargo.
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"));
    succeed(&mut command);
}

/// Runs an example in an empty world; returns its trace.
fn run(name: &str, case: &Case, threads: &str, world: &Path, target: &Path) -> String {
    run_with(name, case, &["--threads", threads], world, target)
}

/// The same, with these options.
fn run_with(name: &str, case: &Case, options: &[&str], world: &Path, target: &Path) -> String {
    let trace = world.join("trace.jsonl");
    let mut command = Command::new(bakery());
    let cache = match name.rsplit('-').next() {
        Some("python") => python::cache(),
        Some("typescript" | "javascript") => javascript::cache(),
        _ => world.join("cache"),
    };
    command.env_clear().env("HOME", world).env("BAKERY_CACHE_DIR", cache).current_dir(world);
    if options.contains(&"spidermonkey") {
        // What it runs on is made by Node.js, once.
        command.env("PATH", node::search_path());
    }
    command.arg("run").arg(target).arg("--trace").arg(&trace);
    command.args(options).args(["--seed", &case.seed.to_string(), "--sanitize"]);
    if let Some(pages) = case.pages {
        command.args(["--pages", &pages.to_string()]);
    }
    if let Some(script) = &case.script {
        command.arg("--script").arg(examples_folder().join(name).join(script));
    }
    if !case.request.is_empty() {
        respond(command, &case.request);
        return std::fs::read_to_string(&trace).expect("bakery has written the trace");
    }
    let input = serde_json::to_string(&case.parameters).expect("a table is an object");
    command.args(["--input", &input]);
    if case.replay {
        command.arg("--replay").arg(recorded(&format!("{name}.jsonl")));
    }
    for message in &case.send {
        command.args(["--send", message]);
    }
    for (server, file) in &case.mcp {
        let server = format!("{server}={}", node::command(&examples_folder().join(name).join(file), &[]));
        command.arg("--mcp").arg(server);
    }
    succeed(&mut command);
    std::fs::read_to_string(&trace).expect("bakery has written the trace")
}

/// Sends requests to an example that responds to them, one after another, and ends it as a person would.
fn respond(mut command: Command, requests: &[Request]) {
    command.args(["--http", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("bakery is there");
    let mut line = String::new();
    let stdout = process.stdout.as_mut().expect("it is a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("bakery says where it listens");
    let address = line.trim_end().strip_prefix("listening at http://").expect("an address");
    for Request { line, body } in requests {
        let mut stream = TcpStream::connect(address).expect("somebody listens");
        let length = body.len();
        // The host does not name the port, which is another one each time.
        write!(stream, "{line} HTTP/1.1\r\nhost: bakery.example\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .expect("the request is read");
        let mut response = Vec::new();
        stream.read_to_end(&mut response).expect("there is a response");
        assert!(response.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&response));
    }
    let interrupted = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
    assert!(interrupted.is_ok_and(|status| status.success()), "Ctrl-C cannot be sent");
    let status = process.wait().expect("it is our child");
    assert!(status.success(), "{command:?}: {status}");
}

/// Runs a command whose standard input is empty, and fails with all it printed if it fails.
fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("bakery is there");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The first line in which two traces differ.
fn difference(expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let mut lines = expected.split_inclusive('\n').zip(actual.split_inclusive('\n')).zip(1..);
    Some(match lines.find(|((before, now), _)| before != now) {
        Some(((before, now), line)) => {
            format!("line {line}\nrecorded: {}\nnow:      {}", shown(before), shown(now))
        }
        None => format!(
            "{} lines were recorded, now there are {}",
            expected.lines().count(),
            actual.lines().count()
        ),
    })
}

/// As much of a line as one wants to read.
fn shown(line: &str) -> &str {
    line.char_indices().nth(1000).map_or(line.trim_end(), |(end, _)| &line[..end])
}

/// The bakery under test.
fn bakery() -> PathBuf {
    std::env::var_os("BAKERY_TEST_RELEASE").map_or_else(|| env!("CARGO_BIN_EXE_bakery").into(), PathBuf::from)
}

fn examples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn recorded(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/examples").join(file)
}

fn component(world: &Path, name: &str) -> PathBuf {
    world.join(name).with_extension("wasm")
}

/// The folders with a manifest.
fn examples() -> BTreeSet<String> {
    let folders = entries(&examples_folder()).filter(|path| path.join("Pie.toml").is_file());
    folders.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
}

/// The names of files with this extension.
fn recorded_with(extension: &str) -> BTreeSet<String> {
    let files =
        entries(&recorded("")).filter(|path| path.extension().is_some_and(|found| found == extension));
    files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}`: {error}", folder.display()));
    entries.map(|entry| entry.expect("the folder can be read").path())
}
