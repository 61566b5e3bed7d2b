//! The market for KV pages: when they are short, it decides which contexts keep them, and what that costs.
//!
//! Pure: pages, bids and times go in, an [`Allocation`] comes out, and nobody is called. The engine asks before each step, carries
//! out what it is told, and settles after the step.
//!
//! # Credits
//! Every instance has an account with an endowment, but for those that others have launched: they share the account of the one that
//! launched them, so that nobody becomes rich by launching. **Making a page costs one credit.** When pages are short, contexts **pay rent**
//! for those they have, and rent is **paid out as dividends** in proportion to endowments. So credits only move, or are spent on pages, or
//! leave with an account: `endowed = balances + treasury + made + withdrawn`, exactly, because all amounts are integers
//! ([`Sums::is_conserved`]). Who has no credits left is not stopped; it only has nothing to bid.
//!
//! # Auction
//! A step's pages are a knapsack. Each context wants its pages in it, and those it waits for. Its bid counts for a page and a step, and no
//! higher than its account can pay for all that the contexts of those who share it have and want. The most valuable filling is approximated as
//! usual, in the order of value per page (Dantzig, "Discrete-Variable Extremum Problems", 1957), which is the bid:
//!
//! 1. residents in their turn, which [`Rules::turn`] explains;
//! 2. contexts that have waited for pages for [`Rules::patience`], those that waited longest first;
//! 3. all others.
//!
//! In 1 and 3 the highest bid goes first. Among equal bids: who has something to do, then residents, then who has waited
//! longest, then the lowest number of the table; so there are no ties, and equals do not drive each other out. In this order each
//! context gets what it has and wants if that still fits; a page that several share takes room once. What does not fit is passed over and
//! smaller ones behind it get their chance, but for two rules. A resident whose wish does not fit stays as it is if that fits. And
//! while somebody overdue does not fit, nobody behind it gets a turn, so that what becomes free is kept for it.
//!
//! Residents that did not fit are suspended, the lowest first; the others among those in the knapsack come back, the highest first.
//!
//! The **clearing price** is the lowest winning bid: the lowest of those before the first that was turned away. Who won behind that
//! one did so by fitting into a gap, not by its bid. If nobody was turned away the price is zero. A context pays the price for each
//! page, and never more than it bids; shared pages are divided among their sharers ([`rents`]).
//!
//! # Nobody starves
//! The first in the order gets all it wants, so in every step some context can go on, if it has something to do; where that fails,
//! [`Market::plan_when_idle`] sees to it. An overdue one waits for residents in their
//! turn and for those overdue before it, and for nobody else: turns end after a bounded number of steps that a context runs in, and
//! while it waits nobody else gets a new one. So every context is served, whatever others bid, and then runs for a turn.
//!
//! Economically the same happens earlier: who waits pays no rent and receives dividends, so its [`default_bid`] rises while those
//! of residents fall.
//!
//! Read `auction.rs` next, then `ledger.rs` and `rent.rs`.

mod auction;
mod bid;
mod credits;
mod latency;
mod ledger;
mod numbers;
mod rent;
#[cfg(test)]
mod tests;

pub use auction::{Allocation, Bidder, Place, Rules, Supply, auction};
pub use bid::{Outlook, default_bid};
pub use credits::Credits;
pub use latency::Latency;
pub use ledger::{Ledger, PAGE_PRICE, Sums};
pub use rent::{Holding, rents};

use crate::ids::{InstanceId, PageId};
use numbers::Numbers;
use std::time::Duration;

/// The accounts of all instances, and what is known about each of their contexts.
#[derive(Clone, Debug)]
pub struct Market {
    rules: Rules,
    page_size: u32,
    ledger: Ledger,
    contexts: Numbers<Context>,
    /// The clearing price of the last step.
    clearing: Credits,
}

#[derive(Clone, Copy, Debug)]
struct Context {
    instance: InstanceId,
    /// What it was told to bid; without that it bids by default.
    bid: Option<Credits>,
    place: Place,
    /// For how many steps it has wanted pages and not got them.
    waited: u32,
    /// What it paid for a page in the last step.
    rent: Credits,
    latency: Latency,
}

