//! Who stays, who goes and who comes back: the knapsack of one step.

use super::credits::Credits;
use crate::ids::PageId;

/// What protects contexts from each other besides their bids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A context that came back keeps its pages, whatever others bid, until it has run in so many steps or has nothing to do. So what
    /// was spent on bringing it back is not in vain.
    pub turn: u32,
    /// A context that has waited for pages for so many steps is served before all that are not in their turn, whatever it bids, and
    /// has a turn then.
    pub patience: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { turn: 128, patience: 1024 }
    }
}

/// Where a context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It has its pages.
    Resident {
        /// Steps left of its turn.
        turn: u32,
    },
    /// It has no pages.
    Suspended,
}

/// A context in the auction. Those that are suspended and have nothing to do are not in it: they come back when they are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bidder<'a> {
    /// The context's table.
    pub table: u64,
    /// What it offers for a page and a step.
    pub bid: Credits,
    /// Where it is.
    pub place: Place,
    /// The pages it has.
    pub pages: &'a [PageId],
    /// The pages it needs besides: those it waits to reserve, or all of them while it is suspended.
    pub wants: u32,
    /// For how many steps it has wanted pages and not got them.
    pub waited: u32,
    /// Whether a pass or an operation of it waits.
    pub busy: bool,
}

impl Bidder<'_> {
    fn is_suspended(&self) -> bool {
        self.place == Place::Suspended
    }

    fn is_overdue(&self, rules: &Rules) -> bool {
        self.busy && self.waited >= rules.patience && (self.wants > 0 || self.is_suspended())
    }
}

/// The pages that there are for the bidders, besides those they have.
#[derive(Clone, Copy, Debug, Default)]
pub struct Supply<'a> {
    /// Pages that nobody has.
    pub free: u32,
    /// Pages that others have as well, who do not bid and cannot be suspended, such as saved snapshots. A bidder takes no room with
    /// them, and suspending it makes none.
    pub pinned: &'a [PageId],
}

/// What is to be done before the next step, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allocation {
    /// What a page costs in this step; zero when nothing waits.
    pub price: Credits,
    /// Residents that give back their pages, the lowest first.
    pub suspend: Vec<u64>,
    /// Contexts that come back, the highest first.
    pub restore: Vec<u64>,
    /// Residents that get the pages they want, the highest first.
    pub grant: Vec<u64>,
    /// Contexts that want more than there is if all others went. They cannot be helped by waiting.
    pub hopeless: Vec<u64>,
}

impl Allocation {
    /// Whether everybody stays as it is.
    pub fn changes_nothing(&self) -> bool {
        let Allocation { price: _, suspend, restore, grant, hopeless } = self;
        [suspend, restore, grant, hopeless].iter().all(|tables| tables.is_empty())
    }
}

