//! Takes out of the Python runtime what is of the moment and the machine that it was made on: then it is the same bytes wherever and whenever it is made.
//!
//! `first.py` sees to it that no such thing comes into Python's own memory. Before it, the C library and an allocator have drawn numbers and looked at the
//! clock. These are in places that the libraries have fixed, which are set to zero. The data of a memory is then written anew, because where its
//! segments begin and end depends on what was in them.

use std::collections::BTreeMap;

use wasm_encoder::{ConstExpr, DataSection, Encode, Section};
use wasmparser::{BinaryReader, DataKind, ExternalKind, Operator, Parser, Payload};

use crate::error::{Error, Result};

/// A place in memory, behind what a global of the component leads to.
struct Place {
    global: &'static str,
    offset: usize,
    bytes: usize,
}

/// The offset of the secrets of mimalloc, an allocator that Python has with it and does not use: a cookie and two keys, and a generator of random numbers.
const MIMALLOC: usize = 0x27_62dc;

/// What that generator's state begins with, 12 bytes behind: so the offsets are known to be those of this library.
const GENERATOR: &[u8; 16] = b"expand 32-byte k";

const PYTHON: &str = "libpython3.14.so:memory_base";

const PLACES: [Place; 5] = [
    // Functions of the C library note it in their frames and compare it when they end. Any value will do.
    Place { global: "libc.so:__stack_chk_guard", offset: 0, bytes: 4 },
    // The moment from which `clock` counts: the clock of a run begins at zero.
    Place { global: "libwasi-emulated-process-clocks.so:memory_base", offset: 8, bytes: 12 },
    Place { global: PYTHON, offset: MIMALLOC, bytes: 12 },
    // Its key and counter, and the numbers that it has made in advance.
    Place { global: PYTHON, offset: MIMALLOC + 12 + GENERATOR.len(), bytes: 112 },
    // The moment at which mimalloc was made ready, which only its own statistics use.
    Place { global: PYTHON, offset: 0x2f_98f8, bytes: 8 },
];

/// Zeros between two segments of data, at least.
const GAP: usize = 64;

const CORE_MODULE: u8 = 1;
const MEMORY_SECTION: u8 = 5;
const DATA_SECTION: u8 = 11;
const HEADER_BYTES: usize = 8;

/// The runtime without these.
///
/// # Errors
/// It is not the one that the places are known of.
pub fn still(wasm: &[u8]) -> Result<Vec<u8>> {
    let mut made = wasm.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    let mut memories = 0;
    for (id, content) in sections(wasm)? {
        made.push(id);
        if id == CORE_MODULE && has_memory_with_data(content)? {
            memories += 1;
            still_module(content)?.encode(&mut made);
        } else {
            content.encode(&mut made);
        }
    }
    if memories == 1 { Ok(made) } else { Err(unexpected(format!("it has {memories} memories"))) }
}

fn unexpected(cause: impl ToString) -> Error {
    Error::bug("the Python runtime is not laid out as expected").caused_by(cause.to_string())
}

/// The sections of a component or module, by their ids.
fn sections(wasm: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let read = || {
        let mut reader = BinaryReader::new(wasm.get(HEADER_BYTES..).unwrap_or_default(), 0);
        let mut sections = Vec::new();
        while !reader.eof() {
            let id = reader.read_u8()?;
            let bytes = reader.read_var_u32()?;
            sections.push((id, reader.read_bytes(bytes as usize)?));
        }
        Ok(sections)
    };
    read().map_err(|error: wasmparser::BinaryReaderError| unexpected(error))
}

fn has_memory_with_data(module: &[u8]) -> Result<bool> {
    let sections = sections(module)?;
    let has = |wanted| sections.iter().any(|(id, _)| *id == wanted);
    Ok(has(MEMORY_SECTION) && has(DATA_SECTION))
}

fn still_module(module: &[u8]) -> Result<Vec<u8>> {
    let read = Read::of(module).map_err(unexpected)?;
    let Read { mut memory, globals } = read.ok_or_else(|| unexpected("its memory has another form"))?;
    let python = globals.get(PYTHON).copied().unwrap_or_default();
    let generator = python + MIMALLOC + 12;
    if memory.get(generator..generator + GENERATOR.len()) != Some(GENERATOR) {
        return Err(unexpected("there is no generator where it should be"));
    }
    for Place { global, offset, bytes } in PLACES {
        let base = globals.get(global).ok_or_else(|| unexpected(format!("there is no `{global}`")))?;
        // Behind the data there are zeros.
        let place = [base + offset, base + offset + bytes].map(|at| at.min(memory.len()));
        memory[place[0]..place[1]].fill(0);
    }
    let mut made = module[..HEADER_BYTES].to_vec();
    for (id, content) in sections(module)? {
        if id == DATA_SECTION {
            data(&memory).append_to(&mut made);
        } else {
            made.push(id);
            content.encode(&mut made);
        }
    }
    Ok(made)
}

