//! The templates that travel inside the executable.
//!
//! A template is a folder `templates/<language>-<kind>`:
//!
//! - `template.toml` describes it: `description`, `run` (a first command to try, in the project's folder), `order` (the
//!   easiest of a language first) and `include`, further folders of `templates/` whose files belong to it. The names of such
//!   folders begin with `_`. Where both have a file, the template's own wins.
//! - `Pie.toml` and `Cargo.toml` are those of a working project; the new project's name is set in them with their comments kept.
//! - A file whose name ends in `.jinja` is rendered, and loses the ending. Names of files and folders may hold `{{ name }}` too.
//! - Every other file is copied as it is.

use include_dir::{Dir, DirEntry, include_dir};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::project::Language;
use crate::suggest;

static TEMPLATES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// The language that counts where several have a template and none is given.
const DEFAULT_LANGUAGE: Language = Language::Rust;

/// The file that describes a template; it is not part of the project.
const DESCRIPTION: &str = "template.toml";

/// One template.
#[derive(Clone, Debug)]
pub struct Template {
    /// What kind of project it makes: `hello`.
    pub kind: String,
    /// What the project is written in.
    pub language: Language,
    /// Where it stands among those of its language: the easiest first.
    pub order: u32,
    /// One line about it.
    pub description: String,
    /// A first command to try, in the project's folder.
    pub run: String,
    /// Its files, by path with `/`, sorted, each once.
    pub files: Vec<(String, &'static [u8])>,
}

impl Template {
    /// The name of its folder: `rust-hello`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.language.name(), self.kind)
    }

    /// The bytes of one of its files.
    pub fn file(&self, path: &str) -> Option<&'static [u8]> {
        self.files.iter().find(|(name, _)| name == path).map(|(_, bytes)| *bytes)
    }

    /// The crates that the project will use.
    pub fn dependencies(&self) -> Vec<String> {
        let text =
            self.file("Cargo.toml").and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        let manifest: toml::Table = text.parse().unwrap_or_default();
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        dependencies.into_iter().flat_map(|table| table.keys().cloned()).collect()
    }
}

/// The content of `template.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    description: String,
    run: String,
    order: u32,
    #[serde(default)]
    include: Vec<String>,
}

/// All templates, by language and there the easiest first.
///
/// # Errors
/// An embedded template is broken, which the tests rule out.
pub fn catalog() -> Result<Vec<Template>> {
    let folders = TEMPLATES.dirs().filter(|folder| !name(folder).starts_with('_'));
    let mut templates = folders.map(read).collect::<Result<Vec<_>>>()?;
    templates.sort_by_key(|template| (template.language, template.order));
    Ok(templates)
}

fn read(folder: &'static Dir<'static>) -> Result<Template> {
    let id = name(folder);
    let broken = |what: &str| Error::bug(format!("the template `{id}` {what}"));
    let (language, kind) = id.split_once('-').ok_or_else(|| broken("has no kind"))?;
    let language = Language::from_name(language).ok_or_else(|| broken("is in no known language"))?;
    let text = folder.get_file(format!("{id}/{DESCRIPTION}")).and_then(|file| file.contents_utf8());
    let text = text.ok_or_else(|| broken("has no description"))?;
    let written: Written =
        toml::from_str(text).map_err(|cause| broken("has a broken description").caused_by(cause))?;
    let mut files = Vec::new();
    for folder in std::iter::once(id).chain(written.include.iter().map(String::as_str)) {
        let folder = TEMPLATES
            .get_dir(folder)
            .ok_or_else(|| broken(&format!("includes `{folder}`, which is missing")))?;
        collect(folder, name(folder), &mut files);
    }
    // The sort is stable, so the template's own file stays in front of an included one and is the one that is kept.
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files.dedup_by(|(later, _), (earlier, _)| later == earlier);
    let Written { description, run, order, .. } = written;
    Ok(Template { kind: kind.to_owned(), language, order, description, run, files })
}

/// All files below a folder, their paths relative to `root`.
fn collect(folder: &'static Dir<'static>, root: &str, files: &mut Vec<(String, &'static [u8])>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(folder) => collect(folder, root, files),
            DirEntry::File(file) => {
                let parts: Vec<_> = file.path().iter().map(|part| part.to_string_lossy()).collect();
                let path = parts.join("/");
                let path = path.strip_prefix(root).map_or(path.as_str(), |path| path.trim_start_matches('/'));
                if path != DESCRIPTION {
                    files.push((path.to_owned(), file.contents()));
                }
            }
        }
    }
}

fn name(folder: &'static Dir<'static>) -> &'static str {
    folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The template of this name: its kind (`hello`), in [`DEFAULT_LANGUAGE`] where none is given and several have it, or its id (`rust-hello`).
///
/// # Errors
/// There is none, or several languages have one.
pub fn find<'a>(templates: &'a [Template], name: &str, language: Option<Language>) -> Result<&'a Template> {
    let in_language = |template: &&Template| language.is_none_or(|language| template.language == language);
    let found: Vec<_> =
        templates.iter().filter(in_language).filter(|t| t.kind == name || t.id() == name).collect();
    let in_default = found.iter().find(|template| template.language == DEFAULT_LANGUAGE);
    match (&found[..], in_default) {
        (&[template], _) | (_, Some(&template)) => Ok(template),
        ([], None) => Err(unknown(templates, name, language)),
        _ => {
            let languages: Vec<_> =
                found.iter().map(|template| format!("`--lang {}`", template.language.name())).collect();
            Err(Error::usage(format!("there is a template `{name}` for several languages"))
                .hint(format!("add {}", languages.join(" or "))))
        }
    }
}

fn unknown(templates: &[Template], name: &str, language: Option<Language>) -> Error {
    let known: Vec<_> =
        templates.iter().filter(|t| language.is_none_or(|language| t.language == language)).collect();
    if let (Some(language), true) = (language, known.is_empty()) {
        let mut languages: Vec<_> = templates.iter().map(|template| template.language.name()).collect();
        languages.dedup();
        return Error::usage(format!("there are no templates for {} yet", language.name()))
            .hint(format!("there are templates for {}", languages.join(", ")));
    }
    let mut kinds: Vec<&str> = Vec::new();
    for template in &known {
        if !kinds.contains(&template.kind.as_str()) {
            kinds.push(&template.kind);
        }
    }
    let all = || {
        format!(
            "the templates are {}",
            kinds.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", ")
        )
    };
    Error::usage(format!("there is no template `{name}`"))
        .hint(suggest::did_you_mean(name, kinds.iter().copied()).unwrap_or_else(all))
}