/// Holds the auction of one step. The [module's page](super) states the rules.
pub fn auction(bidders: &[Bidder<'_>], supply: Supply<'_>, rules: &Rules) -> Allocation {
    let mut room = Room::new(bidders, supply);
    let mut ranked: Vec<(Rank, &Bidder<'_>)> =
        bidders.iter().map(|bidder| (Rank::of(bidder, rules), bidder)).collect();
    ranked.sort_unstable_by_key(|&(rank, _)| rank);

    let mut allocation = Allocation::default();
    // The lowest bid of those before whom nobody was turned away, and whether anybody was.
    let (mut price, mut denied) = (None, false);
    // Whether new turns may begin: what becomes free is kept for who is overdue and does not fit.
    let mut turns = true;
    for (rank, bidder) in ranked {
        let resident = !bidder.is_suspended();
        let overdue = rank.is_overdue();
        let hopeless = room.is_hopeless(bidder);
        let may = !hopeless && (turns || (resident && !overdue));
        let admitted = may && room.admit(bidder, bidder.wants);
        turns &= admitted || hopeless || !overdue;
        if hopeless {
            allocation.hopeless.push(bidder.table);
        }
        match (admitted, resident) {
            (true, false) => allocation.restore.push(bidder.table),
            (true, true) if bidder.wants > 0 => allocation.grant.push(bidder.table),
            (true, true) => {}
            (false, true) if room.admit(bidder, 0) => {}
            (false, true) => allocation.suspend.push(bidder.table),
            (false, false) => {}
        }
        denied |= !admitted && !hopeless;
        let holds = !bidder.pages.is_empty() || (admitted && bidder.wants > 0);
        if !denied && holds {
            price = price.min(Some(bidder.bid)).or(Some(bidder.bid));
        }
    }
    if denied {
        allocation.price = price.unwrap_or_default();
    }
    allocation.suspend.reverse();
    allocation
}

/// The order in which bidders are served, first the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// All that counts before the number of the table, what counts most on top: in each step all are compared with each other.
    key: u128,
    table: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    InTurn,
    Overdue,
    Bidding,
}

impl Rank {
    fn of(bidder: &Bidder<'_>, rules: &Rules) -> Self {
        let class = Class::of(bidder, rules);
        let waited = u128::from(u32::MAX - bidder.waited);
        // Steps waited count before the bid only for the overdue: they are served in the order in which they came.
        let overdue = if class == Class::Overdue { waited } else { u128::from(u32::MAX) };
        let bid = Credits::MOST.saturating_sub(bidder.bid).millionths();
        debug_assert!(bid < 1 << 50, "bids end at `Credits::MOST`, which has 50 bits");
        // Who has nothing to do comes after who has.
        let key = (class as u128) << 116
            | overdue << 84
            | bid << 34
            | u128::from(!bidder.busy) << 33
            | u128::from(bidder.is_suspended()) << 32
            | waited;
        Rank { key, table: bidder.table }
    }

    fn is_overdue(self) -> bool {
        self.key >> 116 == Class::Overdue as u128
    }
}

impl Class {
    fn of(bidder: &Bidder<'_>, rules: &Rules) -> Self {
        match bidder.place {
            Place::Resident { turn } if turn > 0 && bidder.busy => Class::InTurn,
            _ if bidder.is_overdue(rules) => Class::Overdue,
            _ => Class::Bidding,
        }
    }
}

/// The knapsack: pages there are, and which of them are taken.
struct Room {
    left: u64,
    /// All there is.
    capacity: u64,
    /// For each page: whether it takes no more room, because it is pinned or somebody was admitted with it.
    taken: Vec<bool>,
    pinned: Vec<bool>,
}

impl Room {
    fn new(bidders: &[Bidder<'_>], supply: Supply<'_>) -> Self {
        let all = bidders.iter().flat_map(|bidder| bidder.pages).chain(supply.pinned);
        let length = all.map(|page| page.0 as usize + 1).max().unwrap_or(0);
        let mut pinned = vec![false; length];
        for page in supply.pinned {
            pinned[page.0 as usize] = true;
        }
        let mut held = pinned.clone();
        let mut capacity = u64::from(supply.free);
        for page in bidders.iter().flat_map(|bidder| bidder.pages) {
            capacity += u64::from(!std::mem::replace(&mut held[page.0 as usize], true));
        }
        Self { left: capacity, capacity, taken: pinned.clone(), pinned }
    }

    /// Whether a bidder wants more than it could get if it were alone.
    fn is_hopeless(&self, bidder: &Bidder<'_>) -> bool {
        if bidder.wants == 0 {
            return false;
        }
        let own = bidder.pages.iter().filter(|page| !self.pinned[page.0 as usize]).count() as u64;
        own + u64::from(bidder.wants) > self.capacity
    }

    /// Takes room for a bidder's pages, as far as nobody has taken it for the same pages, and for more. Says whether there was enough.
    fn admit(&mut self, bidder: &Bidder<'_>, more: u32) -> bool {
        let own = bidder.pages.iter().filter(|page| !self.taken[page.0 as usize]).count() as u64;
        let Some(left) = self.left.checked_sub(own + u64::from(more)) else { return false };
        self.left = left;
        for page in bidder.pages {
            self.taken[page.0 as usize] = true;
        }
        true
    }
}
