//! From a template to the files of a project, in memory.

use std::path::{Component, Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};

use super::Template;
use crate::error::{Error, Result};
use crate::project::{Manifest, edit};

/// Files with this ending are rendered and lose it.
const RENDERED: &str = ".jinja";

/// What templates may say: `{{ name }}` and so on.
#[derive(Clone, Debug)]
pub struct Variables {
    /// The name of the project.
    pub name: String,
    /// The name of its crate or module: `_` for `-`.
    pub module: String,
    /// The name as a title: `Beam search`.
    pub title: String,
    /// One line about the project.
    pub description: String,
    /// A first command to try.
    pub run: String,
    /// The folder of the SDK that belongs to this bakery; without it the project has no settings that name it.
    pub sdk: Option<PathBuf>,
    /// The version of this bakery.
    pub bakery_version: String,
}

impl Variables {
    /// The variables for a project of this name from this template.
    pub fn new(name: &str, template: &Template, sdk: Option<PathBuf>) -> Self {
        let words = name.replace(['-', '_'], " ");
        let title = words[..1].to_ascii_uppercase() + &words[1..];
        Variables {
            name: name.to_owned(),
            module: name.replace('-', "_"),
            title,
            description: template.description.clone(),
            run: template.run.clone(),
            sdk,
            bakery_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The variables by the names that templates use.
    fn values(&self) -> minijinja::Value {
        minijinja::context! {
            name => &self.name,
            module => &self.module,
            title => &self.title,
            description => &self.description,
            run => &self.run,
            sdk => self.sdk.as_ref().map(|sdk| sdk.to_string_lossy().into_owned()),
            bakery_version => &self.bakery_version,
        }
    }
}

/// A file of a new project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the project's folder; it leads nowhere else.
    pub path: PathBuf,
    /// What it contains.
    pub contents: Vec<u8>,
}

/// The files of the project, sorted by path.
///
/// # Errors
/// The template is broken, which the tests rule out for every template and every name that passes [`super::check_new_name`].
pub fn plan(template: &Template, variables: &Variables) -> Result<Vec<File>> {
    let mut renderer = Environment::new();
    renderer.set_syntax(syntax()?);
    renderer.set_undefined_behavior(UndefinedBehavior::Strict);
    renderer.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let broken = |path: &str, cause: minijinja::Error| {
        Error::bug(format!("the file `{path}` of the template `{}` cannot be rendered", template.id()))
            .caused_by(cause)
    };
    let values = variables.values();
    let names_sdk = |path: &str| path.starts_with("pyrightconfig.json") || path.starts_with(".inferlet/");
    let without_sdk = |path: &str| variables.sdk.is_none() && names_sdk(path);
    let mut files = Vec::new();
    for (path, contents) in template.files.iter().filter(|(path, _)| !without_sdk(path)) {
        let (name, is_rendered) =
            path.strip_suffix(RENDERED).map_or((path.as_str(), false), |name| (name, true));
        let name = renderer.render_str(name, &values).map_err(|cause| broken(path, cause))?;
        let contents = if is_rendered {
            let text = text(template, path, contents)?;
            renderer.render_named_str(path, text, &values).map_err(|cause| broken(path, cause))?.into_bytes()
        } else {
            named(template, path, contents, variables)?
        };
        files.push(File { path: inside(template, &name)?, contents });
    }
    files.push(schema()?);
    if variables.sdk.is_none() {
        files.retain(|file| !file.path.starts_with(".cargo"));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Jinja's own syntax; a file ends as its template does.
fn syntax() -> Result<SyntaxConfig> {
    let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
    syntax.map_err(|cause| Error::bug("the syntax of templates is contradictory").caused_by(cause))
}

/// A copied file: as it is, but for the project's name in its two manifests.
fn named(template: &Template, path: &str, contents: &[u8], variables: &Variables) -> Result<Vec<u8>> {
    if !matches!(path, "Pie.toml" | "Cargo.toml") {
        return Ok(contents.to_vec());
    }
    let text = text(template, path, contents)?;
    edit::set_strings(text, path, &[("package.name", &variables.name)]).map(String::into_bytes)
}

fn text<'a>(template: &Template, path: &str, contents: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(contents)
        .map_err(|_| Error::bug(format!("the file `{path}` of the template `{}` is not text", template.id())))
}

/// The path, once it is sure that it stays in the project.
fn inside(template: &Template, path: &str) -> Result<PathBuf> {
    let path = Path::new(path);
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if is_inside && path.file_name().is_some() {
        return Ok(path.to_owned());
    }
    Err(Error::bug(format!(
        "the template `{}` has a file outside of the project, `{}`",
        template.id(),
        path.display()
    )))
}

/// The schema that editors check `Pie.toml` with; its first line names this file.
fn schema() -> Result<File> {
    let mut text = serde_json::to_string_pretty(&Manifest::schema())
        .map_err(|cause| Error::bug("the schema of manifests is not JSON").caused_by(cause))?;
    text.push('\n');
    Ok(File { path: PathBuf::from(".vscode/Pie.schema.json"), contents: text.into_bytes() })
}
