//! What happens when pages are short: operations wait, the market decides, and contexts go and come back.
//!
//! An operation that takes pages and finds too few becomes a [`Wish`]. So does every one that comes while somebody waits, because
//! pages that become free are for the market to give. Before each step [`Core::allocate`] holds the auction and carries it out: losers are
//! suspended and their passes parked, winners are restored, wishes granted. A table whose wish is not granted gives its pages back too,
//! for without more it could do nothing with them; so whoever asked is answered within a step, and its pass waits. What cannot be copied back is computed again by a
//! [`Rebuild`], which runs in steps as passes do; the parked passes of its table go on after it. After the auction and the choice of
//! passes, [`Core::settle`] collects rents and notes who ran and who waited.
//!
//! A suspended context can be worked with: pages are reserved and passes accepted, and wait for it to come back. Only what needs its
//! content (fork, save, truncate) waits as an operation. While nobody waits, all this is two comparisons a step.
//!
//! # Invariants
//! - the passes of a table are in the queue if and only if the table is ready, that is resident with nothing to be computed again;
//! - nobody waits for ever: whoever is first in the auction gets what it wants, and who wants more than there would be if all others went
//!   is told so.
//!
//! Saved contexts do not bid and keep their pages: whoever saved one can delete it.

use super::contexts::ENDED;
use super::operation::{Envelope, Operation, Quote, Source};
use super::step::Share;
use super::{Core, CoreConfig};
use crate::ids::{ContextId, InstanceId, PageId};
use crate::kv::{Kv, Means, Restored, Suspended, TableId};
use crate::model::Sequence;
use crate::sched::Queued;
use crate::sched::market::{Allocation, Credits, Demand, Holding, Market, Rules, Stepped, Supply};
use crate::trace::{Event, PageOperation, SuspendCause};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What the engine keeps to drive the market.
pub(super) struct Pressure {
    pub market: Market,
    /// In the order in which they came.
    wishes: VecDeque<Wish>,
    /// By the number they have in the queue.
    rebuilds: BTreeMap<u64, Rebuild>,
    /// Suspended tables.
    away: BTreeSet<TableId>,
    /// Whether somebody waited in the last step.
    short: bool,
    /// When the step began.
    now: Duration,
}

/// An operation that waits for pages.
struct Wish {
    /// The table that bids for them. An operation without a context has one that stands in for what it is going to make.
    table: TableId,
    stands_in: bool,
    pages: u32,
    /// The step before it came.
    since: u64,
    envelope: Envelope,
}

/// Content of a restored table that the model computes again.
struct Rebuild {
    owner: Owner,
    /// The slots, and their tokens and positions.
    start: u32,
    tokens: Vec<u32>,
    positions: Vec<u32>,
    /// How many are computed.
    done: u32,
}

/// A table in the auction and whose it is. A pass without a context has a table too.
#[derive(Clone, Copy)]
struct Owner {
    table: TableId,
    instance: InstanceId,
    context: Option<ContextId>,
}

/// What came of an auction.
#[derive(Default)]
pub(super) struct Auctioned {
    /// What a page costs in this step.
    pub price: Credits,
    /// Whether anything was changed.
    pub acted: bool,
}

impl Pressure {
    pub fn new(config: &CoreConfig) -> Self {
        Pressure {
            market: Market::new(Rules::default(), config.page_size),
            wishes: VecDeque::new(),
            rebuilds: BTreeMap::new(),
            away: BTreeSet::new(),
            short: false,
            now: Duration::ZERO,
        }
    }

    /// Tables that stand in for what waits to be made.
    pub fn stand_ins(&self) -> impl Iterator<Item = TableId> {
        self.wishes.iter().filter(|wish| wish.stands_in).map(|wish| wish.table)
    }

    /// Whether somebody may wait for pages.
    fn is_quiet(&self) -> bool {
        self.wishes.is_empty() && self.away.is_empty()
    }

    /// The slots of a share for the model, if it is one of a rebuild.
    pub fn rebuild_sequence<'a>(&'a self, share: &'a Share, kv: &'a Kv) -> Option<Sequence<'a>> {
        let rebuild = self.rebuilds.get(&share.key)?;
        let range = share.from as usize..share.to as usize;
        Some(Sequence {
            tokens: &rebuild.tokens[range.clone()],
            positions: &rebuild.positions[range],
            pages: kv.pages(rebuild.owner.table).ok()?,
            start: rebuild.start + share.from,
            masks: None,
            adapter: None,
            rows: &[],
            embeddings: false,
        })
    }

    fn wanted(&self, table: TableId) -> u32 {
        self.wishes.iter().find(|wish| wish.table == table).map_or(0, |wish| wish.pages)
    }
}

/// Operations.
impl Core {
    /// Tells the time at which the next step begins, counted from any fixed moment.
    pub fn tick(&mut self, now: Duration) {
        self.pressure.now = now;
    }

