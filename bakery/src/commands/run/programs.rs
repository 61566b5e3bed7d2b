//! What the inferlet that is run may launch.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use pie_engine::outside::hosts::Hosts;
use pie_engine::{Inferlet, Launch, Limits, ProgramError, Programs, Runtime, Wanted};

use crate::dependencies::{Graph, Member};
use crate::environment::Environment;
use crate::project::{Manifest, parameters};

/// The dependencies of one inferlet, compiled when they are first launched.
pub(in crate::commands) struct Dependencies {
    shared: Arc<Shared>,
    /// Whose they are.
    of: usize,
}

struct Shared {
    graph: Graph,
    compiled: Vec<OnceLock<Result<Inferlet, String>>>,
    runtime: Arc<Runtime>,
}

impl Dependencies {
    /// Those of the inferlet that is run.
    pub(in crate::commands) fn new(graph: Graph, runtime: Arc<Runtime>) -> Self {
        let compiled = graph.members.iter().map(|_| OnceLock::new()).collect();
        Dependencies { shared: Arc::new(Shared { graph, compiled, runtime }), of: 0 }
    }
}

impl Programs for Dependencies {
    fn find(self: Arc<Self>, wanted: &Wanted<'_>) -> Result<(Inferlet, Launch), ProgramError> {
        let graph = &self.shared.graph;
        let name = wanted.name;
        let known = &graph.members[self.of].may_launch;
        let Some(&number) = known.get(name) else {
            return Err(ProgramError::Unknown {
                name: name.to_owned(),
                known: known.keys().cloned().collect(),
            });
        };
        let member = &graph.members[number];
        check_version(member, wanted)?;
        let manifest = member.manifest.as_ref();
        let input = checked_input(manifest, wanted)?;
        let inferlet = self
            .shared
            .compiled(number)
            .map_err(|problem| ProgramError::Unavailable { name: name.to_owned(), problem })?;
        // What its variables are is the business of the one that launches it.
        let names = manifest.iter().flat_map(|manifest| &manifest.permissions.environment);
        let variables = names.map(|name| (name.clone(), String::new())).collect();
        let launch = permitted(Launch::new(input), manifest, variables);
        let launch = launch.stdin(member.stdin.clone());
        let own = Dependencies { shared: Arc::clone(&self.shared), of: number };
        Ok((inferlet, if member.may_launch.is_empty() { launch } else { launch.programs(Arc::new(own)) }))
    }
}

impl Shared {
    fn compiled(&self, number: usize) -> Result<Inferlet, String> {
        self.compiled[number].get_or_init(|| self.compile(&self.graph.members[number].component)).clone()
    }

    fn compile(&self, component: &Path) -> Result<Inferlet, String> {
        let bytes =
            std::fs::read(component).map_err(|error| format!("its component cannot be read: {error}"))?;
        self.runtime.compile(&bytes).map_err(|error| error.to_string())
    }
}

fn check_version(member: &Member, wanted: &Wanted<'_>) -> Result<(), ProgramError> {
    let Some(manifest) = &member.manifest else { return Ok(()) };
    let version = &manifest.package.version;
    if wanted.version.matches(version) {
        return Ok(());
    }
    Err(ProgramError::Version {
        name: wanted.name.to_owned(),
        wanted: wanted.version.clone(),
        found: vec![version.clone()],
    })
}

/// The input as JSON text, checked against the parameters of the manifest, with their defaults.
fn checked_input(manifest: Option<&Manifest>, wanted: &Wanted<'_>) -> Result<String, ProgramError> {
    let refused = |problem: String| ProgramError::Input { name: wanted.name.to_owned(), problem };
    let input =
        serde_json::from_str(wanted.input).map_err(|error| refused(format!("it is not JSON: {error}")))?;
    let declared = manifest.and_then(|manifest| manifest.parameters.as_deref());
    let checked = parameters::check(declared, &input).map_err(|error| refused(error.message))?;
    Ok(checked.to_string())
}

/// The start of an inferlet with the name that its manifest has, and what the manifest permits; without one it has neither.
pub(in crate::commands) fn permitted(
    launch: Launch,
    manifest: Option<&Manifest>,
    variables: Vec<(String, String)>,
) -> Launch {
    let Some(manifest) = manifest else { return launch };
    named(launch.limits(limits(manifest)).environment(variables), manifest)
}

/// The variables of the machine that a manifest lets through.
pub(in crate::commands) fn variables(manifest: &Manifest, env: &Environment) -> Vec<(String, String)> {
    let variables = manifest.permissions.environment.iter().filter_map(|name| {
        let value = env.variable(name)?.to_str()?;
        Some((name.clone(), value.to_owned()))
    });
    variables.collect()
}

/// The limits that a manifest sets.
pub(in crate::commands) fn limits(manifest: &Manifest) -> Limits {
    let usual = Limits::default();
    Limits { scratch_bytes: manifest.permissions.scratch_bytes.unwrap_or(usual.scratch_bytes), ..usual }
}

/// The start of an inferlet with the name that its manifest has, and the hosts that it may ask.
pub(in crate::commands) fn named(launch: Launch, manifest: &Manifest) -> Launch {
    // Each was read when the manifest was.
    let hosts = manifest.permissions.network.iter().filter_map(|host| host.parse().ok());
    launch.name(&*manifest.package.name).hosts(Hosts::new(hosts.collect()))
}
