//! A library that is linked into components, and comes before Python in two ways.
//!
//! It sets variables of the environment before Python starts, which reads some of them only then. componentize-py sets the guest's environment itself, and passes nothing
//! through; but it links what it finds beside the sources, and what such a library does when it is initialized comes before anything else. So hashes have the same
//! secret in every component, and the order in which a set of strings is gone through is the same on every machine; and Python leaves no compiled files beside
//! the sources, which would be read instead of them next time.
//!
//! And it is a module that is built into Python, of the name of the package that Python imports first of all: built-in modules are found before those in folders, so this is
//! how a program of ours, `first.py`, comes before all others without a file having been looked for. What it is for, it says itself.

use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalType, ImportSection, Instruction, MemArg, MemoryType,
    Module, RefType, TableType, TypeSection, ValType,
};

/// What the file is called; componentize-py looks for this ending.
pub const FILE: &str = "_inferlet_settings.abi3.so";

/// What is set. Nobody from outside chooses the keys of an inferlet's dictionaries, so a secret that everybody knows does no harm.
const VARIABLES: [(&str, &str); 2] = [("PYTHONHASHSEED", "0"), ("PYTHONDONTWRITEBYTECODE", "1")];

/// The program.
const PROGRAM: &str = include_str!("first.py");
/// What it is called in tracebacks.
const FILENAME: &str = "<first.py>";
/// The module that it becomes.
const MODULE: &str = "_inferlet_first";
/// The module's function that makes an object immortal.
const FUNCTION: &str = "stay";
/// The package that Python imports first.
const PACKAGE: &str = "encodings";

/// Parts of the section that describes a library
/// (<https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md>).
const MEMORY_INFORMATION: u8 = 1;
const NEEDED: u8 = 2;
const LIBRARIES: [&str; 2] = ["libc.so", "libpython3.14.so"];

/// Functions of these libraries, each with its type: all but the last have a result. Their numbers are their places here.
const IMPORTED: [(&str, u32); 7] = [
    ("setenv", 3),
    ("PyImport_AppendInittab", 2),
    ("PyModuleDef_Init", 1),
    ("PyUnicode_FromString", 1),
    ("Py_CompileStringObject", 5),
    ("PyImport_ExecCodeModule", 2),
    ("_Py_SetImmortal", ONE_TO_NONE),
];
const SET_VARIABLE: u32 = 0;
const ADD_BUILT_IN: u32 = 1;
const DESCRIBE_MODULE: u32 = 2;
const TEXT: u32 = 3;
const COMPILE: u32 = 4;
const EXECUTE: u32 = 5;
const SET_IMMORTAL: u32 = 6;
/// Functions of the library itself, by their numbers.
const INITIALIZE: u32 = 7;
const MODULE_OF: u32 = 8;
const RUN_PROGRAM: u32 = 9;
const STAY: u32 = 10;

/// Globals that the linker gives.
const MEMORY_BASE: u32 = 0;
const TABLE_BASE: u32 = 1;

/// Python's names for what is used of it (<https://docs.python.org/3.14/c-api/module.html>).
const FILE_INPUT: i32 = 257;
const SLOT_EXECUTE: i32 = 2;
/// Fields of `PyModuleDef`, and its size.
const NAME_OF: i32 = 20;
const METHODS_OF: i32 = 32;
const SLOTS_OF: i32 = 36;
const DEFINITION_BYTES: usize = 56;
/// A `PyMethodDef` of four words for a function of one argument, and an empty one behind it.
const METHODS_BYTES: usize = 32;
const ONE_ARGUMENT: i32 = 8;
/// Two slots of two words each: what is executed, and the end.
const SLOTS_BYTES: usize = 16;

/// Where in the library's memory everything is.
struct Places {
    variables: Vec<(i32, i32)>,
    package: i32,
    module: i32,
    filename: i32,
    program: i32,
    function: i32,
    methods: i32,
    slots: i32,
    definition: i32,
}

/// The library.
pub fn library() -> Vec<u8> {
    let mut data = Vec::new();
    let places = Places {
        variables: VARIABLES
            .iter()
            .map(|(name, value)| (push_text(&mut data, name), push_text(&mut data, value)))
            .collect(),
        package: push_text(&mut data, PACKAGE),
        module: push_text(&mut data, MODULE),
        filename: push_text(&mut data, FILENAME),
        program: push_text(&mut data, PROGRAM),
        function: push_text(&mut data, FUNCTION),
        methods: push(&mut data, &[0; METHODS_BYTES]),
        slots: push(&mut data, &[0; SLOTS_BYTES]),
        definition: push(&mut data, &[0; DEFINITION_BYTES]),
    };
    let mut functions = FunctionSection::new();
    // None, to none; none, to one; one, to one; two, to one: the types of the four, by their numbers in `types`.
    for ty in [NOTHING, 0, 1, 2] {
        functions.function(ty);
    }
    let mut exports = ExportSection::new();
    exports.export("__wasm_call_ctors", ExportKind::Func, INITIALIZE);
    let mut elements = ElementSection::new();
    let table = ConstExpr::global_get(TABLE_BASE);
    elements.active(None, &table, Elements::Functions((&[MODULE_OF, RUN_PROGRAM, STAY][..]).into()));
    let mut code = CodeSection::new();
    code.function(&initialize(&places)).function(&module_of(&places)).function(&run_program(&places));
    code.function(&stay());
    let mut segments = DataSection::new();
    segments.active(0, &ConstExpr::global_get(MEMORY_BASE), data.iter().copied());
    let mut module = Module::new();
    module
        .section(&CustomSection { name: "dylink.0".into(), data: description(data.len()).into() })
        .section(&types())
        .section(&imports())
        .section(&functions)
        .section(&exports)
        .section(&elements)
        .section(&code)
        .section(&segments);
    module.finish()
}

