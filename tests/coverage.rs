//! What cases make use of: functions of the interface of those that are imported, and states of grammars; counted in each language in one way.

use std::path::Path;
use std::process::{Command, Stdio};

use pie_engine::uses;
use serde_json::Value;
use snapbox::str;
use wit_parser::Resolve;

use crate::book::repository;
use crate::support::{World, guest, javascript, python};

/// All functions of the interface, as they are called where they are counted.
fn functions() -> Vec<String> {
    let mut resolve = Resolve::default();
    resolve.push_dir(repository().join("wit")).expect("the interface is valid");
    let mut functions = Vec::new();
    for (_, interface) in &resolve.interfaces {
        let package = interface.package.map(|package| &resolve.packages[package].name);
        if package.is_some_and(|package| package.namespace == "pie") {
            let interface_name = interface.name.as_deref().unwrap_or_default();
            functions.extend(interface.functions.keys().map(|name| uses::name(interface_name, name)));
        }
    }
    functions
}

#[test]
fn the_host_counts_each_function_of_the_interface_in_one_place() {
    let host = repository().join("pie-engine/src/host");
    let files = host.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap());
    let source: String = sources.collect();
    let functions = functions();
    assert!(functions.len() > 100, "{functions:?}");
    for name in &functions {
        let places = ["called", "calling"].map(|how| source.matches(&format!("{how}({name:?})")).count());
        assert_eq!(places.iter().sum::<usize>(), 1, "`{name}` is not counted in one place");
    }
    let counted = source.matches(".called(\"").count() + source.matches(".calling(\"").count();
    assert_eq!(counted, functions.len(), "something is counted that is no function of the interface");
}

#[test]
fn what_a_case_calls_of_what_it_imports_is_said_of_each_case_and_of_all() {
    let world = World::new();
    let head = "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n\n[build]\nlanguage = \"rust\"\n\n";
    let tests = "[[test]]\nname = \"talks\"\nsend = [\"a\"]\nexpect.messages = [\"a\"]\n";
    world.write("hello/Pie.toml", format!("{head}{tests}"));
    world.write("hello/hello.wasm", guest::conversing());
    let test = ["test", "hello", "--component", "hello/hello.wasm"];
    world.bakery(test).arg("--coverage").assert().success().stdout_eq(str![[r#"
  called: future-string.get 2, future-string.pollable 2, session.receive 2, session.send 1
  ended: ok 1
  functions called: 4 of 4 that are imported
  input tokens: 0, of which 0 were reused
all cases together
  called: future-string.get 2, future-string.pollable 2, session.receive 2, session.send 1
  ended: ok 1
  functions called: 4 of 4 that are imported
  input tokens: 0, of which 0 were reused
1 case: 1 passed

"#]]);
    // Printing leaves two of these alone.
    world.write("hello/Pie.toml", format!("{head}[[test]]\nname = \"says\"\nexpect.messages = [\"a\"]\n"));
    world.write("hello/hello.wasm", guest::printing("a"));
    world.bakery(test).args(["--junit", "report.xml"]).assert().success();
    let report = std::fs::read_to_string(world.work().join("report.xml")).unwrap();
    for property in [("functions-imported", "2"), ("functions-called", "2"), ("call:session.send-file", "1")]
    {
        let property = format!(r#"<property name="{}" value="{}"/>"#, property.0, property.1);
        assert_eq!(report.matches(&property).count(), 2, "{property} is not of case and suite\n{report}");
    }
}

/// What the cases of an example made use of, each and together.
fn covered(mut bakery: Command, example: &str) -> (Vec<Value>, Value) {
    bakery.arg("test").arg(repository().join("examples").join(example)).arg("--json").env("CI", "true");
    let output = bakery.stdin(Stdio::null()).output().expect("bakery is there");
    let text = String::from_utf8(output.stdout).expect("documents are text");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let documents = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("it is a document"));
    let (mut cases, mut all) = (Vec::new(), Value::Null);
    for mut document in documents {
        match document["type"].as_str() {
            Some("case") => cases.push(document["coverage"].take()),
            _ => all = document["coverage"].take(),
        }
    }
    (cases, all)
}

#[test]
fn functions_and_states_of_grammars_are_counted_alike_in_rust_python_and_javascript() {
    python::prepare();
    javascript::prepare();
    let mut rust = Command::new(env!("CARGO_BIN_EXE_bakery"));
    rust.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("examples"));
    let languages = [
        ("rust", covered(rust, "constrained-json-rust")),
        ("python", covered(python::bakery(), "constrained-json-python")),
        ("typescript", covered(javascript::bakery(), "constrained-json-typescript")),
    ];
    let states = |all: &Value| all["grammar_states"].clone();
    let (_, (_, first)) = &languages[0];
    for (language, (cases, all)) in &languages {
        // Beside the dummy, beside `tiny`, and both.
        for (coverage, passes) in cases.iter().chain([all]).zip([64, 28, 92]) {
            let number = |name: &str| coverage["functions"][name].as_u64().unwrap_or_default();
            assert!(number("called") > 8 && number("called") <= number("imported"), "{language}: {coverage}");
            let grammars = coverage["grammar_states"].as_object().expect("there is a grammar");
            for (name, grammar) in grammars {
                let (visited, of) = (grammar["visited"].as_u64().unwrap(), grammar["of"].as_u64().unwrap());
                assert!(
                    name.starts_with("json-schema ") && 0 < visited && visited <= of,
                    "{name}: {grammar}"
                );
            }
            let calls = |name: &str| coverage["calls"][name].as_u64().unwrap_or_default();
            let waits = calls("future-output.get") + calls("wait.for-output");
            assert_eq!((calls("forward-pass.execute"), waits), (passes, passes), "{language}: {coverage}");
        }
        let functions = &all["functions"];
        let others = functions["not_called"].as_array().map_or(0, Vec::len) as u64;
        let (called, imported) = (functions["called"].as_u64(), functions["imported"].as_u64());
        assert_eq!(called.map(|called| called + others), imported, "{language}: {functions}");
        assert_eq!(states(all), states(first), "{language}: one schema and one text have the same states");
        for name in ["forward-pass.execute", "matcher.accept-tokens", "grammar.from-json-schema"] {
            assert!(all["calls"][name].as_u64() > Some(0), "{language}: {name} in {all}");
        }
    }
}
