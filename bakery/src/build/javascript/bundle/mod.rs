//! A program and all that it imports, as one script.
//!
//! The script is an expression: the list of the modules, each a function (`module.rs`). What is around it (`../language.js`) links them and runs them in
//! the order in which they import each other. `resolve.rs` says which file an import means, [`map`] where text comes from, `absent.rs` what there is not.
//!
//! Invariant: the same files give the same text, wherever they lie.

mod absent;
pub mod map;
mod marks;
pub mod module;
mod problem;
pub mod resolve;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use self::map::Mappings;
use self::module::{Form, Module, Owner, PARAMETERS, Source};
use self::resolve::{Outside, Resolve, Target};
use crate::error::{Error, Result};

/// The most bytes of all sources together: they are in the memory of every instance.
const MAX_BYTES: usize = 16 << 20;

/// What a program exports that is run, and one that responds to requests.
const MAIN: &str = "main";
const HANDLE: &str = "handle";

/// Endings of files that are a text, which is their default export.
const TEXTS: [&str; 5] = ["txt", "md", "html", "csv", "lark"];

/// What is to be bundled.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The folder that names are relative to.
    pub root: &'a Path,
    /// The file that it begins with.
    pub entry: &'a Path,
    /// A folder of packages beside those of the project.
    pub packages: Option<&'a Path>,
    /// Whether the map has the sources' texts.
    pub texts: bool,
}

/// A script and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The expression.
    pub script: String,
    /// The names of the sources, in order.
    pub names: Vec<String>,
    /// The `mappings` of its map.
    pub mappings: String,
    /// The texts of the sources, if they were wanted.
    pub texts: Option<Vec<String>>,
    /// The files that it was made of.
    pub files: BTreeSet<PathBuf>,
    /// Whether it is called with HTTP requests: it exports a `handle` and no `main`.
    pub responds: bool,
    /// What it imports from outside.
    pub outside: BTreeSet<String>,
    /// The number of each file's module.
    numbers: BTreeMap<PathBuf, usize>,
}

impl Bundle {
    /// As JSON with nothing but ASCII, as what runs it reads it.
    pub fn json(&self) -> String {
        let mut map = serde_json::json!({ "sources": self.names, "mappings": self.mappings });
        if let Some(texts) = &self.texts {
            map["sourcesContent"] = serde_json::json!(texts);
        }
        let json = serde_json::json!({ "script": self.script, "map": map }).to_string();
        ascii(&json)
    }

    /// The number of the module of a file.
    pub fn number(&self, file: &Path) -> Option<usize> {
        self.numbers.get(file).copied()
    }
}

/// JSON with escapes for what is not ASCII, all of which is in texts.
fn ascii(json: &str) -> String {
    if json.is_ascii() {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + json.len() / 4);
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Bundles a program.
///
/// # Errors
/// A source has a mistake, imports what is not there, or the entry exports no `main`. The error shows the line.
pub fn program(wanted: Wanted<'_>) -> Result<Bundle> {
    let graph = Graph::of(wanted, &[wanted.entry.to_owned()], Outside::Sdk)?;
    let responds = graph.check_main()?;
    Ok(Bundle { responds, ..graph.bundle(wanted.texts) })
}

/// Bundles what the SDK is: the modules of these files.
///
/// # Errors
/// A source has a mistake.
pub fn sdk(root: &Path, entries: &[PathBuf]) -> Result<Bundle> {
    let wanted = Wanted { root, entry: root, packages: None, texts: false };
    Ok(Graph::of(wanted, entries, Outside::Interface)?.bundle(false))
}

/// A module, and where its imports lead.
struct Node {
    path: PathBuf,
    name: String,
    text: String,
    module: Module,
    links: Vec<(String, Link)>,
}

/// Where an import of a module leads.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Link {
    Module(usize),
    Outside(String),
}

/// Whether a module exports a name, as far as sources tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exported {
    No,
    Perhaps,
    Yes,
}

struct Graph {
    nodes: Vec<Node>,
    numbers: BTreeMap<PathBuf, usize>,
}

