//! How contexts go and come back: suspension, restoration, and the computation of what was not kept.

use super::{Core, Owner, Rebuild};
use crate::engine::step::Share;
use crate::ids::{ContextId, InstanceId, ModelNumber};
use crate::kv::{Means, Restored, Suspended, TableId};
use crate::sched::Queued;
use crate::trace::{Event, SuspendCause};

/// Going and coming.
impl Core {
    /// Suspends a context because its owner says so. It comes back when it is used.
    pub(in crate::engine) fn suspend(
        &mut self,
        instance: InstanceId,
        context: ContextId,
    ) -> Result<(), String> {
        let table = self.context(instance, context)?.table;
        if !self.pressure.away.contains(&table) {
            self.send_away(Owner { table, instance, context: Some(context) }, SuspendCause::Asked);
        }
        Ok(())
    }

    /// Suspends a table and parks its passes.
    pub(super) fn send_away(&mut self, owner: Owner, cause: SuspendCause) {
        let Owner { table, instance, context } = owner;
        let written = self.kv.counts(table).map_or(0, |counts| counts.tokens - counts.pending_tokens);
        for (&key, pending) in self.passes.iter_mut().filter(|(_, pending)| pending.table == table) {
            self.queue.remove(key);
            // Guesses that were computed and not verified are not kept.
            pending.done = pending.done.min(written.saturating_sub(pending.claim.start));
        }
        self.forget_rebuild(table);
        let means = self.means(table);
        let Ok(suspended) = self.kv.suspend(table, means) else {
            debug_assert!(false, "{table} is suspended twice");
            return;
        };
        self.pressure.away.insert(table);
        self.pressure.market.suspended(table.as_u64());
        if let Some(context) = context {
            let Suspended { pages, freed, swapped } = suspended;
            self.record(instance, Event::Suspended { instance, context, cause, pages, freed, swapped });
        }
        // What it wished for can be noted now, and is there when it comes back.
        for wish in self.take_wishes(|wish| wish.table == table) {
            self.handle(wish.envelope);
        }
    }

    /// Short content is computed again, long content is kept outside of the store: a swap costs about the same for every page, and computing
    /// again costs more for each, because a token attends to all before it.
    fn means(&self, table: TableId) -> Means {
        let written = self.kv.counts(table).map_or(0, |counts| counts.tokens - counts.pending_tokens);
        if written <= self.config.recompute_tokens { Means::Recompute } else { Means::Swap }
    }

    /// Restores a table. Its passes go on when all its content is there.
    pub(super) fn bring_back(&mut self, owner: Owner) {
        let Owner { table, instance, context } = owner;
        let restored = match self.kv.restore(table) {
            Ok(restored) => restored,
            Err(error) => {
                debug_assert!(false, "an allocation has room for all it restores: {error}");
                return;
            }
        };
        self.pressure.away.remove(&table);
        self.pressure.market.restored(table.as_u64());
        let Restored { recompute, tokens, shared, swapped } = restored;
        if let Some(context) = context {
            let (pages, recompute) = (self.held_pages(table), tokens.len() as u32);
            let event = Event::Restored { instance, context, pages, shared, swapped, recompute };
            self.record(instance, event);
        }
        if recompute.is_empty() {
            self.unpark(table);
            return;
        }
        let key = self.next_pass;
        self.next_pass += 1;
        self.queue.push(Queued {
            pass: key,
            table: table.as_u64(),
            slot: recompute.start,
            tokens: recompute.len() as u32,
            splittable: true,
        });
        let (start, positions) = (recompute.start, recompute.collect());
        self.pressure.rebuilds.insert(key, Rebuild { owner, start, tokens, positions, done: 0 });
    }

    /// Queues the passes of a table that has become ready.
    pub(super) fn unpark(&mut self, table: TableId) {
        for (&key, pending) in self.passes.iter().filter(|(_, pending)| pending.table == table) {
            self.queue.push(pending.queued(key));
        }
    }
}

/// Content that is computed again.
impl Core {
    /// How far a rebuild has come, before a step.
    pub(in crate::engine) fn rebuild_done(&self, key: u64) -> Option<u32> {
        self.pressure.rebuilds.get(&key).map(|rebuild| rebuild.done)
    }

    /// The model whose content is computed again.
    pub(in crate::engine) fn rebuild_model(&self, key: u64) -> Option<ModelNumber> {
        self.kv.model(self.pressure.rebuilds.get(&key)?.owner.table).ok()
    }

    /// Notes what the model computed of a rebuild. Says whether it was one.
    pub(in crate::engine) fn rebuilt(&mut self, share: &Share) -> bool {
        let Some(rebuild) = self.pressure.rebuilds.get_mut(&share.key) else { return false };
        rebuild.done = share.to;
        let (table, start) = (rebuild.owner.table, rebuild.start);
        let noted = self.kv.recomputed(table, start + share.to);
        debug_assert!(noted.is_ok(), "a table that is rebuilt is resident: {noted:?}");
        if self.queue.advance(share.key, share.to - share.from) == Some(0) {
            self.pressure.rebuilds.remove(&share.key);
            self.unpark(table);
        }
        true
    }

    /// The model could not compute a rebuild: who waits for the content is told, and the context stays suspended. Says whether it was one.
    pub(in crate::engine) fn rebuild_failed(&mut self, key: u64, error: &str) -> bool {
        let Some(rebuild) = self.pressure.rebuilds.get(&key) else { return false };
        let owner = rebuild.owner;
        self.send_away(owner, SuspendCause::Failed);
        self.refuse(owner, error, true);
        true
    }

    pub(super) fn forget_rebuild(&mut self, table: TableId) {
        let found = self.pressure.rebuilds.iter().find(|(_, rebuild)| rebuild.owner.table == table);
        if let Some(key) = found.map(|(&key, _)| key) {
            self.pressure.rebuilds.remove(&key);
            self.queue.remove(key);
        }
    }
}
