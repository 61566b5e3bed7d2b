//! What travels inside a component: custom sections at its outermost level.
//!
//! The manifest is in [`MANIFEST`], so that a `.wasm` alone is enough to run it; how the component was made is in [`PROVENANCE`]. Custom sections mean
//! nothing to a runtime (<https://webassembly.github.io/spec/core/binary/modules.html#custom-section>), and appending one keeps a component valid.

use std::borrow::Cow;
use std::ops::Range;

use wasm_encoder::{CustomSection, Encode};

use crate::error::{Error, Result};

/// The text of `Pie.toml`.
pub const MANIFEST: &str = "pie:manifest";

/// How the component was made, as JSON.
pub const PROVENANCE: &str = "pie:provenance";

/// The packages that it was made with, as the lock beside its manifest says.
pub const LOCK: &str = "pie:lock";

/// Magic number and version.
const HEADER_BYTES: usize = 8;

/// The id of custom sections.
const CUSTOM: u8 = 0;

/// The id of the exports of components.
const EXPORT: u8 = 11;

/// A section at the outermost level.
struct Found<'a> {
    /// Of the whole section, with its id and size.
    range: Range<usize>,
    /// Its name, if it is a custom section.
    name: Option<&'a str>,
    /// What follows the name.
    data: &'a [u8],
}

/// The manifest inside a component. A file that is cut off or no component at all has none: what is wrong with it is for
/// [`check`](super::check::check) to say.
///
/// # Errors
/// There is a manifest and it is not UTF-8.
pub fn embedded_manifest(wasm: &[u8]) -> Result<Option<String>> {
    let Some(data) = find(wasm, MANIFEST) else { return Ok(None) };
    let text = std::str::from_utf8(data).map_err(|error| {
        Error::usage("the manifest inside the component is not UTF-8 text").caused_by(error)
    })?;
    Ok(Some(text.to_owned()))
}

/// The content of the first custom section of this name.
pub fn find<'a>(wasm: &'a [u8], name: &str) -> Option<&'a [u8]> {
    sections(wasm).find(|section| section.name == Some(name)).map(|section| section.data)
}

/// The component with these custom sections, in place of any it had of these names.
pub fn embed(wasm: &[u8], entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = wasm.get(..HEADER_BYTES).unwrap_or(wasm).to_vec();
    let mut end = out.len();
    for section in sections(wasm) {
        let replaced = section.name.is_some_and(|name| entries.iter().any(|(other, _)| *other == name));
        if !replaced {
            out.extend_from_slice(&wasm[section.range.clone()]);
        }
        end = section.range.end;
    }
    // Nothing is left in a well-formed file.
    out.extend_from_slice(&wasm[end..]);
    for (name, data) in entries {
        let section = CustomSection { name: Cow::Borrowed(name), data: Cow::Borrowed(data) };
        out.push(CUSTOM);
        section.encode(&mut out);
    }
    out
}

/// The component with another name for one of its exports; `None` if it has none of that name. Types inside of a component do not know what they are exported as.
pub fn rename_export(wasm: &[u8], old: &str, new: &str) -> Option<Vec<u8>> {
    let (old, new) = (named(old), named(new));
    let mut out = wasm.get(..HEADER_BYTES)?.to_vec();
    let mut renamed = false;
    for section in sections(wasm) {
        let at = || section.data.windows(old.len()).position(|bytes| bytes == old);
        match (wasm[section.range.start] == EXPORT).then(at).flatten() {
            Some(at) => {
                let data = [&section.data[..at], &new, &section.data[at + old.len()..]].concat();
                out.push(EXPORT);
                data.encode(&mut out);
                renamed = true;
            }
            None => out.extend_from_slice(&wasm[section.range]),
        }
    }
    renamed.then_some(out)
}

/// A name as it is written: its length before it.
fn named(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    name.encode(&mut bytes);
    bytes
}

