//! The auction before a step, and the accounts after it.

use super::roster::Notes;
use super::{Auctioned, Core, Owner};
use crate::engine::step::Share;
use crate::ids::{InstanceId, PageId};
use crate::sched::market::{Allocation, Credits, Demand, Holding, Market, Stepped, Supply};
use crate::trace::SuspendCause;

/// Before a step.
impl Core {
    /// Holds the auction, if somebody waits for pages, and does what it says.
    pub(in crate::engine) fn allocate(&mut self) -> Auctioned {
        if self.pressure.is_quiet() {
            return Auctioned::default();
        }
        let notes = self.notes();
        if self.pressure.wishes.is_empty() && !self.pressure.away.iter().any(|&table| notes.of(table).busy) {
            return Auctioned::default();
        }
        let active = self.active(&notes);
        let allocation = self.auction(active.as_ref().unwrap_or(&notes), Market::plan);
        let mut auctioned = self.carry_out(allocation);
        let denied = self.denied();
        auctioned.acted |= !denied.is_empty();
        denied.into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        if !auctioned.acted && self.queue.is_empty() && self.complete.is_empty() {
            // Somebody with nothing to do outbids all who have.
            return self.carry_out(self.auction(&notes, Market::plan_when_idle));
        }
        auctioned
    }

    /// Counts tables as busy that only seem to have nothing to do, because their instance has just begun to wait for pages. None if there are none.
    fn active(&self, notes: &Notes) -> Option<Notes> {
        let fresh = self.pressure.wishes.iter().filter(|wish| wish.since == self.steps);
        let mut held_up: Vec<InstanceId> = fresh.map(|wish| wish.envelope.instance).collect();
        if held_up.is_empty() {
            return None;
        }
        held_up.sort_unstable();
        let mut active = notes.clone();
        for owner in self.pressure.roster.all() {
            let note = active.of_mut(owner.table);
            note.busy |= !note.away && held_up.binary_search(&owner.instance).is_ok();
        }
        Some(active)
    }

    /// Tables with pages that wait for more, in order of their numbers. Without those they could do nothing with what they have, so they give it
    /// back: their wish becomes part of what they need to come back, and their instance can go on with others.
    fn denied(&self) -> Vec<Owner> {
        let wishes = self.pressure.wishes.iter().filter(|wish| !wish.stands_in);
        let mut tables: Vec<u64> = wishes.map(|wish| wish.table.as_u64()).collect();
        tables.sort_unstable();
        tables.dedup();
        tables.into_iter().filter_map(|table| self.pressure.roster.get(table)).collect()
    }

    fn carry_out(&mut self, allocation: Allocation) -> Auctioned {
        let acted = !allocation.changes_nothing();
        let Allocation { price, suspend, restore, grant, hopeless } = allocation;
        // What is done to some may end others.
        let [suspend, restore, grant, hopeless] = [suspend, restore, grant, hopeless].map(|tables| {
            let owners = tables.iter().filter_map(|&table| self.pressure.roster.get(table));
            owners.collect::<Vec<Owner>>()
        });
        suspend.into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        restore.into_iter().for_each(|owner| self.bring_back(owner));
        grant.into_iter().for_each(|owner| self.grant(owner));
        hopeless.into_iter().for_each(|owner| self.give_up(owner));
        Auctioned { price, acted }
    }

    fn auction(
        &self,
        notes: &Notes,
        plan: impl Fn(&Market, &[Demand<'_>], Supply<'_>) -> Allocation,
    ) -> Allocation {
        let demand = |owner: Owner| {
            let (table, note) = (owner.table.as_u64(), notes.of(owner.table));
            if note.away {
                let wants = self.held_pages(owner.table);
                return note.busy.then_some(Demand { table, pages: &[], wants, busy: true });
            }
            let pages = self.kv.pages(owner.table).ok()?;
            Some(Demand { table, pages, wants: note.wants, busy: note.busy })
        };
        let demands: Vec<Demand<'_>> = self.pressure.roster.all().filter_map(demand).collect();
        let pinned: Vec<PageId> = self
            .snapshots
            .values()
            .filter_map(|&table| self.kv.pages(table).ok())
            .flatten()
            .copied()
            .collect();
        let supply = Supply { free: self.kv.free_pages(), pinned: &pinned };
        plan(&self.pressure.market, &demands, supply)
    }
}

/// After it is planned.
impl Core {
    /// Collects rents, pays dividends, and notes who ran in the step that was planned and who waits.
    pub(in crate::engine) fn settle(&mut self, price: Credits, shares: &[Share]) {
        let ran: Vec<u64> = shares
            .iter()
            .filter_map(|share| self.passes.get(&share.key).map(|pending| pending.table.as_u64()))
            .collect();
        let mut waiting = Vec::new();
        if !self.pressure.is_quiet() {
            let notes = self.notes();
            let waits = self.pressure.roster.all().filter(|owner| {
                let note = notes.of(owner.table);
                note.wants > 0 || (note.away && note.busy)
            });
            waiting.extend(waits.map(|owner| owner.table.as_u64()));
        }
        self.pressure.short = !waiting.is_empty();
        let mut holdings = Vec::new();
        if price > Credits::ZERO {
            holdings.extend(self.pressure.roster.all().filter_map(|owner| {
                let pages = self.kv.pages(owner.table).ok()?;
                Some(Holding { table: owner.table.as_u64(), pages })
            }));
            holdings.sort_unstable_by_key(|holding| holding.table);
        }
        let now = self.pressure.now;
        let stepped = Stepped { price, holdings: &holdings, ran: &ran, waiting: &waiting, now };
        self.pressure.market.settle(stepped);
    }
}
