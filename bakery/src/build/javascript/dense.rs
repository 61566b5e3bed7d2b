//! Has instances of QuickJS write what they make side by side.
//!
//! Instances share the memory that they begin with until they write to it, a page at a time. After the SDK has been run, that memory is full of gaps: objects
//! that were given back, in blocks for each size and between larger ones. What an instance makes would go into these, a few bytes in each of a hundred pages. So
//! all gaps are taken, as if something were in them that stays, and behind them there is a row of small *arenas*, one for blocks of each size, with as many of
//! them as short programs use. What needs more finds room behind the row.
//!
//! This knows how QuickJS and the allocator of its C library (dlmalloc) keep what is free, as it is in the one QuickJS that bakery uses, and looks that all of it
//! is as it should be before it changes anything. Nothing that is in use is moved or changed.

use std::ops::Range;

use crate::build::image::{self, Image};
use crate::error::{Error, Result};

/// The sizes of blocks, with their headers, and how many of each are in the row.
const BLOCKS: [(usize, usize); 31] = [
    (16, 36),
    (24, 96),
    (32, 40),
    (40, 40),
    (48, 96),
    (56, 6),
    (64, 4),
    (72, 3),
    (80, 8),
    (88, 3),
    (96, 2),
    (104, 5),
    (112, 2),
    (120, 2),
    (128, 2),
    (144, 2),
    (160, 1),
    (176, 1),
    (192, 1),
    (208, 1),
    (224, 2),
    (240, 1),
    (256, 1),
    (288, 2),
    (320, 1),
    (352, 2),
    (384, 1),
    (416, 3),
    (448, 1),
    (480, 2),
    (512, 1),
];

/// Where the lists of arenas are in QuickJS's `JSRuntime`: all of a size, and behind them those with free blocks.
const LISTS: usize = 40;
const LIST_BYTES: usize = 8;
const FREE_LISTS: usize = BLOCKS.len() * LIST_BYTES;

/// An arena: its places in both lists, the number of its size, how many blocks are used, how many there are, and the first free one.
const ARENA_BYTES: usize = 24;
const IN_ALL: usize = 8;
const ARENA_SIZE: usize = 16;
const ARENA_COUNTS: usize = 18;
/// No block.
const NONE: u16 = 0xffff;

/// dlmalloc's `malloc_state`: which bins have something in them, a chunk that is used first, the rest of the memory, lists of small chunks and trees of large ones, and
/// where the heap is.
const SMALL_MAP: usize = 0;
const TREE_MAP: usize = 4;
const FIRST_BYTES: usize = 8;
const TOP_BYTES: usize = 12;
const LEAST: usize = 16;
const FIRST: usize = 20;
const TOP: usize = 24;
const SMALL_BINS: usize = 40;
const SMALL_BIN_COUNT: usize = 32;
const TREE_BINS: usize = SMALL_BINS + (SMALL_BIN_COUNT + 1) * 8;
const TREE_BIN_COUNT: usize = 32;
const FOOTPRINT: usize = TREE_BINS + TREE_BIN_COUNT * 4;
const SEGMENT: usize = FOOTPRINT + 16;

/// A chunk's head is its size, and whether the one before it and itself are used.
const HEAD: usize = 4;
const CHUNK_HEADER: usize = 8;
const USED_BEFORE: u32 = 1;
const USED: u32 = 2;
const FLAGS: u32 = 7;
const CHUNK_ALIGNMENT: usize = 16;

const PAGE: usize = 4096;
const GROWTH: usize = 1 << 16;
/// The rest of the memory has at least so many bytes, so that short programs need not ask for more.
const REST: usize = 128 << 10;

/// The component with such a memory.
///
/// # Errors
/// Its memory is not that of the QuickJS which this is made for.
pub fn pack(wasm: &[u8]) -> Result<Vec<u8>> {
    let packed = image::rewrite(wasm, |image| {
        let Image { bytes, size, .. } = image;
        bytes.resize(*size, 0);
        Memory(bytes).pack()
    });
    packed.map_err(|cause| Error::bug("the memory of QuickJS is not laid out as expected").caused_by(cause))
}

type Checked<T> = std::result::Result<T, String>;

struct Memory<'a>(&'a mut Vec<u8>);

