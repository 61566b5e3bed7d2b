//! A text, parsed as far as it goes.

use super::lexemes::{Lexemes, Moved};
use super::rules::{Rules, Symbol};
use super::{NEVER, Piece};
use llguidance::derivre::StateID;
use llguidance::earley::lexerspec::LexemeIdx;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The most items of a chart. A grammar that is so ambiguous is left alone.
const MAX_ITEMS: usize = 200_000;
/// The most pairs of items that are looked at for it, for the same reason.
const MAX_PAIRS: usize = 4_000_000;
/// How often the costs of one row are gone through.
const MAX_ROUNDS: usize = 100;

/// A place in a rule, and the row in which the rule began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Item {
    rule: usize,
    place: usize,
    origin: usize,
}

/// All that can be under way at some place of the text.
struct Row {
    items: Vec<Item>,
    /// The lexer's state there.
    start: StateID,
    /// For symbols that begin here, what costs the least once they have ended: how much, and which item waits for them. None waits
    /// for the text.
    then: HashMap<Symbol, (u32, Option<usize>)>,
}

/// A text, lexeme by lexeme.
pub(super) struct Chart {
    rows: Vec<Row>,
    state: StateID,
    items: usize,
    pairs: usize,
}

impl Chart {
    /// None if the text does not go like this, or takes too much.
    pub(super) fn read(rules: &Rules, lexemes: &mut Lexemes, text: &[Piece]) -> Option<Chart> {
        lexemes.refuel();
        let mut chart = Chart { rows: Vec::new(), state: StateID::DEAD, items: 0, pairs: 0 };
        let first = rules.cases(rules.start).iter().map(|&rule| Item { rule, place: 0, origin: 0 }).collect();
        chart.add_row(rules, lexemes, first)?;
        for &piece in text {
            match piece {
                Piece::Byte(byte) => chart.push(rules, lexemes, byte)?,
                Piece::Token(token) => chart.push_token(rules, lexemes, token)?,
            }
        }
        Some(chart)
    }

    fn push(&mut self, rules: &Rules, lexemes: &mut Lexemes, byte: u8) -> Option<()> {
        match lexemes.step(self.state, byte)? {
            Moved::To(state) => self.state = state,
            Moved::Ended(ended) => self.scan(rules, lexemes, &ended)?,
            Moved::EndedBefore(ended) => {
                self.scan(rules, lexemes, &ended)?;
                match lexemes.restart(self.state, byte)? {
                    Moved::To(state) => self.state = state,
                    Moved::Ended(ended) => self.scan(rules, lexemes, &ended)?,
                    Moved::EndedBefore(_) | Moved::Special => return None,
                }
            }
            Moved::Special => return None,
        }
        Some(())
    }

    fn push_token(&mut self, rules: &Rules, lexemes: &mut Lexemes, token: u32) -> Option<()> {
        let is_it = |lexeme: &LexemeIdx| lexemes.token(*lexeme) == Some(token);
        let mut ended: Vec<LexemeIdx> = lexemes.possible(self.state).filter(is_it).collect();
        if ended.is_empty() || self.rows.last()?.start != self.state {
            // The token ends a lexeme that is under way.
            let Moved::EndedBefore(before) = lexemes.step(self.state, u8::MAX)? else { return None };
            self.scan(rules, lexemes, &before)?;
            let is_it = |lexeme: &LexemeIdx| lexemes.token(*lexeme) == Some(token);
            ended = lexemes.possible(self.state).filter(is_it).collect();
        }
        self.scan(rules, lexemes, &ended)
    }

    /// Moves over a lexeme, which is one of these.
    fn scan(&mut self, rules: &Rules, lexemes: &mut Lexemes, ended: &[LexemeIdx]) -> Option<()> {
        let row = self.rows.last()?;
        if ended.iter().any(|lexeme| lexemes.is_skip(*lexeme)) {
            self.state = row.start;
            return Some(());
        }
        let moved = row.items.iter().filter(|item| {
            let lexeme = rules.bodies[item.rule].get(item.place).and_then(|&symbol| rules.lexeme(symbol));
            lexeme.is_some_and(|lexeme| ended.contains(&lexeme))
        });
        let moved: Vec<Item> = moved.map(|item| Item { place: item.place + 1, ..*item }).collect();
        self.add_row(rules, lexemes, moved)
    }

