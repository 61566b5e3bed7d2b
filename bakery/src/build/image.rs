//! The memory that a component begins with, read and written anew.

use std::collections::BTreeMap;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ConstExpr, DataSection, Encode, MemorySection, Section};
use wasmparser::{BinaryReader, DataKind, ExternalKind, MemorySectionReader, Operator, Parser, Payload};

/// Zeros between two segments of data, at least.
const GAP: usize = 64;

const PAGE: usize = 1 << 16;

const CORE_MODULE: u8 = 1;
const MEMORY_SECTION: u8 = 5;
const DATA_SECTION: u8 = 11;
const HEADER_BYTES: usize = 8;

/// What a component begins with.
pub struct Image {
    /// Its memory. Behind the last byte there are zeros; where it is made longer than the memory is, that grows by whole pages.
    pub bytes: Vec<u8>,
    /// How large the memory is, in bytes.
    pub size: usize,
    /// Where those globals lead that are exported and begin with a number.
    pub globals: BTreeMap<String, usize>,
}

/// The component with another image.
///
/// # Errors
/// It has not one memory with data at fixed places, or `change` says that its image is not what it can change.
pub fn rewrite(
    wasm: &[u8],
    change: impl FnOnce(&mut Image) -> Result<(), String>,
) -> Result<Vec<u8>, String> {
    let all = sections(wasm)?;
    let mut places = Vec::new();
    for (index, (id, content)) in all.iter().enumerate() {
        if *id == CORE_MODULE && has_memory_with_data(content)? {
            places.push(index);
        }
    }
    let &[place] = places.as_slice() else { return Err(format!("it has {} memories", places.len())) };
    let module = rewritten(all[place].1, change)?;
    let mut made = wasm[..HEADER_BYTES].to_vec();
    for (index, (id, content)) in all.into_iter().enumerate() {
        made.push(id);
        if index == place { module.as_slice() } else { content }.encode(&mut made);
    }
    Ok(made)
}

/// The sections of a component or module, by their ids.
fn sections(wasm: &[u8]) -> Result<Vec<(u8, &[u8])>, String> {
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
    read().map_err(text)
}

fn has_memory_with_data(module: &[u8]) -> Result<bool, String> {
    let sections = sections(module)?;
    let has = |wanted| sections.iter().any(|(id, _)| *id == wanted);
    Ok(has(MEMORY_SECTION) && has(DATA_SECTION))
}

fn rewritten(
    module: &[u8],
    change: impl FnOnce(&mut Image) -> Result<(), String>,
) -> Result<Vec<u8>, String> {
    let mut image = Image::of(module)?;
    change(&mut image)?;
    let mut made = module[..HEADER_BYTES].to_vec();
    for (id, content) in sections(module)? {
        match id {
            DATA_SECTION => data(&image.bytes).append_to(&mut made),
            MEMORY_SECTION => memory(content, image.bytes.len())?.append_to(&mut made),
            _ => {
                made.push(id);
                content.encode(&mut made);
            }
        }
    }
    Ok(made)
}

impl Image {
    fn of(module: &[u8]) -> Result<Image, String> {
        let mut values = Vec::new();
        let mut image = Image { bytes: Vec::new(), size: 0, globals: BTreeMap::new() };
        for payload in Parser::new(0).parse_all(module) {
            image.take(payload.map_err(text)?, &mut values)?;
        }
        if image.bytes.len() > image.size {
            return Err("there is data behind the end of its memory".to_owned());
        }
        Ok(image)
    }

    fn take(&mut self, payload: Payload<'_>, values: &mut Vec<Option<usize>>) -> Result<(), String> {
        match payload {
            Payload::MemorySection(section) => {
                for memory in section {
                    let pages = usize::try_from(memory.map_err(text)?.initial).unwrap_or(usize::MAX);
                    self.size = pages.saturating_mul(PAGE);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    values.push(number(&global.map_err(text)?.init_expr).map_err(text)?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.map_err(text)?;
                    let value = values.get(export.index as usize).copied().flatten();
                    if let (ExternalKind::Global, Some(value)) = (export.kind, value) {
                        self.globals.insert(export.name.to_owned(), value);
                    }
                }
            }
            Payload::DataSection(section) => {
                for segment in section {
                    let segment = segment.map_err(text)?;
                    let start = match segment.kind {
                        DataKind::Active { memory_index: 0, offset_expr } => {
                            number(&offset_expr).map_err(text)?
                        }
                        _ => None,
                    };
                    let start = start.ok_or("its memory has another form")?;
                    let end = start + segment.data.len();
                    self.bytes.resize(self.bytes.len().max(end), 0);
                    self.bytes[start..end].copy_from_slice(segment.data);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn text(error: wasmparser::BinaryReaderError) -> String {
    error.to_string()
}

/// The value of an expression that is a number.
fn number(expression: &wasmparser::ConstExpr<'_>) -> wasmparser::Result<Option<usize>> {
    match expression.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(Some(value.cast_unsigned() as usize)),
        _ => Ok(None),
    }
}

/// A memory that has at least so many bytes.
fn memory(content: &[u8], bytes: usize) -> Result<MemorySection, String> {
    let mut section = MemorySection::new();
    for memory in MemorySectionReader::new(BinaryReader::new(content, 0)).map_err(text)? {
        let memory = RoundtripReencoder.memory_type(memory.map_err(text)?);
        let mut memory = memory.map_err(|error| error.to_string())?;
        memory.minimum = memory.minimum.max(bytes.div_ceil(PAGE) as u64);
        section.memory(memory);
    }
    Ok(section)
}

/// Data of which such a memory comes, in segments that follow from it.
pub fn data(memory: &[u8]) -> DataSection {
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
