//! Contexts that want more pages than there are, run to their ends.

use super::super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Tokens in a page.
const PAGE_SIZE: u32 = 4;
/// Tokens that one step computes of a context that came back.
const CHUNK: u32 = 64;

/// A context that fills its pages token by token until it is done.
struct Context {
    table: u64,
    tokens: u32,
    /// Tokens at which it is done.
    end: u32,
    pages: Vec<PageId>,
    suspended: bool,
    /// Tokens to be computed again before it goes on.
    missing: u32,
}

impl Context {
    /// Pages it lacks for its next token, or to come back.
    fn wants(&self) -> u32 {
        let needed = if self.suspended { self.tokens } else { self.tokens + 1 };
        needed.div_ceil(PAGE_SIZE).max(u32::from(self.suspended)) - self.pages.len() as u32
    }

    fn demand(&self) -> Demand<'_> {
        Demand { table: self.table, pages: &self.pages, wants: self.wants(), busy: true }
    }
}

struct World {
    market: Market,
    free: BTreeSet<PageId>,
    contexts: Vec<Context>,
    now: Duration,
    arrived: u64,
}

impl World {
    /// Contexts of one instance each, with so many tokens to fill.
    fn new(pages: u32, ends: &[u32], rules: Rules) -> Self {
        let free = (0..pages).map(PageId).collect();
        let market = Market::new(rules, PAGE_SIZE);
        let mut world = Self { market, free, contexts: Vec::new(), now: Duration::ZERO, arrived: 0 };
        ends.iter().for_each(|&end| world.arrive(end));
        world
    }

    /// A new context of a new instance comes.
    fn arrive(&mut self, end: u32) {
        self.arrived += 1;
        let table = self.arrived;
        self.market.ledger().open(InstanceId(table), Credits::whole(1000));
        self.market.join(table, InstanceId(table));
        self.contexts.push(Context {
            table,
            tokens: 0,
            end,
            pages: Vec::new(),
            suspended: false,
            missing: 0,
        });
    }

    /// One step: auction, pages, tokens, rents.
    fn step(&mut self) {
        let allocation = self.allocate();
        assert_eq!(allocation.hopeless, [0; 0]);
        for context in &mut self.contexts {
            if allocation.suspend.contains(&context.table) {
                self.free.extend(context.pages.drain(..));
                (context.suspended, context.missing) = (true, 0);
                self.market.suspended(context.table);
            }
        }
        for table in allocation.restore.iter().chain(&allocation.grant) {
            self.serve(*table);
        }
        let ran = self.run();
        self.settle(allocation.price, &ran);
        self.end(&ran);
    }

    fn allocate(&self) -> Allocation {
        let demands: Vec<Demand<'_>> = self.contexts.iter().map(Context::demand).collect();
        self.market.plan(&demands, Supply { free: self.free.len() as u32, pinned: &[] })
    }

    /// Gives a context what it wants. That it is there is what the allocation promises.
    fn serve(&mut self, table: u64) {
        let context = self.contexts.iter_mut().find(|context| context.table == table).unwrap();
        for _ in 0..context.wants() {
            context.pages.push(self.free.pop_first().expect("an allocation has room for all it serves"));
        }
        if context.suspended {
            (context.suspended, context.missing) = (false, context.tokens);
            self.market.restored(table);
        } else {
            self.market.granted(table);
            self.market.ledger().make_pages(InstanceId(table), 1);
        }
    }

    fn run(&mut self) -> Vec<u64> {
        let mut ran = Vec::new();
        for context in self.contexts.iter_mut().filter(|context| !context.suspended) {
            if context.missing > 0 {
                context.missing = context.missing.saturating_sub(CHUNK);
            } else if context.wants() == 0 {
                context.tokens += 1;
                ran.push(context.table);
            }
        }
        ran
    }

    fn settle(&mut self, price: Credits, ran: &[u64]) {
        self.now += Duration::from_millis(1);
        let residents = self.contexts.iter().filter(|context| !context.suspended);
        let holdings: Vec<Holding<'_>> =
            residents.map(|context| Holding { table: context.table, pages: &context.pages }).collect();
        let waits =
            |context: &&Context| context.suspended || !ran.contains(&context.table) && context.missing == 0;
        let waiting: Vec<u64> = self.contexts.iter().filter(waits).map(|context| context.table).collect();
        let stepped = Stepped { price, holdings: &holdings, ran, waiting: &waiting, now: self.now };
        self.market.settle(stepped);
        assert!(self.market.sums().is_conserved());
    }

