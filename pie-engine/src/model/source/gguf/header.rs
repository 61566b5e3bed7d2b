//! The header of a GGUF file: settings and where the tensors are.
//!
//! The format is ggml's (`docs/gguf.md` there). candle has a reader of it, which is not used: it panics on an alignment of 0, makes 32 bytes of each
//! byte of a list, knows neither names nor places in its errors, and takes the last of two keys or tensors of one name. Here a
//! value is a slice of the file until somebody wants it, and everything is looked for inside of the file's bytes, so that a hostile count ends at its end.

use super::super::SourceError;
use super::super::weights;
use candle_core::quantized::GgmlDType;
use std::collections::BTreeMap;

const MAGIC: &[u8] = b"GGUF";
/// The versions that are read; the first had shorter counts, and was gone after some weeks.
const VERSIONS: [u32; 2] = [2, 3];
const DEFAULT_ALIGNMENT: u64 = 32;
/// The largest alignment in bytes that makes sense.
const MOST_ALIGNMENT: u64 = 1 << 16;
/// The most settings and tensors that are read; published files have some dozens and some thousands.
const MOST_SETTINGS: u64 = 1 << 14;
const MOST_TENSORS: u64 = 1 << 17;
/// ggml's tensors have no more dimensions.
const MOST_DIMENSIONS: u32 = 4;
/// How deep lists may be in lists. No known setting is deeper than one.
const MOST_DEPTH: u32 = 4;

/// What stands before the numbers.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) settings: BTreeMap<&'a str, Value<'a>>,
    pub(super) tensors: Vec<Info<'a>>,
}

/// Where a tensor is.
#[derive(Debug)]
pub(super) struct Info<'a> {
    pub(super) name: &'a str,
    /// Row-major: the other way round than in the file.
    pub(super) shape: Vec<usize>,
    pub(super) kind: GgmlDType,
    /// The first and one past the last byte, in the file.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The value of a setting.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(&'a [u8]),
    List(List<'a>),
}

/// A list that nobody has read yet. Its bytes have been walked over, so reading cannot fail.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    kind: u32,
    pub(super) count: u64,
    bytes: &'a [u8],
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Value::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub(super) fn count(self) -> Option<u64> {
        match self {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(number),
            Value::Unsigned(number) => Some(number as f64),
            Value::Signed(number) => Some(number as f64),
            _ => None,
        }
    }

    pub(super) fn flag(self) -> Option<bool> {
        if let Value::Flag(flag) = self { Some(flag) } else { None }
    }

    pub(super) fn list(self) -> Option<List<'a>> {
        if let Value::List(list) = self { Some(list) } else { None }
    }
}

impl<'a> List<'a> {
    /// The values, in order.
    pub(super) fn values(self) -> impl Iterator<Item = Value<'a>> {
        let mut cursor = Cursor { file: "", bytes: self.bytes, at: 0 };
        (0..self.count).map_while(move |_| cursor.value(self.kind, 1).ok())
    }
}

