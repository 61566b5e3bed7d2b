//! Tables: what each context or snapshot has in its pages, and the ids they go by.

use super::KvError;
use super::list::PageList;
use super::suspend::Image;
use crate::ids::ModelNumber;
use std::fmt;
use std::ops::Range;

/// Names a table. The id of a destroyed table is never given out again, so a late use is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId {
    index: u32,
    generation: u32,
}

impl TableId {
    /// The id as one number, different for every table there ever was.
    pub fn as_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// A small number that no other table has at the same time, for lists by table.
    pub fn place(self) -> usize {
        self.index as usize
    }

    /// The place of the table with such a number.
    pub fn place_of(number: u64) -> usize {
        number as u32 as usize
    }
}

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}.{}", self.index, self.generation)
    }
}

/// How much a table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages that are full and closed to truncation.
    pub committed_pages: u32,
    /// All other pages: full, partly filled and empty ones.
    pub working_pages: u32,
    /// Tokens in the working pages, claimed ones included.
    pub working_tokens: u32,
    /// Tokens in all pages, claimed ones included.
    pub tokens: u32,
    /// Tokens that are claimed and not yet written.
    pub pending_tokens: u32,
}

/// One table. Slots up to `tokens` are claimed, of these those up to `written` are filled and those up to `plain` have a plain past.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub list: PageList,
    /// Leading pages that are committed.
    pub committed: u32,
    pub tokens: u32,
    pub written: u32,
    pub plain: u32,
    /// Written slots that a restoration left to be computed again; `0..0` when there are none.
    pub missing: Range<u32>,
    /// Whose numbers are in the pages.
    pub model: ModelNumber,
    /// What to restore from, while the table is suspended. Then it has no pages.
    pub image: Option<Box<Image>>,
}

impl Table {
    /// Fails while claimed slots are not written, or written ones are to be computed again.
    pub fn idle(&self) -> Result<(), KvError> {
        match self.tokens - self.written + self.missing.len() as u32 {
            0 => Ok(()),
            pending => Err(KvError::Busy { pending }),
        }
    }

    /// Pages it has, or will have when it is restored.
    pub fn page_count(&self) -> u32 {
        self.image.as_ref().map_or(self.list.len(), |image| image.pages)
    }

    /// Forgets all tokens from `tokens` on.
    pub fn cut(&mut self, tokens: u32, page_size: u32) {
        debug_assert!(tokens <= self.tokens);
        self.tokens = tokens;
        self.written = self.written.min(tokens);
        self.plain = self.plain.min(tokens);
        self.committed = self.committed.min(tokens / page_size);
        self.missing.end = self.missing.end.min(tokens);
        if self.missing.is_empty() {
            self.missing = 0..0;
        }
    }

    /// The same content in another list.
    pub fn with_list(&self, list: PageList) -> Table {
        let &Table { committed, tokens, written, plain, model, .. } = self;
        Table { list, committed, tokens, written, plain, model, ..Table::default() }
    }

    pub fn counts(&self, page_size: u32) -> Counts {
        Counts {
            committed_pages: self.committed,
            working_pages: self.page_count() - self.committed,
            working_tokens: self.tokens - self.committed * page_size,
            tokens: self.tokens,
            pending_tokens: self.tokens - self.written,
        }
    }
}

/// All tables, by id.
#[derive(Debug, Default)]
pub(super) struct Tables {
    live: usize,
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Place {
    generation: u32,
    table: Option<Table>,
}

impl Tables {
    pub fn len(&self) -> usize {
        self.live
    }

    pub fn insert(&mut self, table: Table) -> TableId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[index as usize];
        debug_assert!(place.table.is_none());
        place.table = Some(table);
        self.live += 1;
        TableId { index, generation: place.generation }
    }

    pub fn remove(&mut self, id: TableId) -> Result<Table, KvError> {
        let place = self.places.get_mut(id.index as usize).filter(|place| place.generation == id.generation);
        let place = place.ok_or(KvError::Gone(id))?;
        let table = place.table.take().ok_or(KvError::Gone(id))?;
        self.live -= 1;
        // A place whose generations are used up is given up, so that no id comes twice.
        if let Some(generation) = place.generation.checked_add(1) {
            place.generation = generation;
            self.free.push(id.index);
        }
        Ok(table)
    }

    pub fn get(&self, id: TableId) -> Result<&Table, KvError> {
        let place = self.places.get(id.index as usize).filter(|place| place.generation == id.generation);
        place.and_then(|place| place.table.as_ref()).ok_or(KvError::Gone(id))
    }

    pub fn get_mut(&mut self, id: TableId) -> Result<&mut Table, KvError> {
        let place = self.places.get_mut(id.index as usize).filter(|place| place.generation == id.generation);
        place.and_then(|place| place.table.as_mut()).ok_or(KvError::Gone(id))
    }

    /// A table that is not suspended.
    pub fn resident(&self, id: TableId) -> Result<&Table, KvError> {
        let table = self.get(id)?;
        if table.image.is_some() { Err(KvError::Suspended(id)) } else { Ok(table) }
    }

    /// A table that is not suspended.
    pub fn resident_mut(&mut self, id: TableId) -> Result<&mut Table, KvError> {
        let table = self.get_mut(id)?;
        if table.image.is_some() { Err(KvError::Suspended(id)) } else { Ok(table) }
    }

    /// All tables, in order of their ids' indices.
    pub fn iter(&self) -> impl Iterator<Item = (TableId, &Table)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let id = TableId { index: index as u32, generation: place.generation };
            Some((id, place.table.as_ref()?))
        })
    }
}
