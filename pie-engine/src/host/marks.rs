//! Where a program in JavaScript was when its instance was cut off, read from the instance's memory: a trap names functions of QuickJS, which help nobody.
//!
//! Programs note the line they are in (`bakery/src/build/javascript/bundle/marks.rs`) in properties of an object, which both engines keep one behind the other, each in
//! eight bytes: four that nobody else has, where the program is, and where `main` returned (`language.js` beside it). The names of the modules lie elsewhere, behind a mark of
//! their own and their length in bytes. Nothing here trusts what it reads.

use super::interpreter::Place;

/// What is in front of where the program is, and of the names.
const MARK: [u32; 4] = [0x6e49_2f9a, 0x66d1_a3c8, 0x1e7c_05b4, 0x12b3_8f57];
const NAMES: [u32; 4] = [0x2f9a_6e49, 0x23c8_66d1, 0x05b4_1e7c, 0x0f57_12b3];
/// A property: a number, and what says that it is one, which depends on the engine.
const PROPERTY_BYTES: usize = 8;
/// What is made when a program is loaded lies in front of most that it allocates.
const SEARCHED_BYTES: usize = 256 << 20;
/// A number has that of the module in front of that of the line.
const LINE_BITS: u32 = 20;
/// The longest names altogether.
const MAX_NAMES: usize = 1 << 20;

/// Where the program in this memory was.
pub(super) fn place_in(memory: &[u8]) -> Option<Place> {
    let at = starts(memory, MARK[0]).find_map(|start| noted(&memory[start..]))?;
    let names = starts(memory, NAMES[0]).find_map(|start| names(&memory[start..]))?;
    let file = names.split('\n').nth((at >> LINE_BITS) as usize)?;
    Some(Place::of_line(file.to_owned(), at & ((1 << LINE_BITS) - 1)))
}

/// Where a mark may begin.
fn starts(memory: &[u8], first: u32) -> impl Iterator<Item = usize> {
    let searched = &memory[..memory.len().min(SEARCHED_BYTES)];
    let found = searched.chunks_exact(8).zip(0usize..);
    found.filter(move |(bytes, _)| bytes[..4] == first.to_le_bytes()).map(|(_, index)| index * 8)
}

/// The number in the object that begins here, once there is one.
fn noted(memory: &[u8]) -> Option<u32> {
    let property = |index: usize| {
        let place = index * PROPERTY_BYTES;
        Some((word(memory, place)?, word(memory, place + 4)?))
    };
    let (_, kind) = property(0)?;
    let is_marked = MARK.iter().zip(0..).all(|(mark, index)| property(index) == Some((*mark, kind)));
    let (at, found) = property(MARK.len())?;
    (is_marked && found == kind && at != 0).then_some(at)
}

/// The names that begin here.
fn names(memory: &[u8]) -> Option<&str> {
    let is_marked = NAMES.iter().zip(0..).all(|(mark, index)| word(memory, index * 4) == Some(*mark));
    let length = word(memory, 16)? as usize;
    let text = memory.get(20..)?.get(..length.min(MAX_NAMES))?;
    is_marked.then(|| std::str::from_utf8(text).ok()).flatten()
}

fn word(memory: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(memory.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(at: u32, kind: u32, length: u32, names: &str) -> Vec<u8> {
        let properties = MARK.into_iter().chain([at, 0]).flat_map(|value| [value, kind]);
        let words = NAMES.into_iter().chain([length]);
        let object = properties.chain(words).flat_map(u32::to_le_bytes);
        std::iter::repeat_n(0, 64).chain(object).chain(names.bytes()).collect()
    }

    #[test]
    fn a_line_is_found_behind_the_mark() {
        // As QuickJS has it, and as SpiderMonkey does.
        for kind in [0, 0xffff_ff81] {
            let place =
                |at| place_in(&memory(at, kind, 17, "main.ts\nlib/é.ts")).map(|place| place.to_string());
            assert_eq!(place(7).unwrap(), "`main.ts`, line 7");
            assert_eq!(place(1 << LINE_BITS | 300).unwrap(), "`lib/é.ts`, line 300");
            assert_eq!(place(2 << LINE_BITS | 1), None, "there is no such module");
            assert_eq!(place(0), None, "nothing has run yet");
        }
    }

    #[test]
    fn an_object_that_was_copied_elsewhere_before_it_was_used_does_not_count() {
        let before = memory(0, 0, 7, "other.ts");
        let copied = [&before[..64 + 48], &memory(5, 0, 7, "main.ts")].concat();
        assert_eq!(place_in(&copied).unwrap().to_string(), "`main.ts`, line 5");
    }

    #[test]
    fn a_memory_that_only_looks_like_one_of_javascript_has_no_place() {
        assert_eq!(place_in(b""), None);
        assert_eq!(place_in(&memory(1, 0, 16, "main.ts")), None, "names that are cut off");
        assert_eq!(place_in(&memory(1, 0, u32::MAX, "main.ts")), None);
        let whole = memory(1, 0, 7, "main.ts");
        assert!(place_in(&whole).is_some());
        assert_eq!(place_in(&whole[..100]), None);
        let broken = [&whole[..whole.len() - 7], &[0xff; 7]].concat();
        assert_eq!(place_in(&broken), None, "names that are no text");
    }
}
