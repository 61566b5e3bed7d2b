//! Random operations beside a model that keeps each context as a plain vector.
//!
//! The model's store is simulated as well: a slot's content is a hash of its token, its position, what the pass saw, and the content
//! of the slot before, as keys and values in a transformer are. So a page that is shared wrongly, copied short, cleared late or
//! overwritten shows in the content of some table.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

const PAGE_SIZE: u32 = 4;
const CAPACITY: u32 = 24;
/// Few tokens, so that prefixes meet.
const VOCABULARY: std::ops::Range<u32> = 0..2;

/// One operation; `on` picks a table.
#[derive(Clone, Debug)]
enum Operation {
    Create,
    Destroy { on: usize },
    Fork { on: usize },
    Reserve { on: usize, pages: u32 },
    Release { on: usize, pages: u32 },
    Commit { on: usize, pages: u32 },
    Truncate { on: usize, tokens: u32 },
    Claim { on: usize, tokens: Vec<u32>, plain: bool, wanted_from: usize },
    Write { on: usize, slots: u32 },
    Abandon { on: usize },
    Suspend { on: usize, means: Means },
    Restore { on: usize },
    Recompute { on: usize, slots: u32 },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let on = 0..8usize;
    let tokens = prop::collection::vec(VOCABULARY, 0..14);
    prop_oneof![
        2 => Just(Create),
        1 => on.clone().prop_map(|on| Destroy { on }),
        2 => on.clone().prop_map(|on| Fork { on }),
        3 => (on.clone(), 0..7u32).prop_map(|(on, pages)| Reserve { on, pages }),
        1 => (on.clone(), 0..4u32).prop_map(|(on, pages)| Release { on, pages }),
        1 => (on.clone(), 0..3u32).prop_map(|(on, pages)| Commit { on, pages }),
        2 => (on.clone(), 0..14u32).prop_map(|(on, tokens)| Truncate { on, tokens }),
        6 => (on.clone(), tokens, prop::bool::weighted(0.8), 0..16usize)
            .prop_map(|(on, tokens, plain, wanted_from)| Claim { on, tokens, plain, wanted_from }),
        6 => (on.clone(), 1..20u32).prop_map(|(on, slots)| Write { on, slots }),
        1 => on.clone().prop_map(|on| Abandon { on }),
        3 => (on.clone(), prop_oneof![Just(Means::Recompute), Just(Means::Swap)])
            .prop_map(|(on, means)| Suspend { on, means }),
        5 => on.clone().prop_map(|on| Restore { on }),
        5 => (on, 1..20u32).prop_map(|(on, slots)| Recompute { on, slots }),
    ]
}

/// A slot's content, as the model would compute it.
fn content(before: u64, token: u32, position: u32, plain: bool) -> u64 {
    let mut hash = before ^ 0x9E37_79B9_7F4A_7C15;
    for part in [u64::from(token), u64::from(position), u64::from(plain)] {
        hash = (hash ^ part).wrapping_mul(0xFF51_AFD7_ED55_8CCD).rotate_left(31);
    }
    hash
}

/// A context without pages.
#[derive(Clone)]
struct Context {
    table: TableId,
    /// What the slots hold once they are written.
    content: Vec<u64>,
    written: usize,
    pages: u32,
    committed: u32,
    claims: Vec<super::Claim>,
    suspended: bool,
    /// Written slots that are not in the store.
    missing: Range<usize>,
}

impl Context {
    /// Whether all its slots are written and in the store.
    fn idle(&self) -> bool {
        self.written == self.content.len() && self.missing.is_empty()
    }
}

struct World {
    kv: Kv,
    contexts: Vec<Context>,
    /// What the model's store holds, by page and slot.
    store: Vec<[Option<u64>; PAGE_SIZE as usize]>,
    /// What it keeps outside.
    swaps: BTreeMap<SwapId, Vec<Option<u64>>>,
}