impl Graph {
    fn of(wanted: Wanted<'_>, entries: &[PathBuf], outside: Outside) -> Result<Graph> {
        let resolve = Resolve::new(wanted.root, wanted.packages, outside);
        let mut numbers = BTreeMap::new();
        let mut queue: Vec<(PathBuf, bool)> = Vec::new();
        let mut number = |path: PathBuf, common: bool, queue: &mut Vec<(PathBuf, bool)>| {
            *numbers.entry(path.clone()).or_insert_with(|| {
                queue.push((path, common));
                queue.len() - 1
            })
        };
        for entry in entries {
            number(entry.clone(), false, &mut queue);
        }
        let (mut nodes, mut total) = (Vec::new(), 0);
        // Which module has the function that the program is called by, as far as that is known, and what it exports it as.
        let mut mains = BTreeMap::from([(0, MAIN.to_owned())]);
        while let Some((path, may_be_common)) = queue.get(nodes.len()).cloned() {
            let owner = owner(&path, outside);
            let name = name(wanted.root, &path);
            let text = read(&path, &name)?;
            total += text.len();
            if total > MAX_BYTES {
                return Err(Error::usage(format!(
                    "the program is larger than {} MiB with what it imports, up to `{name}`",
                    MAX_BYTES >> 20
                )));
            }
            let source = Source {
                name: &name,
                text: &text,
                owner,
                may_be_common: may_be_common && owner == Owner::Package,
                number: nodes.len(),
                main: mains.get(&nodes.len()).map(String::as_str),
            };
            let module =
                module::compile(source).map_err(|mistakes| problem::mistakes(&name, &text, &mistakes))?;
            problem::check(&name, &text, &module)?;
            let mut links = Vec::new();
            let required = module.form == Form::Common;
            for import in module.imports.iter().chain(&module.later) {
                let link = match resolve.find(&path, &import.specifier, required) {
                    Ok(Target::File(file, common)) => Link::Module(number(file, common, &mut queue)),
                    Ok(Target::Outside(name)) => Link::Outside(name),
                    // Packages try what may be missing.
                    Err(_) if required => continue,
                    Err(nowhere) => return Err(problem::import(&name, &text, import, nowhere, owner)),
                };
                if let Link::Module(target) = link
                    && let Some(name) = main_in(&module, &import.specifier, mains.get(&nodes.len()))
                {
                    mains.entry(target).or_insert(name);
                }
                links.push((import.specifier.clone(), link));
            }
            nodes.push(Node { path, name, text, module, links });
        }
        Ok(Graph { nodes, numbers })
    }

    /// How the first module is called, as far as names tell: by its `main`, or with requests by its `handle`. Whether it is the latter.
    fn check_main(&self) -> Result<bool> {
        let Some(entry) = self.nodes.first() else { return Err(Error::bug("a program without modules")) };
        let has = |name: &str| self.exports(0, name, &mut BTreeSet::new());
        match (has(MAIN), has(HANDLE)) {
            (Exported::Yes, Exported::Yes) => Err(problem::both(&entry.name, &entry.text)),
            (Exported::No | Exported::Perhaps, Exported::Yes) => Ok(true),
            (Exported::Yes | Exported::Perhaps, _) => Ok(false),
            (Exported::No, _) => {
                let has_default = entry.module.exports.iter().any(|export| export == "default");
                Err(problem::no_main(&entry.name, &entry.text, has_default))
            }
        }
    }

    /// Whether a module exports a name, itself or all of what has it.
    fn exports(&self, number: usize, name: &str, seen: &mut BTreeSet<usize>) -> Exported {
        let node = &self.nodes[number];
        if node.module.form == Form::Common {
            return Exported::Perhaps;
        }
        if node.module.exports.iter().any(|export| export == name) {
            return Exported::Yes;
        }
        if !seen.insert(number) {
            return Exported::No;
        }
        let stars = node.links.iter().filter(|(specifier, _)| node.module.stars.contains(specifier));
        let found = stars.filter_map(|(_, link)| match link {
            Link::Module(target) => Some(*target),
            // The SDK has no such names.
            Link::Outside(_) => None,
        });
        found.map(|target| self.exports(target, name, seen)).max().unwrap_or(Exported::No)
    }

