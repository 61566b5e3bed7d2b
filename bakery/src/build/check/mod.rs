//! Whether a file is an inferlet that this engine can run: a component with the one export, and imports that the world has.
//!
//! The same check is made of what `bakery build` has built and of files that come from elsewhere. It is a function of the bytes and
//! the manifest; it accepts exactly what the engine can link, and says in words what the linker would say in types. No bytes make it panic.

mod shape;
mod world;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wit_component::DecodedWasm;
use wit_parser::{Function, FunctionKind, InterfaceId, Resolve, Type, TypeDefKind, WorldItem, WorldKey};

pub(in crate::build) use self::world::WIT;
use self::world::{Access, World};
use crate::error::{Error, Result};
use crate::project::Manifest;

/// What a component turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checked {
    /// The exported interface that runs it: `pie:hello/run`.
    pub export: String,
    /// How it runs.
    pub form: Form,
    /// The interfaces it imports, in their order.
    pub imports: Vec<String>,
}

/// The two forms of `run`, and the one that is for HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `run: func(input: string) -> result<string, string>`
    Sync,
    /// `run: async func(input: string) -> result<string, string>`
    Async,
    /// `handle` of `wasi:http/incoming-handler`
    Http,
}

/// The interface that inferlets export which respond to HTTP requests.
const HANDLER: &str = "wasi:http/incoming-handler";
/// What such an inferlet imports to read requests and write responses. It reaches no host with that alone.
const HTTP_TYPES: &str = "wasi:http/types";

/// Checks a file. Without a manifest, its name is not compared, and it has no permissions.
///
/// # Errors
/// It is no component, it has not the one export, it imports what inferlets do not have, or it is not what the manifest describes. Each error
/// says what to do about it.
pub fn check(wasm: &[u8], manifest: Option<&Manifest>) -> Result<Checked> {
    is_component(wasm)?;
    let decoded = wit_component::decode(wasm).map_err(|error| {
        Error::usage("the component is damaged").caused_by(format!("{error:#}")).hint("build it again")
    })?;
    let DecodedWasm::Component(resolve, id) = decoded else {
        return Err(Error::usage("the file is an encoded WIT package, not a component"));
    };
    let component = &resolve.worlds[id];
    let (export, form) = find_run(&resolve, component.exports.iter())?;
    let imports = check_imports(&resolve, component.imports.iter(), form, manifest)?;
    if let Some(manifest) = manifest
        && form != Form::Http
    {
        check_name(&export, &manifest.package.name)?;
    }
    Ok(Checked { export, form, imports })
}

/// Whether the first bytes are those of a component.
fn is_component(wasm: &[u8]) -> Result<()> {
    match wasm {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            Err(Error::usage("the file is a core WebAssembly module, not a component")
                .hint("build it for `wasm32-wasip2`, as `bakery build` does"))
        }
        [0, b'a', b's', b'm', ..] => {
            Err(Error::usage("the file is WebAssembly of an unknown version, or it is cut off"))
        }
        [] => Err(Error::usage("the file is empty")),
        _ => Err(Error::usage("the file is not WebAssembly")
            .hint("`bakery build` makes a component from a project")),
    }
}

/// The export that runs the inferlet: found by its shape, as the engine does.
fn find_run<'a>(
    resolve: &Resolve,
    exports: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
) -> Result<(String, Form)> {
    let exports: Vec<(String, Option<Form>)> =
        exports.map(|(key, item)| (resolve.name_world_key(key), form_of(resolve, key, item))).collect();
    let mut found = exports.iter().filter_map(|(name, form)| Some((name, (*form)?)));
    match (found.next(), found.next()) {
        (Some((name, form)), None) => Ok((name.clone(), form)),
        (Some((first, _)), Some((second, _))) => {
            Err(Error::usage(format!("the component can be run in two ways: `{first}` and `{second}`"))
                .hint("an inferlet has one `#[inferlet::main]`, or one `#[inferlet::http]`"))
        }
        (None, _) => Err(no_run(&exports)),
    }
}

fn no_run(exports: &[(String, Option<Form>)]) -> Error {
    let error = Error::usage("the component is no inferlet: it does not export `run`");
    let names: Vec<&str> = exports.iter().map(|(name, _)| name.as_str()).collect();
    let hint =
        "mark the entry point: `#[inferlet::main] async fn main(input: Input) -> inferlet::Result<Output>`";
    if names.iter().any(|name| name.starts_with("wasi:cli/run")) {
        return error.caused_by("it is a WASI command, which exports `wasi:cli/run`").hint(hint);
    }
    let shape = "an interface whose name ends in `/run`, with `run: func(input: string) -> result<string, string>`, `async` or not";
    match names.as_slice() {
        [] => error.caused_by(format!("it exports nothing; expected {shape}")).hint(hint),
        names => error.caused_by(format!("it exports `{}`; expected {shape}", names.join("`, `"))).hint(hint),
    }
}

