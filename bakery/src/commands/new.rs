//! `bakery new`

use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::build::{javascript, python, sdk};
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::Language;
use crate::scaffold::{self, Template, Variables, check_new_name};
use crate::ui::Ui;

/// The template where nobody is there to choose one.
const DEFAULT_TEMPLATE: &str = "hello";

/// Make a new inferlet project
///
/// On a terminal it asks for what is not given; elsewhere the template is `hello`. The project is a folder of its own, complete or not there at all.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bakery new my-agent                       Ask which template, make `my-agent`
  bakery new my-agent --template chat       Ask nothing
  bakery new my-agent --path inferlets/one  Into another folder than `my-agent`
  bakery new --list                         The templates")]
pub struct Args {
    /// Name of the inferlet, and of the folder unless --path says otherwise
    pub name: Option<String>,
    /// Template to start from; --list shows them
    #[arg(short, long)]
    pub template: Option<String>,
    /// Language to write in
    #[arg(short, long, value_name = "LANGUAGE", value_parser = language)]
    pub lang: Option<Language>,
    /// Folder to make; it may exist if it is empty
    #[arg(short, long, value_name = "FOLDER")]
    pub path: Option<PathBuf>,
    /// List the templates, and make nothing
    #[arg(long, conflicts_with_all = ["name", "template", "path"])]
    pub list: bool,
}

/// What `bakery new --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[schemars(title = "new")]
pub enum NewDocument {
    /// A project was made.
    Created {
        /// Name of the inferlet.
        name: String,
        /// The template it was made from.
        template: String,
        /// Its folder, absolute.
        path: PathBuf,
        /// Its files, relative to the folder.
        files: Vec<PathBuf>,
        /// What to type next.
        next: Vec<String>,
    },
    /// `--list`.
    Templates {
        /// Each template.
        templates: Vec<TemplateDocument>,
    },
}

/// A template.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TemplateDocument {
    /// What to give to `--template`.
    pub name: String,
    /// What to give to `--lang`.
    pub language: Language,
    /// One line about it.
    pub description: String,
}

/// What languages are called for short.
const SHORT: [(&str, &str); 4] =
    [("ts", "typescript"), ("js", "javascript"), ("py", "python"), ("rs", "rust")];

fn language(text: &str) -> Result<Language, String> {
    let names = Language::ALL.map(Language::name);
    let text = text.to_ascii_lowercase();
    let full = SHORT.iter().find(|(short, _)| *short == text).map_or(text.as_str(), |(_, full)| full);
    Language::from_name(full).ok_or_else(|| format!("the languages are {}", names.join(", ")))
}

/// Makes a project, or lists the templates.
///
/// # Errors
/// A bad name, an unknown template, a folder with something in it, a disk that refuses, or Ctrl-C. Nothing is left behind then.
pub fn run(args: Args, env: &Environment, ui: &Ui) -> Result<()> {
    let templates = scaffold::catalog()?;
    if args.list {
        return list(&templates, args.lang, ui);
    }
    let name = name(&args, env, ui)?;
    env.interrupt.check()?;
    let template = template(&args, &templates, ui)?;
    env.interrupt.check()?;
    check_new_name(&name, &template.dependencies())?;
    let shown = args.path.unwrap_or_else(|| PathBuf::from(&name));
    let target = if is_here(&shown) { env.current_dir.clone() } else { env.current_dir.join(&shown) };
    let sdk = unpacked_sdk(template, env, ui);
    let files = scaffold::plan(template, &Variables::new(&name, template, sdk))?;
    scaffold::write(&files, &target, &shown, &env.interrupt)?;

    let next = next(template, &shown);
    if ui.json() {
        let files = files.into_iter().map(|file| file.path).collect();
        return ui.document(&NewDocument::Created {
            name,
            template: template.id(),
            path: target,
            files,
            next,
        });
    }
    ui.status(
        "Created",
        format_args!("`{name}` in `{}`, from the template `{}`", shown.display(), template.id()),
    );
    ui.note(format_args!("\nNext:\n  {}", next.join("\n  ")));
    Ok(())
}