    fn bundle(self, texts: bool) -> Bundle {
        let mut script = String::from("[\n");
        let mut mappings = Mappings::default();
        let mut line = 1;
        for (number, node) in self.nodes.iter().enumerate() {
            let head = head(node);
            script.push_str(&head);
            line += lines(&head);
            mappings.add(number, &node.module.map, line);
            script.push_str(&node.module.body);
            line += lines(&node.module.body);
            if !node.module.body.ends_with('\n') {
                script.push('\n');
                line += 1;
            }
            script.push_str("}],\n");
            line += 1;
        }
        script.push(']');
        let names = self.nodes.iter().map(|node| node.name.clone()).collect();
        let files = self.nodes.iter().map(|node| node.path.clone()).collect();
        let links = self.nodes.iter().flat_map(|node| &node.links);
        let outside = links.filter_map(|(_, link)| match link {
            Link::Module(_) => None,
            Link::Outside(name) => Some(name.clone()),
        });
        let outside = outside.collect();
        let texts = texts.then(|| self.nodes.into_iter().map(|node| node.text).collect());
        let (mappings, responds) = (mappings.finish(), false);
        Bundle { script, names, mappings, texts, files, responds, outside, numbers: self.numbers }
    }
}

/// What the module behind a specifier exports the program's function as, if a module has that from there.
fn main_in(module: &Module, specifier: &str, wanted: Option<&String>) -> Option<String> {
    let wanted = wanted?;
    match &module.main_from {
        Some((from, name)) if from == specifier => Some(name.clone()),
        None if !module.exports.contains(wanted) => {
            module.stars.iter().any(|star| star == specifier).then(|| wanted.clone())
        }
        _ => None,
    }
}

fn lines(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

/// What stands before the body of a module.
fn head(node: &Node) -> String {
    let link = |specifier: &str| node.links.iter().find(|(name, _)| name == specifier).map(|(_, link)| link);
    let needed: Vec<usize> = node
        .module
        .imports
        .iter()
        .filter_map(|import| match link(&import.specifier)? {
            Link::Module(number) => Some(*number),
            Link::Outside(_) => None,
        })
        .collect();
    let links: serde_json::Map<String, serde_json::Value> = node
        .links
        .iter()
        .map(|(specifier, link)| {
            let target = match link {
                Link::Module(number) => serde_json::json!(number),
                Link::Outside(name) => serde_json::json!(name),
            };
            (specifier.clone(), target)
        })
        .collect();
    let (form, function) = match node.module.form {
        Form::Sync => (0, format!("function ({PARAMETERS}) {{ \"use strict\";")),
        Form::Async => (1, format!("async function ({PARAMETERS}) {{ \"use strict\";")),
        Form::Common => (2, "function (module, exports, require) {".to_owned()),
    };
    let name = serde_json::json!(node.name);
    format!(
        "[{name}, {form}, {}, {}, {function}\n",
        serde_json::json!(needed),
        serde_json::Value::Object(links)
    )
}

fn owner(path: &Path, outside: Outside) -> Owner {
    if outside == Outside::Interface {
        return Owner::Sdk;
    }
    let is_package = path.iter().any(|part| part == "node_modules");
    if is_package { Owner::Package } else { Owner::Program }
}

/// What a file is called: from the folder of its packages on, or relative to the project.
fn name(root: &Path, path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if let Some(at) = parts.iter().position(|part| part == "node_modules") {
        return parts[at..].join("/");
    }
    let common = root.iter().zip(path).take_while(|(a, b)| a == b).count();
    let up = root.iter().skip(common).map(|_| "..".to_owned());
    up.chain(parts.into_iter().skip(common)).collect::<Vec<_>>().join("/")
}

/// The text of a source. Data is made into a module.
fn read(path: &Path, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => Error::usage(format!("`{name}` is not UTF-8 text")),
        _ => Error::usage(format!("cannot read `{name}`")).caused_by(error),
    })?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if extension == "json" {
        serde_json::from_str::<serde::de::IgnoredAny>(&text)
            .map_err(|error| Error::usage(format!("`{name}` is not JSON")).caused_by(error))?;
        return Ok(format!("export default {text};"));
    }
    if TEXTS.contains(&extension) {
        return Ok(format!("export default {};", serde_json::json!(text)));
    }
    Ok(text)
}
