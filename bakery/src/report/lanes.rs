//! A trace as lanes: time goes down, each context that lives is a lane, a fork is a branch, and beside them stands what is read and chosen, with how sure the model
//! was of each token: in colours, or where there are none in marks behind the tokens.
//!
//! Contexts that generate at the same time share a block of lines, one for each. Steps and operations on pages have no line of their own: the event list has them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use pie_engine::trace::{Event, Header, Origin, Record, Tokens};
use unicode_width::UnicodeWidthStr;

use super::entry::{Tone, entry};
use super::follow::{Change, Chosen, Follower, Name};
use super::terminal::milliseconds;
use super::vocabulary::Vocabulary;
use super::{Reporter, visible};
use crate::ui::Theme;

/// The most lanes that are drawn. Contexts beyond it have lines and no lane.
const MOST_LANES: usize = 32;
/// Columns of tokens where the output has no width.
const PLAIN_WIDTH: usize = 72;
/// Marks of lanes in which tokens are chosen, from unknown to certain.
const SHADES: [char; 5] = ['●', '░', '▒', '▓', '█'];

/// Writes the lanes.
pub struct Lanes<W> {
    out: W,
    theme: Theme,
    width: Option<usize>,
    vocabulary: Vocabulary,
    follower: Follower,
    /// Who has which lane.
    lanes: Vec<Option<Lane>>,
    pages: BTreeMap<Name, u32>,
    block: Block,
}

#[derive(Clone, Copy)]
struct Lane {
    context: Name,
    suspended: bool,
}

/// Lines that are still being filled.
#[derive(Default)]
struct Block {
    from: u64,
    lines: BTreeMap<Name, Line>,
}

#[derive(Default)]
struct Line {
    tokens: Vec<(String, u8)>,
    columns: usize,
}

/// A line across the lanes.
#[derive(Default)]
struct Crossing {
    /// What stands in lanes in place of their line.
    marks: Vec<(usize, char)>,
    /// From lane to lane.
    branch: Option<(usize, usize)>,
}

impl<W: Write> Lanes<W> {
    /// Writes to `out`; lines are cut to `width` columns, if there is one.
    pub fn new(out: W, theme: Theme, width: Option<usize>) -> Self {
        Lanes {
            out,
            theme,
            width,
            vocabulary: Vocabulary::default(),
            follower: Follower::default(),
            lanes: Vec::new(),
            pages: BTreeMap::new(),
            block: Block::default(),
        }
    }