/// The SDK that editors and `cargo test` are pointed to. A project without these settings is still a project.
fn unpacked_sdk(template: &Template, env: &Environment, ui: &Ui) -> Option<PathBuf> {
    let unpack = |cache: PathBuf| match template.language {
        Language::Rust => sdk::unpack(&cache).map(Some),
        Language::Python => python::sdk::unpack(&cache).map(|sdk| Some(sdk.folder)),
        Language::JavaScript | Language::TypeScript => javascript::sdk::unpack(&cache).map(Some),
    };
    match env.cache_dir().and_then(unpack) {
        Ok(folder) => folder,
        Err(error) => {
            ui.warning(format_args!("editors and `{}` will not find the SDK: {error}", tests(template)));
            None
        }
    }
}

/// The name as given, or as answered, or that of the folder.
fn name(args: &Args, env: &Environment, ui: &Ui) -> Result<String> {
    match &args.name {
        Some(name) if name.contains(['/', '\\']) => return Err(path_as_name(name)),
        Some(name) => return Ok(name.clone()),
        None => {}
    }
    let folder = args.path.as_ref().map(|path| env.current_dir.join(path));
    let folder = folder.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    if ui.can_ask() {
        let default = folder.filter(|name| check_new_name(name, &[]).is_ok());
        return ui.ask("Name", default.as_deref(), |name| check_new_name(name, &[]));
    }
    folder.ok_or_else(|| Error::usage("a new project needs a name").hint("bakery new my-agent"))
}

/// Other tools take a path here.
fn path_as_name(path: &str) -> Error {
    let name = path.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or_default();
    Error::usage(format!("`{path}` is a path, not a name")).hint(format!("bakery new {name} --path {path}"))
}

/// The template as given, or as chosen.
fn template<'a>(args: &Args, templates: &'a [Template], ui: &Ui) -> Result<&'a Template> {
    if args.template.is_some() || !ui.can_ask() {
        return scaffold::find(templates, args.template.as_deref().unwrap_or(DEFAULT_TEMPLATE), args.lang);
    }
    let choices: Vec<_> = of_language(templates, args.lang)?;
    let language = |template: &Template| if args.lang.is_none() { template.language.name() } else { "" };
    let line = |template: &&Template| {
        format!("{:11} {:10} {}", template.kind, language(template), template.description)
    };
    let lines: Vec<_> = choices.iter().map(line).collect();
    let chosen = ui.choose("Template", &lines)?;
    choices.get(chosen).copied().ok_or_else(|| Error::bug("a template was chosen that is not there"))
}

/// The templates for a language, of which there is at least one.
fn of_language(templates: &[Template], language: Option<Language>) -> Result<Vec<&Template>> {
    let found: Vec<_> =
        templates.iter().filter(|t| language.is_none_or(|language| t.language == language)).collect();
    if found.is_empty() {
        // This gives the error that says which languages there are.
        scaffold::find(templates, DEFAULT_TEMPLATE, language)?;
    }
    Ok(found)
}

fn list(templates: &[Template], language: Option<Language>, ui: &Ui) -> Result<()> {
    let templates = of_language(templates, language)?;
    if ui.json() {
        let templates = templates.into_iter().map(|template| TemplateDocument {
            name: template.kind.clone(),
            language: template.language,
            description: template.description.clone(),
        });
        return ui.document(&NewDocument::Templates { templates: templates.collect() });
    }
    let strong = ui.stdout().theme().strong;
    let widest = templates.iter().map(|template| template.kind.len()).max().unwrap_or(0);
    for Template { kind, language, description, .. } in templates {
        ui.line(format_args!("{strong}{kind:widest$}{strong:#}  {:10}  {description}", language.name()))?;
    }
    Ok(())
}

/// Three commands that show what the project can do.
fn next(template: &Template, folder: &Path) -> Vec<String> {
    let first = if is_here(folder) { "bakery build .".to_owned() } else { format!("cd {}", quoted(folder)) };
    vec![first, template.run.clone(), "bakery test".to_owned()]
}

/// What needs the SDK on this machine, besides editors.
fn tests(template: &Template) -> &'static str {
    match template.language {
        Language::Python => "python3 -m unittest",
        Language::JavaScript | Language::TypeScript => "tsc",
        Language::Rust => "cargo test",
    }
}

/// Whether a path is another way to write `.`.
fn is_here(path: &Path) -> bool {
    path.components().all(|part| part == Component::CurDir)
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./+@%".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
