//! What `--json` prints, and what is in trace files, is what the published schemas say: no key is missing, mistyped or unheard of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::book::repository;
use crate::build;
use crate::support::{World, guest};

/// A command, its exit code, and the schema of its documents. The last document of one that fails is an `error`.
type Case = (&'static [&'static str], i32, &'static str);

/// In this order: what is written stays.
const CASES: &[Case] = &[
    (&["--version"], 0, "version"),
    (&["schema"], 0, "schemas"),
    (&["completions", "fish"], 0, "completions"),
    (&["new", "x", "--template", "chat"], 0, "new"),
    (&["new", "--list"], 0, "new"),
    (&["new", "x"], 2, "new"),
    (&["build", "tiny", "--plan"], 0, "build"),
    (&["build", "tiny"], 0, "build"),
    (&["build", "tiny"], 0, "build"),
    (&["build", "broken"], 1, "build"),
    (&["build", "mistaken"], 2, "build"),
    (&["model", "random", "--arch", "llama", "--out", "m"], 0, "model"),
    (&["model", "show", "./m"], 0, "model"),
    (&["model", "pull", "./m", "--name", "mine"], 0, "model"),
    (&["model", "list"], 0, "model"),
    (&["model", "remove", "mine"], 0, "model"),
    (&["model", "remove", "mine"], 2, "model"),
    (&["install", "tiny"], 0, "install"),
    (&["install", "answering.wasm"], 2, "install"),
    (&["list"], 0, "list"),
    (&["uninstall", "tiny"], 0, "uninstall"),
    (&["uninstall", "tiny"], 2, "uninstall"),
    (&["test", "tested", "--component", "answering.wasm", "--list"], 0, "test"),
    (&["test", "tested", "--component", "answering.wasm"], 1, "test"),
    (&["review", "tested"], 0, "review"),
    (&["review", "tested", "--accept"], 0, "review"),
    (&["test", "tested", "--component", "failing.wasm"], 1, "test"),
    (&["test", "tiny"], 2, "test"),
    (&["run", "tiny"], 1, "run"),
    (&["run", "answering.wasm"], 0, "run"),
    (&["run", "printing.wasm", "--out-dir", "files", "--trace", "printing.jsonl"], 0, "run"),
    (&["run", "conversing.wasm", "--send", "hi", "--seed", "7", "--trace", "conversing.jsonl"], 0, "run"),
    (&["run", "failing.wasm", "--trace", "failing.jsonl"], 1, "run"),
    (&["run", "trapping.wasm", "--trace", "trapping.jsonl"], 1, "run"),
    (&["run", "endless.wasm", "--timeout", "0.2", "--trace", "endless.jsonl"], 1, "run"),
    (&["run", "answering.wasm", "--manifest", "tiny/Pie.toml", "--", "--help"], 0, "inferlet"),
    (&["run", "answering.wasm", "--input", "{"], 2, "run"),
    (&["run", "answering.wasm", "--trace", "none/t.jsonl"], 3, "run"),
    (&["run", "garbage.wasm"], 2, "run"),
    (&["run", "--nonsense"], 2, "run"),
    (&["trace", "show", "trapping.jsonl"], 0, "run"),
    (&["trace", "show", "cut.jsonl"], 2, "run"),
    (&["trace", "stats", "trapping.jsonl"], 0, "trace-stats"),
    (&["trace", "diff", "trapping.jsonl", "trapping.jsonl"], 0, "trace-diff"),
    (&["trace", "diff", "trapping.jsonl", "failing.jsonl"], 1, "trace-diff"),
    (&["trace", "fork", "conversing.jsonl", "conversing.wasm", "--at", "0", "--set", "seed=9"], 0, "run"),
    (&["trace", "fork", "conversing.jsonl", "conversing.wasm", "--at", "99", "--set", "seed=9"], 2, "run"),
    (&["tracee"], 2, "error"),
];

