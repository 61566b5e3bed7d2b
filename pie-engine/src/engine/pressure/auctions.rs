//! The auction before a step, and the accounts after it.

use super::{Auctioned, Core, Owner};
use crate::engine::step::Share;
use crate::ids::{InstanceId, PageId};
use crate::kv::TableId;
use crate::sched::market::{Allocation, Credits, Demand, Holding, Market, Stepped, Supply};
use crate::trace::SuspendCause;
use std::collections::{BTreeMap, BTreeSet};

/// Before a step.
impl Core {
    /// Holds the auction, if somebody waits for pages, and does what it says.
    pub(in crate::engine) fn allocate(&mut self) -> Auctioned {
        if self.pressure.is_quiet() {
            return Auctioned::default();
        }
        let (owners, busy) = (self.owners(), self.busy());
        if self.pressure.wishes.is_empty() && busy.is_disjoint(&self.pressure.away) {
            return Auctioned::default();
        }
        let active = self.active(&owners, &busy);
        let mut auctioned = self.carry_out(self.auction(&owners, &active, Market::plan), &owners);
        let denied: Vec<Owner> = owners.values().copied().filter(|owner| self.has_wish(owner)).collect();
        auctioned.acted |= !denied.is_empty();
        denied.into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        if !auctioned.acted && self.queue.is_empty() && self.complete.is_empty() {
            // Somebody with nothing to do outbids all who have.
            return self.carry_out(self.auction(&owners, &busy, Market::plan_when_idle), &owners);
        }
        auctioned
    }

    /// Busy tables, and those that only seem to have nothing to do, because their instance has just begun to wait for pages.
    fn active(&self, owners: &BTreeMap<u64, Owner>, busy: &BTreeSet<TableId>) -> BTreeSet<TableId> {
        let fresh = self.pressure.wishes.iter().filter(|wish| wish.since == self.steps);
        let held_up: BTreeSet<InstanceId> = fresh.map(|wish| wish.envelope.instance).collect();
        let active = owners.values().filter(|owner| held_up.contains(&owner.instance));
        let resident = active.map(|owner| owner.table).filter(|table| !self.pressure.away.contains(table));
        busy.iter().copied().chain(resident).collect()
    }

    /// Whether a table with pages waits for more. Without them it could do nothing with those it has, so it gives them back: its wish
    /// becomes part of what it needs to come back, and its instance can go on with others.
    fn has_wish(&self, owner: &Owner) -> bool {
        self.pressure.wishes.iter().any(|wish| wish.table == owner.table && !wish.stands_in)
    }

    fn carry_out(&mut self, allocation: Allocation, owners: &BTreeMap<u64, Owner>) -> Auctioned {
        let acted = !allocation.changes_nothing();
        let Allocation { price, suspend, restore, grant, hopeless } = allocation;
        let owners = |tables: Vec<u64>| -> Vec<Owner> {
            tables.iter().filter_map(|table| owners.get(table).copied()).collect()
        };
        owners(suspend).into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        owners(restore).into_iter().for_each(|owner| self.bring_back(owner));
        owners(grant).into_iter().for_each(|owner| self.grant(owner));
        owners(hopeless).into_iter().for_each(|owner| self.give_up(owner));
        Auctioned { price, acted }
    }

    fn auction(
        &self,
        owners: &BTreeMap<u64, Owner>,
        busy: &BTreeSet<TableId>,
        plan: impl Fn(&Market, &[Demand<'_>], Supply<'_>) -> Allocation,
    ) -> Allocation {
        let demands: Vec<Demand<'_>> = owners
            .iter()
            .filter_map(|(&number, owner)| {
                let busy = busy.contains(&owner.table);
                if self.pressure.away.contains(&owner.table) {
                    let wants = self.held_pages(owner.table);
                    return busy.then_some(Demand { table: number, pages: &[], wants, busy });
                }
                let pages = self.kv.pages(owner.table).ok()?;
                Some(Demand { table: number, pages, wants: self.pressure.wanted(owner.table), busy })
            })
            .collect();
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

    /// Everybody who bids, by number of the table.
    fn owners(&self) -> BTreeMap<u64, Owner> {
        let contexts = self.instances.iter().flat_map(|(&instance, entry)| {
            let contexts = entry.contexts.iter();
            contexts.map(move |(&id, context)| Owner { table: context.table, instance, context: Some(id) })
        });
        let alone = self.passes.values().filter(|pending| pending.request.context.is_none());
        let alone =
            alone.map(|pending| Owner { table: pending.table, instance: pending.instance, context: None });
        let stand_ins = self.pressure.wishes.iter().filter(|wish| wish.stands_in);
        let stand_ins = stand_ins.map(|wish| Owner {
            table: wish.table,
            instance: wish.envelope.instance,
            context: None,
        });
        let all = contexts.chain(alone).chain(stand_ins);
        all.map(|owner| (owner.table.as_u64(), owner)).collect()
    }

    /// Tables that a pass or an operation waits for.
    pub(super) fn busy(&self) -> BTreeSet<TableId> {
        let passes = self.passes.values().map(|pending| pending.table);
        let wishes = self.pressure.wishes.iter().map(|wish| wish.table);
        let deferred = self
            .deferred
            .iter()
            .filter_map(|envelope| self.table_of(envelope.instance, envelope.operation.context()?));
        passes.chain(wishes).chain(deferred).collect()
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
            let busy = self.busy();
            let away = busy.intersection(&self.pressure.away);
            let wishing = self.pressure.wishes.iter().map(|wish| &wish.table);
            let tables: BTreeSet<u64> = away.chain(wishing).map(|table| table.as_u64()).collect();
            waiting.extend(tables);
        }
        self.pressure.short = !waiting.is_empty();
        let owners = if price > Credits::ZERO { self.owners() } else { BTreeMap::new() };
        let holdings: Vec<Holding<'_>> = owners
            .values()
            .filter_map(|owner| {
                Some(Holding { table: owner.table.as_u64(), pages: self.kv.pages(owner.table).ok()? })
            })
            .collect();
        let now = self.pressure.now;
        let stepped = Stepped { price, holdings: &holdings, ran: &ran, waiting: &waiting, now };
        self.pressure.market.settle(stepped);
    }
}
