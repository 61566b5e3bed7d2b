//! Rules in Lark's notation.
//!
//! Rules that do not lead back to themselves become terminals, which are regular expressions: inside of one everything is tried.
//! In the others, what stands together and is regular becomes one terminal.

use super::super::error::{GrammarError, Notation, Place};
use super::super::limits::MAX_NESTING;
use super::parser::{Expr, Rules};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The grammar in Lark's notation. Rule `n` is `rn`, or `Tn` if it is a terminal.
pub(super) fn write(rules: &Rules) -> Result<String, GrammarError> {
    let terminals = terminals(rules);
    let mut writer = Writer { terminals: &terminals, out: String::new(), extra: Vec::new() };
    writer.out.push_str("start: ");
    writer.name(rules.start);
    writer.out.push('\n');
    for (number, body) in rules.bodies.iter().enumerate() {
        writer.name(number);
        writer.out.push_str(": ");
        if terminals.contains(&number) {
            writer.terminal(body, 0)?
        } else {
            writer.rule(body, 0)?
        }
        writer.out.push('\n');
    }
    let Writer { mut out, extra, .. } = writer;
    extra.into_iter().for_each(|terminal| out += &terminal);
    Ok(out)
}

/// Rules from which no path of references comes back to its beginning.
fn terminals(rules: &Rules) -> BTreeSet<usize> {
    let mut users = vec![Vec::new(); rules.bodies.len()];
    let mut open = vec![0_usize; rules.bodies.len()];
    for (number, body) in rules.bodies.iter().enumerate() {
        let mut used = BTreeSet::new();
        references(body, &mut used);
        open[number] = used.len();
        used.into_iter().for_each(|used| users[used].push(number));
    }
    let mut found = BTreeSet::new();
    let mut ready: Vec<usize> = (0..open.len()).filter(|number| open[*number] == 0).collect();
    while let Some(number) = ready.pop() {
        found.insert(number);
        for &user in &users[number] {
            open[user] -= 1;
            if open[user] == 0 {
                ready.push(user);
            }
        }
    }
    found
}

fn references(expr: &Expr, found: &mut BTreeSet<usize>) {
    match expr {
        Expr::Rule(number) => drop(found.insert(*number)),
        Expr::Sequence(parts) | Expr::Choice(parts) => parts.iter().for_each(|part| references(part, found)),
        Expr::Repeat(inside, ..) => references(inside, found),
        Expr::Text(_) | Expr::Class { .. } | Expr::Any => {}
    }
}

/// Writes an expression inside of so many groups.
type Body<W> = fn(&mut W, &Expr, usize) -> Result<(), GrammarError>;

struct Writer<'a> {
    terminals: &'a BTreeSet<usize>,
    out: String,
    /// Terminals of parts of rules, `Xn`.
    extra: Vec<String>,
}

impl Writer<'_> {
    fn name(&mut self, rule: usize) {
        let kind = if self.terminals.contains(&rule) { 'T' } else { 'r' };
        self.push(format_args!("{kind}{rule}"));
    }

    fn push(&mut self, text: std::fmt::Arguments) {
        self.out.write_fmt(text).expect("a string takes all that is written");
    }

    fn is_regular(&self, expr: &Expr) -> bool {
        let mut used = BTreeSet::new();
        references(expr, &mut used);
        used.is_subset(self.terminals)
    }

    /// The body of a terminal, or what stands in a group of one.
    fn terminal(&mut self, expr: &Expr, depth: usize) -> Result<(), GrammarError> {
        match expr {
            Expr::Text(text) => {
                let text = serde_json::Value::from(text.as_str()).to_string().replace('\u{7f}', r"\u007f");
                self.out += &text;
            }
            Expr::Class { negated, ranges } => self.class(*negated, ranges),
            Expr::Any => self.out += "/(?s:.)/",
            Expr::Rule(number) => self.name(*number),
            _ => self.composite(expr, depth, Self::terminal)?,
        }
        Ok(())
    }

    /// The body of a rule, or what stands in a group of one.
    fn rule(&mut self, expr: &Expr, depth: usize) -> Result<(), GrammarError> {
        if self.is_regular(expr) {
            return self.extra(expr);
        }
        match expr {
            Expr::Sequence(parts) => {
                let mut rest = &parts[..];
                while let Some(first) = rest.first() {
                    let run = rest.iter().take_while(|part| self.is_regular(part)).count();
                    if run > 1 {
                        self.extra(&Expr::Sequence(rest[..run].to_vec()))?;
                    } else {
                        self.part(first, depth, Self::rule)?;
                    }
                    rest = &rest[run.max(1)..];
                    self.out += " ";
                }
                Ok(())
            }
            Expr::Rule(number) => {
                self.name(*number);
                Ok(())
            }
            _ => self.composite(expr, depth, Self::rule),
        }
    }

    /// What is put together in the same way in rules and in terminals.
    fn composite(&mut self, expr: &Expr, depth: usize, body: Body<Self>) -> Result<(), GrammarError> {
        match expr {
            Expr::Repeat(_, _, Some(0)) => self.out += r#""""#,
            Expr::Repeat(inside, least, most) => {
                self.group(inside, depth, body)?;
                match most {
                    Some(most) => self.push(format_args!("{{{least},{most}}}")),
                    None => self.push(format_args!("{{{least},}}")),
                }
            }
            // Nothing at all is a text without characters.
            Expr::Sequence(parts) if parts.is_empty() => self.out += r#""""#,
            Expr::Sequence(parts) => {
                for part in parts {
                    self.part(part, depth, body)?;
                    self.out += " ";
                }
            }
            Expr::Choice(options) => {
                for (index, option) in options.iter().enumerate() {
                    self.out += if index > 0 { " | " } else { "" };
                    // A sequence binds more than a choice does.
                    if matches!(option, Expr::Choice(_)) {
                        self.group(option, depth, body)?;
                    } else {
                        body(self, option, depth)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A part of a sequence.
    fn part(&mut self, expr: &Expr, depth: usize, body: Body<Self>) -> Result<(), GrammarError> {
        if matches!(expr, Expr::Choice(_) | Expr::Sequence(_)) {
            self.group(expr, depth, body)
        } else {
            body(self, expr, depth)
        }
    }

    fn group(&mut self, expr: &Expr, depth: usize, body: Body<Self>) -> Result<(), GrammarError> {
        if depth >= MAX_NESTING {
            return Err(GrammarError::TooDeep { notation: Notation::Ebnf, place: Place::nowhere() });
        }
        self.out += "(";
        body(self, expr, depth + 1)?;
        self.out += ")";
        Ok(())
    }

    /// A terminal of its own, named here.
    fn extra(&mut self, expr: &Expr) -> Result<(), GrammarError> {
        let before = std::mem::take(&mut self.out);
        self.terminal(expr, 0)?;
        let body = std::mem::replace(&mut self.out, before);
        let name = format!("X{}", self.extra.len());
        self.extra.push(format!("{name}: {body}\n"));
        self.out += &name;
        Ok(())
    }

    fn class(&mut self, negated: bool, ranges: &[(char, char)]) {
        self.out += if negated { "/[^" } else { "/[" };
        for (first, last) in ranges {
            self.push(format_args!(r"\x{{{:X}}}-\x{{{:X}}}", u32::from(*first), u32::from(*last)));
        }
        self.out += "]/";
    }
}
