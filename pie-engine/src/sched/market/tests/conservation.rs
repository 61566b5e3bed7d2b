//! Random histories of a market beside pages that are made, shared, taken away and given back.

use super::super::*;
use proptest::prelude::*;

/// What happens between or in steps; `on` picks a context or an instance.
#[derive(Clone, Debug)]
enum Event {
    Open { endowment: u64 },
    Share { on: usize },
    Close { on: usize },
    Create { on: usize },
    Fork { on: usize },
    Leave { on: usize },
    Grow { on: usize, pages: u32 },
    Bid { on: usize, bid: f64 },
    Suspend { on: usize },
    Step { busy: u32, wants: u32 },
}

fn event() -> impl Strategy<Value = Event> {
    let on = 0..16usize;
    let bid = prop_oneof![Just(0.0), 0.0..3.0f64, any::<f64>()];
    prop_oneof![
        2 => (0..50u64).prop_map(|endowment| Event::Open { endowment }),
        1 => on.clone().prop_map(|on| Event::Share { on }),
        1 => on.clone().prop_map(|on| Event::Close { on }),
        3 => on.clone().prop_map(|on| Event::Create { on }),
        3 => on.clone().prop_map(|on| Event::Fork { on }),
        1 => on.clone().prop_map(|on| Event::Leave { on }),
        4 => (on.clone(), 1..4u32).prop_map(|(on, pages)| Event::Grow { on, pages }),
        4 => (on.clone(), bid).prop_map(|(on, bid)| Event::Bid { on, bid }),
        1 => on.prop_map(|on| Event::Suspend { on }),
        6 => (any::<u32>(), any::<u32>()).prop_map(|(busy, wants)| Event::Step { busy, wants }),
    ]
}

const CAPACITY: u32 = 12;

#[derive(Clone)]
struct Context {
    table: u64,
    instance: InstanceId,
    pages: Vec<PageId>,
    /// Pages it had when it was suspended.
    lost: Option<u32>,
}

struct World {
    market: Market,
    instances: Vec<InstanceId>,
    contexts: Vec<Context>,
    named: u64,
    now: Duration,
}

impl World {
    fn new() -> Self {
        let market = Market::new(Rules { turn: 2, patience: 4 }, 4);
        Self { market, instances: Vec::new(), contexts: Vec::new(), named: 0, now: Duration::ZERO }
    }

    fn free(&self) -> Vec<PageId> {
        let held = |page: &PageId| self.contexts.iter().any(|context| context.pages.contains(page));
        (0..CAPACITY).map(PageId).filter(|page| !held(page)).collect()
    }

    fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }

    fn context(&mut self, on: usize) -> Option<&mut Context> {
        let count = self.contexts.len().max(1);
        self.contexts.get_mut(on % count)
    }

    fn apply(&mut self, event: &Event) {
        match *event {
            Event::Open { endowment } => {
                let instance = InstanceId(self.name());
                self.market.ledger().open(instance, Credits::whole(endowment));
                self.instances.push(instance);
            }
            Event::Share { on } => {
                if let Some(&parent) = self.instances.get(on % self.instances.len().max(1)) {
                    let before = self.market.sums().endowed;
                    let instance = InstanceId(self.name());
                    self.market.ledger().share(instance, parent);
                    assert_eq!(self.market.sums().endowed, before, "who is launched brings no credits");
                    self.instances.push(instance);
                }
            }
            Event::Close { on } => self.close(on),
            Event::Create { on } => self.create(on, Vec::new()),
            Event::Fork { on } => {
                if let Some(original) = self.context(on).cloned().filter(|context| context.lost.is_none()) {
                    self.join(original.instance, original.pages);
                }
            }
            Event::Leave { on } => {
                if !self.contexts.is_empty() {
                    let context = self.contexts.remove(on % self.contexts.len());
                    self.market.leave(context.table);
                }
            }
            Event::Grow { on, pages } => self.grow(on, pages),
            Event::Bid { on, bid } => {
                if let Some(table) = self.context(on).map(|context| context.table) {
                    self.market.bid(table, Some(Credits::from_f64(bid)));
                }
            }
            Event::Suspend { on } => {
                if let Some(table) = self.context(on).map(|context| context.table) {
                    self.suspend(table);
                }
            }
            Event::Step { busy, wants } => self.step(busy, wants),
        }
    }

    fn close(&mut self, on: usize) {
        if self.instances.is_empty() {
            return;
        }
        let instance = self.instances.remove(on % self.instances.len());
        let (gone, left) = self.contexts.drain(..).partition(|context| context.instance == instance);
        self.contexts = left;
        let gone: Vec<Context> = gone;
        gone.iter().for_each(|context| self.market.leave(context.table));
        self.market.ledger().close(instance);
    }

    fn create(&mut self, on: usize, pages: Vec<PageId>) {
        let count = self.instances.len().max(1);
        if let Some(&instance) = self.instances.get(on % count) {
            self.join(instance, pages);
        }
    }

    fn join(&mut self, instance: InstanceId, pages: Vec<PageId>) {
        let table = self.name();
        self.market.join(table, instance);
        self.contexts.push(Context { table, instance, pages, lost: None });
    }

    fn grow(&mut self, on: usize, pages: u32) {
        let free = self.free();
        let Some(context) = self.context(on).filter(|context| context.lost.is_none()) else { return };
        let made: Vec<PageId> = free.into_iter().take(pages as usize).collect();
        context.pages.extend(&made);
        let instance = context.instance;
        let before = self.market.balance(instance);
        let paid = self.market.ledger().make_pages(instance, made.len() as u64);
        assert_eq!(paid, PAGE_PRICE.times(made.len() as u64).min(before));
    }

    fn suspend(&mut self, table: u64) {
        let context = self.contexts.iter_mut().find(|context| context.table == table).unwrap();
        if context.lost.is_none() {
            context.lost = Some(context.pages.drain(..).count() as u32);
            self.market.suspended(table);
        }
    }

    fn step(&mut self, busy: u32, wants: u32) {
        let wishes: Vec<(u64, u32)> = self.wishes(busy, wants).collect();
        let allocation = self.plan(busy, &wishes);
        allocation.suspend.iter().for_each(|&table| self.suspend(table));
        for table in &allocation.restore {
            let free = self.free();
            let context = self.contexts.iter_mut().find(|context| context.table == *table).unwrap();
            let lost = context.lost.take().expect("only suspended contexts are restored");
            assert!(lost as usize <= free.len(), "{table} is restored without room");
            context.pages = free.into_iter().take(lost as usize).collect();
            self.market.restored(*table);
        }
        for &table in &allocation.grant {
            let wish = wishes.iter().find(|wish| wish.0 == table).map_or(0, |wish| wish.1);
            let at = self.contexts.iter().position(|context| context.table == table).unwrap();
            assert!(
                wish > 0 && wish as usize <= self.free().len(),
                "{table} is granted {wish} pages without room"
            );
            self.market.granted(table);
            self.grow(at, wish);
        }
        self.settle(allocation.price);
    }

    /// Which residents want how many pages more.
    fn wishes(&self, busy: u32, wants: u32) -> impl Iterator<Item = (u64, u32)> {
        let residents = self.contexts.iter().filter(|context| context.lost.is_none());
        residents.map(move |context| {
            let bit = context.table % 32;
            (context.table, if busy >> bit & 1 == 1 { wants >> bit & 3 } else { 0 })
        })
    }

    fn plan(&self, busy: u32, wishes: &[(u64, u32)]) -> Allocation {
        let demands: Vec<Demand<'_>> = self
            .contexts
            .iter()
            .map(|context| {
                let wish = wishes.iter().find(|(table, _)| *table == context.table);
                let wants = context.lost.unwrap_or(wish.map_or(0, |wish| wish.1));
                let busy = context.lost.is_some() || busy >> (context.table % 32) & 1 == 1;
                Demand { table: context.table, pages: &context.pages, wants, busy }
            })
            .collect();
        self.market.plan(&demands, Supply { free: self.free().len() as u32, pinned: &[] })
    }

    /// Settles a step in which everybody with pages ran, and looks at who paid what.
    fn settle(&mut self, price: Credits) {
        self.now += Duration::from_millis(1);
        let residents = self.contexts.iter().filter(|context| context.lost.is_none());
        let holdings: Vec<Holding<'_>> =
            residents.map(|context| Holding { table: context.table, pages: &context.pages }).collect();
        let ran: Vec<u64> = holdings.iter().map(|holding| holding.table).collect();
        let waiting: Vec<u64> = self
            .contexts
            .iter()
            .filter(|context| context.lost.is_some())
            .map(|context| context.table)
            .collect();
        let before: Vec<Credits> =
            self.instances.iter().map(|&instance| self.market.balance(instance)).collect();
        let made = self.market.sums();
        self.market.settle(Stepped {
            price,
            holdings: &holdings,
            ran: &ran,
            waiting: &waiting,
            now: self.now,
        });
        let after = self.market.sums();
        assert_eq!((after.made, after.endowed, after.withdrawn), (made.made, made.endowed, made.withdrawn));
        if price == Credits::ZERO && made.treasury == Credits::ZERO {
            let now: Vec<Credits> =
                self.instances.iter().map(|&instance| self.market.balance(instance)).collect();
            assert_eq!(before, now, "nothing was short, and somebody paid");
        }
        for context in &self.contexts {
            assert!(self.market.rent(context.table) <= price);
        }
    }
}

