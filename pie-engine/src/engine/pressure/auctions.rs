//! The auction before a step, and the accounts after it.

use super::{Auctioned, Core, Owner};
use crate::engine::step::Share;
use crate::ids::{InstanceId, PageId};
use crate::kv::TableId;
use crate::sched::market::{Allocation, Credits, Demand, Holding, Market, Stepped, Supply};
use crate::trace::SuspendCause;

/// Tables, in order. Such sets are made anew for each step, and most often from numbers that rise, so that they are lists and not trees.
struct Tables(Vec<TableId>);

impl FromIterator<TableId> for Tables {
    fn from_iter<T: IntoIterator<Item = TableId>>(tables: T) -> Self {
        let mut tables: Vec<TableId> = tables.into_iter().collect();
        tables.sort_unstable();
        tables.dedup();
        Tables(tables)
    }
}

impl Tables {
    fn contains(&self, table: TableId) -> bool {
        self.0.binary_search(&table).is_ok()
    }
}

/// Everybody who bids, by number of the table.
struct Owners(Vec<(u64, Owner)>);

impl FromIterator<Owner> for Owners {
    fn from_iter<T: IntoIterator<Item = Owner>>(owners: T) -> Self {
        let mut owners: Vec<(u64, Owner)> =
            owners.into_iter().map(|owner| (owner.table.as_u64(), owner)).collect();
        owners.sort_unstable_by_key(|&(table, _)| table);
        owners.dedup_by_key(|&mut (table, _)| table);
        Owners(owners)
    }
}

impl Owners {
    fn get(&self, table: u64) -> Option<Owner> {
        let at = self.0.binary_search_by_key(&table, |&(table, _)| table).ok()?;
        Some(self.0[at].1)
    }

    fn all(&self) -> impl Iterator<Item = Owner> + '_ {
        self.0.iter().map(|&(_, owner)| owner)
    }
}

/// Before a step.
impl Core {
    /// Holds the auction, if somebody waits for pages, and does what it says.
    pub(in crate::engine) fn allocate(&mut self) -> Auctioned {
        if self.pressure.is_quiet() {
            return Auctioned::default();
        }
        let (owners, busy) = (self.owners(), self.busy());
        if self.pressure.wishes.is_empty() && !self.pressure.away.iter().any(|&table| busy.contains(table)) {
            return Auctioned::default();
        }
        let active = self.active(&owners, &busy);
        let mut auctioned = self.carry_out(self.auction(&owners, &active, Market::plan), &owners);
        let denied: Vec<Owner> = owners.all().filter(|owner| self.has_wish(owner)).collect();
        auctioned.acted |= !denied.is_empty();
        denied.into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        if !auctioned.acted && self.queue.is_empty() && self.complete.is_empty() {
            // Somebody with nothing to do outbids all who have.
            return self.carry_out(self.auction(&owners, &busy, Market::plan_when_idle), &owners);
        }
        auctioned
    }

    /// Busy tables, and those that only seem to have nothing to do, because their instance has just begun to wait for pages.
    fn active(&self, owners: &Owners, busy: &Tables) -> Tables {
        let fresh = self.pressure.wishes.iter().filter(|wish| wish.since == self.steps);
        let mut held_up: Vec<InstanceId> = fresh.map(|wish| wish.envelope.instance).collect();
        held_up.sort_unstable();
        let active = owners.all().filter(|owner| held_up.binary_search(&owner.instance).is_ok());
        let resident = active.map(|owner| owner.table).filter(|table| !self.pressure.away.contains(table));
        busy.0.iter().copied().chain(resident).collect()
    }

    /// Whether a table with pages waits for more. Without them it could do nothing with those it has, so it gives them back: its wish
    /// becomes part of what it needs to come back, and its instance can go on with others.
    fn has_wish(&self, owner: &Owner) -> bool {
        self.pressure.wishes.iter().any(|wish| wish.table == owner.table && !wish.stands_in)
    }

    fn carry_out(&mut self, allocation: Allocation, owners: &Owners) -> Auctioned {
        let acted = !allocation.changes_nothing();
        let Allocation { price, suspend, restore, grant, hopeless } = allocation;
        let owners = |tables: Vec<u64>| -> Vec<Owner> {
            tables.iter().filter_map(|&table| owners.get(table)).collect()
        };
        owners(suspend).into_iter().for_each(|owner| self.send_away(owner, SuspendCause::Short));
        owners(restore).into_iter().for_each(|owner| self.bring_back(owner));
        owners(grant).into_iter().for_each(|owner| self.grant(owner));
        owners(hopeless).into_iter().for_each(|owner| self.give_up(owner));
        Auctioned { price, acted }
    }

    fn auction(
        &self,
        owners: &Owners,
        busy: &Tables,
        plan: impl Fn(&Market, &[Demand<'_>], Supply<'_>) -> Allocation,
    ) -> Allocation {
        let demands: Vec<Demand<'_>> = owners
            .all()
            .filter_map(|owner| {
                let (number, busy) = (owner.table.as_u64(), busy.contains(owner.table));
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

    /// Everybody who bids.
    fn owners(&self) -> Owners {
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
        contexts.chain(alone).chain(stand_ins).collect()
    }

    /// Tables that a pass or an operation waits for.
    fn busy(&self) -> Tables {
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
            let away = self.pressure.away.iter().copied().filter(|&table| busy.contains(table));
            let wishing = self.pressure.wishes.iter().map(|wish| wish.table);
            let tables: Tables = away.chain(wishing).collect();
            waiting.extend(tables.0.iter().map(|table| table.as_u64()));
        }
        self.pressure.short = !waiting.is_empty();
        let owners = if price > Credits::ZERO { self.owners() } else { Owners(Vec::new()) };
        let holdings: Vec<Holding<'_>> = owners
            .all()
            .filter_map(|owner| {
                Some(Holding { table: owner.table.as_u64(), pages: self.kv.pages(owner.table).ok()? })
            })
            .collect();
        let now = self.pressure.now;
        let stepped = Stepped { price, holdings: &holdings, ran: &ran, waiting: &waiting, now };
        self.pressure.market.settle(stepped);
    }
}
