use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{File, Template, Variables, catalog, check_new_name, find, plan};
use crate::error::{Kind, Result};
use crate::interrupt::Interrupt;
use crate::project::{Language, Manifest, Project};

fn template(kind: &str) -> Template {
    find(&catalog().unwrap(), kind, None).unwrap().clone()
}

fn text<'a>(files: &'a [File], path: &str) -> &'a str {
    let file =
        files.iter().find(|file| file.path == Path::new(path)).unwrap_or_else(|| panic!("no `{path}`"));
    std::str::from_utf8(&file.contents).unwrap()
}

fn file(path: &str, contents: &str) -> File {
    File { path: path.into(), contents: contents.into() }
}

fn write(files: &[File], target: &Path, interrupt: &Interrupt) -> Result<()> {
    super::write(files, target, target, interrupt)
}

/// Everything below a folder, hidden files too.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(folder).unwrap().to_owned());
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_template_makes_a_project_with_all_that_belongs_to_it() {
    let templates = catalog().unwrap();
    assert_eq!(
        templates.iter().map(Template::id).collect::<Vec<_>>(),
        [
            "rust-hello",
            "rust-chat",
            "rust-forward",
            "python-hello",
            "python-chat",
            "python-agent",
            "python-constrained",
            "javascript-hello",
            "javascript-chat",
            "javascript-agent",
            "javascript-constrained",
            "typescript-hello",
            "typescript-chat",
            "typescript-agent",
            "typescript-constrained"
        ]
    );
    for template in templates {
        let files =
            plan(&template, &Variables::new("my-agent", &template, Some("/cache/sdk's".into()))).unwrap();
        let manifest = Manifest::parse(text(&files, "Pie.toml"), "Pie.toml").unwrap();
        assert_eq!(manifest.package.name, "my-agent");
        assert!(manifest.tests.len() >= 2, "{} has too few cases", template.id());
        match template.language {
            Language::Python => check_python(&files),
            Language::Rust => check_rust(&template, &files),
            Language::JavaScript | Language::TypeScript => check_javascript(&template, &files),
        }
        assert!(text(&files, "README.md").starts_with("# My agent\n"));
        assert!(text(&files, "AGENTS.md").contains("`target/inferlets/my-agent.wasm`"));
        for file in &files {
            let contents = String::from_utf8_lossy(&file.contents);
            assert!(!file.path.ends_with("template.toml") && file.path.extension() != Some("jinja".as_ref()));
            let is_code = ["rs", "py", "ts", "js"]
                .iter()
                .any(|extension| file.path.extension() == Some(extension.as_ref()));
            assert!(is_code || !contents.contains("{{"), "{} is not rendered", file.path.display());
        }
    }
}

fn check_rust(template: &Template, files: &[File]) {
    let cargo: toml::Table = text(files, "Cargo.toml").parse().unwrap();
    assert_eq!(cargo["package"]["name"].as_str(), Some("my-agent"));
    assert!(text(files, ".gitignore").contains("/.cargo/config.toml\n"));
    let has_tests = |file: &File| String::from_utf8_lossy(&file.contents).contains("#[cfg(test)]");
    assert!(files.iter().any(has_tests), "{} has no tests", template.id());
    let config: toml::Table = text(files, ".cargo/config.toml").parse().unwrap();
    assert_eq!(config["patch"]["crates-io"]["inferlet"]["path"].as_str(), Some("/cache/sdk's"));
}

fn check_python(files: &[File]) {
    let project: toml::Table = text(files, "pyproject.toml").parse().unwrap();
    assert_eq!(project["project"]["name"].as_str(), Some("my-agent"));
    assert!(text(files, "tests/test_main.py").contains("unittest"));
    assert!(text(files, ".gitignore").contains("/pyrightconfig.json\n"));
    let settings =
        text(files, "pyrightconfig.json").lines().filter(|line| !line.trim_start().starts_with("//"));
    let settings: serde_json::Value = serde_json::from_str(&settings.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(settings["extraPaths"][0], "/cache/sdk's/python");
}

fn check_javascript(template: &Template, files: &[File]) {
    let package: serde_json::Value = serde_json::from_str(text(files, "package.json")).unwrap();
    assert_eq!((&package["name"], &package["type"]), (&"my-agent".into(), &"module".into()));
    assert!(text(files, ".gitignore").contains("/.inferlet\n"));
    assert!(text(files, ".inferlet/index.ts").contains("/src/index.ts\";"));
    let is_typescript = template.language == Language::TypeScript;
    let settings = if is_typescript { "tsconfig.json" } else { "jsconfig.json" };
    let settings: serde_json::Value = serde_json::from_str(text(files, settings)).unwrap();
    assert_eq!(settings["compilerOptions"]["paths"]["inferlet"][0], "./.inferlet/index.ts");
}

#[test]
fn without_an_sdk_there_are_no_settings_that_name_it() {
    for language in Language::ALL {
        let hello = find(&catalog().unwrap(), "hello", Some(language)).unwrap().clone();
        let files = plan(&hello, &Variables::new("hello", &hello, None)).unwrap();
        assert!(!files.iter().any(|file| file.path.starts_with(".cargo")
            || file.path.starts_with(".inferlet")
            || file.path.ends_with("pyrightconfig.json")));
    }
}

#[test]
fn the_manifest_of_a_new_project_names_a_schema_that_is_there() {
    let hello = template("hello");
    let files = plan(&hello, &Variables::new("hello", &hello, None)).unwrap();
    let schema = text(&files, "Pie.toml").lines().next().unwrap().strip_prefix("#:schema ").unwrap();
    let schema: serde_json::Value = serde_json::from_str(text(&files, schema)).unwrap();
    assert_eq!(schema["title"], "Pie.toml");
}

#[test]
fn a_template_is_found_by_kind_and_by_id_and_slips_are_suggested() {
    let templates = catalog().unwrap();
    assert_eq!(find(&templates, "hello", Some(Language::Rust)).unwrap().id(), "rust-hello");
    assert_eq!(find(&templates, "rust-chat", None).unwrap().kind, "chat");
    let error = |name, language| {
        let error = find(&templates, name, language).unwrap_err();
        format!("{}; {}", error.message, error.hints.join("; "))
    };
    assert_eq!(error("helo", None), "there is no template `helo`; did you mean `hello`?");
    assert_eq!(
        error("agent-swarm", None),
        "there is no template `agent-swarm`; the templates are `hello`, `chat`, `forward`, `agent`, `constrained`"
    );
    assert_eq!(
        error("forward", Some(Language::JavaScript)),
        "there is no template `forward`; the templates are `hello`, `chat`, `agent`, `constrained`"
    );
}

#[test]
fn files_are_written_into_a_new_folder_and_the_folders_above_it_are_made() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("a/b/hello");
    write(&[file("src/lib.rs", "code"), file("Pie.toml", "text")], &target, &Interrupt::default()).unwrap();
    assert_eq!(tree(&target), [Path::new("Pie.toml"), Path::new("src"), Path::new("src/lib.rs")]);
    assert_eq!(fs::read_to_string(target.join("src/lib.rs")).unwrap(), "code");
    assert_eq!(tree(parent.path()).len(), 6, "something else was left: {:?}", tree(parent.path()));
}

