//! Who bids, and what is known of each before a step: lists by the places of tables, because each step of few pages looks at everybody.

use super::{Core, Owner};
use crate::ids::{ContextId, InstanceId};
use crate::kv::TableId;

/// Everybody who bids: contexts, passes without one, and what stands in for something that waits to be made.
#[derive(Default)]
pub(super) struct Roster(Vec<Option<Owner>>);

impl Roster {
    pub fn join(&mut self, owner: Owner) {
        let place = owner.table.place();
        if self.0.len() <= place {
            self.0.resize(place + 1, None);
        }
        self.0[place] = Some(owner);
    }

    pub fn leave(&mut self, table: TableId) {
        if let Some(place) = self.0.get_mut(table.place())
            && place.is_some_and(|owner| owner.table == table)
        {
            *place = None;
        }
    }

    /// By the number of its table.
    pub fn get(&self, table: u64) -> Option<Owner> {
        let owner = *self.0.get(TableId::place_of(table))?;
        owner.filter(|owner| owner.table.as_u64() == table)
    }

    /// In order of places.
    pub fn all(&self) -> impl Iterator<Item = Owner> + '_ {
        self.0.iter().flatten().copied()
    }
}

/// What is known of each table.
#[derive(Clone)]
pub(super) struct Notes(Vec<Note>);

#[derive(Clone, Copy, Default)]
pub(super) struct Note {
    /// Whether a pass or an operation waits for it.
    pub busy: bool,
    /// Whether it is suspended.
    pub away: bool,
    /// The pages it waits for.
    pub wants: u32,
}

impl Notes {
    pub fn of(&self, table: TableId) -> Note {
        self.0.get(table.place()).copied().unwrap_or_default()
    }

    pub fn of_mut(&mut self, table: TableId) -> &mut Note {
        let place = table.place();
        if self.0.len() <= place {
            self.0.resize(place + 1, Note::default());
        }
        &mut self.0[place]
    }
}

impl Core {
    /// A table begins to bid.
    pub(in crate::engine) fn join(
        &mut self,
        table: TableId,
        instance: InstanceId,
        context: Option<ContextId>,
    ) {
        self.pressure.roster.join(Owner { table, instance, context });
        self.pressure.market.join(table.as_u64(), instance);
    }

    pub(super) fn notes(&self) -> Notes {
        let mut notes = Notes(vec![Note::default(); self.pressure.roster.0.len()]);
        for pending in self.passes.values() {
            notes.of_mut(pending.table).busy = true;
        }
        // Of several wishes of a table the first counts.
        for wish in self.pressure.wishes.iter().rev() {
            let note = notes.of_mut(wish.table);
            (note.busy, note.wants) = (true, wish.pages);
        }
        for envelope in &self.deferred {
            let context = envelope.operation.context();
            if let Some(table) = context.and_then(|context| self.table_of(envelope.instance, context)) {
                notes.of_mut(table).busy = true;
            }
        }
        for &table in &self.pressure.away {
            notes.of_mut(table).away = true;
        }
        debug_assert_eq!(self.counted(), self.pressure.roster.all().count(), "the roster has who bids");
        notes
    }

    /// How many bid, counted anew.
    fn counted(&self) -> usize {
        let contexts: usize = self.instances.values().map(|entry| entry.contexts.len()).sum();
        let alone = self.passes.values().filter(|pending| pending.request.context.is_none()).count();
        contexts + alone + self.pressure.stand_ins().count()
    }
}