    fn lane(&self, context: Name) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.is_some_and(|lane| lane.context == context))
    }

    /// Gives a context the first lane that is free.
    fn enter(&mut self, context: Name) -> Option<usize> {
        let lane = Some(Lane { context, suspended: false });
        if let Some(free) = self.lanes.iter().position(Option::is_none) {
            self.lanes[free] = lane;
            return Some(free);
        }
        if self.lanes.len() == MOST_LANES {
            return None;
        }
        self.lanes.push(lane);
        Some(self.lanes.len() - 1)
    }

    /// The lanes as one line has them, each two columns wide.
    fn drawn(&self, crossing: &Crossing) -> String {
        let mut cells: Vec<[char; 2]> = self
            .lanes
            .iter()
            .map(|lane| match lane {
                None => [' ', ' '],
                Some(Lane { suspended: true, .. }) => ['┆', ' '],
                Some(_) => ['│', ' '],
            })
            .collect();
        if let Some((from, to)) = crossing.branch {
            let (first, last) = (from.min(to), from.max(to));
            for (at, cell) in cells.iter_mut().enumerate().take(last).skip(first) {
                *cell = [if at == first || cell[0] == ' ' { '─' } else { '┼' }, '─'];
            }
            cells[from][0] = if from < to { '├' } else { '┤' };
            cells[to][0] = if from < to { '╮' } else { '╭' };
        }
        for (at, mark) in &crossing.marks {
            cells[*at][0] = *mark;
        }
        cells.into_iter().flatten().collect::<String>().trim_end().to_owned()
    }

    /// What a line about a context begins with: its names, and how many pages it has.
    fn label(&self, context: Name) -> String {
        let pages = self.pages.get(&context).copied().unwrap_or(0);
        format!("{} {} {pages}p", context.0, context.1)
    }

    fn line(
        &mut self,
        at: Option<u64>,
        crossing: &Crossing,
        label: &str,
        pieces: &[(Style, String)],
    ) -> io::Result<()> {
        let Theme { dim, name, .. } = self.theme;
        let time = at.map(milliseconds).unwrap_or_default();
        let lanes = self.drawn(crossing);
        let columns = self.lanes.len().max(1) * 2;
        let pad = columns.saturating_sub(lanes.chars().count());
        let gap = if label.is_empty() { "" } else { " " };
        write!(self.out, "{dim}{time:>11}{dim:#} {lanes}{:pad$} {name}{label}{name:#}{gap}", "")?;
        let used = time.chars().count().max(11) + 2 + columns + label.chars().count() + gap.len();
        let mut left = self.width.map(|width| width.saturating_sub(used).max(10));
        for (style, text) in pieces {
            let shown = match left {
                Some(columns) => visible::cut(text, columns),
                None => text.into(),
            };
            write!(self.out, "{style}{shown}{style:#}")?;
            if let Some(left) = &mut left {
                *left = left.saturating_sub(shown.width());
                if *left == 0 {
                    break;
                }
            }
        }
        writeln!(self.out)
    }

    /// A line about something that is no choice of tokens.
    fn plain(
        &mut self,
        at: u64,
        crossing: &Crossing,
        label: &str,
        style: Style,
        text: String,
    ) -> io::Result<()> {
        self.flush()?;
        self.line(Some(at), crossing, label, &[(style, text)])
    }

    /// Writes the lines of the block.
    fn flush(&mut self) -> io::Result<()> {
        let Block { from, lines } = std::mem::take(&mut self.block);
        for (nth, (context, Line { tokens, .. })) in lines.into_iter().enumerate() {
            // The least sure token is what somebody looks for.
            let level = tokens.iter().map(|(_, level)| *level).filter(|level| *level > 0).min().unwrap_or(0);
            let marks = self.lane(context).map(|lane| (lane, SHADES[usize::from(level)]));
            let crossing = Crossing { marks: marks.into_iter().collect(), branch: None };
            let pieces: Vec<(Style, String)> =
                tokens.into_iter().map(|(text, level)| (self.shade(level), text)).collect();
            self.line((nth == 0).then_some(from), &crossing, &self.label(context), &pieces)?;
        }
        Ok(())
    }

    fn shade(&self, level: u8) -> Style {
        if !self.theme.colour {
            return Style::new();
        }
        let foreground = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match level {
            1 => foreground(AnsiColor::BrightRed),
            2 => foreground(AnsiColor::Yellow),
            3 => foreground(AnsiColor::Green),
            4 => foreground(AnsiColor::BrightGreen),
            _ => Style::new(),
        }
    }

    /// A token as it is shown. Without colours, doubtful ones have a mark behind them.
    fn token(&self, chosen: &Chosen) -> (String, u8) {
        let level = chosen.sure.map_or(0, super::follow::Sure::level);
        let text = self.vocabulary.text(&[chosen.id]);
        let mut text = text.map_or_else(|| format!("[{}]", chosen.id), |text| visible::on_one_line(&text));
        if !self.theme.colour && (1..=2).contains(&level) {
            text.push(SHADES[usize::from(level)]);
        }
        (text, level)
    }

    fn chose(&mut self, at: u64, context: Name, tokens: &[Chosen]) -> io::Result<()> {
        let taken = 11 + 3 + self.lanes.len().max(1) * 2 + self.label(context).len();
        let room = self.width.map_or(PLAIN_WIDTH, |width| width.saturating_sub(taken).max(10));
        for chosen in tokens {
            let (text, level) = self.token(chosen);
            let columns = text.width();
            let full = |line: &Line| line.columns > 0 && line.columns + columns > room;
            if self.block.lines.get(&context).is_some_and(full) {
                self.flush()?;
            }
            if self.block.lines.is_empty() {
                self.block.from = at;
            }
            let line = self.block.lines.entry(context).or_default();
            line.columns += columns;
            line.tokens.push((text, level));
        }
        Ok(())
    }

    fn read(&mut self, at: u64, context: Name, tokens: &Tokens, reused: u32) -> io::Result<()> {
        let count = tokens.count();
        let plural = if count == 1 { "" } else { "s" };
        let reused = if reused > 0 { format!(", {reused} of them reused") } else { String::new() };
        let (known, more) = match tokens {
            Tokens::Full(tokens) => (tokens, ""),
            Tokens::Elided(elided) => (&elided.head, "…"),
        };
        let text = match self.vocabulary.text(known) {
            Some(text) => format!(": {text:?}{more}"),
            None => String::new(),
        };
        let marks = self.lane(context).map(|lane| (lane, '▸')).into_iter().collect();
        let text = format!("read {count} token{plural}{reused}{}", visible::on_one_line(&text));
        self.plain(at, &Crossing { marks, branch: None }, &self.label(context), self.theme.dim, text)
    }

    /// A context comes to be: as a branch where it is a fork.
    fn created(&mut self, at: u64, context: Name, origin: &Origin, text: String) -> io::Result<()> {
        self.flush()?;
        let from = match origin {
            Origin::Fork { from } => self.lane((context.0, *from)),
            _ => None,
        };
        let lane = self.enter(context);
        let crossing = match (from, lane) {
            (Some(from), Some(lane)) => Crossing { marks: Vec::new(), branch: Some((from, lane)) },
            (_, Some(lane)) => Crossing { marks: vec![(lane, '╷')], branch: None },
            (_, None) => Crossing::default(),
        };
        self.plain(at, &crossing, &self.label(context), Style::new(), text)
    }

    fn destroyed(&mut self, at: u64, context: Name, text: String) -> io::Result<()> {
        self.flush()?;
        let lane = self.lane(context);
        let marks = lane.map(|lane| (lane, '╵')).into_iter().collect();
        let label = self.label(context);
        self.plain(at, &Crossing { marks, branch: None }, &label, self.theme.dim, text)?;
        self.leave(|owner| *owner == context);
        Ok(())
    }

    /// Frees lanes.
    fn leave(&mut self, whose: impl Fn(&Name) -> bool) {
        for lane in &mut self.lanes {
            if lane.is_some_and(|lane| whose(&lane.context)) {
                *lane = None;
            }
        }
        self.pages.retain(|context, _| !whose(context));
    }

    /// An event with a line of its own.
    fn other(&mut self, record: &Record) -> io::Result<()> {
        let said = entry(&record.event, &self.vocabulary);
        let style = match said.tone {
            Tone::Plain => Style::new(),
            Tone::Background => self.theme.dim,
            Tone::Good => self.theme.good,
            Tone::Bad => self.theme.error,
        };
        let names = [said.instance.map(|instance| instance.to_string()).unwrap_or_default(), said.subject];
        let label = names.join(" ").trim().to_owned();
        self.plain(record.at, &Crossing::default(), &label, style, said.text)?;
        for detail in said.details {
            self.line(None, &Crossing::default(), "", &[(self.theme.dim, detail)])?;
        }
        Ok(())
    }

    fn suspend(&mut self, context: Name, suspended: bool) {
        if let Some(lane) = self.lane(context) {
            self.lanes[lane] = Some(Lane { context, suspended });
        }
    }
}

