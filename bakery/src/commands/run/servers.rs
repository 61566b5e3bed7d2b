//! The MCP servers of a run: those of the command line before those of `bakery.toml`. None of them is started here.

use std::collections::BTreeMap;
use std::path::Path;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::project::settings::{McpServer, Settings, check_server_name};

/// Finds them. `given` is what `--mcp` was given, `project` the folder of what runs, if it is a project.
pub(super) fn find(
    given: &[String],
    project: Option<&Path>,
    env: &Environment,
) -> Result<BTreeMap<String, McpServer>> {
    let mut named = BTreeMap::new();
    for text in given {
        let (name, server) = read(text, env)?;
        if named.insert(name.clone(), server).is_some() {
            return Err(Error::usage(format!("`--mcp` names two servers `{name}`")));
        }
    }
    let mut servers = Settings::find(project, env)?.mcp;
    servers.append(&mut named);
    Ok(servers)
}

fn read(text: &str, env: &Environment) -> Result<(String, McpServer)> {
    let wrong = |reason: String| {
        Error::usage(format!("`--mcp {}`: {reason}", text.replace(char::is_control, " ")))
            .hint("--mcp 'time=python3 -m mcp_server_time'")
            .hint("--mcp docs=http://localhost:8080/mcp")
    };
    let (name, server) = text.split_once('=').ok_or_else(|| wrong("there is no `=`".to_owned()))?;
    check_server_name(name)
        .map_err(|reason| wrong(format!("`{}` is not a name for a server: {reason}", name.escape_debug())))?;
    let server = McpServer::from_words(server, &env.current_dir).map_err(wrong)?;
    Ok((name.to_owned(), server))
}
