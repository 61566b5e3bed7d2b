//! The rules of a grammar, and the least that each symbol stands for.

use super::lexemes::Lexemes;
use super::{LONGEST, NEVER, Piece};
use llguidance::earley::lexerspec::LexemeIdx;
use llguidance::earley::{CGrammar, CSymIdx};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// A symbol, by number.
pub(super) type Symbol = usize;

/// The rules of a grammar, in numbers of its own.
pub(super) struct Rules {
    /// What each rule is a case of.
    pub(super) heads: Vec<Symbol>,
    /// What each rule stands for.
    pub(super) bodies: Vec<Vec<Symbol>>,
    /// For each rule and place in it, what is missing to its end costs at least so much.
    left: Vec<Vec<u32>>,
    symbols: Vec<Known>,
    /// What a text is.
    pub(super) start: Symbol,
}

/// What is known of a symbol.
struct Known {
    /// The rules that are cases of it.
    rules: Vec<usize>,
    lexeme: Option<LexemeIdx>,
    nullable: bool,
    least: u32,
    /// What costs the least, if it does not cost nothing.
    way: Way,
}

#[derive(Clone)]
enum Way {
    Unknown,
    Nothing,
    Rule(usize),
    Lexeme(Vec<Piece>),
}

impl Rules {
    pub(super) fn new(grammar: &CGrammar, lexemes: &mut Lexemes) -> Rules {
        let mut rules =
            Rules { heads: Vec::new(), bodies: Vec::new(), left: Vec::new(), symbols: Vec::new(), start: 0 };
        rules.collect(grammar);
        rules.find_least(lexemes);
        rules.left = rules.bodies.iter().map(|body| left(body, &rules.symbols)).collect();
        rules
    }

    /// Reads all that can be reached from the start.
    fn collect(&mut self, grammar: &CGrammar) {
        let mut numbers: HashMap<usize, Symbol> = HashMap::new();
        let mut found = vec![grammar.start()];
        numbers.insert(grammar.start().as_index(), 0);
        let mut at = 0;
        while let Some(&index) = found.get(at) {
            let data = grammar.sym_data(index);
            let mut own = Vec::new();
            for &rule in grammar.rules_of(index) {
                let (body, _, _) = grammar.rule_rhs(rule);
                let mut number = |symbol: &CSymIdx| {
                    let next = found.len();
                    *numbers.entry(symbol.as_index()).or_insert_with(|| {
                        found.push(*symbol);
                        next
                    })
                };
                own.push(self.bodies.len());
                self.bodies.push(body.iter().map(&mut number).collect());
                self.heads.push(at);
            }
            let (lexeme, nullable) = (data.lexeme, data.is_nullable);
            let (least, way) = if nullable { (0, Way::Nothing) } else { (NEVER, Way::Unknown) };
            self.symbols.push(Known { rules: own, lexeme, nullable, least, way });
            at += 1;
        }
    }

    /// Finds the least for each symbol, cheapest first, as Knuth does it.
    fn find_least(&mut self, lexemes: &mut Lexemes) {
        let mut heap = BinaryHeap::new();
        for symbol in 0..self.symbols.len() {
            let known = &mut self.symbols[symbol];
            if let Some(lexeme) = known.lexeme {
                known.way = shortest(lexeme, lexemes).map_or(Way::Unknown, Way::Lexeme);
                let Way::Lexeme(pieces) = &known.way else { continue };
                known.least = pieces.len() as u32;
            }
            if known.least < NEVER {
                heap.push(Reverse((known.least, symbol)));
            }
        }
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.symbols.len()];
        for (rule, body) in self.bodies.iter().enumerate() {
            body.iter().for_each(|&symbol| users[symbol].push(rule));
        }
        let mut open: Vec<usize> = self.bodies.iter().map(Vec::len).collect();
        let mut sums = vec![0_u32; self.bodies.len()];
        let mut settled = vec![false; self.symbols.len()];
        while let Some(Reverse((least, symbol))) = heap.pop() {
            if std::mem::replace(&mut settled[symbol], true) {
                continue;
            }
            for &rule in &users[symbol] {
                sums[rule] = sums[rule].saturating_add(least).min(NEVER);
                open[rule] -= 1;
                let head = self.heads[rule];
                if open[rule] == 0 && sums[rule] < self.symbols[head].least {
                    self.symbols[head].least = sums[rule];
                    self.symbols[head].way = Way::Rule(rule);
                    heap.push(Reverse((sums[rule], head)));
                }
            }
        }
    }

    /// How many places there are behind the symbols of all rules.
    pub(super) fn places(&self) -> usize {
        self.bodies.iter().map(Vec::len).sum()
    }

    /// The number of the first place of each rule.
    pub(super) fn first_places(&self) -> Vec<usize> {
        let mut next = 0;
        let first = |body: &Vec<Symbol>| {
            let own = next;
            next += body.len();
            own
        };
        self.bodies.iter().map(first).collect()
    }

    pub(super) fn cases(&self, symbol: Symbol) -> &[usize] {
        &self.symbols[symbol].rules
    }

    pub(super) fn lexeme(&self, symbol: Symbol) -> Option<LexemeIdx> {
        self.symbols[symbol].lexeme
    }

    pub(super) fn is_nullable(&self, symbol: Symbol) -> bool {
        self.symbols[symbol].nullable
    }

    /// The least that a symbol costs.
    pub(super) fn least(&self, symbol: Symbol) -> u32 {
        self.symbols[symbol].least
    }

    /// What the symbols of a rule from a place on cost at least.
    pub(super) fn left(&self, rule: usize, place: usize) -> u32 {
        self.left[rule][place]
    }

    /// Appends the least text of some symbols; false if it gets too long.
    pub(super) fn write(&self, symbols: &[Symbol], out: &mut Vec<Piece>) -> bool {
        let mut open: Vec<Symbol> = symbols.iter().rev().copied().collect();
        let mut steps = 0;
        while let Some(symbol) = open.pop() {
            steps += 1;
            match &self.symbols[symbol].way {
                Way::Unknown => return false,
                Way::Nothing => {}
                Way::Rule(rule) => open.extend(self.bodies[*rule].iter().rev()),
                Way::Lexeme(pieces) => out.extend(pieces),
            }
            if out.len() > LONGEST || steps > 16 * LONGEST {
                return false;
            }
        }
        true
    }
}

/// The shortest text of a lexeme.
fn shortest(lexeme: LexemeIdx, lexemes: &mut Lexemes) -> Option<Vec<Piece>> {
    if let Some(token) = lexemes.token(lexeme) {
        return Some(vec![Piece::Token(token)]);
    }
    let start = lexemes.start(std::iter::once(lexeme));
    lexemes.exits(start).remove(&lexeme.as_usize())
}

/// What is left of a rule from each place in it on.
fn left(body: &[Symbol], symbols: &[Known]) -> Vec<u32> {
    let mut sum = 0_u32;
    let mut left: Vec<u32> = vec![0];
    for &symbol in body.iter().rev() {
        sum = sum.saturating_add(symbols[symbol].least).min(NEVER);
        left.push(sum);
    }
    left.reverse();
    left
}
