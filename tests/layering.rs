//! Who may know whom. ARCHITECTURE.md states these rules; this reads the source and holds it to them.
//!
//! Only code counts: comments, strings, and tests (files and folders of that name, and all that follows the first `#[cfg(test)]` of a file) are left out.

use std::fs;
use std::path::{Path, PathBuf};

const ENGINE: &str = "pie-engine/src";
const BAKERY: &str = "bakery/src";

/// Modules of the engine that are plain types and functions; they know only each other.
const PLAIN: [&str; 4] = ["ids", "bitset", "brle", "splitmix"];

/// A source file without comments, strings and tests.
struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    lines: Vec<(usize, String)>,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Source {
        let text = fs::read_to_string(path).unwrap();
        let code = text.lines().enumerate().take_while(|(_, line)| line.trim() != "#[cfg(test)]");
        let lines = code.map(|(index, line)| (index + 1, code_of(line))).collect();
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        Source { path: relative, lines }
    }

    fn is_in(&self, place: &str) -> bool {
        self.path == place || self.path.starts_with(&format!("{place}/"))
    }

    /// Lines that hold one of the words.
    fn find<'a>(&'a self, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        let found = self.lines.iter().filter(move |(_, line)| words.iter().any(|word| has_word(line, word)));
        found.map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
    }

    /// The modules of this crate that it names, as `crate::NAME` and in `use crate::{NAME, ..}`.
    fn siblings(&self) -> Vec<(String, String)> {
        let mut named = Vec::new();
        for (number, line) in &self.lines {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let list = rest.strip_prefix('{').map_or(rest, |list| list);
                let names = if rest.starts_with('{') { list.split(',').collect() } else { vec![list] };
                for name in names {
                    let name = name.trim().split(|char: char| !char.is_alphanumeric() && char != '_').next();
                    let place = format!("{}:{number}: {}", self.path, line.trim());
                    named.extend(name.filter(|name| !name.is_empty()).map(|name| (name.to_owned(), place)));
                }
            }
        }
        named
    }
}

/// The line without its comment and without what is between quotes.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut quoted = false;
    let line = line.replace(r#"'"'"#, "' '");
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' if quoted => drop(chars.next()),
            '"' => {
                quoted = !quoted;
                code.push(char);
            }
            '/' if !quoted && chars.peek() == Some(&'/') => break,
            _ if quoted => {}
            _ => code.push(char),
        }
    }
    code
}

/// Whether `word` stands in the line with no letter, digit or `_` before it.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|char| !char.is_alphanumeric() && char != '_')
    })
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    collect(&root.join(folder), &mut files);
    files.sort();
    assert!(files.len() > 5, "`{folder}` is not where it was");
    files.iter().map(|path| Source::read(root, path)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, files);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            files.push(path);
        }
    }
}

/// Fails with every line that holds one of `words` outside of `allowed`.
fn only_in(folders: &[&str], words: &[&str], allowed: &[&str]) {
    let all = folders.iter().flat_map(|folder| sources(folder));
    let outside = all.filter(|source| !allowed.iter().any(|place| source.is_in(place)));
    let found: Vec<String> = outside.flat_map(|source| source.find(words).collect::<Vec<_>>()).collect();
    assert!(found.is_empty(), "{words:?} stand outside of {allowed:?}:\n{}", found.join("\n"));
}

#[test]
fn only_the_host_names_the_webassembly_runtime() {
    only_in(&[ENGINE, BAKERY], &["wasmtime", "wasmtime_wasi"], &["pie-engine/src/host"]);
}

#[test]
fn only_the_client_of_mcp_servers_names_the_library_for_them() {
    only_in(&[ENGINE, BAKERY], &["rmcp"], &["bakery/src/outside/mcp/client"]);
}

#[test]
fn only_models_depend_on_features() {
    only_in(
        &[ENGINE, BAKERY],
        &["cfg(feature", "cfg!(feature", "cfg(not(feature"],
        &["pie-engine/src/model"],
    );
}

