//! Operations that wait for pages: what they take, what they get, and what they are told if they cannot get it.

use super::{Core, Owner, Wish};
use crate::engine::contexts::ENDED;
use crate::engine::operation::{Envelope, Operation, Source};
use crate::ids::{ContextId, InstanceId};
use crate::kv::TableId;
use crate::trace::{Event, PageOperation};

/// Wishes.
impl Core {
    /// Gives an operation back if the pages it takes are there, and keeps it as a wish otherwise. One that could never be done is given back
    /// too, to fail.
    pub(in crate::engine) fn wish(&mut self, envelope: Envelope) -> Option<Envelope> {
        let Some((table, pages)) = self.takes(&envelope) else { return Some(envelope) };
        let held = table.map_or(0, |table| self.held_pages(table));
        let waits = pages > self.kv.free_pages() || self.pressure.short || !self.pressure.wishes.is_empty();
        if !waits || held.saturating_add(pages) > self.config.pages {
            return Some(envelope);
        }
        let stands_in = table.is_none();
        let table = table.unwrap_or_else(|| {
            // It holds nothing.
            let table = self.kv.create();
            self.join(table, envelope.instance, None);
            table
        });
        self.pressure.wishes.push_back(Wish { table, stands_in, pages, since: self.steps, envelope });
        None
    }

    /// The free pages that an operation takes, and the table it takes them for. A suspended table takes none.
    fn takes(&self, envelope: &Envelope) -> Option<(Option<TableId>, u32)> {
        let page_size = self.config.page_size;
        let partial = |table| self.kv.counts(table).map_or(0, |counts| counts.tokens % page_size).min(1);
        let context = |context| self.table_of(envelope.instance, context);
        let (table, pages) = match &envelope.operation {
            Operation::Create { source: Source::Fork(from), .. } | Operation::Save { context: from, .. } => {
                let table = context(*from)?;
                (Some(table), partial(table))
            }
            Operation::Create { source: Source::Open(name), .. } => {
                let user = &self.instances.get(&envelope.instance)?.user;
                (None, partial(*self.snapshot(user, name).ok()?))
            }
            Operation::Pages { context: of, operation: PageOperation::Reserve, count, .. } => {
                (Some(context(*of)?), *count)
            }
            Operation::Execute { request, .. } => match request.context {
                Some(of) => {
                    let table = context(of)?;
                    (Some(table), self.kv.claim_pages(table, request.tokens.len()).ok()?)
                }
                None => (None, u32::try_from(request.tokens.len()).ok()?.div_ceil(page_size)),
            },
            _ => return None,
        };
        let away = table.is_some_and(|table| self.pressure.away.contains(&table));
        (pages > 0 && !away).then_some((table, pages))
    }

    pub(super) fn table_of(&self, instance: InstanceId, context: ContextId) -> Option<TableId> {
        Some(self.instances.get(&instance)?.contexts.get(&context)?.table)
    }

    pub(super) fn held_pages(&self, table: TableId) -> u32 {
        self.kv.counts(table).map_or(0, |counts| counts.committed_pages + counts.working_pages)
    }

    /// Does what a table that got its pages has waited for.
    pub(super) fn grant(&mut self, owner: Owner) {
        let Owner { table, instance, context } = owner;
        let Some(at) = self.pressure.wishes.iter().position(|wish| wish.table == table) else { return };
        let Some(wish) = self.pressure.wishes.remove(at) else { return };
        let (pages, waited) = (wish.pages, self.steps - wish.since);
        self.record(instance, Event::Granted { instance, context, pages, waited });
        self.pressure.market.granted(table.as_u64());
        if wish.stands_in {
            self.free_table(table);
        }
        if self.must_wait(&wish.envelope) {
            self.deferred.push_back(wish.envelope);
        } else {
            self.perform(wish.envelope);
        }
    }

    /// A table wants more than there would be if all others went.
    pub(super) fn give_up(&mut self, owner: Owner) {
        let Owner { table, .. } = owner;
        let away = self.pressure.away.contains(&table);
        let needed = self.held_pages(table) + if away { 0 } else { self.pressure.wanted(table) };
        let all = self.config.pages;
        let error = format!(
            "{needed} pages are needed, and saved contexts hold too many of the {all} there are; delete one to go on"
        );
        self.refuse(owner, &error, away);
    }
}

/// Refusals.
impl Core {
    /// A table is about to end: it bids no longer, and nothing of it waits.
    pub(in crate::engine) fn depart(&mut self, table: TableId) {
        self.pressure.market.leave(table.as_u64());
        self.pressure.roster.leave(table);
        self.pressure.away.remove(&table);
        self.forget_rebuild(table);
        self.refuse_wishes(ENDED, |wish| wish.table == table && !wish.stands_in);
    }

    /// An instance ends, and what it waited for is not wanted any more.
    pub(in crate::engine) fn forget_wishes(&mut self, instance: InstanceId) {
        self.refuse_wishes(ENDED, |wish| wish.envelope.instance == instance);
    }

    /// Fails what waits for a table: its wishes, and if it cannot come back, all its operations and passes.
    pub(super) fn refuse(&mut self, owner: Owner, error: &str, cannot_come_back: bool) {
        let Owner { table, instance, .. } = owner;
        self.refuse_wishes(error, |wish| wish.table == table);
        if !cannot_come_back {
            return;
        }
        for envelope in std::mem::take(&mut self.deferred) {
            let context = envelope.operation.context().filter(|_| envelope.instance == instance);
            if context.and_then(|context| self.table_of(instance, context)) == Some(table) {
                envelope.operation.refuse(error);
            } else {
                self.deferred.push_back(envelope);
            }
        }
        let first = self.passes.values().find(|pending| pending.table == table && pending.left() > 0);
        if let Some(start) = first.map(|pending| pending.claim.start) {
            let abandoned = self.kv.abandon(table, start);
            debug_assert!(abandoned.is_ok(), "a pass in flight has a table: {abandoned:?}");
        }
        self.forget_passes(error, |pending| pending.table == table && pending.left() > 0);
    }

    fn refuse_wishes(&mut self, error: &str, which: impl Fn(&Wish) -> bool) {
        for wish in self.take_wishes(which) {
            wish.envelope.operation.refuse(error);
            if wish.stands_in {
                self.free_table(wish.table);
            }
        }
    }

    pub(super) fn take_wishes(&mut self, which: impl Fn(&Wish) -> bool) -> Vec<Wish> {
        let (taken, kept): (Vec<Wish>, Vec<Wish>) =
            std::mem::take(&mut self.pressure.wishes).into_iter().partition(which);
        self.pressure.wishes = kept.into();
        taken
    }
}
