//! `bakery.toml` -> [`Settings`]: what whoever runs inferlets has set up for them. A manifest says what an inferlet needs; this says what there is here.
//!
//! There may be one beside a project and one in the user's folder for settings. Of two servers with one name, the project's counts. Reading is as
//! strict as for a manifest, and starts nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::{JsonSchema, Schema};

use super::manifest::schema_without_null;
use super::source::{Item, Source, Table};
use crate::environment::Environment;
use crate::error::{Error, Result};

/// The file's name.
pub const SETTINGS_NAME: &str = "bakery.toml";

/// How long a server may take to answer, in seconds, if nothing else is said.
const TIMEOUT_S: u64 = 60;
/// The longest time that can be given to it: a day.
const MOST_TIMEOUT_S: u64 = 24 * 60 * 60;
/// The longest name of a server.
const MOST_NAME: usize = 64;

/// A whole `bakery.toml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Servers of the Model Context Protocol, by the name that inferlets connect to.
    pub mcp: BTreeMap<String, McpServer>,
}

/// A server of the Model Context Protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct McpServer {
    /// How to come to it.
    pub access: McpAccess,
    /// How long it may take to answer, for each call and for the handshake.
    pub timeout: Duration,
}

/// How to come to a server.
#[derive(Clone, Debug, PartialEq)]
pub enum McpAccess {
    /// It is started, and spoken to through its standard input and output.
    Command(McpCommand),
    /// It runs, and answers HTTP requests at this URL.
    Url(String),
}

/// How to start a server.
#[derive(Clone, Debug, PartialEq)]
pub struct McpCommand {
    /// A name to look up in `PATH`, or an absolute path.
    pub program: PathBuf,
    /// What follows it.
    pub args: Vec<String>,
    /// Variables besides those of bakery's own environment.
    pub env: BTreeMap<String, String>,
    /// The folder it starts in, absolute.
    pub cwd: PathBuf,
}

impl McpServer {
    /// What a command line says: a URL, or a program with its arguments as a shell would cut them. Paths are relative to `folder`.
    ///
    /// # Errors
    /// Why it cannot be meant, for a person.
    pub fn from_words(text: &str, folder: &Path) -> std::result::Result<McpServer, String> {
        let timeout = Duration::from_secs(TIMEOUT_S);
        if text.contains("://") && !text.contains(char::is_whitespace) {
            check_url(text)?;
            return Ok(McpServer { access: McpAccess::Url(text.to_owned()), timeout });
        }
        let words = shell_words::split(text).map_err(|_| "a quote is not closed".to_owned())?;
        let Some((program, args)) = words.split_first().filter(|(program, _)| !program.is_empty()) else {
            return Err("there is no command".to_owned());
        };
        let command = McpCommand {
            program: program_in(folder, program),
            args: args.to_vec(),
            env: BTreeMap::new(),
            cwd: folder.to_owned(),
        };
        Ok(McpServer { access: McpAccess::Command(command), timeout })
    }
}

impl McpServer {
    /// The same with paths that are relative to `folder`, where it was read without one.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> McpServer {
        if let McpAccess::Command(command) = &mut self.access {
            command.program = program_in(folder, &command.program.to_string_lossy());
            command.cwd = folder.join(&command.cwd);
        }
        self
    }
}

impl Settings {
    /// Finds what is set up for a run: in the user's folder for settings, and in the project's, if it is one.
    ///
    /// # Errors
    /// A file that is unreadable or has a mistake.
    pub fn find(project: Option<&Path>, env: &Environment) -> Result<Settings> {
        let mut settings = Settings::default();
        if let Some(folder) = env.config_dir() {
            // Relative paths in it are meant from wherever one is.
            settings.add(Self::read(&folder.join(SETTINGS_NAME), &env.current_dir, env)?);
        }
        if let Some(folder) = project {
            settings.add(Self::read(&folder.join(SETTINGS_NAME), folder, env)?);
        }
        Ok(settings)
    }

    fn add(&mut self, other: Settings) {
        self.mcp.extend(other.mcp);
    }

    /// Reads a file; one that is not there says nothing.
    fn read(path: &Path, folder: &Path, env: &Environment) -> Result<Settings> {
        let shown = path.strip_prefix(&env.current_dir).unwrap_or(path).display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Settings::parse(&text, &shown, folder),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Settings::default()),
            Err(cause) if cause.kind() == ErrorKind::InvalidData => {
                Err(Error::usage(format!("`{shown}` is not UTF-8 text")))
            }
            Err(cause) => Err(Error::environment(format!("cannot read `{shown}`")).caused_by(cause)),
        }
    }

    /// Reads settings. `file` is what diagnostics call it; its paths are relative to `folder`.
    ///
    /// # Errors
    /// The first mistake in the file, with its place.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Settings> {
        let source = Source { file, text, noun: "the settings" };
        let document = source.parse()?;
        let root = Table::root(source, &document);
        root.allow(&["mcp"])?;
        let mut settings = Settings::default();
        if let Some(servers) = root.get("mcp") {
            let servers = servers.table()?;
            for (name, item) in servers.items() {
                check_server_name(name).map_err(|reason| {
                    let message = format!("`{}` is not a name for a server", name.escape_debug());
                    servers.error_at_key(name, message, reason)
                })?;
                settings.mcp.insert(name.to_owned(), server(&item.table()?, folder)?);
            }
        }
        Ok(settings)
    }

    /// The JSON Schema of `bakery.toml`, for editors.
    pub fn schema() -> Schema {
        schema_without_null::<WrittenSettings>()
    }
}