/// The sections up to the first that is cut off.
fn sections(wasm: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut at = HEADER_BYTES;
    let starts_well = wasm.starts_with(b"\0asm");
    std::iter::from_fn(move || {
        let section = starts_well.then(|| section_at(wasm, at)).flatten()?;
        at = section.range.end;
        Some(section)
    })
}

fn section_at(wasm: &[u8], start: usize) -> Option<Found<'_>> {
    let id = *wasm.get(start)?;
    let (size, body) = read_u32(wasm, start + 1)?;
    let end = body.checked_add(size)?;
    let content = wasm.get(body..end)?;
    let named = (id == CUSTOM).then(|| {
        let (length, text) = read_u32(content, 0)?;
        let name = content.get(text..text.checked_add(length)?)?;
        Some((std::str::from_utf8(name).ok()?, &content[text + length..]))
    });
    let (name, data) = match named.flatten() {
        Some((name, data)) => (Some(name), data),
        None => (None, content),
    };
    Some(Found { range: start..end, name, data })
}

/// An unsigned LEB128 of at most 32 bits, and where it ends.
fn read_u32(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut value = 0u32;
    for index in 0..5 {
        let byte = *bytes.get(start + index)?;
        let part = u32::from(byte & 0x7f);
        value |= part
            .checked_shl(7 * u32::try_from(index).ok()?)
            .filter(|shifted| shifted >> (7 * index) == part)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, start + index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wasm_encoder::Component;

    fn component() -> Vec<u8> {
        let mut component = Component::new();
        component.section(&CustomSection { name: "name".into(), data: Cow::Borrowed(b"x") });
        component.finish()
    }

    #[test]
    fn what_is_embedded_is_found_and_the_component_stays_valid() {
        let wasm = embed(&component(), &[(MANIFEST, b"[package]"), (PROVENANCE, b"{}")]);
        wasmparser::Validator::new().validate_all(&wasm).unwrap();
        assert_eq!(embedded_manifest(&wasm).unwrap().as_deref(), Some("[package]"));
        assert_eq!(find(&wasm, PROVENANCE), Some(&b"{}"[..]));
        assert_eq!(find(&wasm, "name"), Some(&b"x"[..]));
    }

    #[test]
    fn embedding_again_replaces() {
        let once = embed(&component(), &[(MANIFEST, b"one")]);
        let twice = embed(&once, &[(MANIFEST, b"two, longer")]);
        assert_eq!(embedded_manifest(&twice).unwrap().as_deref(), Some("two, longer"));
        assert_eq!(twice, embed(&component(), &[(MANIFEST, b"two, longer")]));
    }

    #[test]
    fn a_component_without_a_manifest_has_none() {
        assert_eq!(embedded_manifest(&component()).unwrap(), None);
        assert_eq!(embedded_manifest(b"").unwrap(), None);
        assert_eq!(embedded_manifest(b"#!/bin/sh\n").unwrap(), None);
    }

    #[test]
    fn a_manifest_that_is_no_text_is_an_error() {
        let wasm = embed(&component(), &[(MANIFEST, b"\xff\xfe")]);
        assert!(embedded_manifest(&wasm).unwrap_err().message.contains("not UTF-8"));
    }

    #[test]
    fn numbers_of_more_than_32_bits_are_refused() {
        assert_eq!(read_u32(&[0xff, 0xff, 0xff, 0xff, 0x0f], 0), Some((0xffff_ffff, 5)));
        assert_eq!(read_u32(&[0xff, 0xff, 0xff, 0xff, 0x1f], 0), None);
        assert_eq!(read_u32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 0), None);
        assert_eq!(read_u32(&[0x80], 0), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0usize..200) {
            let _ = embedded_manifest(&bytes);
            let mut with_header = b"\0asm\x0d\0\x01\0".to_vec();
            with_header.extend_from_slice(&bytes);
            let embedded = embed(&with_header, &[(MANIFEST, b"m")]);
            let _ = embedded_manifest(&embedded[..cut.min(embedded.len())]);
        }
    }
}