    /// Gives an operation back if the pages it takes are there, and keeps it as a wish otherwise. One that could never be done is given back
    /// too, to fail.
    pub(super) fn wish(&mut self, envelope: Envelope) -> Option<Envelope> {
        let Some((table, pages)) = self.takes(&envelope) else { return Some(envelope) };
        let held = table.map_or(0, |table| self.held_pages(table));
        let waits = pages > self.kv.free_pages() || self.pressure.short || !self.pressure.wishes.is_empty();
        if !waits || held.saturating_add(pages) > self.config.pages {
            return Some(envelope);
        }
        let stands_in = table.is_none();
        let table = table.unwrap_or_else(|| {
            let table = self.kv.create();
            self.pressure.market.join(table.as_u64(), envelope.instance);
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

    fn table_of(&self, instance: InstanceId, context: ContextId) -> Option<TableId> {
        Some(self.instances.get(&instance)?.contexts.get(&context)?.table)
    }

    fn held_pages(&self, table: TableId) -> u32 {
        self.kv.counts(table).map_or(0, |counts| counts.committed_pages + counts.working_pages)
    }

    /// Suspends a context because its owner says so. It comes back when it is used.
    pub(super) fn suspend(&mut self, instance: InstanceId, context: ContextId) -> Result<(), String> {
        let table = self.context(instance, context)?.table;
        if !self.pressure.away.contains(&table) {
            self.send_away(Owner { table, instance, context: Some(context) }, SuspendCause::Asked);
        }
        Ok(())
    }

    /// Sets the bid of a context.
    pub(super) fn bid(&mut self, instance: InstanceId, context: ContextId, value: f64) -> Result<(), String> {
        let table = self.context(instance, context)?.table;
        let bid = Credits::from_f64(value);
        self.pressure.market.bid(table.as_u64(), Some(bid));
        self.record(instance, Event::Bid { instance, context, credits: bid.as_f64() });
        Ok(())
    }

    /// What an instance reads of the market.
    pub(super) fn quote(&mut self, instance: InstanceId, quote: Quote) -> Result<f64, String> {
        let table = match quote {
            Quote::Rent(context) | Quote::Latency(context) => self.context(instance, context)?.table.as_u64(),
            Quote::Price | Quote::Dividend | Quote::Balance => 0,
        };
        let market = &self.pressure.market;
        Ok(match quote {
            Quote::Price => market.price().as_f64(),
            Quote::Rent(_) => market.rent(table).as_f64(),
            Quote::Dividend => market.dividend(instance).as_f64(),
            Quote::Latency(_) => market.latency(table).as_secs_f64(),
            Quote::Balance => market.balance(instance).as_f64(),
        })
    }

    /// Charges for pages that were free before.
    pub(super) fn charge(&mut self, instance: InstanceId, free_before: u32) {
        let made = free_before.saturating_sub(self.kv.free_pages());
        self.pressure.market.ledger().make_pages(instance, made.into());
    }

    /// A table is about to end: it bids no longer, and nothing of it waits.
    pub(super) fn depart(&mut self, table: TableId) {
        self.pressure.market.leave(table.as_u64());
        self.pressure.away.remove(&table);
        self.forget_rebuild(table);
        self.refuse_wishes(ENDED, |wish| wish.table == table && !wish.stands_in);
    }

    /// An instance ends, and what it waited for is not wanted any more.
    pub(super) fn forget_wishes(&mut self, instance: InstanceId) {
        self.refuse_wishes(ENDED, |wish| wish.envelope.instance == instance);
    }
}

/// Before and after a step.
impl Core {
    /// Holds the auction, if somebody waits for pages, and does what it says.
    pub(super) fn allocate(&mut self) -> Auctioned {
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
    fn busy(&self) -> BTreeSet<TableId> {
        let passes = self.passes.values().map(|pending| pending.table);
        let wishes = self.pressure.wishes.iter().map(|wish| wish.table);
        let deferred = self
            .deferred
            .iter()
            .filter_map(|envelope| self.table_of(envelope.instance, envelope.operation.context()?));
        passes.chain(wishes).chain(deferred).collect()
    }

    /// Collects rents, pays dividends, and notes who ran in the step that was planned and who waits.
    pub(super) fn settle(&mut self, price: Credits, shares: &[Share]) {
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

    /// Suspends a table and parks its passes.
    fn send_away(&mut self, owner: Owner, cause: SuspendCause) {
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
    fn bring_back(&mut self, owner: Owner) {
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
    fn unpark(&mut self, table: TableId) {
        for (&key, pending) in self.passes.iter().filter(|(_, pending)| pending.table == table) {
            self.queue.push(pending.queued(key));
        }
    }

    /// Does what a table that got its pages has waited for.
    fn grant(&mut self, owner: Owner) {
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
    fn give_up(&mut self, owner: Owner) {
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

/// Content that is computed again.
impl Core {
    /// How far a rebuild has come, before a step.
    pub(super) fn rebuild_done(&self, key: u64) -> Option<u32> {
        self.pressure.rebuilds.get(&key).map(|rebuild| rebuild.done)
    }

    /// Notes what the model computed of a rebuild. Says whether it was one.
    pub(super) fn rebuilt(&mut self, share: &Share) -> bool {
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
    pub(super) fn rebuild_failed(&mut self, key: u64, error: &str) -> bool {
        let Some(rebuild) = self.pressure.rebuilds.get(&key) else { return false };
        let owner = rebuild.owner;
        self.send_away(owner, SuspendCause::Failed);
        self.refuse(owner, error, true);
        true
    }

    fn forget_rebuild(&mut self, table: TableId) {
        let found = self.pressure.rebuilds.iter().find(|(_, rebuild)| rebuild.owner.table == table);
        if let Some(key) = found.map(|(&key, _)| key) {
            self.pressure.rebuilds.remove(&key);
            self.queue.remove(key);
        }
    }
}

/// Refusals.
impl Core {
    /// Fails what waits for a table: its wishes, and if it cannot come back, all its operations and passes.
    fn refuse(&mut self, owner: Owner, error: &str, cannot_come_back: bool) {
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

    fn take_wishes(&mut self, which: impl Fn(&Wish) -> bool) -> Vec<Wish> {
        let (taken, kept): (Vec<Wish>, Vec<Wish>) =
            std::mem::take(&mut self.pressure.wishes).into_iter().partition(which);
        self.pressure.wishes = kept.into();
        taken
    }
}
