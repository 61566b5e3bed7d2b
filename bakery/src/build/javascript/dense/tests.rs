use super::*;

const RUNTIME: usize = 0x1000;
const HEAP: usize = 0x100;
const BASE: usize = 0x2000;
const SIZE: usize = 0x4_0000;
/// An arena of three blocks of 48 bytes, of which the last two are free.
const ARENA: usize = 0x2010;
const NUMBER: usize = 4;
/// A free chunk, the used one behind it, and the rest.
const GAP: usize = 0x3018;
const BEHIND: usize = GAP + 0x40;
const REST_AT: usize = BEHIND + 0x20;

fn memory() -> Vec<u8> {
    let mut bytes = vec![0; SIZE];
    let mut memory = Memory(&mut bytes);
    for list in (0..BLOCKS.len() * 2).map(|list| RUNTIME + LISTS + list * LIST_BYTES) {
        memory.set(list, list).unwrap();
        memory.set(list + 4, list).unwrap();
    }
    let list = RUNTIME + LISTS + NUMBER * LIST_BYTES;
    memory.link(list, ARENA + IN_ALL).unwrap();
    memory.link(list + FREE_LISTS, ARENA).unwrap();
    memory.write(ARENA + ARENA_SIZE, &[NUMBER as u8, 0, 1, 0, 3, 0, 2, 0]).unwrap();
    memory.set(ARENA + ARENA_BYTES + 48, usize::from(NONE)).unwrap();
    memory.set(ARENA + ARENA_BYTES + 96, 1).unwrap();
    for (chunk, head) in [(0x2008, 0x1013), (GAP, 0x41), (BEHIND, 0x22), (REST_AT, SIZE - REST_AT - 56 + 1)] {
        memory.set(chunk + HEAD, head).unwrap();
    }
    let bin = HEAP + SMALL_BINS + 8 * 8;
    for (place, value) in [
        (HEAP + SMALL_MAP, 1 << 8),
        (HEAP + TOP_BYTES, SIZE - REST_AT - 56),
        (HEAP + LEAST, BASE),
        (HEAP + TOP, REST_AT),
        (HEAP + FOOTPRINT, SIZE - BASE),
        (HEAP + SEGMENT, BASE),
        (HEAP + SEGMENT + 4, SIZE - BASE),
        (bin + 8, GAP),
        (bin + 12, GAP),
        (GAP + 8, bin),
        (GAP + 12, bin),
        (BEHIND, 0x40),
    ] {
        memory.set(place, value).unwrap();
    }
    bytes
}

fn component(memory: &[u8]) -> Vec<u8> {
    let mut module = wat::parse_str("(module (memory 4))").unwrap();
    wasm_encoder::Section::append_to(&image::data(memory), &mut module);
    let mut component = wasm_encoder::Component::new();
    component.section(&wasm_encoder::RawSection { id: 1, data: &module });
    component.finish()
}

#[test]
fn what_was_free_is_taken_and_there_is_one_arena_for_each_size() {
    let packed = pack(&component(&memory())).unwrap();
    wasmparser::Validator::new().validate_all(&packed).unwrap();
    let mut bytes = Vec::new();
    let read = image::rewrite(&packed, |image| {
        image.bytes.resize(image.size, 0);
        bytes.clone_from(&image.bytes);
        Ok(())
    });
    assert_eq!(read.unwrap(), packed, "what is read and written is the same");
    let memory = Memory(&mut bytes);
    assert_eq!(memory.head(GAP).unwrap(), 0x43);
    assert_eq!(memory.head(BEHIND).unwrap(), 0x23);
    assert_eq!(memory.half(ARENA + ARENA_COUNTS).unwrap(), 3, "all of its blocks are used");
    assert_eq!(memory.half(ARENA + ARENA_BYTES + 96).unwrap(), 2, "a used block has its own number");
    let mut place = row(REST_AT).start;
    for (number, (size, count)) in BLOCKS.into_iter().enumerate() {
        let list = RUNTIME + LISTS + FREE_LISTS + number * LIST_BYTES;
        assert_eq!(memory.word(list).unwrap(), place, "{size}");
        assert_eq!(memory.word(place).unwrap(), list, "it is the only one with free blocks");
        let counts = [0, 2].map(|at| usize::from(memory.half(place + ARENA_COUNTS + at).unwrap()));
        assert_eq!(counts, [1, count + 1]);
        let (mut free, mut blocks) = (memory.half(place + ARENA_COUNTS + 4).unwrap(), 0);
        while free != NONE {
            free = memory.half(place + ARENA_BYTES + usize::from(free) * size).unwrap();
            blocks += 1;
        }
        assert_eq!(blocks, count);
        place += ARENA_BYTES + size * count;
    }
    // What is left begins behind the row, and is as large as it says.
    let (top, rest) = (memory.word(HEAP + TOP).unwrap(), memory.word(HEAP + TOP_BYTES).unwrap());
    assert!(top >= place && rest >= REST);
    assert_eq!(top + rest + 56, memory.0.len());
    assert_eq!(memory.is_heap(HEAP), Some(true));
    assert_eq!(memory.head(REST_AT).unwrap() as usize & !(FLAGS as usize), top - REST_AT);
}

#[test]
fn another_memory_is_refused() {
    let changed = |place: usize, value: usize| {
        let mut bytes = memory();
        Memory(&mut bytes).set(place, value).unwrap();
        pack(&component(&bytes)).unwrap_err().to_string()
    };
    for (place, value) in [
        // No lists, no heap, a chunk without a size, an arena whose numbers do not fit.
        (RUNTIME + LISTS, 4),
        (HEAP + LEAST, 8),
        (GAP + HEAD, 0),
        (ARENA + ARENA_COUNTS - 2, NUMBER | 5 << 16),
    ] {
        assert!(changed(place, value).contains("not laid out as expected"), "{place:#x}");
    }
    assert!(pack(b"\0asm\x0d\0\x01\0").is_err());
}