/// Reads a server; its paths are relative to `folder`.
pub(super) fn server(table: &Table<'_>, folder: &Path) -> Result<McpServer> {
    table.allow(&["command", "args", "env", "cwd", "url", "timeout"])?;
    let timeout = table.read("timeout", timeout)?.unwrap_or(Duration::from_secs(TIMEOUT_S));
    let Some(url) = table.get("url") else {
        let access = McpAccess::Command(command(table, folder)?);
        return Ok(McpServer { access, timeout });
    };
    if let Some(key) = ["command", "args", "env", "cwd"].into_iter().find(|key| table.get(key).is_some()) {
        let label = "is for a server that is started";
        return Err(table.error_at_key(key, format!("`{key}` and `url` exclude each other"), label));
    }
    let text = url.non_empty_string()?;
    check_url(&text)
        .map_err(|reason| url.error(format!("`{}` is not a URL", text.escape_debug()), reason))?;
    Ok(McpServer { access: McpAccess::Url(text), timeout })
}

fn command(table: &Table<'_>, folder: &Path) -> Result<McpCommand> {
    let Some(program) = table.get("command") else {
        let label = "neither `command` nor `url`";
        return Err(table
            .error("nothing says how to come to the server", label)
            .hint("write `command = \"…\"` for one to start, or `url = \"http://…\"` for one that runs"));
    };
    let cwd = table.read("cwd", Item::non_empty_string)?;
    Ok(McpCommand {
        program: program_in(folder, &program.non_empty_string()?),
        args: table.read("args", arguments)?.unwrap_or_default(),
        env: table.read("env", variables)?.unwrap_or_default(),
        cwd: cwd.map_or_else(|| folder.to_owned(), |cwd| folder.join(cwd)),
    })
}

/// Arguments are any strings, also empty and equal ones.
fn arguments(item: &Item<'_>) -> Result<Vec<String>> {
    item.array("an array of strings")?.iter().map(|item| Ok(without_null(item)?.to_owned())).collect()
}

fn variables(item: &Item<'_>) -> Result<BTreeMap<String, String>> {
    let table = item.table()?;
    let mut variables = BTreeMap::new();
    for (name, item) in table.items() {
        if !super::permission::is_variable(name) {
            let message = format!("`{}` is not an environment variable", name.escape_debug());
            return Err(table.error_at_key(name, message, "expected letters, digits and `_`"));
        }
        variables.insert(name.to_owned(), without_null(&item)?.to_owned());
    }
    Ok(variables)
}

/// A string that the operating system takes.
fn without_null<'a>(item: &Item<'a>) -> Result<&'a str> {
    let text = item.string()?;
    match text.contains('\0') {
        true => Err(item.error(format!("`{}` holds a null character", item.path), "no program takes it")),
        false => Ok(text),
    }
}

fn timeout(item: &Item<'_>) -> Result<Duration> {
    match item.unsigned()? {
        seconds @ 1..=MOST_TIMEOUT_S => Ok(Duration::from_secs(seconds)),
        _ => Err(item.error(
            format!("`{}` is out of range", item.path),
            format!("expected 1 to {MOST_TIMEOUT_S} seconds"),
        )),
    }
}

/// A program with a folder in its name is meant from the folder of the settings; one without is looked up.
fn program_in(folder: &Path, program: &str) -> PathBuf {
    if Path::new(program).components().count() > 1 { folder.join(program) } else { program.into() }
}

/// Checks that something can be asked at a URL.
pub(super) fn check_url(text: &str) -> std::result::Result<(), String> {
    match reqwest::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        Ok(url) => Err(format!("expected `http` or `https`, not `{}`", url.scheme())),
        Err(cause) => Err(cause.to_string()),
    }
}

/// Checks the name of a server: letters, digits, `-`, `_` and `.`, so that it can be said on a command line and in a table's header.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn check_server_name(name: &str) -> std::result::Result<(), String> {
    if name.is_empty() {
        return Err("a name has at least one letter".to_owned());
    }
    if name.len() > MOST_NAME {
        return Err(format!("a name has at most {MOST_NAME} letters"));
    }
    if name.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char)) {
        Ok(())
    } else {
        Err("expected letters, digits, `-`, `_` and `.`".to_owned())
    }
}

