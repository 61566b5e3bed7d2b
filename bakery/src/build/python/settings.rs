//! A library that is linked into components: it sets variables of the environment before Python starts, which reads some of them only then.
//!
//! componentize-py sets the guest's environment itself, and passes nothing through. But it links what it finds beside the sources, and what such a library does when it
//! is initialized comes before anything else. So hashes have the same secret in every component, and the order in which a set of strings is gone through is
//! the same on every machine; and Python leaves no compiled files beside the sources, which would be read instead of them next time.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalType, ImportSection, Instruction, MemoryType, Module, TypeSection, ValType,
};

/// What the file is called; componentize-py looks for this ending.
pub const FILE: &str = "_inferlet_settings.abi3.so";

/// What is set. Nobody from outside chooses the keys of an inferlet's dictionaries, so a secret that everybody knows does no harm.
const VARIABLES: [(&str, &str); 2] = [("PYTHONHASHSEED", "0"), ("PYTHONDONTWRITEBYTECODE", "1")];

/// Parts of the section that describes a library
/// (<https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>).
const MEMORY_INFORMATION: u8 = 1;
const NEEDED: u8 = 2;

/// The library.
pub fn library() -> Vec<u8> {
    let (mut data, mut calls) = (Vec::new(), Vec::new());
    for (name, value) in VARIABLES {
        calls.push((push(&mut data, name), push(&mut data, value)));
    }
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32; 3], [ValType::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    let memory =
        MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    imports.import("env", "memory", EntityType::Memory(memory));
    let base = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
    imports.import("env", "__memory_base", EntityType::Global(base));
    imports.import("env", "setenv", EntityType::Function(0));
    let mut functions = FunctionSection::new();
    functions.function(1);
    let mut exports = ExportSection::new();
    exports.export("__wasm_call_ctors", ExportKind::Func, 1);
    let mut code = CodeSection::new();
    code.function(&initialization(&calls));
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::global_get(0), data.iter().copied());
    let mut module = Module::new();
    module
        .section(&CustomSection { name: "dylink.0".into(), data: description(data.len()).into() })
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&code)
        .section(&segments);
    module.finish()
}

/// Adds a text of C's, and says where it is.
fn push(data: &mut Vec<u8>, text: &str) -> i32 {
    let at = i32::try_from(data.len()).unwrap_or_default();
    data.extend_from_slice(text.as_bytes());
    data.push(0);
    at
}

/// Calls `setenv(name, value, 1)` for each.
fn initialization(calls: &[(i32, i32)]) -> Function {
    let mut function = Function::new([]);
    for (name, value) in calls {
        for offset in [name, value] {
            function.instruction(&Instruction::GlobalGet(0));
            function.instruction(&Instruction::I32Const(*offset));
            function.instruction(&Instruction::I32Add);
        }
        function.instruction(&Instruction::I32Const(1));
        function.instruction(&Instruction::Call(0));
        function.instruction(&Instruction::Drop);
    }
    function.instruction(&Instruction::End);
    function
}

/// How much memory it needs, and which library.
fn description(memory_bytes: usize) -> Vec<u8> {
    let needed = "libc.so";
    let mut memory = Vec::new();
    for number in [memory_bytes, 0, 0, 0] {
        number_into(&mut memory, number);
    }
    let mut libraries = vec![1];
    number_into(&mut libraries, needed.len());
    libraries.extend_from_slice(needed.as_bytes());
    let mut all = Vec::new();
    for (kind, part) in [(MEMORY_INFORMATION, memory), (NEEDED, libraries)] {
        all.push(kind);
        number_into(&mut all, part.len());
        all.extend(part);
    }
    all
}

fn number_into(out: &mut Vec<u8>, number: usize) {
    wasm_encoder::Encode::encode(&number, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_valid_and_says_what_it_needs() {
        let library = library();
        wasmparser::Validator::new().validate_all(&library).unwrap();
        let text = String::from_utf8_lossy(&library);
        for part in ["dylink.0", "libc.so", "setenv", "PYTHONHASHSEED\u{0}0\u{0}"] {
            assert!(text.contains(part), "{part:?}");
        }
    }
}