/// What the cases are about.
fn prepared() -> World {
    let world = World::new();
    build::tiny(&world, "tiny");
    build::tiny(&world, "broken");
    world.write("broken/src/lib.rs", "fn broken() -> u8 { 256 }");
    world.write("mistaken/Pie.toml", "[package]\nnam = \"x\"\n");
    world.write("tested/Pie.toml", "[package]\nname = \"tested\"\nversion = \"0.1.0\"\n[build]\nlanguage = \"rust\"\n[[test]]\nname = \"answers\"\nsnapshot = [\"output\", \"events\"]\n");
    world.write("tested/snapshots/gone.output.snap", "");
    world.write("answering.wasm", guest::answering("[1, 2.5, \"three\"]"));
    world.write("printing.wasm", guest::printing("text"));
    world.write("conversing.wasm", guest::conversing());
    world.write("failing.wasm", guest::failing("no bread today"));
    world.write("trapping.wasm", guest::doing("unreachable"));
    world.write("endless.wasm", guest::doing("(loop $again (br $again))"));
    world.write("garbage.wasm", "garbage");
    world.write(
        "cut.jsonl",
        include_str!("cli/hello.jsonl").split_inclusive('\n').take(4).collect::<String>(),
    );
    world
}

#[test]
fn every_document_is_as_its_schema_says_and_every_kind_of_document_is_printed() {
    let world = prepared();
    let schemas = Schemas::published(&world);
    let mut printed = BTreeSet::new();
    for &(arguments, exit_code, schema) in CASES {
        let output = build::bakery(&world, &["--json"]).args(arguments).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let what =
            format!("{arguments:?}, which printed\n{stdout}{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(exit_code), "{what}");
        let mut documents = lines(&stdout, &what);
        printed.extend(documents.iter().filter_map(|document| Some(document["type"].as_str()?.to_owned())));
        if exit_code != 0 {
            let error = documents.pop().unwrap_or_default();
            schemas.check("error", &error, &what);
            assert_eq!(error["exit_code"], exit_code, "{what}");
        }
        assert!(exit_code != 0 || !documents.is_empty(), "{what}");
        documents.iter().for_each(|document| schemas.check(schema, document, &what));
    }
    if cfg!(unix) {
        let listening = listening();
        schemas.check("run", &listening, "`bakery run --http --json`");
        printed.extend(listening["type"].as_str().map(str::to_owned));
    }
    assert_eq!(printed, schemas.types());
    for name in ["printing", "conversing", "failing", "trapping", "endless", "fork"] {
        schemas.check_trace(&world.work().join(name).with_extension("jsonl"));
    }
}

/// What `bakery run --http` prints before any request: it would go on until Ctrl-C.
fn listening() -> Value {
    let world = World::new();
    world.write("responder.wasm", crate::support::rust::guest("http-responder"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bakery"));
    command.env_clear().env("HOME", world.work()).env("BAKERY_CACHE_DIR", world.work().join("cache"));
    command.current_dir(world.work()).stdout(std::process::Stdio::piped());
    let mut run = command.args(["run", "responder.wasm", "--http", "127.0.0.1:0", "--json"]).spawn().unwrap();
    let mut line = String::new();
    let stdout = run.stdout.as_mut().expect("it is a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    run.kill().unwrap();
    run.wait().unwrap();
    serde_json::from_str(&line).unwrap()
}

#[test]
fn the_lines_of_every_recorded_trace_are_as_their_schema_says() {
    let schemas = Schemas::published(&World::new());
    let recorded = std::fs::read_dir(repository().join("tests/examples")).unwrap();
    let traces = recorded.map(|entry| entry.unwrap().path());
    let traces: Vec<_> =
        traces.filter(|path| path.extension().is_some_and(|found| found == "jsonl")).collect();
    assert!(!traces.is_empty());
    traces.iter().for_each(|trace| schemas.check_trace(trace));
}

#[test]
fn every_manifest_of_ours_is_as_its_schema_says() {
    let schemas = Schemas::published(&World::new());
    let folders =
        ["examples", "templates"].map(|folder| std::fs::read_dir(repository().join(folder)).unwrap());
    let folders = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let manifests: Vec<_> =
        folders.map(|folder| folder.join("Pie.toml")).filter(|path| path.is_file()).collect();
    assert!(!manifests.is_empty());
    for path in manifests {
        let manifest: Value = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        schemas.check("manifest", &manifest, &path.display().to_string());
    }
}

#[test]
fn the_settings_of_the_examples_are_as_their_schema_says_and_settings_with_a_mistake_are_not() {
    let schemas = Schemas::published(&World::new());
    let folders =
        std::fs::read_dir(repository().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let settings: Vec<_> =
        folders.map(|folder| folder.join("bakery.toml")).filter(|path| path.is_file()).collect();
    assert!(!settings.is_empty());
    for path in settings {
        let settings: Value = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        schemas.check("settings", &settings, &path.display().to_string());
    }
    let web = json!({ "mcp": { "docs": { "url": "http://localhost/", "timeout": 5 } } });
    assert_eq!(schemas.mistakes("settings", &web), [""; 0]);
    for wrong in [
        json!({ "mpc": {} }),
        json!({ "mcp": { "it": {} } }),
        json!({ "mcp": { "it": { "command": "a", "url": "http://localhost/" } } }),
        json!({ "mcp": { "it": { "command": "a", "args": "b" } } }),
        json!({ "mcp": { "it": { "url": "http://localhost/", "timeout": 0 } } }),
    ] {
        assert_ne!(schemas.mistakes("settings", &wrong), [""; 0], "{wrong}");
    }
}

#[test]
fn the_schemas_are_schemas_and_a_wrong_document_does_not_pass() {
    let schemas = Schemas::published(&World::new());
    for (name, schema) in &schemas.0 {
        jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("`{name}`: {error}"));
    }
    let good = json!({ "type": "version", "version": "1.0.0", "trace_format": 1, "platform": "wasm" });
    assert_eq!(schemas.mistakes("version", &good), [""; 0]);
    for (key, value) in [("type", json!("error")), ("trace_format", json!("1")), ("new", json!(null))] {
        let mut bad = good.clone();
        bad[key] = value;
        assert_ne!(schemas.mistakes("version", &bad), [""; 0], "{bad}");
    }
}

/// The published schemas by name.
struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// What `bakery schema` prints.
    fn published(world: &World) -> Schemas {
        let printed = |arguments: &[&str]| -> Value {
            let output = world.bakery(arguments).arg("--json").output().unwrap();
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let list = printed(&["schema"]);
        let names = list["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        Schemas(names.map(|name| (name.to_owned(), printed(&["schema", name]))).collect())
    }

    #[track_caller]
    fn check(&self, name: &str, document: &Value, what: &str) {
        assert_eq!(self.mistakes(name, document), [""; 0], "`{name}` says no to {document} of {what}");
    }

    fn check_trace(&self, path: &Path) {
        let what = path.display().to_string();
        let lines = lines(&std::fs::read_to_string(path).unwrap(), &what);
        assert!(lines.len() > 2, "{what}");
        lines.iter().for_each(|line| self.check("trace", line, &what));
    }

    /// Where a document is not what a schema says.
    fn mistakes(&self, name: &str, document: &Value) -> Vec<String> {
        let mut schema = self.0[name].clone();
        close(&mut schema);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mistakes = validator.iter_errors(document);
        mistakes.map(|mistake| format!("at `{}`: {mistake}", mistake.instance_path())).collect()
    }

    /// The types that the schemas give to documents.
    fn types(&self) -> BTreeSet<String> {
        let variants = self.0.values().filter_map(|schema| schema["oneOf"].as_array()).flatten();
        let types = variants.filter_map(|variant| variant["properties"]["type"]["const"].as_str());
        types.map(str::to_owned).collect()
    }
}

fn lines(text: &str, what: &str) -> Vec<Value> {
    let parse =
        |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in `{line}` of {what}"));
    text.lines().map(parse).collect()
}

/// Makes a schema refuse keys that it does not name. Published schemas allow them, so that documents may grow.
fn close(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    close_parts(keywords);
    let says_something = ["type", "properties", "$ref", "oneOf", "anyOf", "allOf"];
    if says_something.iter().any(|keyword| keywords.contains_key(*keyword)) {
        keywords.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

/// Closes the schemas of the values inside a value. Those that say more of the value itself stay open: each knows a part of its keys.
fn close_parts(keywords: &mut Map<String, Value>) {
    for (keyword, value) in keywords {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(schemas)) => schemas.values_mut().for_each(close),
            ("items" | "additionalProperties", schema) => close(schema),
            ("prefixItems", Value::Array(schemas)) => schemas.iter_mut().for_each(close),
            ("oneOf" | "anyOf" | "allOf", Value::Array(schemas)) => schemas.iter_mut().for_each(open),
            ("$defs", Value::Object(schemas)) => schemas.values_mut().for_each(open),
            _ => {}
        }
    }
}

fn open(schema: &mut Value) {
    if let Value::Object(keywords) = schema {
        close_parts(keywords);
    }
}
