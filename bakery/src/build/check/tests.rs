use proptest::prelude::*;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

use super::*;
use crate::error::Kind;

/// A component whose world has these lines, with `wit/` and a few foreign packages around it. Its functions trap.
fn component(world: &str) -> Vec<u8> {
    component_with("", world)
}

fn component_with(packages: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let text = format!(
        "package pie:hello;\n\
         interface run {{ run: func(input: string) -> result<string, string>; }}\n\
         interface other {{ run: func(input: string) -> result<string, string>; }}\n\
         {packages}\nworld w {{ {world} }}"
    );
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
    resolve.push_dir(wit).unwrap();
    let package = resolve.push_source("test.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

fn manifest(text: &str) -> Manifest {
    Manifest::parse(&format!("[package]\nname = \"hello\"\nversion = \"0.1.0\"\n{text}"), "Pie.toml").unwrap()
}

#[track_caller]
fn fails(wasm: &[u8], manifest: Option<&Manifest>, message: &str, hint: &str) {
    let error = check(wasm, manifest).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert!(error.message.contains(message), "{error:?}");
    assert!(hint.is_empty() || error.hints.iter().any(|text| text.contains(hint)), "{:?}", error.hints);
}

#[test]
fn a_component_with_the_one_export_and_known_imports_is_an_inferlet() {
    let wasm = component("import pie:core/context; import wasi:io/poll@0.2.12; export run;");
    let checked = check(&wasm, Some(&manifest(""))).unwrap();
    assert_eq!(checked.export, "pie:hello/run");
    assert_eq!(checked.form, Form::Sync);
    assert!(checked.imports.contains(&"pie:core/context".to_owned()), "{:?}", checked.imports);
}

#[test]
fn the_async_form_of_run_counts_too() {
    let mut resolve = Resolve::default();
    let text = "package pie:hello;\ninterface run { run: async func(input: string) -> result<string, string>; }\nworld w { export run; }";
    let package = resolve.push_source("a.wit", text).unwrap();
    let world = resolve.select_world(&[package], Some("w")).unwrap();
    let world = &resolve.worlds[world];
    let (export, form) = find_run(&resolve, world.exports.iter()).unwrap();
    assert_eq!((export.as_str(), form), ("pie:hello/run", Form::Async));
}

#[test]
fn what_is_no_component_is_told_apart() {
    fails(b"", None, "is empty", "");
    fails(b"#!/bin/sh\n", None, "not WebAssembly", "bakery build");
    fails(b"\0asm\x01\0\0\0", None, "core WebAssembly module", "wasm32-wasip2");
    fails(b"\0asm", None, "cut off", "");
    fails(b"\0asm\x0d\0\x01\0\xff", None, "damaged", "again");
}

#[test]
fn without_the_export_the_error_says_what_there_is_and_what_was_expected() {
    fails(&component(""), None, "does not export `run`", "#[inferlet::main]");
    let error = check(&component("export other;"), None).unwrap_err();
    assert!(error.source.unwrap().to_string().contains("`pie:hello/other`"));
}

#[test]
fn a_command_is_recognized() {
    let error = check(&component("export wasi:cli/run@0.2.12;"), None).unwrap_err();
    assert!(error.source.unwrap().to_string().contains("WASI command"));
}

#[test]
fn a_run_of_another_shape_does_not_count() {
    for shape in [
        "func()",
        "func(input: string)",
        "func(input: string) -> string",
        "func(a: string, b: string) -> result<string, string>",
    ] {
        let mut resolve = Resolve::default();
        let text = format!("package a:b;\ninterface run {{ run: {shape}; }}\nworld w {{ export run; }}");
        let package = resolve.push_source("a.wit", &text).unwrap();
        let world = resolve.select_world(&[package], Some("w")).unwrap();
        assert!(find_run(&resolve, resolve.worlds[world].exports.iter()).is_err(), "{shape}");
    }
}

#[test]
fn two_ways_to_run_are_one_too_many() {
    let mut resolve = Resolve::default();
    let text = "package a:b { interface run { run: func(input: string) -> result<string, string>; } }\n\
                package c:d { interface run { run: func(input: string) -> result<string, string>; } }\n\
                package e:f { world w { export a:b/run; export c:d/run; } }";
    let mut sources = wit_parser::SourceMap::default();
    sources.push_str("a.wit", format!("package root:root;\n{text}"));
    resolve.push_group(sources.parse().map_err(|(_, error)| error).unwrap()).unwrap();
    let (_, world) = resolve.worlds.iter().next().unwrap();
    let error = find_run(&resolve, world.exports.iter()).unwrap_err();
    assert!(error.message.contains("`a:b/run` and `c:d/run`"), "{error}");
}

#[test]
fn an_import_outside_of_the_world_is_named() {
    let wasm = component_with("interface evil { attack: func(); }", "import evil; export run;");
    fails(&wasm, None, "`pie:hello/evil`", "wit/");
    fails(&component("import launch: func(); export run;"), None, "`launch`", "");
}

#[test]
fn a_program_may_mention_sockets_as_interpreters_do() {
    for name in SOCKETS {
        let (_, interface) = name.split_once('/').unwrap();
        let packages =
            format!("package wasi:sockets@0.2.99 {{ interface {interface} {{ start-listen: func(); }} }}");
        let wasm = component_with(&packages, &format!("import {name}@0.2.99; export run;"));
        check(&wasm, None).unwrap();
    }
    let packages = "package wasi:sockets@0.3.0 { interface types { listen: func(); } }";
    fails(
        &component_with(packages, "import wasi:sockets/types@0.3.0; export run;"),
        None,
        "`wasi:sockets/types@0.3.0`",
        "WASI 0.2",
    );
}

#[test]
fn http_needs_a_permission() {
    let wasm = component("import wasi:http/outgoing-handler@0.2.12; export run;");
    fails(&wasm, None, "no permission", "--manifest");
    fails(&wasm, Some(&manifest("")), "no permission", "[permissions]");
    let permitted = manifest("[permissions]\nnetwork = [\"api.example.com\"]\n");
    check(&wasm, Some(&permitted)).unwrap();
}

#[test]
fn a_handler_of_requests_is_an_inferlet_and_reaches_no_host_by_that() {
    let handler = "export wasi:http/incoming-handler@0.2.12;";
    let checked = check(&component(handler), Some(&manifest(""))).unwrap();
    assert_eq!((checked.export.as_str(), checked.form), ("wasi:http/incoming-handler@0.2.12", Form::Http));
    assert!(checked.imports.contains(&"wasi:http/types@0.2.12".to_owned()), "{:?}", checked.imports);
    let asking = component(&format!("import wasi:http/outgoing-handler@0.2.12; {handler}"));
    fails(&asking, Some(&manifest("")), "`wasi:http/outgoing-handler@0.2.12`", "[permissions]");
    fails(&component(&format!("export run; {handler}")), None, "two ways", "#[inferlet::http]");
    fails(&component("import wasi:http/types@0.2.12; export run;"), None, "no permission", "");
}

#[test]
fn a_function_that_the_engine_does_not_have_is_named() {
    let resolve = |text: &str| {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("a.wit", text).unwrap();
        let world = resolve.select_world(&[package], Some("w")).unwrap();
        (resolve, world)
    };
    for (function, message) in [
        (
            "version: func() -> u32;",
            "`version` of `pie:core/runtime`, and this engine has another form of it",
        ),
        ("explode: func();", "`explode` of `pie:core/runtime`, and this engine does not have it"),
    ] {
        let (resolve, world) = resolve(&format!(
            "package pie:core;\ninterface runtime {{ {function} }}\nworld w {{ import runtime; }}"
        ));
        let error =
            check_imports(&resolve, resolve.worlds[world].imports.iter(), Form::Sync, None).unwrap_err();
        assert!(error.message.contains(message), "{error}");
    }
}

#[test]
fn a_manifest_of_another_inferlet_disagrees() {
    let wasm = component("export run;");
    let other = Manifest::parse("[package]\nname = \"other\"\nversion = \"0.1.0\"\n", "Pie.toml").unwrap();
    fails(&wasm, Some(&other), "of `other`, and the component is `hello`", "name = \"hello\"");
}

#[test]
fn names_differ_in_case_and_underscores_without_disagreeing() {
    check_name("pie:my-agent2/run", "My_Agent2").unwrap();
    check_name("pie:my-agent/run@0.1.0", "my-agent").unwrap();
    assert!(check_name("pie:my-agent/run", "myagent").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_component_is_an_error_and_never_a_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let mut wasm = sample().clone();
        for (at, byte) in damage {
            let at = at.index(wasm.len());
            wasm[at] = byte;
        }
        if is_cut {
            wasm.truncate(cut.index(wasm.len()));
        }
        let _ = check(&wasm, Some(&manifest("")));
    }
}

/// A component with imports, resources and an export; made once.
fn sample() -> &'static Vec<u8> {
    static SAMPLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        component("import pie:core/inference; import pie:instruct/tool-use; export run;")
    });
    &SAMPLE
}