/// What a module says of its memory.
struct Read {
    memory: Vec<u8>,
    /// Where those globals lead that are exported and begin with a number.
    globals: BTreeMap<String, usize>,
}

impl Read {
    /// `None` if there is data whose place is not a number.
    fn of(module: &[u8]) -> wasmparser::Result<Option<Read>> {
        let (mut values, mut globals, mut memory) = (Vec::new(), BTreeMap::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::GlobalSection(section) => {
                    for global in section {
                        values.push(number(&global?.init_expr)?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        let value = values.get(export.index as usize).copied().flatten();
                        if let (ExternalKind::Global, Some(value)) = (export.kind, value) {
                            globals.insert(export.name.to_owned(), value);
                        }
                    }
                }
                Payload::DataSection(section) => {
                    for segment in section {
                        let segment = segment?;
                        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                            return Ok(None);
                        };
                        let Some(start) = number(&offset_expr)? else { return Ok(None) };
                        let end = start + segment.data.len();
                        memory.resize(memory.len().max(end), 0);
                        memory[start..end].copy_from_slice(segment.data);
                    }
                }
                _ => {}
            }
        }
        Ok(Some(Read { memory, globals }))
    }
}

/// The value of an expression that is a number.
fn number(expression: &wasmparser::ConstExpr<'_>) -> wasmparser::Result<Option<usize>> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(Some(value.cast_unsigned() as usize)),
        _ => Ok(None),
    }
}

/// Data of which such a memory comes, in segments that follow from it.
fn data(memory: &[u8]) -> DataSection {
    let mut section = DataSection::new();
    let mut at = 0;
    while let Some(start) = memory[at..].iter().position(|byte| *byte != 0) {
        let start = at + start;
        let mut end = start + 1;
        while let Some(next) = memory[end..].iter().take(GAP).position(|byte| *byte != 0) {
            end += next + 1;
        }
        let offset = i32::try_from(start).unwrap_or_default();
        section.active(0, &ConstExpr::i32_const(offset), memory[start..end].iter().copied());
        at = end;
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runtime with nothing but what is looked for, and numbers of this machine in these places.
    fn runtime(drawn: u8, generator: &str) -> Vec<u8> {
        let mut memory = vec![0u8; 0x30_0000];
        memory[0x100..0x120].fill(7);
        for Place { global, offset, bytes } in PLACES {
            let base = if global == PYTHON { 0x1000 } else { 0x10 };
            memory[base + offset..base + offset + bytes].fill(drawn);
        }
        let at = 0x1000 + MIMALLOC + 12;
        memory[at..at + generator.len()].copy_from_slice(generator.as_bytes());
        // As a tool writes it that keeps what is not zero.
        let segments = data(&memory);
        let text = format!(
            "(module (memory 64) (global (export \"{PYTHON}\") i32 (i32.const 0x1000))
                (global (export \"libc.so:__stack_chk_guard\") i32 (i32.const 0x10))
                (global (export \"libwasi-emulated-process-clocks.so:memory_base\") i32 (i32.const 0x10)))"
        );
        let mut module = wat::parse_str(text).unwrap();
        segments.append_to(&mut module);
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::RawSection { id: CORE_MODULE, data: &module });
        component.finish()
    }

    #[test]
    fn what_was_drawn_is_zero_and_everything_else_is_as_it_was() {
        let known = std::str::from_utf8(GENERATOR).unwrap();
        let (one, other) = (runtime(1, known), runtime(0xee, known));
        let made = still(&one).unwrap();
        assert_ne!(one, other);
        assert_eq!(made, still(&other).unwrap());
        assert_eq!(made, still(&runtime(0, known)).unwrap());
        wasmparser::Validator::new().validate_all(&made).unwrap();
        let (_, module) = sections(&made).unwrap()[0];
        let memory = Read::of(module).unwrap().unwrap().memory;
        assert_eq!(memory[0x100..0x120], [7; 0x20]);
        assert_eq!(&memory[0x1000 + MIMALLOC + 12..][..16], GENERATOR);
        assert!(memory[0x10..0x30].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn another_runtime_is_refused() {
        assert!(still(&runtime(1, "another 16 bytes")).is_err());
        assert!(still(b"\0asm\x0d\0\x01\0").is_err());
        assert!(still(&runtime(1, "x")[..200]).is_err());
    }
}