/// Reads the header of a file with these bytes.
pub(super) fn read<'a>(bytes: &'a [u8], file: &'a str) -> Result<Header<'a>, SourceError> {
    let mut cursor = Cursor { file, bytes, at: 0 };
    if cursor.take(MAGIC.len() as u64, "the first word")? != MAGIC {
        return Err(SourceError::malformed(file, "it does not begin with `GGUF`"));
    }
    let version = cursor.u32("the version")?;
    if !VERSIONS.contains(&version) {
        let note = if VERSIONS.contains(&version.swap_bytes()) {
            ", with the bytes of numbers turned round"
        } else {
            ""
        };
        let shown = if note.is_empty() { version } else { version.swap_bytes() };
        let reason = format!("it is GGUF of version {shown}{note}; read are {VERSIONS:?}");
        return Err(SourceError::malformed(file, reason));
    }
    let tensors = cursor.count("the number of tensors", MOST_TENSORS)?;
    let count = cursor.count("the number of settings", MOST_SETTINGS)?;
    let mut settings = BTreeMap::new();
    for _ in 0..count {
        let key = cursor.name("the name of a setting")?;
        let kind = cursor.u32("the type of a setting")?;
        let value = cursor.value(kind, 0)?;
        if settings.insert(key, value).is_some() {
            return Err(SourceError::malformed(file, format!("the setting `{key}` is there twice")));
        }
    }
    let alignment = match settings.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(value) => value
            .count()
            .filter(|alignment| *alignment > 0 && alignment.is_multiple_of(8) && *alignment <= MOST_ALIGNMENT)
            .ok_or_else(|| {
                SourceError::setting(file, "general.alignment", "is no multiple of 8 that makes sense")
            })?,
    };
    let mut infos = Vec::new();
    for _ in 0..tensors {
        infos.push(cursor.info(alignment)?);
    }
    let start = (cursor.at as u64).div_ceil(alignment) * alignment;
    let mut header = Header { settings, tensors: Vec::with_capacity(infos.len()) };
    for (name, shape, kind, offset) in infos {
        header.tensors.push(placed(file, bytes.len(), start, name, shape, kind, offset)?);
    }
    header.tensors.sort_by_key(|info| info.name);
    match header.tensors.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(SourceError::malformed(file, format!("tensor `{}` is there twice", pair[0].name))),
        None => Ok(header),
    }
}

/// A tensor whose bytes are in the file.
fn placed<'a>(
    file: &str,
    length: usize,
    start: u64,
    name: &'a str,
    shape: Vec<usize>,
    kind: u32,
    offset: u64,
) -> Result<Info<'a>, SourceError> {
    let known = self::kind(kind).map_err(|kind| SourceError::Kind {
        file: file.to_owned(),
        name: name.to_owned(),
        kind,
    })?;
    let size = weights::size(known, &shape).ok_or_else(|| {
        SourceError::malformed(
            file,
            format!("tensor `{name}` of the type {known:?} cannot have the shape {shape:?}"),
        )
    })?;
    let start = start.saturating_add(offset);
    let end = start.saturating_add(size as u64);
    if end > length as u64 {
        let what = format!("tensor `{name}`");
        return Err(SourceError::Truncated { file: file.to_owned(), what, end, length: length as u64 });
    }
    // Both are at most the length of the file, which is in memory.
    Ok(Info { name, shape, kind: known, start: start as usize, end: end as usize })
}

/// The type of this number in ggml, or its name if it is not read.
fn kind(number: u32) -> Result<GgmlDType, String> {
    Ok(match number {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        other => {
            let names = [
                (9, "Q8_1"),
                (15, "Q8_K"),
                (16, "IQ2_XXS"),
                (17, "IQ2_XS"),
                (18, "IQ3_XXS"),
                (19, "IQ1_S"),
                (20, "IQ4_NL"),
                (21, "IQ3_S"),
                (22, "IQ2_S"),
                (23, "IQ4_XS"),
                (28, "F64"),
                (29, "IQ1_M"),
                (34, "TQ1_0"),
                (35, "TQ2_0"),
                (39, "MXFP4"),
            ];
            let name = names.iter().find(|(number, _)| *number == other);
            return Err(name.map_or_else(|| format!("number {other}"), |(_, name)| (*name).to_owned()));
        }
    })
}

