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
//!
//! Read `wishes.rs` next, then `roster.rs`, `auctions.rs` and `moves.rs`.

mod auctions;
mod moves;
mod roster;
mod wishes;

use super::operation::{Envelope, Quote};
use super::step::Share;
use super::{Core, CoreConfig};
use crate::ids::{ContextId, InstanceId};
use crate::kv::{Kv, TableId};
use crate::model::Sequence;
use crate::sched::market::{Credits, Market, Rules};
use crate::trace::Event;
use roster::Roster;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What the engine keeps to drive the market.
pub(super) struct Pressure {
    pub market: Market,
    roster: Roster,
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
            roster: Roster::default(),
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

/// What has to do with the market, and with nobody's pages.
impl Core {
    /// Tells the time at which the next step begins, counted from any fixed moment.
    pub fn tick(&mut self, now: Duration) {
        self.pressure.now = now;
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
}
