//! From the bytes of a component to something that can be launched in microseconds.

use super::bindings::{pie, waits};
use super::complexity::{self, TooComplex};
use super::http::{
    self,
    incoming::{IncomingRequest, ResponseOutparam},
};
use super::parts::{self, MIN_CODE_BYTES, Part};
use super::runtime_config::{Concurrency, Pools, config};
use super::state::State;
use super::wasi;
use crate::trace::sha256_hex;
use crate::uses;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use wasmtime::Module;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, HasSelf, InstancePre, Linker, Resource};

/// Why bytes are not an inferlet.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// Not WebAssembly at all.
    #[error("the file is not WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error("the file is a core WebAssembly module, and an inferlet is a component")]
    CoreModule,
    /// Broken, cut off, or using features that the runtime does not have.
    #[error("the component cannot be compiled")]
    Invalid(#[source] wasmtime::Error),
    /// It would take too long to compile, or too much memory.
    #[error("the component is too large or too intricate to be compiled")]
    TooComplex(#[source] TooComplex),
    /// Nothing that could be run.
    #[error("the component exports no interface whose name ends in `/run`, and no `wasi:http/incoming-handler`; it exports {}", list(.exports))]
    NoRun {
        /// What it does export.
        exports: Vec<String>,
    },
    /// More than one thing that could be run.
    #[error("the component exports several interfaces that could be run: {}", list(.exports))]
    SeveralRuns {
        /// Their names.
        exports: Vec<String>,
    },
    /// The function is missing or has another type.
    #[error("`{export}` has no `run: func(input: string) -> result<string, string>`, `async` or not")]
    WrongRun {
        /// The interface.
        export: String,
        /// What was found instead.
        #[source]
        source: wasmtime::Error,
    },
    /// The function is missing or has another type.
    #[error("`{export}` has no `handle: func(request: incoming-request, response-out: response-outparam)`")]
    WrongHandler {
        /// The interface.
        export: String,
        /// What was found instead.
        #[source]
        source: wasmtime::Error,
    },
    /// It asks for something that the world does not have.
    #[error("the component imports something that an inferlet's world does not have")]
    UnknownImport(#[source] wasmtime::Error),
}

fn not_compiled(error: wasmtime::Error) -> ComponentError {
    match error.downcast_ref() {
        Some(limit) => ComponentError::TooComplex(*limit),
        None => ComponentError::Invalid(error),
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The WebAssembly runtime, with everything a component may import.
///
/// It is two. A component that has to do with async functions runs in one that keeps account of tasks, which makes every call to the host
/// dearer, and which is therefore not the one of all the others. It is made when the first such component comes.
pub struct Compiler {
    plain: Linked,
    concurrent: OnceLock<Linked>,
    pools: Pools,
    cache: Option<PathBuf>,
}

/// An engine of the runtime, with what its components may import.
struct Linked {
    concurrency: Concurrency,
    engine: wasmtime::Engine,
    linker: Linker<State>,
}

/// A compiled component, and the libraries that were taken out of it, by the names that it imports them by.
struct Code {
    component: Component,
    libraries: Vec<(String, Module)>,
}

/// A compiled component whose imports are resolved.
#[derive(Clone)]
pub struct Inferlet {
    pub(crate) pre: InstancePre<State>,
    pub(crate) entry: Entry,
    pub(crate) concurrency: Concurrency,
    export: String,
    digest: String,
}

/// The function that an instance is called by.
#[derive(Clone, Copy)]
pub(crate) enum Entry {
    /// `run`, from text to text.
    Run(ComponentExportIndex),
    /// `handle` of `wasi:http/incoming-handler`.
    Handle(ComponentExportIndex),
}

/// What `handle` takes.
pub(crate) type Handled = (Resource<IncomingRequest>, Resource<ResponseOutparam>);

/// The interface that inferlets export which respond to HTTP requests.
const HANDLER: &str = "wasi:http/incoming-handler";

impl Inferlet {
    /// The exported interface, for example `pie:hello/run`.
    pub fn export(&self) -> &str {
        &self.export
    }

    /// The name in the export: `hello` of `pie:hello/run`.
    pub fn name(&self) -> &str {
        let interface = interface_name(&self.export);
        let name = interface.strip_suffix("/run").unwrap_or(interface);
        name.rsplit_once(':').map_or(name, |(_namespace, name)| name)
    }

    /// Whether it responds to HTTP requests, instead of answering an input.
    pub fn responds_to_http(&self) -> bool {
        matches!(self.entry, Entry::Handle(_))
    }

    /// The functions of `pie:*` that it imports, as [`Uses`](crate::uses::Uses) calls them. Those of WASI are its language's business.
    pub fn imports(&self) -> BTreeSet<String> {
        let component = self.pre.component();
        let engine = component.engine();
        let mut functions = BTreeSet::new();
        for (name, item) in component.component_type().imports(engine) {
            let ComponentItem::ComponentInstance(instance) = item.ty else { continue };
            let Some((_, interface)) = name.strip_prefix("pie:").and_then(|name| name.split_once('/')) else {
                continue;
            };
            let exported = instance.exports(engine);
            let functions_of =
                exported.filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)));
            functions.extend(functions_of.map(|(name, _)| uses::name(interface, name)));
        }
        functions
    }

    /// SHA-256 of the component, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

impl Compiler {
    /// A runtime with its pools. Compiled code is kept under `cache`, a folder that only its owner may write to.
    pub fn new(pools: &Pools, cache: Option<PathBuf>) -> wasmtime::Result<Self> {
        let plain = Linked::new(pools, Concurrency::Absent)?;
        Ok(Compiler { plain, concurrent: OnceLock::new(), pools: pools.clone(), cache })
    }

    /// The component of this digest, if its compiled code is in the cache. Neither its bytes nor the time to look through them are needed.
    pub fn find(&self, digest: &str) -> Option<Inferlet> {
        let cache = self.cache.as_deref()?;
        if let Some(code) = self.plain.load_code(cache, digest) {
            return self.plain.inferlet(code, digest.to_owned()).ok();
        }
        // Whether it runs in the other one is not known before that exists, and making it for nothing costs less than compiling.
        let concurrent = self.concurrent().ok()?;
        let code = concurrent.load_code(cache, digest)?;
        concurrent.inferlet(code, digest.to_owned()).ok()
    }

    /// Compiles a component, or finds its compiled code in the cache, and resolves its imports.
    pub fn compile(&self, wasm: &[u8]) -> Result<Inferlet, ComponentError> {
        check_preamble(wasm)?;
        let digest = sha256_hex(wasm);
        let (linked, code) = self.code(wasm, &digest).map_err(not_compiled)?;
        linked.inferlet(code, digest)
    }

    /// The compiled component, and where it runs. What the plain runtime refuses may be what it has no features for, and validation, which
    /// comes before any work, is what knows.
    fn code(&self, wasm: &[u8], digest: &str) -> wasmtime::Result<(&Linked, Code)> {
        let cache = self.cache.as_deref();
        if let Ok(code) = self.plain.code(wasm, digest, cache) {
            return Ok((&self.plain, code));
        }
        let concurrent = self.concurrent()?;
        Ok((concurrent, concurrent.code(wasm, digest, cache)?))
    }

    fn concurrent(&self) -> wasmtime::Result<&Linked> {
        if let Some(concurrent) = self.concurrent.get() {
            return Ok(concurrent);
        }
        let concurrent = Linked::new(&self.pools, Concurrency::Present)?;
        Ok(self.concurrent.get_or_init(|| concurrent))
    }
}

impl Linked {
    fn new(pools: &Pools, concurrency: Concurrency) -> wasmtime::Result<Self> {
        let engine = wasmtime::Engine::new(&config(pools, concurrency))?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker)?;
        add_interfaces(&mut linker)?;
        http::add_to_linker(&mut linker)?;
        if concurrency == Concurrency::Present {
            waits::pie::core::wait::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
        }
        Ok(Linked { concurrency, engine, linker })
    }

    /// Resolves the imports of a component.
    fn inferlet(&self, code: Code, digest: String) -> Result<Inferlet, ComponentError> {
        let Code { component, libraries } = code;
        let export = self.find_run(&component)?;
        let pre = if libraries.is_empty() {
            self.linker.instantiate_pre(&component)
        } else {
            let mut linker = self.linker.clone();
            for (name, module) in &libraries {
                linker.root().module(name, module).map_err(ComponentError::Invalid)?;
            }
            linker.instantiate_pre(&component)
        };
        let pre = pre.map_err(ComponentError::UnknownImport)?;
        let entry = find_entry(&pre, &export)?;
        Ok(Inferlet { pre, entry, concurrency: self.concurrency, export, digest })
    }

    /// The file of the code of a component or library.
    fn file(&self, cache: &Path, digest: &str) -> PathBuf {
        cache.join(format!("{digest}-{}.cwasm", compatibility(&self.engine)))
    }

    fn code(&self, wasm: &[u8], digest: &str, cache: Option<&Path>) -> wasmtime::Result<Code> {
        if let Some(found) = cache.and_then(|cache| self.load_code(cache, digest)) {
            return Ok(found);
        }
        complexity::check(wasm)?;
        let (component, libraries) =
            match cache.and_then(|cache| Some((cache, parts::split(wasm, MIN_CODE_BYTES)?))) {
                Some((cache, parts)) => self.compile_parts(&parts, cache)?,
                None => (Component::from_binary(&self.engine, wasm)?, Vec::new()),
            };
        if let Some(cache) = cache {
            // The cache only saves time: a full disk must not stop a run.
            let _ = store(&self.file(cache, digest), &component.serialize()?);
        }
        Ok(Code { component, libraries })
    }

    fn compile_parts(
        &self,
        parts: &[Part<'_>],
        cache: &Path,
    ) -> wasmtime::Result<(Component, Vec<(String, Module)>)> {
        let mut libraries = Vec::new();
        for part in parts {
            if let Part::Library(wasm) = part {
                libraries.push((parts::name(wasm), self.library(wasm, cache)?));
            }
        }
        let component = Component::from_binary(&self.engine, &parts::join(parts, &libraries)?)?;
        Ok((component, libraries))
    }

    fn library(&self, wasm: &[u8], cache: &Path) -> wasmtime::Result<Module> {
        let path = self.file(cache, &sha256_hex(wasm));
        if let Some(module) = self.load_library(&path) {
            return Ok(module);
        }
        let module = Module::from_binary(&self.engine, wasm)?;
        let _ = store(&path, &module.serialize()?);
        Ok(module)
    }

    /// The code of a component, if all of it is in the cache. Which libraries it needs is in the names of what it imports.
    fn load_code(&self, cache: &Path, digest: &str) -> Option<Code> {
        let component = self.load(&self.file(cache, digest))?;
        let names: Vec<String> =
            component.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let mut libraries = Vec::new();
        for name in names {
            if let Some(digest) = parts::digest(&name) {
                let module = self.load_library(&self.file(cache, digest))?;
                libraries.push((name, module));
            }
        }
        Some(Code { component, libraries })
    }

    fn load_library(&self, path: &Path) -> Option<Module> {
        // SAFETY: as in `load`.
        #[expect(unsafe_code)]
        let loaded = unsafe { Module::deserialize_file(&self.engine, path) };
        loaded.ok()
    }

    fn load(&self, path: &Path) -> Option<Component> {
        // SAFETY: the file is in a folder that only the user may write to, has the digest of its source and the runtime's
        // fingerprint in its name, and got there by a rename of a finished file. Whoever can replace it can replace bakery as well.
        // Loading it takes 0.1 ms, compiling 100 ms.
        #[expect(unsafe_code)]
        let loaded = unsafe { Component::deserialize_file(&self.engine, path) };
        loaded.ok()
    }

    fn find_run(&self, component: &Component) -> Result<String, ComponentError> {
        let exports: Vec<String> =
            component.component_type().exports(&self.engine).map(|(name, _)| name.to_owned()).collect();
        let mut runs: Vec<String> = exports.iter().filter(|name| is_entry(name)).cloned().collect();
        match (runs.pop(), runs.is_empty()) {
            (None, _) => Err(ComponentError::NoRun { exports }),
            (Some(run), true) => Ok(run),
            (Some(run), false) => {
                runs.push(run);
                Err(ComponentError::SeveralRuns { exports: runs })
            }
        }
    }
}

/// Code compiled by another version, for another processor or under other settings has another name.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> String {
    let mut hasher = Fingerprint::default();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hasher.0.finalize();
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn is_entry(export: &str) -> bool {
    let name = interface_name(export);
    name.ends_with("/run") || name == HANDLER
}

/// Finds the function in the exported interface and checks its type; that of `run` may be an async function too.
fn find_entry(pre: &InstancePre<State>, export: &str) -> Result<Entry, ComponentError> {
    let name = export.to_owned();
    if interface_name(export) == HANDLER {
        let handle = find_function(pre, export, "handle", |function| {
            function.typecheck::<Handled, ()>(&pre.instance_type())
        });
        return handle
            .map(Entry::Handle)
            .map_err(|source| ComponentError::WrongHandler { export: name, source });
    }
    let run = find_function(pre, export, "run", |function| {
        function.typecheck::<(String,), (Result<String, String>,)>(&pre.instance_type())
    });
    run.map(Entry::Run).map_err(|source| ComponentError::WrongRun { export: name, source })
}

fn find_function(
    pre: &InstancePre<State>,
    export: &str,
    name: &str,
    check: impl Fn(&ComponentFunc) -> wasmtime::Result<()>,
) -> wasmtime::Result<ComponentExportIndex> {
    let component = pre.component();
    let interface = component
        .get_export_index(None, export)
        .ok_or_else(|| wasmtime::Error::msg("the export cannot be found"))?;
    match component.get_export(Some(&interface), name) {
        None => Err(wasmtime::Error::msg(format!("the interface has no function `{name}`"))),
        Some((ComponentItem::ComponentFunc(function), index)) => check(&function).map(|()| index),
        Some(_) => Err(wasmtime::Error::msg(format!("`{name}` is not a function"))),
    }
}

/// Everything of `pie:*`; `wasi:io`, which it uses, comes with the rest of WASI.
fn add_interfaces(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    macro_rules! add {
        ($($interface:path),* $(,)?) => {{
            $({
                use $interface as interface;
                interface::add_to_linker::<State, HasSelf<State>>(linker, |state| state)?;
            })*
        }};
    }
    add!(
        pie::core::types,
        pie::core::model,
        pie::core::context,
        pie::core::inference,
        pie::core::adapter,
        pie::core::session,
        pie::core::messaging,
        pie::core::runtime,
        pie::core::scheduling,
        pie::instruct::chat,
        pie::instruct::reasoning,
        pie::instruct::tool_use,
        pie::mcp::types,
        pie::mcp::client,
        pie::zo::zo,
    );
    Ok(())
}

/// `pie:hello/run@0.1.0` without its version.
fn interface_name(export: &str) -> &str {
    export.split_once('@').map_or(export, |(name, _version)| name)
}

fn check_preamble(wasm: &[u8]) -> Result<(), ComponentError> {
    match wasm {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(ComponentError::CoreModule),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ => Err(ComponentError::NotWasm),
    }
}

fn store(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(code)?;
    file.persist(path)?;
    Ok(())
}

/// Lets the runtime's own `Hash` feed a digest, because the standard hasher may change from release to release.
#[derive(Default)]
struct Fingerprint(Sha256);

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}