impl World {
    fn new() -> Self {
        let store = vec![[None; PAGE_SIZE as usize]; CAPACITY as usize];
        Self { kv: Kv::new(CAPACITY, PAGE_SIZE), contexts: Vec::new(), store, swaps: BTreeMap::new() }
    }

    fn context(&mut self, on: usize) -> Option<&mut Context> {
        let count = self.contexts.len().max(1);
        self.contexts.get_mut(on % count)
    }

    fn apply(&mut self, operation: &Operation) {
        use Operation::*;
        match *operation {
            Create => self.create(),
            Destroy { on } => self.destroy(on),
            Fork { on } => self.fork(on),
            Reserve { on, pages } => self.reserve(on, pages),
            Release { on, pages } => self.release(on, pages),
            Commit { on, pages } => self.commit(on, pages),
            Truncate { on, tokens } => self.truncate(on, tokens),
            Claim { on, ref tokens, plain, wanted_from } => self.claim(on, tokens, plain, wanted_from),
            Write { on, slots } => self.write(on, slots),
            Abandon { on } => self.abandon(on),
            Suspend { on, means } => self.suspend(on, means),
            Restore { on } => self.restore(on),
            Recompute { on, slots } => self.recompute(on, slots),
        }
    }

    /// A context that is not suspended.
    fn resident(&mut self, on: usize) -> Option<&mut Context> {
        self.context(on).filter(|context| !context.suspended)
    }

    fn create(&mut self) {
        let table = self.kv.create();
        let claims = Vec::new();
        self.contexts.push(Context {
            table,
            content: Vec::new(),
            written: 0,
            pages: 0,
            committed: 0,
            claims,
            suspended: false,
            missing: 0..0,
        });
    }

    fn destroy(&mut self, on: usize) {
        if !self.contexts.is_empty() {
            let context = self.contexts.remove(on % self.contexts.len());
            self.kv.destroy(context.table).unwrap();
        }
    }

    fn fork(&mut self, on: usize) {
        let Some(context) = self.context(on) else { return };
        let mut fork = context.clone();
        let free = self.kv.free_pages();
        match self.kv.fork(fork.table) {
            Ok(table) => {
                fork.table = table;
                fork.pages = (fork.content.len() as u32).div_ceil(PAGE_SIZE);
                self.contexts.push(fork);
            }
            Err(KvError::Busy { .. }) => assert!(!fork.idle()),
            Err(KvError::Suspended(_)) => assert!(fork.suspended),
            Err(error) => {
                assert!(free == 0 && !(fork.content.len() as u32).is_multiple_of(PAGE_SIZE), "{error}");
            }
        }
    }

    fn reserve(&mut self, on: usize, pages: u32) {
        let free = self.kv.free_pages();
        let Some(context) = self.context(on) else { return };
        let id = context.table;
        let fits = if context.suspended { context.pages + pages <= CAPACITY } else { pages <= free };
        if fits {
            context.pages += pages;
        }
        assert_eq!(self.kv.reserve(id, pages).is_ok(), fits);
    }

    fn release(&mut self, on: usize, pages: u32) {
        let Some(context) = self.context(on) else { return };
        let released = pages.min(context.pages - (context.content.len() as u32).div_ceil(PAGE_SIZE));
        context.pages -= released;
        let id = context.table;
        assert_eq!(self.kv.release(id, pages), Ok(released));
    }

    fn commit(&mut self, on: usize, pages: u32) {
        let Some(context) = self.context(on) else { return };
        let full = context.content.len() as u32 / PAGE_SIZE - context.committed;
        if pages <= full {
            context.committed += pages;
        }
        let id = context.table;
        assert_eq!(self.kv.commit(id, pages).is_ok(), pages <= full);
    }

    fn truncate(&mut self, on: usize, tokens: u32) {
        let Some(context) = self.resident(on) else { return };
        let id = context.table;
        if !context.idle() {
            assert!(matches!(self.kv.truncate(id, tokens), Err(KvError::Busy { .. })));
            return;
        }
        let length = context.content.len() as u32;
        let dropped = tokens.min(length - context.committed * PAGE_SIZE);
        context.content.truncate((length - dropped) as usize);
        context.written = context.content.len();
        assert_eq!(self.kv.truncate(id, tokens), Ok(dropped));
    }

