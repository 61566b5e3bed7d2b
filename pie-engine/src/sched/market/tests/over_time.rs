//! A market over several steps: who bids what, and what inferlets read.

use super::super::*;

const A: InstanceId = InstanceId(1);
const B: InstanceId = InstanceId(2);
const TURN: u32 = 3;

/// Two instances with this many credits and one context each, tables 1 and 2, of which the first has five pages and the second none.
fn market(a: u64, b: u64) -> Market {
    let mut market = Market::new(Rules { turn: TURN, patience: 100 }, 16);
    for (table, instance, credits) in [(1, A, a), (2, B, b)] {
        market.ledger().open(instance, Credits::whole(credits));
        market.join(table, instance);
    }
    market.suspended(2);
    market
}

fn pages() -> Vec<PageId> {
    (0..5).map(PageId).collect()
}

/// The auction if `resident` has all pages and the other one wants them.
fn plan(market: &Market, resident: u64) -> Allocation {
    let pages = pages();
    let has = Demand { table: resident, pages: &pages, wants: 0, busy: true };
    let wants = Demand { table: 3 - resident, pages: &[], wants: 5, busy: true };
    market.plan(&[has, wants], Supply::default())
}

/// Settles a step that `resident` ran in.
fn settle(market: &mut Market, resident: u64, price: Credits, now: Duration) {
    let pages = pages();
    let holdings = [Holding { table: resident, pages: &pages }];
    let stepped = Stepped { price, holdings: &holdings, ran: &[resident], waiting: &[3 - resident], now };
    market.settle(stepped);
}

/// What the auction gives when the resident has to go.
fn turnover(resident: u64, price: Credits) -> Allocation {
    Allocation { price, suspend: vec![resident], restore: vec![3 - resident], ..Allocation::default() }
}

#[test]
fn who_waits_is_paid_by_who_stays_until_they_change_places() {
    let mut market = market(100, 100);
    let mut now = Duration::ZERO;
    let bid =
        default_bid(Credits::whole(100), Credits::ZERO, Outlook { steps: 4096, pages: 5, page_size: 16 });
    assert_eq!(bid, Credits::ZERO, "a hundred credits are not enough for 4096 tokens");
    market.bid(1, Some(Credits::ONE));
    market.bid(2, Some(Credits::ONE));

    let first = plan(&market, 1);
    assert_eq!(
        first,
        Allocation { price: Credits::ONE, ..Allocation::default() },
        "equals stay where they are"
    );
    settle(&mut market, 1, first.price, now);
    assert_eq!((market.rent(1), market.rent(2)), (Credits::ONE, Credits::ZERO));
    assert_eq!(market.dividend(A), Credits::from_f64(2.5));
    assert_eq!((market.balance(A), market.balance(B)), (Credits::from_f64(97.5), Credits::from_f64(102.5)));

    // With both bidding all they have, the one that was paid is ahead.
    market.bid(1, Some(Credits::MOST));
    market.bid(2, Some(Credits::MOST));
    assert_eq!(plan(&market, 1), turnover(1, Credits::from_f64(20.5)));
    market.suspended(1);
    market.restored(2);
    // Even a higher bid does not end its turn.
    market.bid(2, Some(Credits::ZERO));
    for _ in 0..TURN {
        assert_eq!(plan(&market, 2), Allocation::default());
        now += Duration::from_millis(4);
        settle(&mut market, 2, Credits::ZERO, now);
    }
    assert_eq!(market.rent(2), Credits::ZERO);
    assert_eq!((market.dividend(A), market.dividend(B)), (Credits::ZERO, Credits::ZERO));
    assert_eq!((market.latency(1), market.latency(2)), (Duration::ZERO, Duration::from_millis(4)));
    assert_eq!(plan(&market, 2), turnover(2, Credits::from_f64(19.5)));
    assert!(market.sums().is_conserved());
}

