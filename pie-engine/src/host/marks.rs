//! Where a program in JavaScript was when its instance was cut off, read from the instance's memory: a trap names functions of QuickJS, which help nobody.
//!
//! Programs note the line they are in, at each function and each turn of a loop (`bakery/src/build/javascript/bundle/marks.rs`), in a list that has a mark in front of
//! it (`language.js` beside it): the mark, where the program is, where `main` returned, and the names of the modules, each on a line, with their length in bytes in
//! front. Nothing here trusts what it reads.

use super::interpreter::Place;

/// The mark, as the memory has it.
const MARK: [u32; 4] = [0x6e49_2f9a, 0x66d1_a3c8, 0x1e7c_05b4, 0x92b3_8f57];
/// What is made when a program is loaded lies in front of most that it allocates.
const SEARCHED_BYTES: usize = 256 << 20;
/// A number has that of the module in front of that of the line.
const LINE_BITS: u32 = 20;
/// The longest names altogether.
const MAX_NAMES: usize = 1 << 20;

/// Where the program in this memory was.
pub(super) fn place_in(memory: &[u8]) -> Option<Place> {
    let mark: Vec<u8> = MARK.iter().flat_map(|word| word.to_le_bytes()).collect();
    let searched = &memory[..memory.len().min(SEARCHED_BYTES)];
    let mut starts = searched.chunks_exact(8).zip(0usize..).filter(|(bytes, _)| **bytes == mark[..8]);
    starts.find_map(|(_, index)| {
        let list = memory[index * 8..].strip_prefix(&mark[..])?;
        let word = |at: usize| Some(u32::from_le_bytes(list.get(at * 4..at * 4 + 4)?.try_into().ok()?));
        let (at, length) = (word(0).filter(|at| *at != 0)?, word(2)? as usize);
        let names = std::str::from_utf8(list.get(12..)?.get(..length.min(MAX_NAMES))?).ok()?;
        let file = names.split('\n').nth((at >> LINE_BITS) as usize)?;
        Some(Place::of_line(file.to_owned(), at & ((1 << LINE_BITS) - 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(at: u32, length: u32, names: &str) -> Vec<u8> {
        let words = MARK.into_iter().chain([at, 0, length]).flat_map(u32::to_le_bytes);
        std::iter::repeat_n(0, 64).chain(words).chain(names.bytes()).collect()
    }

    #[test]
    fn a_line_is_found_behind_the_mark() {
        let place = |at| place_in(&memory(at, 17, "main.ts\nlib/é.ts")).map(|place| place.to_string());
        assert_eq!(place(7).unwrap(), "`main.ts`, line 7");
        assert_eq!(place(1 << LINE_BITS | 300).unwrap(), "`lib/é.ts`, line 300");
        assert_eq!(place(2 << LINE_BITS | 1), None, "there is no such module");
        assert_eq!(place(0), None, "nothing has run yet");
    }

    #[test]
    fn a_memory_that_only_looks_like_one_of_javascript_has_no_place() {
        assert_eq!(place_in(b""), None);
        assert_eq!(place_in(&memory(1, 16, "main.ts")), None, "names that are cut off");
        assert_eq!(place_in(&memory(1, u32::MAX, "main.ts")), None);
        let whole = memory(1, 7, "main.ts");
        assert_eq!(place_in(&whole[..90]), None);
        let broken = [&whole[..92], &[0xff; 7]].concat();
        assert_eq!(place_in(&broken), None, "names that are no text");
    }
}