    fn claim(&mut self, on: usize, tokens: &[u32], plain: bool, wanted_from: usize) {
        let Some(context) = self.context(on) else { return };
        let mut context = context.clone();
        let copies = self.kv.claim_pages(context.table, tokens.len()).unwrap();
        let start = context.content.len() as u32;
        let positions: Vec<u32> = (start..).take(tokens.len()).collect();
        let before = self.kv.counts(context.table);
        let fits = start as usize + tokens.len() <= (context.pages * PAGE_SIZE) as usize;
        match self.kv.claim(context.table, Input { tokens, positions: &positions, plain, wanted_from }) {
            Ok(claim) => {
                assert!(fits && claim.start == start && claim.len as usize == tokens.len());
                assert!(claim.reused as usize <= wanted_from.min(tokens.len()));
                for (&token, &position) in tokens.iter().zip(&positions) {
                    let last = context.content.last().copied().unwrap_or(0);
                    context.content.push(content(last, token, position, plain));
                }
                if claim.reused > 0 {
                    assert!(plain && context.written == start as usize);
                    context.written = (start + claim.reused) as usize;
                }
                context.claims.push(claim);
            }
            Err(KvError::NotReserved { .. }) => assert!(!fits),
            Err(error) => {
                assert!(fits && matches!(error, KvError::OutOfPages { .. }), "{error}");
                assert!(copies > self.kv.free_pages(), "what it takes at most was there");
                assert_eq!(self.kv.counts(context.table), before);
            }
        }
        *self.context(on).unwrap() = context;
    }

    /// Runs the model over some claimed slots.
    fn write(&mut self, on: usize, slots: u32) {
        self.carry_out_changes();
        let Some(context) = self.resident(on).filter(|context| context.missing.is_empty()) else { return };
        let id = context.table;
        let upto = context.content.len().min(context.written + slots as usize);
        let slots = context.written..upto;
        context.written = upto;
        let content = context.content.clone();
        self.fill_slots(id, slots, &content);
        self.kv.written(id, upto as u32).unwrap();
    }

    fn fill_slots(&mut self, id: TableId, slots: Range<usize>, content: &[u64]) {
        for slot in slots {
            let page = self.kv.pages(id).unwrap()[slot / PAGE_SIZE as usize];
            assert!(!self.kv.pool.is_shared(page), "{id} writes to {page}, which others see");
            self.store[page.0 as usize][slot % PAGE_SIZE as usize] = Some(content[slot]);
        }
    }

    fn suspend(&mut self, on: usize, means: Means) {
        let Some(context) = self.resident(on) else { return };
        (context.suspended, context.missing) = (true, 0..0);
        let (id, pages) = (context.table, context.pages);
        let free = self.kv.free_pages();
        let suspended = self.kv.suspend(id, means).unwrap();
        assert_eq!((suspended.pages, suspended.freed), (pages, self.kv.free_pages() - free));
    }

    fn restore(&mut self, on: usize) {
        let free = self.kv.free_pages();
        let Some(mut context) = self.context(on).cloned() else { return };
        match self.kv.restore(context.table) {
            Ok(Restored { recompute, tokens, shared, swapped: _ }) => {
                assert!(context.suspended && context.pages - shared <= free);
                let start = recompute.start as usize;
                let mut last = start.checked_sub(1).map_or(0, |slot| context.content[slot]);
                for (slot, token) in (start..recompute.end as usize).zip(tokens) {
                    last = content(last, token, slot as u32, true);
                    assert_eq!(
                        last, context.content[slot],
                        "slot {slot} would be computed to something else"
                    );
                }
                context.suspended = false;
                context.missing = start..recompute.end as usize;
            }
            Err(KvError::Resident(_)) => assert!(!context.suspended),
            Err(error) => {
                assert!(matches!(error, KvError::OutOfPages { .. }), "{error}");
                assert!(context.suspended && context.pages > free);
            }
        }
        *self.context(on).unwrap() = context;
    }