impl<W: Write + Send> Reporter for Lanes<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.vocabulary = Vocabulary::of(header);
        let Header { model, kernel, seed, engine, .. } = header;
        let dim = self.theme.dim;
        let first = format!("model {model} ({kernel}), seed {seed}, engine {engine}");
        let legend = "│ context  ├─╮ fork  ╵ end  ┆ suspended  ▸ reads  3p pages  tokens: █ sure ▓ ▒ ░ a toss-up ● unknown";
        for line in [visible::on_one_line(&first).as_str(), legend] {
            let line = self.width.map_or(line.into(), |width| visible::cut(line, width));
            writeln!(self.out, "{dim}{line}{dim:#}")?;
        }
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let (at, event) = (record.at, &record.event);
        if matches!(event, Event::Suspended { .. } | Event::Restored { .. }) {
            // What was said before has the pages from before.
            self.flush()?;
        }
        for change in self.follower.follow(at, event) {
            match change {
                Change::Read { context, tokens, reused } => self.read(at, context, &tokens, reused)?,
                Change::Chose { context, tokens, .. } => self.chose(at, context, &tokens)?,
                Change::Pages { context, pages } => drop(self.pages.insert(context, pages)),
            }
        }
        match event {
            Event::Pass { context: Some(_), .. }
            | Event::PassDone { .. }
            | Event::Step { .. }
            | Event::Pages { .. }
            | Event::ModelLoaded { .. } => Ok(()),
            Event::ContextCreated { instance, context, origin } => {
                let text = entry(event, &self.vocabulary).text;
                self.created(at, (*instance, *context), origin, text)
            }
            Event::ContextDestroyed { instance, context } => {
                let text = entry(event, &self.vocabulary).text;
                self.destroyed(at, (*instance, *context), text)
            }
            Event::Finished { instance, .. } => {
                self.other(record)?;
                self.leave(|(owner, _)| owner == instance);
                Ok(())
            }
            Event::Suspended { instance, context, .. } => {
                self.suspend((*instance, *context), true);
                self.other(record)
            }
            Event::Restored { instance, context, .. } => {
                self.suspend((*instance, *context), false);
                self.other(record)
            }
            _ => self.other(record),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        self.out.flush()
    }
}
