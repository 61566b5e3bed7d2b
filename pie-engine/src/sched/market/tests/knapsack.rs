//! What an auction promises, on random bidders.

use super::super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const PAGES: u32 = 12;

/// A bidder with a list of its own.
#[derive(Clone, Debug)]
struct Owned {
    bid: u128,
    pages: Vec<PageId>,
    suspended: bool,
    wants: u32,
    busy: bool,
    turn: u32,
    waited: u32,
}

fn owned() -> impl Strategy<Value = Owned> {
    let pages = prop::collection::btree_set(0..PAGES, 0..5);
    let pages = pages.prop_map(|pages| pages.into_iter().map(PageId).collect::<Vec<_>>());
    (0..6u128, pages, any::<bool>(), 0..6u32, any::<bool>(), 0..3u32, 0..6u32).prop_map(
        |(bid, pages, suspended, wants, busy, turn, waited)| Owned {
            bid,
            pages: if suspended { Vec::new() } else { pages },
            suspended,
            wants: if suspended { wants } else { wants.saturating_sub(3) },
            busy,
            turn,
            waited,
        },
    )
}

fn bidders(all: &[Owned]) -> Vec<Bidder<'_>> {
    let bidder = |(table, owned)| {
        let &Owned { bid, ref pages, suspended, wants, busy, turn, waited } = owned;
        let place = if suspended { Place::Suspended } else { Place::Resident { turn } };
        Bidder { table, bid: Credits::from_millionths(bid), place, pages, wants, waited, busy }
    };
    (0..).zip(all).map(bidder).collect()
}

/// Different pages of some bidders, but for pinned ones.
fn room(bidders: &[Bidder<'_>], which: impl Fn(&Bidder<'_>) -> bool, pinned: &[PageId]) -> u32 {
    let which = bidders.iter().filter(|bidder| which(bidder));
    let pages: BTreeSet<PageId> = which.flat_map(|bidder| bidder.pages).copied().collect();
    pages.iter().filter(|page| !pinned.contains(page)).count() as u32
}

fn wants(bidders: &[Bidder<'_>], which: impl Fn(&Bidder<'_>) -> bool) -> u32 {
    bidders.iter().filter(|bidder| which(bidder)).map(|bidder| bidder.wants).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn all_that_is_promised_has_room(
        all in prop::collection::vec(owned(), 0..12), free in 0..6u32, pinned in 0..3u32,
    ) {
        let bidders = bidders(&all);
        let pinned: Vec<PageId> = (0..pinned).map(PageId).collect();
        let rules = Rules { turn: 2, patience: 4 };
        let Allocation { suspend, restore, grant, hopeless, .. } =
            auction(&bidders, Supply { free, pinned: &pinned }, &rules);

        let capacity = free + room(&bidders, |_| true, &pinned);
        let stay = |bidder: &Bidder<'_>| !suspend.contains(&bidder.table);
        let served = |bidder: &Bidder<'_>| restore.contains(&bidder.table) || grant.contains(&bidder.table);
        prop_assert!(room(&bidders, stay, &pinned) + wants(&bidders, served) <= capacity);

        let mut named: Vec<u64> = [&suspend[..], &restore, &grant].concat();
        named.sort_unstable();
        named.dedup();
        prop_assert_eq!(named.len(), suspend.len() + restore.len() + grant.len(), "somebody is told two things");
        for bidder in &bidders {
            let suspended = bidder.place == Place::Suspended;
            prop_assert!(suspended || !restore.contains(&bidder.table));
            prop_assert!(!suspended || !(suspend.contains(&bidder.table) || grant.contains(&bidder.table)));
            let alone = room(&[*bidder], |_| true, &pinned) + bidder.wants;
            prop_assert_eq!(hopeless.contains(&bidder.table), bidder.wants > 0 && alone > capacity);
        }
    }

    #[test]
    fn who_is_turned_away_had_no_room_besides_those_that_bid_as_much(
        all in prop::collection::vec(owned(), 0..12), free in 0..6u32,
    ) {
        // Nobody is in its turn or overdue: bids decide.
        let all: Vec<Owned> = all.into_iter().map(|owned| Owned { turn: 0, waited: 0, ..owned }).collect();
        let bidders = bidders(&all);
        let rules = Rules { turn: 2, patience: 4 };
        let allocation = auction(&bidders, Supply { free, pinned: &[] }, &rules);
        let Allocation { suspend, restore, grant, hopeless, price } = &allocation;

        let capacity = free + room(&bidders, |_| true, &[]);
        let mut turned_away = 0;
        for bidder in &bidders {
            let served = restore.contains(&bidder.table) || grant.contains(&bidder.table);
            let suspended = bidder.place == Place::Suspended;
            let content = served || (!suspended && bidder.wants == 0 && !suspend.contains(&bidder.table));
            if content || hopeless.contains(&bidder.table) || bidder.wants == 0 && suspended {
                continue;
            }
            turned_away += 1;
            let before = |other: &Bidder<'_>| other.bid >= bidder.bid && other.table != bidder.table;
            let stays = |other: &Bidder<'_>| before(other) && !suspend.contains(&other.table);
            let own = |other: &Bidder<'_>| stays(other) || other.table == bidder.table;
            let gets = |other: &Bidder<'_>| {
                before(other) && (restore.contains(&other.table) || grant.contains(&other.table))
            };
            let needed = room(&bidders, own, &[]) + wants(&bidders, gets) + bidder.wants;
            prop_assert!(needed > capacity, "{:?} would have had room", bidder);
        }
        prop_assert!(turned_away > 0 || *price == Credits::ZERO);

        let bid = |table: &u64| bidders[*table as usize].bid;
        prop_assert!(suspend.is_sorted_by_key(bid));
        prop_assert!(restore.iter().rev().is_sorted_by_key(bid));
        prop_assert!(grant.iter().rev().is_sorted_by_key(bid));
    }
}