/// A place in the file.
struct Cursor<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u64, what: &str) -> Result<&'a [u8], SourceError> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(length).ok().and_then(|length| rest.get(..length)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(SourceError::Truncated {
                file: self.file.to_owned(),
                what: what.to_owned(),
                end: (self.at as u64).saturating_add(length),
                length: self.bytes.len() as u64,
            }),
        }
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], SourceError> {
        let bytes = self.take(N as u64, what)?;
        Ok(bytes.try_into().unwrap_or([0; N]))
    }

    fn u32(&mut self, what: &str) -> Result<u32, SourceError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &str) -> Result<u64, SourceError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn count(&mut self, what: &str, most: u64) -> Result<u64, SourceError> {
        let count = self.u64(what)?;
        if count > most {
            return Err(SourceError::malformed(
                self.file,
                format!("{what} is {count}, and {most} are read at most"),
            ));
        }
        Ok(count)
    }

    fn string(&mut self, what: &str) -> Result<&'a [u8], SourceError> {
        let length = self.u64(what)?;
        self.take(length, what)
    }

    fn name(&mut self, what: &str) -> Result<&'a str, SourceError> {
        let at = self.at;
        std::str::from_utf8(self.string(what)?)
            .map_err(|_| SourceError::malformed(self.file, format!("{what} at byte {at} is no UTF-8")))
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<Value<'a>, SourceError> {
        const WHAT: &str = "a setting";
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array(WHAT)?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array(WHAT)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array(WHAT)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array(WHAT)?).into()),
            4 => Value::Unsigned(self.u32(WHAT)?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array(WHAT)?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array(WHAT)?).into()),
            7 => Value::Flag(self.array::<1>(WHAT)? != [0]),
            8 => Value::Text(self.string(WHAT)?),
            9 => self.list(depth)?,
            10 => Value::Unsigned(self.u64(WHAT)?),
            11 => Value::Signed(i64::from_le_bytes(self.array(WHAT)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(WHAT)?)),
            other => {
                let reason = format!("at byte {} is a setting of the unknown type {other}", self.at);
                return Err(SourceError::malformed(self.file, reason));
            }
        })
    }

    fn list(&mut self, depth: u32) -> Result<Value<'a>, SourceError> {
        if depth >= MOST_DEPTH {
            return Err(SourceError::malformed(
                self.file,
                format!("lists are nested more than {MOST_DEPTH} deep"),
            ));
        }
        let kind = self.u32("the type of a list")?;
        let count = self.u64("the length of a list")?;
        let start = self.at;
        let fixed: Option<u64> = match kind {
            0 | 1 | 7 => Some(1),
            2 | 3 => Some(2),
            4..=6 => Some(4),
            10..=12 => Some(8),
            _ => None,
        };
        match fixed {
            Some(size) => drop(self.take(count.saturating_mul(size), "a list")?),
            // Each value takes at least a byte, so this ends with the file at the latest.
            None => {
                for _ in 0..count {
                    self.value(kind, depth + 1)?;
                }
            }
        }
        Ok(Value::List(List { kind, count, bytes: &self.bytes[start..self.at] }))
    }

    fn info(&mut self, alignment: u64) -> Result<(&'a str, Vec<usize>, u32, u64), SourceError> {
        let name = self.name("the name of a tensor")?;
        let dimensions = self.u32("the dimensions of a tensor")?;
        if dimensions > MOST_DIMENSIONS {
            let reason =
                format!("tensor `{name}` has {dimensions} dimensions, and {MOST_DIMENSIONS} are the most");
            return Err(SourceError::malformed(self.file, reason));
        }
        let mut shape = Vec::new();
        for _ in 0..dimensions {
            let length = self.u64("the shape of a tensor")?;
            let length = usize::try_from(length).map_err(|_| {
                SourceError::malformed(self.file, format!("tensor `{name}` would be {length} numbers long"))
            })?;
            if length == 0 {
                return Err(SourceError::malformed(self.file, format!("tensor `{name}` has no numbers")));
            }
            shape.push(length);
        }
        shape.reverse();
        let kind = self.u32("the type of a tensor")?;
        let offset = self.u64("the place of a tensor")?;
        if !offset.is_multiple_of(alignment) {
            let reason = format!("tensor `{name}` is at {offset}, which is no multiple of {alignment}");
            return Err(SourceError::malformed(self.file, reason));
        }
        Ok((name, shape, kind, offset))
    }
}
