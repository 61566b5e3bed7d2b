//! Libraries that components bring along and have in common: each is compiled once on a machine.
//!
//! A component that is linked from libraries has them as core modules, byte for byte the same in all components of one toolchain: Python's interpreter is
//! 6 MB that take ten seconds to compile. [`split`] takes such modules out, and leaves imports of modules in their places, with the digest in the
//! name. The component stays what it is everywhere else: this is only how it is compiled and kept here.
//!
//! What is taken out is what has its memory from elsewhere, and much code. A module that has a memory has data in it, which is the program's own.

use crate::trace::sha256_hex;
use std::collections::BTreeMap;
use wasm_encoder::{
    ComponentImportSection, ComponentTypeRef, CoreTypeSection, EntityType, ModuleType, RawSection, ValType,
};
use wasmparser::{BinaryReader, Parser, Payload, TypeRef};
use wasmtime::{ExternType, FuncType, HeapType, Module, Mutability};

/// What the name of an import begins with that stands for a module; its digest follows.
const PREFIX: &str = "shared-library-m";

/// Modules with less code stay where they are: to find each of them takes a while too.
pub const MIN_CODE_BYTES: usize = 64 << 10;

/// The ids of sections of components.
pub const CORE_MODULE: u8 = 1;
const CORE_TYPE: u8 = 3;

/// Magic number, version and layer.
const HEADER_BYTES: usize = 8;

/// A part of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A section that stays, with its id.
    Section(u8, &'a [u8]),
    /// A module that is taken out.
    Library(&'a [u8]),
}

/// The parts of a component; `None` if there is nothing to take out.
pub fn split(wasm: &[u8], min_code_bytes: usize) -> Option<Vec<Part<'_>>> {
    let sections = sections(wasm)?;
    if sections.iter().any(|(id, _)| *id == CORE_TYPE) {
        // The numbers of types would have to follow; no toolchain writes any.
        return None;
    }
    let parts: Vec<Part<'_>> = sections
        .into_iter()
        .map(|(id, content)| {
            let is_library = id == CORE_MODULE && is_library(content, min_code_bytes);
            if is_library { Part::Library(content) } else { Part::Section(id, content) }
        })
        .collect();
    parts.iter().any(|part| matches!(part, Part::Library(_))).then_some(parts)
}

/// The sections of a component, each with its id; `None` if one is cut off.
pub fn sections(wasm: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(wasm.get(HEADER_BYTES..)?, 0);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8().ok()?;
        let size = reader.read_var_u32().ok()?;
        sections.push((id, reader.read_bytes(size as usize).ok()?));
    }
    Some(sections)
}