/// The numbers of the types without a result: without a parameter, and with one.
const NOTHING: u32 = 6;
const ONE_TO_NONE: u32 = 7;

/// The type of a function with so many parameters and a result has their number.
fn types() -> TypeSection {
    let mut types = TypeSection::new();
    for parameters in 0..NOTHING {
        types.ty().function((0..parameters).map(|_| ValType::I32), [ValType::I32]);
    }
    types.ty().function([], []);
    types.ty().function([ValType::I32], []);
    types
}

fn imports() -> ImportSection {
    let memory =
        MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
    let base = GlobalType { val_type: ValType::I32, mutable: false, shared: false };
    let table = TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 0,
        maximum: None,
        shared: false,
    };
    let mut imports = ImportSection::new();
    imports
        .import("env", "memory", EntityType::Memory(memory))
        .import("env", "__memory_base", EntityType::Global(base))
        .import("env", "__table_base", EntityType::Global(base))
        .import("env", "__indirect_function_table", EntityType::Table(table));
    for (name, ty) in IMPORTED {
        imports.import("env", name, EntityType::Function(ty));
    }
    imports
}

/// Adds a text of C's, and says where it is.
fn push_text(data: &mut Vec<u8>, text: &str) -> i32 {
    push(data, &[text.as_bytes(), &[0]].concat())
}

/// Adds bytes at a multiple of a word's size, and says where they are.
fn push(data: &mut Vec<u8>, bytes: &[u8]) -> i32 {
    data.resize(data.len().next_multiple_of(4), 0);
    let at = i32::try_from(data.len()).unwrap_or_default();
    data.extend_from_slice(bytes);
    at
}

/// A function being written.
struct Body(Function);

impl Body {
    fn new() -> Body {
        Body(Function::new([]))
    }

    fn add(&mut self, instructions: &[Instruction<'_>]) -> &mut Self {
        for instruction in instructions {
            self.0.instruction(instruction);
        }
        self
    }

    fn number(&mut self, number: i32) -> &mut Self {
        self.add(&[Instruction::I32Const(number)])
    }

    fn address(&mut self, place: i32) -> &mut Self {
        self.add(&[Instruction::GlobalGet(MEMORY_BASE), Instruction::I32Const(place), Instruction::I32Add])
    }

    /// The number by which others call the one in this place of the library's part of the table.
    fn callable(&mut self, place: i32) -> &mut Self {
        self.add(&[Instruction::GlobalGet(TABLE_BASE), Instruction::I32Const(place), Instruction::I32Add])
    }

    fn call(&mut self, function: u32) -> &mut Self {
        self.add(&[Instruction::Call(function)])
    }

    fn drop(&mut self) -> &mut Self {
        self.add(&[Instruction::Drop])
    }

    fn store(&mut self) -> &mut Self {
        self.add(&[Instruction::I32Store(MemArg { offset: 0, align: 2, memory_index: 0 })])
    }

    fn end(mut self) -> Function {
        self.0.instruction(&Instruction::End);
        self.0
    }
}

/// Before Python starts: sets the variables, and adds a built-in module.
fn initialize(places: &Places) -> Function {
    let mut body = Body::new();
    for (name, value) in &places.variables {
        body.address(*name).address(*value).number(1).call(SET_VARIABLE).drop();
    }
    body.address(places.package).callable(0).call(ADD_BUILT_IN).drop();
    body.end()
}

/// When Python asks for the module: says what it is called, what function it has, and that it is executed by [`run_program`].
fn module_of(places: &Places) -> Function {
    let mut body = Body::new();
    body.address(places.slots).number(SLOT_EXECUTE).store();
    body.address(places.slots + 4).callable(1).store();
    body.address(places.methods).address(places.function).store();
    body.address(places.methods + 4).callable(2).store();
    body.address(places.methods + 8).number(ONE_ARGUMENT).store();
    body.address(places.definition + METHODS_OF).address(places.methods).store();
    body.address(places.definition + NAME_OF).address(places.package).store();
    body.address(places.definition + SLOTS_OF).address(places.slots).store();
    body.address(places.definition).call(DESCRIBE_MODULE);
    body.end()
}

/// Compiles and runs the program; 0 if that went well, as Python wants it.
fn run_program(places: &Places) -> Function {
    let mut body = Body::new();
    body.number(0).number(-1).address(places.module);
    body.address(places.program).address(places.filename).call(TEXT);
    body.number(FILE_INPUT).number(0).number(-1).call(COMPILE);
    body.call(EXECUTE).add(&[Instruction::Select]);
    body.end()
}

/// Makes the object immortal that it is called with, and returns it: who gets it owns a reference, of which an immortal object needs no count.
fn stay() -> Function {
    let mut body = Body::new();
    body.add(&[Instruction::LocalGet(1)]).call(SET_IMMORTAL).add(&[Instruction::LocalGet(1)]);
    body.end()
}

/// How much memory and table it needs, and which libraries.
fn description(memory_bytes: usize) -> Vec<u8> {
    let mut memory = Vec::new();
    // Of a multiple of four, and three functions in the table.
    for number in [memory_bytes, 2, 3, 0] {
        number_into(&mut memory, number);
    }
    let mut libraries = Vec::new();
    number_into(&mut libraries, LIBRARIES.len());
    for library in LIBRARIES {
        number_into(&mut libraries, library.len());
        libraries.extend_from_slice(library.as_bytes());
    }
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
        for part in ["dylink.0", "libc.so", "libpython3.14.so", "setenv", "PYTHONHASHSEED\u{0}", PROGRAM] {
            assert!(text.contains(part), "{part:?}");
        }
    }
}