/// What a context has and wants before a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The context's table.
    pub table: u64,
    /// The pages it has; none while it is suspended.
    pub pages: &'a [PageId],
    /// The pages it needs besides: those it waits to reserve, or all of them while it is suspended.
    pub wants: u32,
    /// Whether a pass or an operation of it waits.
    pub busy: bool,
}

/// What happened in a step.
#[derive(Clone, Copy, Debug)]
pub struct Stepped<'a> {
    /// The price that the step's allocation set.
    pub price: Credits,
    /// All contexts that had pages. At a price of zero they need not be named.
    pub holdings: &'a [Holding<'a>],
    /// Tables that passes ran on. Bringing content back by computing it again does not count.
    pub ran: &'a [u64],
    /// Tables that waited for pages: suspended ones that something waits for, and residents that did not get what they want.
    pub waiting: &'a [u64],
    /// When the step ended, counted from any fixed moment.
    pub now: Duration,
}

/// A context in an auction, and where the account is that it has to bid with.
#[derive(Clone, Copy)]
struct Party<'a> {
    demand: &'a Demand<'a>,
    context: &'a Context,
    account: Option<usize>,
}

impl Market {
    /// A market without accounts, for pages of `page_size` tokens.
    pub fn new(rules: Rules, page_size: u32) -> Self {
        Self {
            rules,
            page_size,
            ledger: Ledger::default(),
            contexts: Numbers::default(),
            clearing: Credits::ZERO,
        }
    }

    /// The accounts, to open and close them and to charge for pages that are made.
    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Where all credits are.
    pub fn sums(&self) -> Sums {
        self.ledger.sums()
    }

    /// A context begins to take part. It has its pages, if any, and no turn.
    pub fn join(&mut self, table: u64, instance: InstanceId) {
        let place = Place::Resident { turn: 0 };
        let (rent, latency) = (Credits::ZERO, Latency::default());
        let context = Context { instance, bid: None, place, waited: 0, rent, latency };
        self.contexts.insert(table, context);
    }

    /// A context takes part no longer.
    pub fn leave(&mut self, table: u64) {
        self.contexts.remove(&table);
    }

    /// What a context offers for a page and a step from now on; none for the default.
    pub fn bid(&mut self, table: u64, bid: Option<Credits>) {
        if let Some(context) = self.contexts.get_mut(&table) {
            context.bid = bid;
        }
    }

    /// A context has lost its pages.
    pub fn suspended(&mut self, table: u64) {
        if let Some(context) = self.contexts.get_mut(&table) {
            context.place = Place::Suspended;
            context.waited = 0;
            context.rent = Credits::ZERO;
        }
    }

    /// A context has its pages again, and a turn.
    pub fn restored(&mut self, table: u64) {
        if let Some(context) = self.contexts.get_mut(&table) {
            context.place = Place::Resident { turn: self.rules.turn };
            context.waited = 0;
        }
    }

    /// A resident has got the pages it wanted; one that was overdue has a turn.
    pub fn granted(&mut self, table: u64) {
        let Some(context) = self.contexts.get_mut(&table) else { return };
        let overdue = std::mem::take(&mut context.waited) >= self.rules.patience;
        if let Place::Resident { turn } = &mut context.place
            && overdue
        {
            *turn = self.rules.turn;
        }
    }

