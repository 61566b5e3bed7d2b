//! Where a program in Python was when its instance was cut off, read from the instance's memory: a trap names functions of the interpreter, which
//! help nobody.
//!
//! CPython describes itself to debuggers (`_Py_DebugOffsets`, <https://docs.python.org/3.14/howto/remote_debugging.html>): behind a mark in its memory are the
//! offsets of the fields that lead from the runtime to the frames that run. Nothing here trusts what it reads: a memory that is not as
//! expected has no place. For programs in JavaScript see `marks.rs`.

use super::marks;
use std::fmt;
use wasm_encoder::{CodeSection, ExportKind, ExportSection, Function, FunctionSection, TypeSection};
use wasmtime::{AsContext, Module, Store, WasmCoreDump};

/// The mark.
const COOKIE: &[u8; 8] = b"xdebugpy";
/// The version whose description this is: 3.14, of 32 bits.
const VERSION: u64 = 0x030e;
/// The mark is in the data that the interpreter begins with, which is in front of all that it allocates.
const SEARCHED_BYTES: usize = 16 << 20;
/// Frames that are looked through for one of the program's own.
const MAX_FRAMES: usize = 5000;
/// The longest file name and name of a function.
const MAX_NAME: usize = 500;
/// The function that traps, and the fuel to reach its trap.
const TRAP: &str = "trap";
const TRAP_FUEL: u64 = 1000;
/// Bytes of an instruction.
const CODE_UNIT: u32 = 2;

/// Numbers of the fields in the description, counted behind the mark.
mod field {
    pub const VERSION: usize = 0;
    pub const INTERPRETERS: usize = 4;
    pub const THREADS: usize = 8;
    pub const CURRENT_FRAME: usize = 25;
    pub const PREVIOUS: usize = 31;
    pub const EXECUTABLE: usize = 32;
    pub const INSTRUCTION: usize = 33;
    pub const FILENAME: usize = 39;
    pub const NAME: usize = 40;
    pub const LINE_TABLE: usize = 42;
    pub const FIRST_LINE: usize = 43;
    pub const CODE: usize = 47;
    pub const BYTES_SIZE: usize = 74;
    pub const BYTES_CONTENT: usize = 75;
    pub const TEXT_STATE: usize = 77;
    pub const TEXT_LENGTH: usize = 78;
    pub const TEXT_CONTENT: usize = 79;
}

/// A line of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    file: String,
    line: u32,
    /// If it is known.
    function: Option<String>,
}

impl Place {
    /// A line of which no more is known.
    pub(super) fn of_line(file: String, line: u32) -> Place {
        Place { file, line, function: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, function } = self;
        write!(f, "`{file}`, line {line}")?;
        function.iter().try_for_each(|function| write!(f, ", in `{function}`"))
    }
}

/// Where the program of an instance was that ended with this error.
pub fn place(error: &wasmtime::Error, store: impl AsContext) -> Option<Place> {
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    let place = |memory: &[u8]| place_in(memory).or_else(|| marks::place_in(memory));
    dump.memories().iter().find_map(|memory| place(memory.data(&store)))
}

/// Where the program of an instance is that waits, and so is in no code that could trap. A trap brings the way to all memories of its store along, so one is made
/// there, in a module of our own.
pub async fn place_at_rest<T: Send + 'static>(store: &mut Store<T>) -> Option<Place> {
    store.set_fuel(TRAP_FUEL).ok()?;
    let module = Module::new(store.engine(), trap()).ok()?;
    let instance = wasmtime::Instance::new_async(&mut *store, &module, &[]).await.ok()?;
    let trap = instance.get_typed_func::<(), ()>(&mut *store, TRAP).ok()?;
    let error = trap.call_async(&mut *store, ()).await.err()?;
    place(&error, &*store)
}

/// A module with a function that traps.
fn trap() -> Vec<u8> {
    let (mut types, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    types.ty().function([], []);
    functions.function(0);
    exports.export(TRAP, ExportKind::Func, 0);
    let mut body = Function::new([]);
    body.instructions().unreachable().end();
    code.function(&body);
    let mut module = wasm_encoder::Module::new();
    module.section(&types).section(&functions).section(&exports).section(&code);
    module.finish()
}

fn place_in(memory: &[u8]) -> Option<Place> {
    let searched = &memory[..memory.len().min(SEARCHED_BYTES)];
    let marks = searched.chunks_exact(COOKIE.len()).zip(0u32..).filter(|(bytes, _)| bytes == COOKIE);
    marks.into_iter().find_map(|(_, index)| Interpreter { memory, runtime: index * 8 }.place())
}

/// An interpreter in a memory.
struct Interpreter<'a> {
    memory: &'a [u8],
    /// Where its runtime begins, with the description.
    runtime: u32,
}

