//! The files in `cases`: bidders, and below them what the auction decides and what residents owe.

use super::super::*;
use std::collections::BTreeMap;
use std::path::Path;

/// One file of `cases`:
///
/// ```text
/// # A comment.
/// rules turn=4 patience=10
/// supply free=5 pinned=0,1
/// 1 bid=2.5 pages=0,1,2 wants=1 turn=3 at-rest      a resident; all but the bid may be left out
/// 2 bid=4 suspended wants=6 waited=10
/// ----
/// price 2.5
/// suspend 1                                         lists that are empty are left out
/// restore 2
/// grant 7
/// hopeless 8
/// rent 1=5                                          what the residents that stay owe, if there is a price
/// ```
struct Case {
    rules: Rules,
    free: u32,
    pinned: Vec<PageId>,
    bidders: Vec<Line>,
}

struct Line {
    table: u64,
    bid: Credits,
    place: Place,
    pages: Vec<PageId>,
    wants: u32,
    waited: u32,
    busy: bool,
}

impl Case {
    fn parse(head: &str) -> Self {
        let mut lines = head.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rules = fields(lines.next().expect("a line of rules"));
        let supply = fields(lines.next().expect("a line of supply"));
        Self {
            rules: Rules { turn: number(&rules, "turn"), patience: number(&rules, "patience") },
            free: number(&supply, "free"),
            pinned: pages(&supply, "pinned"),
            bidders: lines.map(Line::parse).collect(),
        }
    }

    fn run(&self) -> String {
        let bidders: Vec<Bidder<'_>> = self.bidders.iter().map(Line::bidder).collect();
        let supply = Supply { free: self.free, pinned: &self.pinned };
        let allocation = auction(&bidders, supply, &self.rules);
        let mut out = format!("price {}\n", allocation.price);
        let Allocation { suspend, restore, grant, hopeless, price } = allocation;
        let lists =
            [("suspend", &suspend), ("restore", &restore), ("grant", &grant), ("hopeless", &hopeless)];
        for (name, tables) in lists.into_iter().filter(|(_, tables)| !tables.is_empty()) {
            let tables: Vec<String> = tables.iter().map(u64::to_string).collect();
            out += &format!("{name} {}\n", tables.join(" "));
        }
        let staying: Vec<&Line> = self
            .bidders
            .iter()
            .filter(|line| !line.pages.is_empty() && !suspend.contains(&line.table))
            .collect();
        if price > Credits::ZERO && !staying.is_empty() {
            out += &format!("rent {}\n", owed(&staying, price));
        }
        out
    }
}

fn owed(staying: &[&Line], price: Credits) -> String {
    let holdings: Vec<Holding<'_>> =
        staying.iter().map(|line| Holding { table: line.table, pages: &line.pages }).collect();
    let rates: Vec<Credits> = staying.iter().map(|line| line.bid.min(price)).collect();
    let mut rents: Vec<(u64, Credits)> =
        holdings.iter().map(|holding| holding.table).zip(rents(&holdings, &rates)).collect();
    rents.sort_unstable();
    rents.iter().map(|(table, rent)| format!("{table}={rent}")).collect::<Vec<_>>().join(" ")
}

impl Line {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let fields = fields(line);
        let place = match words.contains(&"suspended") {
            true => Place::Suspended,
            false => Place::Resident { turn: number(&fields, "turn") },
        };
        Line {
            table: words[0].parse().expect("a number"),
            bid: Credits::from_f64(fields["bid"].parse().expect("a number")),
            place,
            pages: pages(&fields, "pages"),
            wants: number(&fields, "wants"),
            waited: number(&fields, "waited"),
            busy: !words.contains(&"at-rest"),
        }
    }

    fn bidder(&self) -> Bidder<'_> {
        let &Line { table, bid, place, ref pages, wants, waited, busy } = self;
        Bidder { table, bid, place, pages, wants, waited, busy }
    }
}

fn fields(line: &str) -> BTreeMap<&str, &str> {
    line.split_whitespace().filter_map(|field| field.split_once('=')).collect()
}

fn number(fields: &BTreeMap<&str, &str>, name: &str) -> u32 {
    fields.get(name).map_or(0, |value| value.parse().expect("a number"))
}

fn pages(fields: &BTreeMap<&str, &str>, name: &str) -> Vec<PageId> {
    let list = fields.get(name).into_iter().flat_map(|list| list.split(','));
    list.map(|page| PageId(page.parse().expect("a number"))).collect()
}

#[test]
fn every_auction_ends_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sched/market/cases");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, expected) = text.split_once("----\n").expect("a line of four dashes");
        let mut case = Case::parse(head);
        assert_eq!(case.run(), expected, "{}", path.display());
        case.bidders.reverse();
        let reversed = case.run();
        let without_rents = |text: &str| text.split("rent").next().unwrap_or_default().to_owned();
        assert_eq!(without_rents(&reversed), without_rents(expected), "reversed, {}", path.display());
        count += 1;
    }
    assert!(count >= 13, "{count} cases were found");
}