/// Contexts that share pages at random, and a rate.
fn sharing() -> impl Strategy<Value = (Vec<Vec<PageId>>, u128)> {
    let pages = prop::collection::btree_set(0..10u32, 0..8);
    let pages = pages.prop_map(|pages| pages.into_iter().map(PageId).collect::<Vec<_>>());
    (prop::collection::vec(pages, 0..8), 0..1000u128)
}

fn holdings(lists: &[Vec<PageId>]) -> Vec<Holding<'_>> {
    (0..).zip(lists).map(|(table, pages)| Holding { table, pages }).collect()
}

proptest! {
    #[test]
    fn credits_are_conserved(events in prop::collection::vec(event(), 1..150)) {
        let mut world = World::new();
        for event in &events {
            world.apply(event);
            let sums = world.market.sums();
            prop_assert!(sums.is_conserved(), "{:?} after {:?}", sums, event);
        }
        while !world.instances.is_empty() {
            world.close(0);
        }
        let sums = world.market.sums();
        prop_assert!(sums.is_conserved());
        prop_assert_eq!((sums.balances, sums.treasury), (Credits::ZERO, Credits::ZERO));
    }

    #[test]
    fn each_page_brings_in_exactly_its_rate((lists, rate) in sharing()) {
        let rate = Credits::from_millionths(rate);
        let due = rents(&holdings(&lists), &vec![rate; lists.len()]);
        let mut pages: Vec<PageId> = lists.concat();
        pages.sort_unstable();
        pages.dedup();
        prop_assert_eq!(due.iter().copied().sum::<Credits>(), rate.times(pages.len() as u64));
    }

    #[test]
    fn nobody_pays_more_than_its_rate_for_a_page((lists, rate) in sharing(), seed in any::<u64>()) {
        let own: Vec<Credits> = (0..lists.len() as u32)
            .map(|index| Credits::from_millionths(if seed >> index & 1 == 1 { rate } else { rate / 3 }))
            .collect();
        for ((due, list), rate) in rents(&holdings(&lists), &own).into_iter().zip(&lists).zip(own) {
            prop_assert!(due <= rate.times(list.len() as u64));
        }
    }
}