    /// Adds a row that begins with some items.
    fn add_row(&mut self, rules: &Rules, lexemes: &mut Lexemes, mut items: Vec<Item>) -> Option<()> {
        let here = self.rows.len();
        let mut seen: HashSet<Item> = items.iter().copied().collect();
        let mut next: Vec<LexemeIdx> = Vec::new();
        let mut at = 0;
        while let Some(&item) = items.get(at) {
            at += 1;
            if self.pairs > MAX_PAIRS {
                return None;
            }
            let mut add = |item: Item, items: &mut Vec<Item>| {
                if seen.insert(item) {
                    items.push(item);
                }
            };
            let Some(&symbol) = rules.bodies[item.rule].get(item.place) else {
                // Rules without an end of their own in this row are dealt with where they are nullable.
                let head = rules.heads[item.rule];
                let waiting = self.rows.get(item.origin).map_or(&[][..], |row| &row.items);
                self.pairs += waiting.len();
                for waits in waiting {
                    if rules.bodies[waits.rule].get(waits.place) == Some(&head) {
                        add(Item { place: waits.place + 1, ..*waits }, &mut items);
                    }
                }
                continue;
            };
            self.pairs += rules.cases(symbol).len();
            next.extend(rules.lexeme(symbol));
            for &rule in rules.cases(symbol) {
                add(Item { rule, place: 0, origin: here }, &mut items);
            }
            if rules.is_nullable(symbol) {
                add(Item { place: item.place + 1, ..item }, &mut items);
            }
        }
        self.items += items.len();
        if items.is_empty() || self.items > MAX_ITEMS {
            return None;
        }
        let start = lexemes.start(next.into_iter());
        let mut row = Row { items, start, then: HashMap::new() };
        if here == 0 {
            row.then.insert(rules.start, (0, None));
        }
        self.find_then(rules, &mut row, here);
        self.state = row.start;
        self.rows.push(row);
        Some(())
    }

    /// Finds what comes after each symbol that begins in a row.
    fn find_then(&self, rules: &Rules, row: &mut Row, here: usize) {
        for _ in 0..MAX_ROUNDS {
            let mut changed = false;
            for (index, item) in row.items.iter().enumerate() {
                let Some(&symbol) = rules.bodies[item.rule].get(item.place) else { continue };
                if rules.lexeme(symbol).is_some() {
                    continue;
                }
                let cost = self.cost_behind(rules, item, row, here);
                let known = row.then.get(&symbol).map_or(NEVER, |then| then.0);
                if cost < known {
                    row.then.insert(symbol, (cost, Some(index)));
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// What the text costs from behind the symbol that an item waits for.
    fn cost_behind(&self, rules: &Rules, item: &Item, row: &Row, here: usize) -> u32 {
        let head = rules.heads[item.rule];
        let origin = if item.origin == here { row } else { &self.rows[item.origin] };
        let then = origin.then.get(&head).map_or(NEVER, |then| then.0);
        rules.left(item.rule, item.place + 1).saturating_add(then).min(NEVER)
    }

    /// The places that the text has come by: those behind a symbol, reached with some text of the rule.
    pub(super) fn places(&self, rules: &Rules) -> BTreeSet<usize> {
        let first = rules.first_places();
        let rows = self.rows.iter().enumerate();
        let items = rows.flat_map(|(here, row)| row.items.iter().filter(move |item| item.origin < here));
        items.filter(|item| item.place > 0).map(|item| first[item.rule] + item.place - 1).collect()
    }

    /// The shortest rest of the text.
    pub(super) fn rest(&self, rules: &Rules, lexemes: &mut Lexemes) -> Option<Vec<Piece>> {
        let here = self.rows.len() - 1;
        let row = self.rows.last()?;
        let at_start = self.state == row.start;
        let exits = lexemes.exits(self.state);
        let skip = exits.iter().filter(|(lexeme, _)| lexemes.is_skip(LexemeIdx::new(**lexeme)));
        let skip = skip.map(|(_, way)| way).next();
        let mut best: Option<(u32, usize, Vec<Piece>)> = None;
        for (index, item) in row.items.iter().enumerate() {
            let Some(&symbol) = rules.bodies[item.rule].get(item.place) else { continue };
            let Some(lexeme) = rules.lexeme(symbol) else { continue };
            let behind = self.cost_behind(rules, item, row, here);
            let mut offer = |way: Vec<Piece>| {
                let cost = (way.len() as u32).saturating_add(behind);
                if cost < best.as_ref().map_or(NEVER, |best| best.0) {
                    best = Some((cost, index, way));
                }
            };
            if let Some(way) = exits.get(&lexeme.as_usize()) {
                offer(way.clone());
            }
            let whole = |before: &[Piece]| {
                let mut way = before.to_vec();
                let known = rules.least(symbol) < NEVER && rules.write(&[symbol], &mut way);
                known.then_some(way)
            };
            // From the start a lexeme has a way of its own, and so it has behind what stands between lexemes.
            let before = if at_start { Some(&[][..]) } else { skip.map(Vec::as_slice) };
            if let Some(way) = before.and_then(whole) {
                offer(way);
            }
        }
        let (_, index, mut way) = best?;
        self.write_behind(rules, row.items[index], &mut way).then_some(way)
    }

    /// Appends what comes behind the symbol that an item waits for.
    fn write_behind(&self, rules: &Rules, mut item: Item, way: &mut Vec<Piece>) -> bool {
        // Costs fall along the way, but where rules cost nothing.
        for _ in 0..MAX_ITEMS {
            if !rules.write(&rules.bodies[item.rule][item.place + 1..], way) {
                return false;
            }
            match self.rows[item.origin].then.get(&rules.heads[item.rule]) {
                Some((_, Some(waiting))) => item = self.rows[item.origin].items[*waiting],
                Some((_, None)) => return true,
                None => return false,
            }
        }
        false
    }
}
