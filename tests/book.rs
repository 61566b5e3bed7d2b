//! The book: its code is that of tested files, and its links lead somewhere. What its [`listings`](crate::listings) show is tested there.
//!
//! The reference of the Python SDK is written from the SDK's docstrings, whose examples the SDK's own tests run. `SNAPSHOTS=overwrite` writes it anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::assert::DEFAULT_ACTION_ENV;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use crate::support::python;

use crate::javascript_sdk;

/// Languages of code blocks, and where their text comes from.
const SOURCES: [(&str, &str); 9] = [
    ("rust", "-rust/src/lib.rs:"),
    ("python", "-python/main.py"),
    ("ts", "-typescript/main.ts"),
    ("rust", "../../tests/library.rs:"),
    ("python", "../../tests/runners/"),
    ("js", "../../tests/runners/"),
    ("toml", "../../examples/"),
    ("console", "../listings/"),
    ("yaml", "../listings/"),
];

/// What the pages begin with that are written from the docstrings of the Python SDK.
const REFERENCE: &str = "python-api-";

/// The folder of the whole project.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Names and contents of the book's files in a folder.
pub fn files(folder: &str, extension: &str) -> Vec<(String, String)> {
    let entries =
        repository().join("book").join(folder).read_dir().expect("the folder is part of the repository");
    let paths = entries.map(|entry| entry.unwrap().path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    wanted.map(|path| (name(&path), std::fs::read_to_string(path).unwrap())).collect()
}

/// What `{{#include path}}` or `{{#include path:anchor}}` puts into the book.
fn included(directive: &str) -> Result<String, String> {
    let inner = directive.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}"));
    let inner = inner.ok_or("it is no include")?;
    let (path, anchor) = inner.split_once(':').map_or((inner, None), |(path, anchor)| (path, Some(anchor)));
    let text =
        std::fs::read_to_string(repository().join("book/src").join(path)).map_err(|e| e.to_string())?;
    let Some(anchor) = anchor else { return Ok(text) };
    let marks =
        |line: &str, mark: &str| line.trim_start_matches(['/', '#', ' ']) == format!("{mark}: {anchor}");
    let start = text.lines().position(|line| marks(line, "ANCHOR")).ok_or("the anchor is missing")?;
    let end = text.lines().position(|line| marks(line, "ANCHOR_END")).ok_or("the anchor has no end")?;
    Ok(text.lines().take(end).skip(start + 1).collect())
}

#[test]
fn every_block_of_code_is_included_from_a_tested_file() {
    // What is made of the comments in the JavaScript SDK runs with the SDK's own tests.
    let own = files("src", "md").into_iter().filter(|(chapter, _)| chapter != javascript_sdk::API);
    for (chapter, text) in own {
        for block in text.split("```").skip(1).step_by(2) {
            let (language, directive) = block.split_once('\n').expect("a block has lines");
            if language == "pycon" && chapter.starts_with(REFERENCE) {
                continue;
            }
            let is_tested = |(known, path): &(&str, &str)| *known == language && directive.contains(path);
            assert!(SOURCES.iter().any(is_tested), "{chapter}: {block}");
            let code =
                included(directive.trim_end()).unwrap_or_else(|error| panic!("{chapter}: {block}{error}"));
            assert!(!code.trim().is_empty(), "{chapter}: {block}is empty");
        }
    }
}

#[test]
fn the_reference_of_the_python_sdk_is_what_its_docstrings_say() {
    let made = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let mut command = Command::new(python::interpreter());
    let output = command.arg(repository().join("book/python_api.py")).arg(made.path()).output();
    let output = output.expect("there is a Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut pages: Vec<String> = files("src", "md").into_iter().map(|(name, _)| name).collect();
    pages.retain(|name| name.starts_with(REFERENCE));
    let mut written: Vec<String> = made
        .path()
        .read_dir()
        .expect("it was just made")
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    written.sort();
    for name in &written {
        let text = std::fs::read_to_string(made.path().join(name)).expect("it was just written");
        let page = repository().join("book/src").join(name);
        let expected = Data::read_from(&page, Some(DataFormat::Text)).raw();
        Assert::new().action_env(DEFAULT_ACTION_ENV).eq(text, expected);
    }
    pages.sort();
    assert_eq!(pages, written, "every page is one that is written, and the other way round");
}

#[test]
fn every_chapter_and_every_listing_is_used_and_every_link_leads_to_a_file() {
    let chapters = files("src", "md");
    let text: String = chapters.iter().map(|(_, text)| text.as_str()).collect();
    let summary = &chapters.iter().find(|(name, _)| name == "SUMMARY.md").expect("there is a summary").1;
    for (name, text) in chapters.iter().filter(|(name, _)| name != "SUMMARY.md") {
        assert!(summary.contains(&format!("({name})")), "{name} is not in the summary");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let leads = repository().join("book/src").join(link).is_file();
            assert!(leads || link.contains("://"), "{name}: `{link}` leads nowhere");
        }
    }
    for (name, _) in files("listings", "console") {
        assert!(text.contains(&format!("listings/{name}}}}}")), "{name} is in no chapter");
    }
}