/// What whoever runs inferlets has set up for them.
#[derive(JsonSchema)]
#[schemars(title = "bakery.toml", deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
struct WrittenSettings {
    /// Servers of the Model Context Protocol, by the name that inferlets connect to.
    mcp: Option<BTreeMap<String, WrittenServer>>,
}

/// A server of the Model Context Protocol.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) enum WrittenServer {
    /// One that is started when an inferlet connects to it.
    Started(WrittenCommand),
    /// One that runs.
    Running(WrittenUrl),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct WrittenCommand {
    /// A program: a name to look up in `PATH`, or a path relative to this file.
    #[schemars(length(min = 1))]
    command: String,
    /// What follows it.
    args: Option<Vec<String>>,
    /// Variables besides those of bakery's own environment.
    env: Option<BTreeMap<String, String>>,
    /// The folder it starts in; that of this file unless given.
    #[schemars(length(min = 1))]
    cwd: Option<String>,
    /// Seconds that it may take to answer; 60 unless given.
    #[schemars(range(min = 1, max = 86400))]
    timeout: Option<u64>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code, reason = "only its schema is used")]
pub(super) struct WrittenUrl {
    /// Where it answers, `http` or `https`.
    #[schemars(length(min = 1))]
    url: String,
    /// Seconds that it may take to answer; 60 unless given.
    #[schemars(range(min = 1, max = 86400))]
    timeout: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> BTreeMap<String, McpServer> {
        Settings::parse(text, "bakery.toml", Path::new("/shop")).unwrap().mcp
    }

    #[test]
    fn a_server_is_a_command_with_all_that_belongs_to_it_or_a_url() {
        let servers = parse(
            r#"
            [mcp.time]
            command = "python3"
            args = ["-m", "mcp_server_time", ""]
            env = { TZ = "UTC" }
            cwd = "shelf"
            timeout = 5

            [mcp.notes]
            command = "./notes"

            [mcp.docs]
            url = "https://docs.example.com/mcp"
            "#,
        );
        let time = McpCommand {
            program: "python3".into(),
            args: vec!["-m".into(), "mcp_server_time".into(), String::new()],
            env: BTreeMap::from([("TZ".to_owned(), "UTC".to_owned())]),
            cwd: "/shop/shelf".into(),
        };
        let notes = McpCommand {
            program: "/shop/./notes".into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: "/shop".into(),
        };
        let server = |access, seconds| McpServer { access, timeout: Duration::from_secs(seconds) };
        assert_eq!(servers["time"], server(McpAccess::Command(time), 5));
        assert_eq!(servers["notes"], server(McpAccess::Command(notes), 60));
        assert_eq!(servers["docs"], server(McpAccess::Url("https://docs.example.com/mcp".into()), 60));
    }

    #[test]
    fn the_settings_of_a_project_come_before_those_of_the_user() {
        let world = tempfile::tempdir().unwrap();
        let (user, project) = (world.path().join("user"), world.path().join("project"));
        fs::create_dir(&user).unwrap();
        fs::create_dir(&project).unwrap();
        fs::write(user.join(SETTINGS_NAME), "[mcp.a]\ncommand = 'user'\n[mcp.b]\ncommand = 'user'\n")
            .unwrap();
        fs::write(project.join(SETTINGS_NAME), "[mcp.a]\ncommand = 'project'\n").unwrap();
        let env = Environment::new([("BAKERY_CONFIG_DIR", &user)], "/here");
        let commands = |project: Option<&Path>| {
            let servers = Settings::find(project, &env).unwrap().mcp;
            let command = |server| match server {
                McpServer { access: McpAccess::Command(McpCommand { program, cwd, .. }), .. } => {
                    (program, cwd)
                }
                other => panic!("{other:?}"),
            };
            servers.into_iter().map(|(name, server)| (name, command(server))).collect::<BTreeMap<_, _>>()
        };
        let here = PathBuf::from("/here");
        let with_project = commands(Some(&project));
        assert_eq!(with_project["a"], ("project".into(), project.clone()));
        assert_eq!(with_project["b"], ("user".into(), here.clone()));
        assert_eq!(commands(None)["a"], ("user".into(), here));
        assert!(Settings::find(Some(world.path()), &Environment::empty("/here")).unwrap().mcp.is_empty());
    }

    #[test]
    fn words_of_a_command_line_are_a_command_or_a_url() {
        let read = |text: &str| McpServer::from_words(text, Path::new("/here"));
        let McpAccess::Command(command) = read(r#"./serve 'a b' "c" http://x"#).unwrap().access else {
            panic!("it is a command")
        };
        assert_eq!((command.program, command.cwd), ("/here/./serve".into(), "/here".into()));
        assert_eq!(command.args, ["a b", "c", "http://x"]);
        assert_eq!(read("http://x/mcp").unwrap().access, McpAccess::Url("http://x/mcp".into()));
        for wrong in ["", "  ", "''", "'a", "ftp://x"] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