/// The form of `run`, if this is an interface whose name ends in `/run` and that has it.
fn form_of(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> Option<Form> {
    let WorldItem::Interface { id, .. } = item else { return None };
    let name = resolve.name_world_key(key);
    let name = interface_name(&name);
    if name == HANDLER {
        return resolve.interfaces[*id].functions.contains_key("handle").then_some(Form::Http);
    }
    if !name.ends_with("/run") {
        return None;
    }
    let run = resolve.interfaces[*id].functions.get("run")?;
    let form = match run.kind {
        FunctionKind::Freestanding => Form::Sync,
        FunctionKind::AsyncFreestanding => Form::Async,
        _ => return None,
    };
    let takes_text = run.params.len() == 1 && run.params[0].ty == Type::String;
    (takes_text && gives_text_or_error(resolve, run)).then_some(form)
}

fn gives_text_or_error(resolve: &Resolve, run: &Function) -> bool {
    let mut result = run.result;
    while let Some(Type::Id(id)) = result {
        match &resolve.types[id].kind {
            TypeDefKind::Type(aliased) => result = Some(*aliased),
            TypeDefKind::Result(result) => {
                return result.ok == Some(Type::String) && result.err == Some(Type::String);
            }
            _ => return false,
        }
    }
    false
}

/// Checks every import against the world and returns their names.
fn check_imports<'a>(
    resolve: &Resolve,
    imports: impl Iterator<Item = (&'a WorldKey, &'a WorldItem)>,
    form: Form,
    manifest: Option<&Manifest>,
) -> Result<Vec<String>> {
    let world = World::get()?;
    let network = manifest.is_some_and(|manifest| !manifest.permissions.network.is_empty());
    let mut names = Vec::new();
    let mut foreign = Vec::new();
    for (key, item) in imports {
        let name = resolve.name_world_key(key);
        match item {
            // Types that a world uses come with the interfaces they are from.
            WorldItem::Type { .. } => {}
            WorldItem::Function(_) => foreign.push(name),
            WorldItem::Interface { id, .. } => {
                match world.access(&name) {
                    Access::Granted => check_functions(world, resolve, &name, *id)?,
                    Access::NeedsNetwork if network => {}
                    Access::NeedsNetwork if form == Form::Http && interface_name(&name) == HTTP_TYPES => {}
                    Access::NeedsNetwork => return Err(no_network(&name, manifest)),
                    Access::None if is_mention_of_sockets(&name) => {}
                    Access::None => foreign.push(name.clone()),
                }
                names.push(name);
            }
        }
    }
    if foreign.is_empty() { Ok(names) } else { Err(outside(&foreign)) }
}

/// A name without its version.
fn interface_name(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

/// Whether an import is one of sockets, which the engine links and has none of. The C library closes file descriptors without knowing what they are, and an
/// interpreter has all functions of its library, so who imports them need not use them; who does is told at run time that access is denied.
fn is_mention_of_sockets(name: &str) -> bool {
    let Some((interface, version)) = name.split_once('@') else { return false };
    SOCKETS.contains(&interface) && (version == "0.2" || version.starts_with("0.2."))
}

/// The interfaces of sockets.
const SOCKETS: [&str; 7] = [
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
];

/// Checks that the functions of an imported interface are those that the world has.
fn check_functions(world: &World, resolve: &Resolve, name: &str, id: InterfaceId) -> Result<()> {
    let Some(ours) = world.interface(name) else { return Ok(()) };
    for (function_name, theirs) in &resolve.interfaces[id].functions {
        let reason = match ours.functions.get(function_name) {
            None => "does not have it",
            Some(ours) if !shape::same_function(world.resolve(), ours, resolve, theirs) => {
                "has another form of it"
            }
            Some(_) => continue,
        };
        return Err(Error::usage(format!(
            "the component uses `{function_name}` of `{name}`, and this engine {reason}"
        ))
        .hint("build it again with the SDK of this bakery: `bakery build`"));
    }
    Ok(())
}

fn no_network(name: &str, manifest: Option<&Manifest>) -> Error {
    let error =
        Error::usage(format!("the component imports `{name}`, and it has no permission to use the network"));
    match manifest {
        Some(_) => error.hint("in `Pie.toml`: [permissions] network = [\"api.example.com\"]"),
        None => error.hint("give its manifest: `--manifest Pie.toml`"),
    }
}

fn outside(foreign: &[String]) -> Error {
    let names = foreign.join("`, `");
    let error = Error::usage(format!("the component imports what inferlets do not have: `{names}`"));
    if foreign.iter().any(|name| name.starts_with("wasi:") && name.contains("@0.3")) {
        return error.hint("build it for WASI 0.2: `wasm32-wasip2`");
    }
    error.hint("`wit/` in bakery's repository has all that can be imported")
}

/// Whether an export and a manifest are of the same inferlet. Names in WIT have no upper case and no `_`, so these do not count.
fn check_name(export: &str, name: &str) -> Result<()> {
    let package = export.split(['/', '@']).next().unwrap_or(export);
    let package = package.split_once(':').map_or(package, |(_namespace, package)| package);
    let plain = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    if plain(package) == plain(name) {
        return Ok(());
    }
    Err(Error::usage(format!("the manifest is of `{name}`, and the component is `{package}`"))
        .hint(format!("give both one name: [package] name = \"{package}\" in `Pie.toml`, or name = \"{name}\" in `Cargo.toml`")))
}

#[cfg(test)]
mod tests;