impl Memory<'_> {
    fn pack(&mut self) -> Checked<()> {
        let runtime = self.runtime().ok_or("there are no lists of arenas")?;
        let heap = self.heap().ok_or("there are no lists of free chunks")?;
        self.take_chunks(heap)?;
        for number in 0..BLOCKS.len() {
            self.take_blocks(runtime + LISTS, number)?;
        }
        let mut at = self.room(heap)?;
        for number in 0..BLOCKS.len() {
            at = self.arena(runtime + LISTS, number, at)?;
        }
        Ok(())
    }

    fn get(&self, at: usize) -> Option<usize> {
        let bytes = self.0.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    }

    fn word(&self, at: usize) -> Checked<usize> {
        self.get(at).ok_or_else(|| format!("{at:#x} is no place in it"))
    }

    fn half(&self, at: usize) -> Checked<u16> {
        let bytes = self.0.get(at..at.saturating_add(2)).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u16::from_le_bytes).ok_or_else(|| format!("{at:#x} is no place in it"))
    }

    fn write(&mut self, at: usize, bytes: &[u8]) -> Checked<()> {
        let place = self.0.get_mut(at..at.saturating_add(bytes.len()));
        place.ok_or_else(|| format!("{at:#x} is no place in it"))?.copy_from_slice(bytes);
        Ok(())
    }

    fn set(&mut self, at: usize, value: usize) -> Checked<()> {
        let value = u32::try_from(value).map_err(|error| error.to_string())?;
        self.write(at, &value.to_le_bytes())
    }

    /// Whether the two words at this distance behind a place lead to what leads back to it. So does a list in both directions, and one with nothing in it.
    fn is_list(&self, list: usize, distance: usize) -> bool {
        let there_and_back = |there: usize, back: usize| {
            let next = self.get(list + there)?;
            Some(next != 0 && self.get(next.checked_add(back)?)? == list)
        };
        let (next, previous) = (distance, distance + 4);
        there_and_back(next, previous) == Some(true) && there_and_back(previous, next) == Some(true)
    }

    fn places(&self) -> impl Iterator<Item = usize> + use<> {
        (0..self.0.len()).step_by(4)
    }

    /// Where QuickJS's `JSRuntime` is: nothing else has 62 lists in a row.
    fn runtime(&self) -> Option<usize> {
        let is_it =
            |lists: usize| (0..BLOCKS.len() * 2).all(|list| self.is_list(lists + list * LIST_BYTES, 0));
        self.places().find(|place| is_it(*place))?.checked_sub(LISTS)
    }

    /// Where dlmalloc's state is. What it says of the heap's beginning, size and rest fits together, and its bins with something in them are lists: bins
    /// are the links of chunks that are not there.
    fn heap(&self) -> Option<usize> {
        self.places().find(|state| self.is_heap(*state) == Some(true))
    }

    fn is_heap(&self, state: usize) -> Option<bool> {
        let (base, bytes) = (self.get(state + SEGMENT)?, self.get(state + SEGMENT + 4)?);
        if base == 0 || self.get(state + LEAST)? != base || self.get(state + FOOTPRINT)? != bytes {
            return Some(false);
        }
        let (top, rest) = (self.get(state + TOP)?, self.get(state + TOP_BYTES)?);
        let is_rest =
            top > base && top + rest <= base + bytes && self.get(top + HEAD)? == rest | USED_BEFORE as usize;
        let full = self.get(state + SMALL_MAP)?;
        let mut bins = (0..SMALL_BIN_COUNT).filter(|bin| full & 1 << bin != 0);
        Some(is_rest && bins.all(|bin| self.is_list(state + SMALL_BINS + bin * 8, 8)))
    }

    /// Marks all free chunks as used, but for the rest of the memory.
    fn take_chunks(&mut self, heap: usize) -> Checked<()> {
        let top = self.word(heap + TOP)?;
        let first = self.word(heap + SEGMENT)? + CHUNK_HEADER;
        let mut chunk = first.next_multiple_of(CHUNK_ALIGNMENT) - CHUNK_HEADER;
        while chunk != top {
            let head = self.head(chunk)?;
            let bytes = (head & !FLAGS) as usize;
            let next = chunk + bytes;
            if bytes < CHUNK_ALIGNMENT || next > top {
                return Err(format!("{chunk:#x} is no chunk"));
            }
            if head & USED == 0 {
                self.set_head(chunk, head | USED)?;
                let head = self.head(next)?;
                self.set_head(next, head | USED_BEFORE)?;
            }
            chunk = next;
        }
        for word in [SMALL_MAP, TREE_MAP, FIRST_BYTES, FIRST] {
            self.set(heap + word, 0)?;
        }
        for bin in 0..SMALL_BIN_COUNT {
            let place = heap + SMALL_BINS + bin * 8;
            self.set(place + 8, place)?;
            self.set(place + 12, place)?;
        }
        for bin in 0..TREE_BIN_COUNT {
            self.set(heap + TREE_BINS + bin * 4, 0)?;
        }
        Ok(())
    }

    fn head(&self, chunk: usize) -> Checked<u32> {
        u32::try_from(self.word(chunk + HEAD)?).map_err(|error| error.to_string())
    }

    fn set_head(&mut self, chunk: usize, head: u32) -> Checked<()> {
        self.write(chunk + HEAD, &head.to_le_bytes())
    }

    /// Marks all free blocks of a size as used. An arena gets its place among those with free blocks back when one of its others is given back.
    fn take_blocks(&mut self, lists: usize, number: usize) -> Checked<()> {
        let (size, _) = BLOCKS[number];
        let list = lists + number * LIST_BYTES;
        let mut link = self.word(list)?;
        while link != list {
            let arena = link.checked_sub(IN_ALL).ok_or("an arena is nowhere")?;
            let (used, all) = (self.half(arena + ARENA_COUNTS)?, self.half(arena + ARENA_COUNTS + 2)?);
            let mut free = self.half(arena + ARENA_COUNTS + 4)?;
            let mut taken = 0;
            while free != NONE {
                if free >= all
                    || used + taken >= all
                    || self.0.get(arena + ARENA_SIZE) != Some(&(number as u8))
                {
                    return Err(format!("{arena:#x} is no arena"));
                }
                let block = arena + ARENA_BYTES + usize::from(free) * size;
                let next = self.half(block)?;
                // A block that is used has its own number where a free one has that of the next.
                self.write(block, &free.to_le_bytes())?;
                free = next;
                taken += 1;
            }
            if used + taken != all {
                return Err(format!("{arena:#x} is no arena"));
            }
            self.write(arena + ARENA_COUNTS, &all.to_le_bytes())?;
            self.write(arena + ARENA_COUNTS + 4, &NONE.to_le_bytes())?;
            link = self.word(link)?;
        }
        let list = list + FREE_LISTS;
        self.set(list, list)?;
        self.set(list + 4, list)
    }

    /// Takes room for the row from the rest of the memory, which may become larger.
    fn room(&mut self, heap: usize) -> Checked<usize> {
        let (top, mut rest) = (self.word(heap + TOP)?, self.word(heap + TOP_BYTES)?);
        let row = row(top);
        let bytes = (row.end - top).next_multiple_of(CHUNK_ALIGNMENT);
        if rest < bytes + REST {
            let (base, length) = (self.word(heap + SEGMENT)?, self.word(heap + SEGMENT + 4)?);
            if base + length != self.0.len() {
                return Err("its heap is not the last in it".to_owned());
            }
            let growth = (bytes + REST - rest).next_multiple_of(GROWTH);
            self.0.resize(base + length + growth, 0);
            self.set(heap + SEGMENT + 4, length + growth)?;
            let footprint = self.word(heap + FOOTPRINT)? + growth;
            self.set(heap + FOOTPRINT, footprint)?;
            let most = self.word(heap + FOOTPRINT + 4)?.max(footprint);
            self.set(heap + FOOTPRINT + 4, most)?;
            rest += growth;
        }
        self.set(top + HEAD, bytes | (USED | USED_BEFORE) as usize)?;
        self.set(top + bytes + HEAD, (rest - bytes) | USED_BEFORE as usize)?;
        self.set(heap + TOP_BYTES, rest - bytes)?;
        self.set(heap + TOP, top + bytes)?;
        Ok(row.start)
    }

    /// Makes an arena of free blocks, and gives the place behind it. It counts one block more than there are as used, so it is never given back as a whole:
    /// the allocator knows nothing of it.
    fn arena(&mut self, lists: usize, number: usize, arena: usize) -> Checked<usize> {
        let (size, count) = BLOCKS[number];
        let list = lists + number * LIST_BYTES;
        self.link(list, arena + IN_ALL)?;
        self.link(list + FREE_LISTS, arena)?;
        let number = u8::try_from(number).map_err(|error| error.to_string())?;
        let blocks = u16::try_from(count).map_err(|error| error.to_string())?;
        self.write(arena + ARENA_SIZE, &[number])?;
        for (place, value) in [1, blocks + 1, 0].into_iter().enumerate() {
            self.write(arena + ARENA_COUNTS + place * 2, &u16::to_le_bytes(value))?;
        }
        for block in 0..blocks {
            let place = arena + ARENA_BYTES + usize::from(block) * size;
            let next = if block + 1 < blocks { block + 1 } else { NONE };
            self.write(place, &next.to_le_bytes())?;
            self.write(place + 2, &[number])?;
        }
        Ok(arena + ARENA_BYTES + size * count)
    }

    /// Puts a link at the front of a list.
    fn link(&mut self, list: usize, link: usize) -> Checked<()> {
        let next = self.word(list)?;
        self.set(link, next)?;
        self.set(link + 4, list)?;
        self.set(next + 4, link)?;
        self.set(list, link)
    }
}

/// Where the row is if this is the first place that is free. It begins with a page.
fn row(free: usize) -> Range<usize> {
    let start = (free + CHUNK_HEADER).next_multiple_of(PAGE);
    start..start + BLOCKS.iter().map(|(size, count)| ARENA_BYTES + size * count).sum::<usize>()
}

#[cfg(test)]
mod tests;
