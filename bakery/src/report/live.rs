//! What a run looks like while it goes: what the inferlet prints and sends, as it comes, and nothing else.

use std::io::{self, Write};

use pie_engine::trace::{Event, Header, Record};

use super::{Reporter, visible};

/// Writes what the inferlet prints to one stream, and what it complains about to another.
pub struct Live<O, E> {
    out: O,
    err: E,
    guard: Guard,
    at_line_start: bool,
}

/// What is done about control sequences in what an inferlet prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Bytes go out as they are: a file or a pipe.
    Off,
    /// Only colours and line control reach a person's terminal; an inferlet cannot move the cursor, set the title or fill the clipboard.
    Terminal,
}

impl<O: Write, E: Write> Live<O, E> {
    /// Writes standard output and messages to `out`, standard error and remarks to `err`.
    pub fn new(out: O, err: E, guard: Guard) -> Self {
        Live { out, err, guard, at_line_start: true }
    }

    fn printed(&mut self, text: &str) -> io::Result<()> {
        self.at_line_start = text.ends_with('\n') || (self.at_line_start && text.is_empty());
        match self.guard {
            Guard::Off => self.out.write_all(text.as_bytes()),
            Guard::Terminal => self.out.write_all(visible::on_terminal(text).as_bytes()),
        }
    }

    /// A message is a line of its own.
    fn message(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        self.printed(&format!("{text}\n"))
    }

    fn complained(&mut self, text: &str) -> io::Result<()> {
        match self.guard {
            Guard::Off => self.err.write_all(text.as_bytes()),
            Guard::Terminal => self.err.write_all(visible::on_terminal(text).as_bytes()),
        }
    }

    /// Ends a line that the inferlet left unfinished.
    fn fresh_line(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.at_line_start, true) {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl<O: Write + Send, E: Write + Send> Reporter for Live<O, E> {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::Stdout { text, .. } => self.printed(text.as_str()),
            Event::Message { text, .. } => self.message(text.as_str()),
            Event::Stderr { text, .. } => self.complained(text.as_str()),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.fresh_line()
    }
}