#[test]
fn a_context_that_names_no_bid_bids_what_it_can_keep_up() {
    let market = market(1000, 2000);
    let outlook = Outlook { steps: Outlook::STEPS, pages: 5, page_size: 16 };
    let expected = default_bid(Credits::whole(2000), Credits::ZERO, outlook);
    assert_eq!(plan(&market, 1), turnover(1, expected));
}

#[test]
fn nobody_bids_more_than_it_can_pay_for_all_its_contexts() {
    let mut market = market(100, 100);
    market.bid(1, Some(Credits::MOST));
    market.bid(2, Some(Credits::whole(20)));
    assert_eq!(plan(&market, 1).price, Credits::whole(20));
    market.bid(2, Some(Credits::whole(21)));
    assert_eq!(plan(&market, 1).price, Credits::whole(20));

    // A second context of the first instance halves what it can pay for each page.
    market.join(3, A);
    let (own, more) = (pages(), (5..10).map(PageId).collect::<Vec<_>>());
    let demands = [
        Demand { table: 1, pages: &own, wants: 0, busy: true },
        Demand { table: 3, pages: &more, wants: 0, busy: true },
        Demand { table: 2, pages: &[], wants: 5, busy: true },
    ];
    let allocation = market.plan(&demands, Supply::default());
    assert_eq!(allocation.restore, [2]);
    market.bid(2, Some(Credits::whole(9)));
    assert_eq!(market.plan(&demands, Supply::default()).suspend, [3], "it bids nothing by default");
    market.bid(3, Some(Credits::MOST));
    assert_eq!(market.plan(&demands, Supply::default()).price, Credits::whole(10));
}

#[test]
fn who_was_overdue_for_a_page_has_a_turn_when_it_gets_it() {
    let mut market = market(100, 100);
    market.bid(1, Some(Credits::ZERO));
    market.bid(2, Some(Credits::ONE));
    for _ in 0..100 {
        market.settle(Stepped {
            price: Credits::ZERO,
            holdings: &[],
            ran: &[],
            waiting: &[1],
            now: Duration::ZERO,
        });
    }
    let pages = pages();
    let has = Demand { table: 1, pages: &pages, wants: 1, busy: true };
    let wants = Demand { table: 2, pages: &[], wants: 6, busy: true };
    let allocation = market.plan(&[has, wants], Supply { free: 1, pinned: &[] });
    assert_eq!((allocation.grant, allocation.suspend), (vec![1], vec![]));
    market.granted(1);
    assert_eq!(plan(&market, 1), Allocation::default());
    // One that was not overdue has none.
    market.settle(Stepped {
        price: Credits::ZERO,
        holdings: &[],
        ran: &[1, 1, 1],
        waiting: &[],
        now: Duration::ZERO,
    });
    market.granted(1);
    assert_eq!(plan(&market, 1).suspend, [1]);
}

#[test]
fn what_is_not_known_is_worth_nothing_and_harms_nobody() {
    let mut market = market(1, 1);
    let (table, instance) = (99, InstanceId(99));
    market.bid(table, Some(Credits::ONE));
    market.suspended(table);
    market.restored(table);
    market.granted(table);
    market.leave(table);
    let demand = Demand { table, pages: &[PageId(7)], wants: u32::MAX, busy: true };
    assert_eq!(market.plan(&[demand], Supply::default()), Allocation::default());
    let holdings = [Holding { table, pages: &[PageId(7)] }];
    let (ran, waiting) = (&[table], &[table]);
    market.settle(Stepped { price: Credits::ONE, holdings: &holdings, ran, waiting, now: Duration::ZERO });
    assert_eq!((market.rent(table), market.balance(instance)), (Credits::ZERO, Credits::ZERO));
    assert_eq!((market.latency(table), market.dividend(instance)), (Duration::ZERO, Credits::ZERO));
    assert_eq!(market.price(), Credits::ONE);
    assert!(market.sums().is_conserved());
}
