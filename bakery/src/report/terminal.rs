//! A trace as a timeline: a line for each event, with the virtual time, the instance, and what it happened to.

use std::borrow::Cow;
use std::io::{self, Write};

use pie_engine::trace::{Header, Record};

use super::entry::{Entry, Tone, entry};
use super::vocabulary::Vocabulary;
use super::{Reporter, visible};
use crate::ui::Theme;

/// Writes the timeline. Tokens are shown as text where the vocabulary is known.
pub struct Timeline<W> {
    out: W,
    theme: Theme,
    width: Option<usize>,
    vocabulary: Vocabulary,
}

impl<W: Write> Timeline<W> {
    /// Writes to `out`; lines are cut to `width` columns, if there is one.
    pub fn new(out: W, theme: Theme, width: Option<usize>) -> Self {
        Timeline { out, theme, width, vocabulary: Vocabulary::default() }
    }

    fn line(&mut self, at: u64, entry: &Entry) -> io::Result<()> {
        let Theme { name, dim, .. } = self.theme;
        let tone = match entry.tone {
            Tone::Plain => anstyle::Style::new(),
            Tone::Background => dim,
            Tone::Good => self.theme.good,
            Tone::Bad => self.theme.error,
        };
        let time = milliseconds(at);
        let instance = entry.instance.map(|instance| instance.to_string()).unwrap_or_default();
        let subject = &entry.subject;
        // The columns before the text, with the spaces between them.
        let margin = time.chars().count().max(11) + 1 + instance.len().max(4) + 1 + subject.len().max(4) + 1;
        let text = self.fitted(&entry.text, margin);
        writeln!(
            self.out,
            "{dim}{time:>11}{dim:#} {name}{instance:<4} {subject:<4}{name:#} {tone}{text}{tone:#}"
        )?;
        for detail in &entry.details {
            let detail = self.fitted(detail, 24);
            writeln!(self.out, "{:24}{dim}{detail}{dim:#}", "")?;
        }
        Ok(())
    }

    fn fitted<'a>(&self, text: &'a str, margin: usize) -> Cow<'a, str> {
        match self.width {
            // A terminal too narrow for the columns gets the text anyway.
            Some(width) => visible::cut(text, width.saturating_sub(margin).max(10)),
            None => text.into(),
        }
    }
}

impl<W: Write + Send> Reporter for Timeline<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.vocabulary = Vocabulary::of(header);
        let Header { model, kernel, seed, engine, .. } = header;
        let dim = self.theme.dim;
        let line = format!("model {model} ({kernel}), seed {seed}, engine {engine}");
        let line = visible::on_one_line(&line);
        writeln!(self.out, "{dim}{}{dim:#}", self.fitted(&line, 0))
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let entry = entry(&record.event, &self.vocabulary);
        self.line(record.at, &entry)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `1234567` nanoseconds are `1.235 ms`.
pub(super) fn milliseconds(nanoseconds: u64) -> String {
    let microseconds = nanoseconds / 1000 + u64::from(nanoseconds % 1000 >= 500);
    format!("{}.{:03} ms", microseconds / 1000, microseconds % 1000)
}