    /// Holds the auction before a step. While no suspended context has anything to do, and what residents want is free, there is no
    /// need for one: they take it, the price is zero, and this says the same. A demand of a table that has not joined is passed over.
    pub fn plan(&self, demands: &[Demand<'_>], supply: Supply<'_>) -> Allocation {
        self.hold(demands, supply, |offer, _| offer)
    }

    /// As [`Market::plan`], for when nobody can go on unless somebody gives way: then who has nothing to do bids nothing, so that pages are not
    /// kept idle while there is work.
    pub fn plan_when_idle(&self, demands: &[Demand<'_>], supply: Supply<'_>) -> Allocation {
        self.hold(demands, supply, |offer, busy| if busy { offer } else { Credits::ZERO })
    }

    fn hold(
        &self,
        demands: &[Demand<'_>],
        supply: Supply<'_>,
        bid: impl Fn(Credits, bool) -> Credits,
    ) -> Allocation {
        // How many pages the contexts on each account have and want.
        let mut pages = vec![0u64; self.ledger.places()];
        let mut parties = Vec::with_capacity(demands.len());
        for demand in demands {
            let Some(context) = self.contexts.get(&demand.table) else { continue };
            let account = self.ledger.place(context.instance);
            if let Some(account) = account {
                pages[account] += demand.pages.len() as u64 + u64::from(demand.wants);
            }
            parties.push(Party { demand, context, account });
        }
        let bidders: Vec<Bidder<'_>> = parties
            .iter()
            .map(|&Party { demand, context, account }| {
                // Who has no account can pay for nothing.
                let offer =
                    account.map_or(Credits::ZERO, |account| self.offer(context, account, pages[account]));
                Bidder {
                    table: demand.table,
                    bid: bid(offer, demand.busy),
                    place: context.place,
                    pages: demand.pages,
                    wants: demand.wants,
                    waited: context.waited,
                    busy: demand.busy,
                }
            })
            .collect();
        auction(&bidders, supply, &self.rules)
    }

    /// Collects rents, pays dividends, and notes who ran and who waited.
    pub fn settle(&mut self, stepped: Stepped<'_>) {
        self.clearing = stepped.price;
        let rates: Vec<Credits> =
            stepped.holdings.iter().map(|holding| self.rate(holding.table, stepped.price)).collect();
        let due = rents(stepped.holdings, &rates);
        for ((holding, rate), due) in stepped.holdings.iter().zip(rates).zip(due) {
            if let Some(context) = self.contexts.get_mut(&holding.table) {
                context.rent = rate;
                self.ledger.pay_rent(context.instance, due);
            }
        }
        self.ledger.pay_dividends();
        for table in stepped.ran {
            let Some(context) = self.contexts.get_mut(table) else { continue };
            context.latency.stepped(stepped.now);
            if let Place::Resident { turn } = &mut context.place {
                *turn = turn.saturating_sub(1);
            }
        }
        for table in stepped.waiting {
            if let Some(context) = self.contexts.get_mut(table) {
                context.waited = context.waited.saturating_add(1);
            }
        }
    }

    /// What one new page costs.
    pub fn price(&self) -> Credits {
        PAGE_PRICE
    }

    /// What a page of this context paid in the last step, zero when nothing waited.
    pub fn rent(&self, table: u64) -> Credits {
        let context = self.contexts.get(&table).filter(|_| self.clearing > Credits::ZERO);
        context.map_or(Credits::ZERO, |context| context.rent)
    }

    /// What the account of an instance received after the last step.
    pub fn dividend(&self, instance: InstanceId) -> Credits {
        self.ledger.dividend(instance)
    }

    /// The smoothed time from one step of this context to the next.
    pub fn latency(&self, table: u64) -> Duration {
        self.contexts.get(&table).map_or(Duration::ZERO, |context| context.latency.get())
    }

    /// What an instance has left to spend, and those who share its account.
    pub fn balance(&self, instance: InstanceId) -> Credits {
        self.ledger.balance(instance)
    }

    /// What a context bids if the contexts on its account have and want so many pages together: not more than can be paid for all of them.
    fn offer(&self, context: &Context, account: usize, pages: u64) -> Credits {
        let (balance, dividend) = self.ledger.statement(account);
        let wished = context.bid.unwrap_or_else(|| {
            let pages = u32::try_from(pages).unwrap_or(u32::MAX);
            let outlook = Outlook { steps: Outlook::STEPS, pages, page_size: self.page_size };
            default_bid(balance, dividend, outlook)
        });
        let pages = pages.max(1);
        if wished.times(pages) <= balance {
            return wished;
        }
        Credits::from_millionths(balance.millionths() / u128::from(pages))
    }

    /// What a context pays for a page of its own: the price, and not more than it was told to bid.
    fn rate(&self, table: u64, price: Credits) -> Credits {
        let bid = self.contexts.get(&table).and_then(|context| context.bid);
        bid.map_or(price, |bid| bid.min(price))
    }
}
