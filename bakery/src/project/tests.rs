//! The manifest against text files: each of `cases/*.txt` is a manifest, a line of dashes, and the diagnostic that it must give, as a
//! person sees it. `UPDATE_EXPECT=1 cargo test` writes the diagnostics anew; look at the difference before committing it.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;

use super::settings::Settings;
use super::{Language, Manifest, Project};
use crate::error::Error;
use crate::ui::{Manner, Ui};

const SEPARATOR: &str = "\n----------\n";

fn files_of(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

#[test]
fn every_case_gives_its_diagnostic() {
    let found = check_cases("src/project/cases", |text| Manifest::parse(text, "Pie.toml").err());
    assert!(found >= 40, "only {found} cases found");
}

#[test]
fn every_case_of_settings_gives_its_diagnostic() {
    let parse = |text: &str| Settings::parse(text, "bakery.toml", Path::new("/work")).err();
    let found = check_cases("src/project/settings-cases", parse);
    assert!(found >= 20, "only {found} cases found");
}

/// Holds the diagnostics of all cases in a folder to those that are written there; says how many there are.
fn check_cases(folder: &str, mistake: impl Fn(&str) -> Option<Error>) -> usize {
    let update = std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1");
    let cases = files_of(folder, "txt");
    for path in &cases {
        let case = fs::read_to_string(path).unwrap();
        let (text, expected) = case.split_once(SEPARATOR).unwrap_or((&case, ""));
        let error = mistake(text).unwrap_or_else(|| panic!("{} has no mistake", path.display()));
        let found = render(&error);
        if update {
            fs::write(path, format!("{text}{SEPARATOR}{found}")).unwrap();
        } else {
            assert_eq!(found, expected, "{}", path.display());
        }
    }
    cases.len()
}

const FULL: &str = r#"
[package]
name = "beam-search"
version = "1.2.3-rc.1"
description = "Keeps the best of many beams"
authors = ["Ada <ada@example.com>"]
license = "Apache-2.0"
repository = "https://example.com/beam-search"
readme = "README.md"
keywords = ["decoding"]

[runtime]
core = "^0.3"
instruct = ">=0.3, <0.4"

[parameters]
prompt = "string"
beams = { type = "int", min = 1, max = 16, default = 4, description = "How many" }
scores = { type = "float[]", optional = true, max-items = 3 }
mode = { values = ["fast", "good"], default = "fast" }

[dependencies]
judge = "^1"
helper = { path = "../helper" }

[permissions]
network = ["api.example.com", "*.example.org:8443"]
scratch = "64 MiB"
environment = ["LANG"]

[build]
language = "rust"
profile = "release"
features = ["simd"]
default-features = false
package = "beam"

[[test]]
name = "four-beams"
parameters = { prompt = "Hello" }
script = "tests/replies.toml"
seed = 7
send = ["", ""]

[[test]]
name = "one-beam"
parameters.prompt = "Hello"
parameters.beams = 1
"#;

#[test]
fn a_full_manifest_is_read_in_order() {
    let manifest = Manifest::parse(FULL, "Pie.toml").unwrap();
    assert_eq!(manifest.package.version.to_string(), "1.2.3-rc.1");
    let names: Vec<_> = manifest.parameters.iter().flatten().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["prompt", "beams", "scores", "mode"]);
    assert_eq!(manifest.dependencies["helper"].version, semver::VersionReq::STAR);
    assert_eq!(manifest.permissions.scratch_bytes, Some(64 << 20));
    assert!(!manifest.build.default_features);
    assert_eq!(manifest.tests[0].send.len(), 2);
    assert_eq!(
        serde_json::Value::from(manifest.tests[0].parameters.clone()),
        json!({"prompt": "Hello", "beams": 4, "mode": "fast"})
    );
    assert_eq!(manifest.tests[1].parameters["beams"], 1);
}