/// Whether a module has its memory from elsewhere, and that much code.
fn is_library(module: &[u8], min_code_bytes: usize) -> bool {
    let mut has_memory_from_elsewhere = false;
    for payload in Parser::new(0).parse_all(module) {
        match payload {
            Ok(Payload::ImportSection(imports)) => {
                has_memory_from_elsewhere = imports
                    .into_imports()
                    .any(|import| import.is_ok_and(|import| matches!(import.ty, TypeRef::Memory(_))));
            }
            Ok(Payload::MemorySection(_)) => return false,
            Ok(Payload::CodeSectionStart { size, .. }) => {
                return has_memory_from_elsewhere && size as usize >= min_code_bytes;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}

/// The name of the import that stands for a module.
pub fn name(module: &[u8]) -> String {
    format!("{PREFIX}{}", sha256_hex(module))
}

/// The digest of the module that an import stands for.
pub fn digest(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// The component without the modules that were taken out. `compiled` are these, in their order.
pub fn join(parts: &[Part<'_>], compiled: &[(String, Module)]) -> wasmtime::Result<Vec<u8>> {
    let mut component = wasm_encoder::Component::new();
    let mut libraries = compiled.iter().zip(0..);
    for part in parts {
        match part {
            Part::Section(id, data) => {
                component.section(&RawSection { id: *id, data });
            }
            Part::Library(_) => {
                let ((name, module), number) =
                    libraries.next().ok_or_else(|| wasmtime::Error::msg("a library is missing"))?;
                let mut types = CoreTypeSection::new();
                types.ty().module(&module_type(module)?);
                component.section(&types);
                let mut imports = ComponentImportSection::new();
                imports.import(name.as_str(), ComponentTypeRef::Module(number));
                component.section(&imports);
            }
        }
    }
    Ok(component.finish())
}

/// What a module imports and exports, as a component says it.
fn module_type(module: &Module) -> wasmtime::Result<ModuleType> {
    let mut types = Types { module: ModuleType::new(), functions: BTreeMap::new() };
    for import in module.imports() {
        let ty = types.entity(&import.ty())?;
        types.module.import(import.module(), import.name(), ty);
    }
    for export in module.exports() {
        let ty = types.entity(&export.ty())?;
        types.module.export(export.name(), ty);
    }
    Ok(types.module)
}

struct Types {
    module: ModuleType,
    /// The numbers of the types of functions, by parameters and results.
    functions: BTreeMap<(Vec<u8>, Vec<u8>), u32>,
}

impl Types {
    fn entity(&mut self, ty: &ExternType) -> wasmtime::Result<EntityType> {
        Ok(match ty {
            ExternType::Func(function) => EntityType::Function(self.function(function)?),
            ExternType::Global(global) => EntityType::Global(wasm_encoder::GlobalType {
                val_type: value(global.content())?,
                mutable: global.mutability() == Mutability::Var,
                shared: false,
            }),
            ExternType::Table(table) => EntityType::Table(wasm_encoder::TableType {
                element_type: reference(table.element())?,
                table64: table.is_64(),
                minimum: table.minimum(),
                maximum: table.maximum(),
                shared: false,
            }),
            ExternType::Memory(memory) => EntityType::Memory(wasm_encoder::MemoryType {
                minimum: memory.minimum(),
                maximum: memory.maximum(),
                memory64: memory.is_64(),
                shared: memory.is_shared(),
                page_size_log2: None,
            }),
            ExternType::Tag(_) => return Err(wasmtime::Error::msg("a library has exceptions")),
        })
    }

    fn function(&mut self, ty: &FuncType) -> wasmtime::Result<u32> {
        let parameters: Vec<ValType> = ty.params().map(|ty| value(&ty)).collect::<Result<_, _>>()?;
        let results: Vec<ValType> = ty.results().map(|ty| value(&ty)).collect::<Result<_, _>>()?;
        let key = (encoded(&parameters), encoded(&results));
        if let Some(number) = self.functions.get(&key) {
            return Ok(*number);
        }
        let number = self.module.type_count();
        self.module.ty().function(parameters, results);
        self.functions.insert(key, number);
        Ok(number)
    }
}

fn encoded(types: &[ValType]) -> Vec<u8> {
    let mut bytes = Vec::new();
    types.iter().for_each(|ty| wasm_encoder::Encode::encode(ty, &mut bytes));
    bytes
}

fn value(ty: &wasmtime::ValType) -> wasmtime::Result<ValType> {
    Ok(match ty {
        wasmtime::ValType::I32 => ValType::I32,
        wasmtime::ValType::I64 => ValType::I64,
        wasmtime::ValType::F32 => ValType::F32,
        wasmtime::ValType::F64 => ValType::F64,
        wasmtime::ValType::V128 => ValType::V128,
        wasmtime::ValType::Ref(ty) => ValType::Ref(reference(ty)?),
    })
}

fn reference(ty: &wasmtime::RefType) -> wasmtime::Result<wasm_encoder::RefType> {
    match (ty.heap_type(), ty.is_nullable()) {
        (HeapType::Func, true) => Ok(wasm_encoder::RefType::FUNCREF),
        (HeapType::Extern, true) => Ok(wasm_encoder::RefType::EXTERNREF),
        _ => Err(wasmtime::Error::msg("a library has references of its own types")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::Engine;
    use wasmtime::component::{Component, Linker};

    /// A component that is linked from a module with a memory and a library that works on it.
    const LINKED: &str = r#"(component
        (core module $main (memory (export "memory") 1) (data (i32.const 8) "\2a")
            (global (export "base") (mut i32) (i32.const 8))
            (table (export "table") 2 funcref))
        (core module $library
            (import "env" "memory" (memory 0)) (import "env" "base" (global $base (mut i32))) (import "env" "table" (table 1 funcref))
            (func (export "answer") (result i32) (i32.load8_u (global.get $base))))
        (core instance $env (instantiate $main))
        (core instance $made (instantiate $library (with "env" (instance $env))))
        (func (export "answer") (result u32) (canon lift (core func $made "answer"))))"#;

    fn answer(engine: &Engine, component: &[u8], libraries: &[(String, Module)]) -> u32 {
        let component = Component::new(engine, component).unwrap();
        let mut linker = Linker::<()>::new(engine);
        for (name, module) in libraries {
            linker.root().module(name, module).unwrap();
        }
        let mut store = wasmtime::Store::new(engine, ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let answer = instance.get_typed_func::<(), (u32,)>(&mut store, "answer").unwrap();
        answer.call(&mut store, ()).unwrap().0
    }

    #[test]
    fn a_component_whose_libraries_were_taken_out_does_what_it_did() {
        let engine = Engine::default();
        let wasm = wat::parse_str(LINKED).unwrap();
        assert_eq!(answer(&engine, &wasm, &[]), 42);
        let parts = split(&wasm, 1).unwrap();
        let libraries: Vec<_> = parts
            .iter()
            .filter_map(|part| match part {
                Part::Library(module) => Some((name(module), Module::new(&engine, module).unwrap())),
                Part::Section(..) => None,
            })
            .collect();
        assert_eq!(libraries.len(), 1, "the one with the memory stays");
        let joined = join(&parts, &libraries).unwrap();
        assert_eq!(answer(&engine, &joined, &libraries), 42);
        let component = Component::new(&engine, &joined).unwrap();
        let ty = component.component_type();
        let imports: Vec<_> = ty.imports(&engine).map(|(name, _)| name.to_owned()).collect();
        assert_eq!(imports.len(), 1);
        assert_eq!(digest(&imports[0]).map(str::len), Some(64));
    }

    #[test]
    fn what_has_little_code_or_is_no_component_stays_as_it_is() {
        let wasm = wat::parse_str(LINKED).unwrap();
        assert_eq!(split(&wasm, MIN_CODE_BYTES), None);
        for broken in [&wasm[..20], b"", b"\0asm\x0d\0\x01\0\xff\xff"] {
            assert_eq!(split(broken, 1), None);
        }
    }
}