#[test]
fn only_the_ui_writes_to_the_standard_streams() {
    const PRINTING: [&str; 5] = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    only_in(&[ENGINE, BAKERY], &PRINTING, &[]);
    // The environment looks whether the streams are terminals.
    let streams = ["io::stdin", "io::stdout", "io::stderr", "use std::io::{stdout", "use std::io::{stderr"];
    only_in(&[ENGINE, BAKERY], &streams, &["bakery/src/ui", "bakery/src/environment.rs"]);
}

#[test]
fn only_commands_see_the_ui() {
    let seers = ["bakery/src/ui", "bakery/src/commands", "bakery/src/cli.rs"];
    only_in(&[BAKERY], &["Ui"], &seers);
}

#[test]
fn only_the_environment_asks_the_process_for_its_surroundings() {
    let asking = ["env::var", "env::vars", "env::args", "env::current_dir", "env::home_dir", "env::temp_dir"];
    only_in(&[ENGINE, BAKERY], &asking, &["bakery/src/environment.rs"]);
    only_in(&[ENGINE, BAKERY], &["env::set_", "env::remove_"], &[]);
}

#[test]
fn the_engine_has_no_environment_and_no_clock_of_its_own() {
    let outside = ["std::env", "Instant", "SystemTime", "thread::sleep", "process::exit", "process::Command"];
    only_in(&[ENGINE], &outside, &[]);
}

#[test]
fn the_pure_parts_of_the_engine_know_none_of_the_others() {
    for part in ["kv", "sched", "grammar", "sample", "spec"] {
        let folder = format!("{ENGINE}/{part}");
        for source in sources(ENGINE).iter().filter(|source| source.is_in(&folder)) {
            for (sibling, place) in source.siblings() {
                let known = sibling == part || PLAIN.contains(&sibling.as_str());
                assert!(known, "`{part}` knows `{sibling}`:\n{place}");
            }
        }
    }
}

#[test]
fn adapters_know_the_seam_to_models_and_nothing_else() {
    let folder = format!("{ENGINE}/adapter");
    for source in sources(ENGINE).iter().filter(|source| source.is_in(&folder)) {
        for (sibling, place) in source.siblings() {
            let known = ["adapter", "model"].contains(&&*sibling) || PLAIN.contains(&&*sibling);
            assert!(known, "adapters know `{sibling}`:\n{place}");
        }
    }
}

#[test]
fn plain_modules_know_only_each_other() {
    for source in sources(ENGINE) {
        if PLAIN.iter().any(|plain| source.is_in(&format!("{ENGINE}/{plain}.rs"))) {
            for (sibling, place) in source.siblings() {
                assert!(PLAIN.contains(&sibling.as_str()), "a plain module knows `{sibling}`:\n{place}");
            }
        }
    }
}

#[test]
fn models_the_loop_and_the_seam_to_the_outside_do_not_know_the_host() {
    for source in sources(ENGINE) {
        if ["model", "engine", "outside"].iter().any(|part| source.is_in(&format!("{ENGINE}/{part}"))) {
            for (sibling, place) in source.siblings() {
                assert_ne!(sibling, "host", "{place}");
            }
        }
    }
}

#[test]
fn words_are_found_where_they_stand() {
    assert!(has_word("use wasmtime::Engine;", "wasmtime"));
    assert!(!has_word("let not_wasmtime = 1;", "wasmtime"));
    assert!(has_word("println!(\"x\")", "println!") && !has_word("eprintln!(\"x\")", "println!"));
    assert_eq!(code_of("code(); // println!"), "code(); ");
    assert_eq!(code_of(r#"f("a \" // b", '"', x); // c"#), r#"f("", ' ', x); "#);
    let line = "use crate::{kv::Kv, trace};".to_owned();
    let source = Source { path: "f.rs".into(), lines: vec![(1, line)] };
    let names: Vec<String> = source.siblings().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["kv", "trace"]);
}