#[test]
#[cfg(unix)]
fn a_new_folder_has_the_permissions_that_others_have() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    write(&[file("a", "")], &parent.path().join("new"), &Interrupt::default()).unwrap();
    fs::create_dir(parent.path().join("ordinary")).unwrap();
    let mode = |name: &str| fs::metadata(parent.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("new"), mode("ordinary"));
}

#[test]
fn an_empty_folder_is_filled_and_stays_the_same_folder() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("here");
    fs::create_dir(&target).unwrap();
    #[cfg(unix)]
    let before = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&target).unwrap());
    write(&[file("src/lib.rs", ""), file("Pie.toml", "")], &target, &Interrupt::default()).unwrap();
    assert_eq!(tree(parent.path()).len(), 4);
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&fs::metadata(&target).unwrap()), before);
}

#[test]
fn a_folder_with_something_in_it_and_a_file_in_the_way_are_refused() {
    let parent = tempfile::tempdir().unwrap();
    fs::write(parent.path().join("file"), "mine").unwrap();
    let refused = |target: &Path| write(&[file("file", "yours")], target, &Interrupt::default()).unwrap_err();
    assert!(refused(parent.path()).message.ends_with("is not empty"));
    assert!(refused(&parent.path().join("file")).message.ends_with("in the way"));
    assert_eq!(fs::read_to_string(parent.path().join("file")).unwrap(), "mine");
    assert_eq!(tree(parent.path()), [Path::new("file")]);
}

/// The second file cannot be written, because the first is where its folder would be.
fn doomed() -> [File; 2] {
    [file("a", "a file"), file("a/b", "below it")]
}

#[test]
fn a_failure_halfway_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let error = write(&doomed(), &parent.path().join("x/y/new"), &Interrupt::default()).unwrap_err();
    assert_eq!(error.kind, Kind::Environment);
    assert_eq!(tree(parent.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_failure_halfway_leaves_an_empty_folder_empty() {
    let parent = tempfile::tempdir().unwrap();
    let target = parent.path().join("here");
    fs::create_dir(&target).unwrap();
    write(&doomed(), &target, &Interrupt::default()).unwrap_err();
    assert_eq!(tree(parent.path()), [Path::new("here")]);
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let interrupt = Interrupt::default();
    interrupt.request();
    let error = write(&[file("a", "")], &parent.path().join("x/new"), &interrupt).unwrap_err();
    assert_eq!(error.kind, Kind::Interrupted);
    assert_eq!(tree(parent.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_new_project_is_a_project() {
    let parent = tempfile::tempdir().unwrap();
    for template in catalog().unwrap() {
        let files = plan(&template, &Variables::new(&template.kind, &template, None)).unwrap();
        write(&files, &parent.path().join(template.id()), &Interrupt::default()).unwrap();
        let project = Project::discover(Path::new(&template.id()), parent.path()).unwrap();
        assert_eq!(project.language, template.language);
        for case in &project.manifest.tests {
            if let Some(script) = &case.script {
                assert!(project.root.join(script).is_file(), "{script} is missing");
            }
        }
    }
}

proptest! {
    #[test]
    fn every_name_that_passes_makes_a_project(name in "[a-z]([-_]?[a-z0-9]){0,40}") {
        let hello = template("hello");
        if check_new_name(&name, &hello.dependencies()).is_ok() {
            let files = plan(&hello, &Variables::new(&name, &hello, Some("C:\\sdk \"1\"".into()))).unwrap();
            prop_assert_eq!(Manifest::parse(text(&files, "Pie.toml"), "Pie.toml").unwrap().package.name, name);
            prop_assert!(text(&files, ".cargo/config.toml").parse::<toml::Table>().is_ok());
        }
    }

    #[test]
    fn no_name_makes_the_check_panic(name in any::<String>()) {
        let _ = check_new_name(&name, &[]);
    }
}