    fn end(&mut self, ran: &[u64]) {
        for table in ran {
            let at = self.contexts.iter().position(|context| context.table == *table).unwrap();
            if self.contexts[at].tokens == self.contexts[at].end {
                let context = self.contexts.remove(at);
                self.free.extend(context.pages);
                self.market.leave(*table);
                self.market.ledger().close(InstanceId(*table));
            }
        }
    }
}

/// How contexts bid.
#[derive(Clone, Copy, Debug)]
enum Bidding {
    Default,
    Equal,
    /// A number of its own for each, the same in all steps.
    Fixed,
    /// Another number in each step, so that nobody is safe.
    Changing,
    /// The first half bids all it has, the others nothing.
    Unfair,
}

fn mix(table: u64, step: u64) -> u64 {
    (table ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xFF51_AFD7_ED55_8CCD) >> 40
}

impl Bidding {
    fn bid(self, table: u64, step: u64, count: u64) -> Option<Credits> {
        let bid = match self {
            Bidding::Default => return None,
            Bidding::Equal => 1.0,
            Bidding::Fixed => mix(table, 0) as f64 * 1e-6,
            Bidding::Changing => mix(table, step) as f64 * 1e-6,
            Bidding::Unfair => {
                if table <= count / 2 {
                    1e9
                } else {
                    0.0
                }
            }
        };
        Some(Credits::from_f64(bid))
    }
}

/// Runs until all are done and returns the number of steps, or none if that takes more than `most`.
fn run(world: &mut World, bidding: Bidding, most: u64) -> Option<u64> {
    let count = world.contexts.len() as u64;
    for step in 0..most {
        if world.contexts.is_empty() {
            return Some(step);
        }
        for context in &world.contexts {
            world.market.bid(context.table, bidding.bid(context.table, step, count));
        }
        world.step();
    }
    None
}

const ALL: [Bidding; 5] =
    [Bidding::Default, Bidding::Equal, Bidding::Fixed, Bidding::Changing, Bidding::Unfair];

#[test]
fn two_hundred_contexts_finish_on_pages_for_twenty_whatever_they_bid() {
    for bidding in ALL {
        let mut world = World::new(20 * 25, &[100; 200], Rules { turn: 32, patience: 400 });
        // Each context needs its pages for as many steps as it has tokens; nothing is faster than all pages in use in each step.
        let page_steps: u32 = 200 * (1..=100).map(|tokens: u32| tokens.div_ceil(PAGE_SIZE)).sum::<u32>();
        let ideal = u64::from(page_steps) / (20 * 25);
        let steps = run(&mut world, bidding, 10 * ideal);
        assert!(steps.is_some_and(|steps| steps <= ideal * 13 / 10), "{bidding:?}: {steps:?} of {ideal}");
    }
}

#[test]
fn a_context_that_bids_nothing_goes_on_among_an_endless_stream_of_rich_ones() {
    let rules = Rules { turn: 8, patience: 50 };
    let mut world = World::new(12, &[40, 12, 12, 12, 12, 12, 12], rules);
    let mut steps = 0;
    while world.contexts.iter().any(|context| context.table == 1) {
        for table in world.contexts.iter().map(|context| context.table).collect::<Vec<_>>() {
            world.market.bid(table, Some(if table == 1 { Credits::ZERO } else { Credits::MOST }));
        }
        world.step();
        while world.contexts.len() < 7 {
            world.arrive(12);
        }
        steps += 1;
        // 40 tokens are five turns. For each it waits until it is overdue, until others have ended theirs, and for its content.
        assert!(steps <= 5 * (50 + 8 + 2), "it starves");
    }
    assert!(steps > 5 * 50 / 2, "it never had to wait, and this shows nothing");
}

fn bidding() -> impl Strategy<Value = Bidding> {
    prop::sample::select(&ALL[..])
}

proptest! {
    #[test]
    fn all_finish_under_any_rules_and_bids(
        ends in prop::collection::vec(1..40u32, 1..30),
        more_pages in 0..20u32,
        (turn, patience) in (1..20u32, 0..50u32),
        bidding in bidding(),
    ) {
        let tokens: u32 = ends.iter().sum();
        let pages = ends.iter().max().unwrap().div_ceil(PAGE_SIZE) + more_pages;
        let mut world = World::new(pages, &ends, Rules { turn, patience });
        // A token takes at most a step for itself and one to compute again what it builds on.
        let most = u64::from(2 * tokens + 1);
        prop_assert!(run(&mut world, bidding, most).is_some(), "more than {} steps", most);
        prop_assert_eq!(world.free.len() as u32, pages);
        let sums = world.market.sums();
        prop_assert_eq!((sums.balances, sums.treasury), (Credits::ZERO, Credits::ZERO));
    }
}