    /// Runs the model over some slots that a restoration left to be computed.
    fn recompute(&mut self, on: usize, slots: u32) {
        self.carry_out_changes();
        let Some(context) = self.resident(on) else { return };
        let (id, missing) = (context.table, context.missing.clone());
        let upto = missing.end.min(missing.start + slots as usize);
        context.missing.start = upto;
        let content = context.content.clone();
        self.fill_slots(id, missing.start..upto, &content);
        self.kv.recomputed(id, upto as u32).unwrap();
    }

    /// Lets the last claim fail that is not wholly written.
    fn abandon(&mut self, on: usize) {
        let Some(context) = self.context(on) else { return };
        let (written, id) = (context.written as u32, context.table);
        let Some(claim) = context.claims.pop().filter(|claim| written < claim.end()) else { return };
        context.content.truncate(claim.start as usize);
        context.written = context.written.min(context.content.len());
        context.committed = context.committed.min(claim.start / PAGE_SIZE);
        context.missing.end = context.missing.end.min(context.written);
        self.kv.abandon(id, claim.start).unwrap();
    }

    fn carry_out_changes(&mut self) {
        for change in self.kv.drain_changes() {
            match change {
                StoreChange::Clear(page) => self.store[page.0 as usize] = [None; PAGE_SIZE as usize],
                StoreChange::Copy { from, to, slots } => {
                    for slot in 0..slots as usize {
                        self.store[to.0 as usize][slot] = self.store[from.0 as usize][slot];
                    }
                }
                StoreChange::SwapOut { page, slots, to } => {
                    let kept = self.store[page.0 as usize][..slots as usize].to_vec();
                    assert!(self.swaps.insert(to, kept).is_none());
                }
                StoreChange::SwapIn { from, page } => {
                    let kept = self.swaps.remove(&from).unwrap();
                    self.store[page.0 as usize][..kept.len()].copy_from_slice(&kept);
                }
                StoreChange::SwapDrop(swap) => assert!(self.swaps.remove(&swap).is_some()),
            }
        }
    }

    /// Every table holds what its context says, and the counts add up.
    fn verify(&mut self) {
        assert_eq!(self.kv.check(), []);
        self.carry_out_changes();
        for context in &self.contexts {
            let counts = self.kv.counts(context.table).unwrap();
            let length = context.content.len() as u32;
            assert_eq!(counts.tokens, length);
            assert_eq!(counts.committed_pages, context.committed);
            assert_eq!(counts.working_pages, context.pages - context.committed);
            assert_eq!(counts.working_tokens, length - context.committed * PAGE_SIZE);
            assert_eq!(counts.pending_tokens, length - context.written as u32);
            if context.suspended {
                assert_eq!(self.kv.pages(context.table), Err(KvError::Suspended(context.table)));
                continue;
            }
            let pages = self.kv.pages(context.table).unwrap();
            let written = context.content[..context.written].iter().enumerate();
            for (slot, &content) in written.filter(|(slot, _)| !context.missing.contains(slot)) {
                let page = pages[slot / PAGE_SIZE as usize];
                let found = self.store[page.0 as usize][slot % PAGE_SIZE as usize];
                assert_eq!(found, Some(content), "slot {slot} of {}", context.table);
            }
        }
        let tables: Vec<TableId> = self.contexts.iter().map(|context| context.table).collect();
        assert_eq!(self.kv.leaks(tables), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_table_holds_what_its_context_says(operations in prop::collection::vec(operation(), 1..120)) {
        let mut world = World::new();
        for operation in &operations {
            world.apply(operation);
            world.verify();
        }
        while !world.contexts.is_empty() {
            world.destroy(0);
            world.verify();
        }
        prop_assert_eq!(world.kv.free_pages(), CAPACITY);
        prop_assert!(world.swaps.is_empty());
        prop_assert!(world.store.iter().flatten().all(Option::is_none), "a page was freed and not cleared");
    }
}