impl Interpreter<'_> {
    fn place(&self) -> Option<Place> {
        if self.described(field::VERSION)? >> 16 != VERSION {
            return None;
        }
        let interpreter = self.pointer(self.runtime, field::INTERPRETERS)?;
        let thread = self.pointer(interpreter, field::THREADS)?;
        let mut frame = self.pointer(thread, field::CURRENT_FRAME)?;
        for _ in 0..MAX_FRAMES {
            if let Some(place) = self.frame(frame) {
                return Some(place);
            }
            frame = self.pointer(frame, field::PREVIOUS)?;
        }
        None
    }

    /// The place of a frame, if it is one of the program's own: files of Python and of the SDK have absolute names, or none.
    fn frame(&self, frame: u32) -> Option<Place> {
        // The lowest bits say how the reference is counted.
        let code = self.pointer(frame, field::EXECUTABLE)? & !3;
        let file = self.text(self.pointer(code, field::FILENAME)?)?;
        if file.starts_with(['/', '<']) {
            return None;
        }
        let function = self.text(self.pointer(code, field::NAME)?)?;
        let start = code.checked_add(self.offset(field::CODE)?)?;
        let unit = self.pointer(frame, field::INSTRUCTION)?.checked_sub(start)? / CODE_UNIT;
        let table = self.bytes(self.pointer(code, field::LINE_TABLE)?)?;
        let line = line(table, unit, self.pointer(code, field::FIRST_LINE)?)?;
        Some(Place { file, line, function: Some(function) })
    }

    /// A number of the description.
    fn described(&self, field: usize) -> Option<u64> {
        let at = self.runtime as usize + COOKIE.len() + field * 8;
        Some(u64::from_le_bytes(self.memory.get(at..at + 8)?.try_into().ok()?))
    }

    fn offset(&self, field: usize) -> Option<u32> {
        self.described(field)?.try_into().ok()
    }

    fn word(&self, at: u32) -> Option<u32> {
        let at = at as usize;
        Some(u32::from_le_bytes(self.memory.get(at..at.checked_add(4)?)?.try_into().ok()?))
    }

    /// What a field of an object holds; `None` for a null pointer.
    fn pointer(&self, object: u32, field: usize) -> Option<u32> {
        self.word(object.checked_add(self.offset(field)?)?).filter(|pointer| *pointer != 0)
    }

    /// A text of ASCII; others have their bytes elsewhere, and names of files and functions are hardly ever such.
    fn text(&self, object: u32) -> Option<String> {
        let length = self.word(object.checked_add(self.offset(field::TEXT_LENGTH)?)?)? as usize;
        // Bits 5 and 6: it is compact, and ASCII.
        let state = self.word(object.checked_add(self.offset(field::TEXT_STATE)?)?)?;
        let start = object.checked_add(self.offset(field::TEXT_CONTENT)?)? as usize;
        let bytes = self.memory.get(start..start.checked_add(length.min(MAX_NAME))?)?;
        let is_ascii = state & 0b110_0000 == 0b110_0000 && bytes.is_ascii();
        is_ascii.then(|| String::from_utf8_lossy(bytes).into_owned())
    }

    fn bytes(&self, object: u32) -> Option<&[u8]> {
        let length = self.word(object.checked_add(self.offset(field::BYTES_SIZE)?)?)? as usize;
        let start = object.checked_add(self.offset(field::BYTES_CONTENT)?)? as usize;
        self.memory.get(start..start.checked_add(length)?)
    }
}

/// The line of an instruction, from the table of a code object (<https://github.com/python/cpython/blob/3.14/InternalDocs/code_objects.md>).
fn line(table: &[u8], unit: u32, first_line: u32) -> Option<u32> {
    let (mut line, mut at) = (i64::from(first_line), 0u32);
    let mut bytes = table.iter().copied().peekable();
    while let Some(first) = bytes.next() {
        let delta = match (first >> 3) & 15 {
            15 => 0,
            14 | 13 => signed(&mut bytes)?,
            code @ 10..=12 => i64::from(code) - 10,
            _ => 0,
        };
        // What follows says where in the line it is; only the first byte of an entry has its highest bit set.
        while bytes.next_if(|byte| byte & 0x80 == 0).is_some() {}
        line += delta;
        at += u32::from(first & 7) + 1;
        if unit < at {
            return u32::try_from(line).ok();
        }
    }
    None
}

/// A number of six bits a byte, the lowest first, with its sign in the lowest bit.
fn signed(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let (mut value, mut shift) = (0i64, 0);
    loop {
        let byte = bytes.next()?;
        value |= i64::from(byte & 63).checked_shl(shift)?;
        shift += 6;
        if byte & 64 == 0 {
            break;
        }
        if shift > 40 {
            return None;
        }
    }
    Some(if value & 1 == 1 { -(value >> 1) } else { value >> 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_in_the_table_of_a_function() {
        // As Python writes it for `def f():`, `x = 1`, `while True:`, `x += 1`, beginning in line 7.
        let table = [
            0x80, 0x00, 0xd8, 0x08, 0x09, 0x80, 0x41, 0xd8, 0x0a, 0x0e, 0xd8, 0x08, 0x09, 0x88, 0x51, 0x89,
            0x06, 0x88, 0x01, 0xf1, 0x03, 0x00, 0x0b, 0x0f,
        ];
        let lines: Vec<_> = (0..11).map(|unit| line(&table, unit, 7).unwrap()).collect();
        assert_eq!(lines, [7, 8, 8, 9, 10, 10, 10, 10, 10, 9, 9]);
        assert_eq!(line(&table, 11, 7), None, "the function has no more instructions");
        assert_eq!(line(&[0x80, 0, 0xe9, 0x49], 1, 7), None, "a number that is cut off");
        assert_eq!(line(&[], 0, 7), None);
    }

    #[test]
    fn a_memory_that_only_looks_like_one_of_python_has_no_place() {
        assert_eq!(place_in(b""), None);
        let mut memory = vec![0xff; 4096];
        memory[64..72].copy_from_slice(COOKIE);
        assert_eq!(place_in(&memory), None);
        memory[72..80].copy_from_slice(&0x030e_00f0u64.to_le_bytes());
        assert_eq!(place_in(&memory), None, "all offsets are beyond the memory");
        memory[80..].fill(0);
        assert_eq!(place_in(&memory), None, "there is no interpreter");
    }
}
