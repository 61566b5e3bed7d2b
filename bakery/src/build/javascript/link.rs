//! QuickJS and what it needs to call the interface, put together into one component. It knows no program yet: [`super::begin`] gives it one.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, Component, ComponentExportSection, ExportKind, ExportSection, Function, FunctionSection,
    Module, RawSection, TypeSection, ValType,
};
use wasmparser::{Parser, Payload};
use wit_component::Linker;

use crate::error::{Error, Result};

/// What calls the interface, written from `wit/` when bakery is compiled, for each [`World`].
static BINDINGS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/program.wasm"));
static BINDINGS_WITH_NETWORK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/program-with-network.wasm"));
static BINDINGS_OF_A_SERVER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/server.wasm"));
static BINDINGS_OF_A_SERVER_WITH_NETWORK: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/server-with-network.wasm"));

/// The exports of the components that are made here, until they get the name of their program.
const EXPORT: &str = "pie:program/run";
const HANDLER_EXPORT: &str = "pie:program/incoming-handler";

/// What an inferlet exports that responds to requests, whatever it is called.
const HANDLER: &str = "wasi:http/incoming-handler@0.2.12";

/// The interface that QuickJS asks for modules while it is begun. Programs are one script, so there is nothing behind it.
const LOADER: &str = "local:init/module-loader";

/// What a program may ask for, and how it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    /// Whether it may ask by HTTP.
    pub network: bool,
    /// Whether it is called with an HTTP request and responds to that.
    pub responds: bool,
}

impl World {
    /// What calls the interface.
    pub fn bindings(self) -> &'static [u8] {
        match (self.responds, self.network) {
            (false, false) => BINDINGS,
            (false, true) => BINDINGS_WITH_NETWORK,
            (true, false) => BINDINGS_OF_A_SERVER,
            (true, true) => BINDINGS_OF_A_SERVER_WITH_NETWORK,
        }
    }
}

/// A component that is QuickJS with the interface.
///
/// # Errors
/// The QuickJS is not the one that bakery is made for.
pub fn link(quickjs: &[u8], world: World) -> Result<Vec<u8>> {
    let linked = || {
        Linker::default()
            .library("quickjs.wasm", quickjs, false)?
            .library("bindings.wasm", world.bindings(), false)?
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
            .adapter(LOADER, &no_modules())?
            .encode()
    };
    linked().map_err(|error| {
        Error::bug("QuickJS and the interface cannot be put together").caused_by(format!("{error:#}"))
    })
}

/// A module in the place of [`LOADER`] whose functions trap.
fn no_modules() -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut functions = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    // Texts are two numbers each, and the place of the result is one.
    for (index, (name, parameters)) in [("resolve", 5), ("load", 3)].into_iter().enumerate() {
        types.ty().function(vec![ValType::I32; parameters], []);
        let index = u32::try_from(index).unwrap_or_default();
        functions.function(index);
        exports.export(name, ExportKind::Func, index);
        let mut body = Function::new([]);
        body.instructions().unreachable().end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module.finish()
}

/// The component with the export of the program of this name, as that of a WIT package.
///
/// # Errors
/// It is not one of [`link`]'s.
pub fn name(wasm: &[u8], package: &str) -> Result<Vec<u8>> {
    let named = || -> std::result::Result<Vec<u8>, String> {
        let mut component = Component::new();
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| error.to_string())?;
            if depth == 0 {
                match &payload {
                    Payload::ComponentExportSection(exports) => {
                        component.section(&renamed(exports.clone(), package)?);
                    }
                    payload => {
                        if let Some((id, range)) = payload.as_section() {
                            component.section(&RawSection { id, data: &wasm[range] });
                        }
                    }
                }
            }
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        Ok(component.finish())
    };
    named().map_err(|error| Error::bug("the component cannot be given its name").caused_by(error))
}

fn renamed(
    exports: wasmparser::ComponentExportSectionReader<'_>,
    package: &str,
) -> std::result::Result<ComponentExportSection, String> {
    let name = format!("pie:{package}/run");
    let mut section = ComponentExportSection::new();
    for export in exports {
        let mut export = export.map_err(|error| error.to_string())?;
        match export.name.name {
            EXPORT => export.name.name = &name,
            HANDLER_EXPORT => export.name.name = HANDLER,
            _ => {}
        }
        RoundtripReencoder.parse_component_export(&mut section, export).map_err(|error| error.to_string())?;
    }
    Ok(section)
}