#[test]
fn manifests_written_for_the_published_interface_are_read() {
    let text = "
[package]
name = \"my_inferlet\"
version = \"0.1.0\"

[runtime]
core = \"^0.3.0\"
mcp = \"^0.3.0\"

[parameters]
prompt = { type = \"string\", description = \"What to complete\" }
max_tokens = { type = \"int\", optional = true, description = \"How far\" }
top_p = { type = \"float\", optional = true }
";
    let manifest = Manifest::parse(text, "Pie.toml").unwrap();
    assert!(manifest.parameters.unwrap()[1].optional);
}

#[test]
fn every_manifest_in_this_repository_is_read() {
    let mut found = 0;
    for folder in ["../templates", "../examples"] {
        for root in folders_in(folder) {
            let path = root.join("Pie.toml");
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let manifest =
                Manifest::parse(&text, "Pie.toml").unwrap_or_else(|error| panic!("{}", render(&error)));
            assert!(manifest.package.description.is_some(), "{} has no description", path.display());
            found += 1;
        }
    }
    assert!(found > 0, "no manifests found");
}

fn folders_in(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_project = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.is_dir() && name != "target" && !name.starts_with(['_', '.'])
    };
    entries.map(|entry| entry.unwrap().path()).filter(is_project).collect()
}

#[test]
fn the_schema_knows_the_keys_that_the_parser_knows() {
    // The diagnostics of unknown keys list the known ones; the schema must have the same.
    let schema = Manifest::schema().to_value();
    assert!(!schema.to_string().contains("\"null\""), "TOML has no null");
    let definition = |name: &str| match name {
        "" => schema["properties"].clone(),
        name => schema["$defs"][name]["properties"].clone(),
    };
    let tables = [
        ("", ""),
        ("Package", "[package]\n"),
        ("Permissions", "[permissions]\n"),
        ("Build", "[build]\n"),
        ("Test", "[[test]]\n"),
        ("Dependency", "[dependencies.x]\n"),
        ("LongDeclaration", "[parameters.x]\n"),
    ];
    for (name, header) in tables {
        let package = if name == "Package" { "" } else { "[package]\nname = \"a\"\nversion = \"0.1.0\"\n" };
        let text = if name.is_empty() {
            "zzzzzzzz = 1".to_owned()
        } else {
            format!("{package}{header}zzzzzzzz = 1\n")
        };
        let error = Manifest::parse(&text, "Pie.toml").unwrap_err();
        let mut known: Vec<&str> = error.hints[0].split('`').skip(1).step_by(2).collect();
        let definition = definition(name);
        let mut in_schema: Vec<&str> = definition.as_object().unwrap().keys().map(String::as_str).collect();
        known.sort_unstable();
        known.dedup();
        in_schema.sort_unstable();
        assert_eq!(known, in_schema, "{name}");
    }
}

#[test]
fn a_project_is_found_by_folder_by_manifest_and_from_below() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("hello");
    fs::create_dir_all(root.join("src")).unwrap();
    fs::write(root.join("Pie.toml"), "[package]\nname = \"hello\"\nversion = \"0.1.0\"\n").unwrap();
    fs::write(root.join("Cargo.toml"), "").unwrap();
    let found =
        |path: &str, current_dir: &Path| Project::discover(Path::new(path), current_dir).unwrap().root;
    assert_eq!(found("hello", folder.path()), root);
    assert_eq!(found("hello/Pie.toml", folder.path()), root);
    assert_eq!(found("Pie.toml", &root), root);
    assert_eq!(found(".", &root), root);
    assert_eq!(found(".", &root.join("src")), root);
    let error = |path: &str| render(&Project::discover(Path::new(path), folder.path()).unwrap_err());
    assert_eq!(
        error("hello/src"),
        "error: there is no `Pie.toml` in `hello/src`\n   hint: `bakery new NAME` makes a new project\n"
    );
    assert_eq!(error("absent"), "error: there is no `absent`\n");
    assert!(error("hello/Cargo.toml").starts_with("error: `hello/Cargo.toml` is not a project\n"));
}

#[test]
fn the_language_is_told_from_the_files() {
    let language = |files: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(folder.path().join(file), "").unwrap();
        }
        Language::detect(folder.path())
    };
    assert_eq!(language(&["Cargo.toml"]).unwrap(), Language::Rust);
    assert_eq!(language(&["main.py"]).unwrap(), Language::Python);
    assert_eq!(language(&["main.js", "package.json"]).unwrap(), Language::JavaScript);
    assert_eq!(language(&["tsconfig.json", "package.json"]).unwrap(), Language::TypeScript);
    assert!(language(&[]).unwrap_err().message.starts_with("cannot tell the language"));
    assert!(
        language(&["Cargo.toml", "main.py"]).unwrap_err().message.contains("both `Cargo.toml` and `main.py`")
    );
}

#[test]
fn an_edit_keeps_comments_and_order() {
    let text = "# mine\n[package] # who\nversion = \"0.1.0\"\nname   = \"old\" # called\n\n[parameters]\n";
    let edited = super::edit::set_strings(text, "Pie.toml", &[("package.name", "new")]).unwrap();
    assert_eq!(edited, text.replace("old", "new"));
    assert!(super::edit::set_strings(text, "Pie.toml", &[("absent.name", "new")]).is_err());
}

/// Lines that are nearly manifests, so that random texts reach beyond the TOML parser.
fn nearly_a_manifest() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        "[a-z-]{1,12}",
        Just("name".into()),
        Just("type".into()),
        Just("default".into()),
        Just("min".into())
    ];
    let value = prop_oneof![
        Just("\"string\"".to_owned()),
        Just("\"int[]\"".to_owned()),
        Just("1979-05-27".to_owned()),
        "-?[0-9]{1,25}(\\.[0-9]+)?",
        "\"[^\"\\\\\n]{0,8}\"",
        Just("[\"a\", 1, {}]".to_owned()),
        Just("{ type = \"int\", min = 3, default = 1 }".to_owned()),
        Just("nan".to_owned()),
    ];
    let line = prop_oneof![
        3 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => "\\[?\\[(package|runtime|parameters|dependencies|permissions|build|test|test.parameters|interface)\\]\\]?",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        if let Err(error) = Manifest::parse(&text, "Pie.toml") {
            render(&error);
        }
    }

    #[test]
    fn nothing_like_a_manifest_makes_the_parser_panic(text in nearly_a_manifest()) {
        if let Err(error) = Manifest::parse(&text, "Pie.toml") {
            let place = error.place.as_ref().expect("a mistake in a manifest has a place");
            prop_assert!(text.get(place.span.clone()).is_some());
            render(&error);
        }
    }

    #[test]
    fn a_manifest_cut_anywhere_is_read_or_refused_with_a_place(at in 0..FULL.len()) {
        if let Err(error) = Manifest::parse(&FULL[..at], "Pie.toml") {
            prop_assert!(error.place.is_some());
        }
    }
}

/// The error as a person sees it.
pub(super) fn render(error: &Error) -> String {
    let (ui, _, stderr) = Ui::captured(Manner::default());
    ui.error(error);
    stderr.text()
}
