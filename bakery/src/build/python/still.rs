//! Takes out of the Python runtime what is of the moment and the machine that it was made on: then it is the same bytes wherever and whenever it is made.
//!
//! `first.py` sees to it that no such thing comes into Python's own memory. Before it, the C library and an allocator have drawn numbers and looked at the
//! clock. These are in places that the libraries have fixed, which are set to zero. The data of a memory is then written anew, because where its
//! segments begin and end depends on what was in them.

use crate::build::image::{self, Image};
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

/// The runtime without these.
///
/// # Errors
/// It is not the one that the places are known of.
pub fn still(wasm: &[u8]) -> Result<Vec<u8>> {
    image::rewrite(wasm, cleared)
        .map_err(|cause| Error::bug("the Python runtime is not laid out as expected").caused_by(cause))
}

fn cleared(image: &mut Image) -> std::result::Result<(), String> {
    let Image { bytes: memory, globals, .. } = image;
    let python = globals.get(PYTHON).copied().unwrap_or_default();
    let generator = python + MIMALLOC + 12;
    if memory.get(generator..generator + GENERATOR.len()) != Some(GENERATOR) {
        return Err("there is no generator where it should be".to_owned());
    }
    for Place { global, offset, bytes } in PLACES {
        let base = globals.get(global).ok_or_else(|| format!("there is no `{global}`"))?;
        // Behind the data there are zeros.
        let place = [base + offset, base + offset + bytes].map(|at| at.min(memory.len()));
        memory[place[0]..place[1]].fill(0);
    }
    Ok(())
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
        let segments = image::data(&memory);
        let text = format!(
            "(module (memory 64) (global (export \"{PYTHON}\") i32 (i32.const 0x1000))
                (global (export \"libc.so:__stack_chk_guard\") i32 (i32.const 0x10))
                (global (export \"libwasi-emulated-process-clocks.so:memory_base\") i32 (i32.const 0x10)))"
        );
        let mut module = wat::parse_str(text).unwrap();
        wasm_encoder::Section::append_to(&segments, &mut module);
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::RawSection { id: 1, data: &module });
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
        let mut memory = Vec::new();
        image::rewrite(&made, |image| {
            memory.clone_from(&image.bytes);
            Ok(())
        })
        .unwrap();
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
