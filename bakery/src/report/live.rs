//! What a run looks like while it goes: what the inferlet prints and sends, as it comes, and nothing else.

use std::io::{self, Write};

use pie_engine::trace::{Event, Header, Record};

use super::{Reporter, visible};
use crate::ui::Stream;

/// Writes what the inferlet prints to one stream, and what it complains about to another.
pub struct Live<O, E> {
    out: Guarded<O>,
    err: Guarded<E>,
    at_line_start: bool,
}

/// A stream, and what an inferlet may do to it.
pub struct Guarded<W> {
    stream: W,
    guard: Guard,
}

/// What is done about control sequences in what an inferlet prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Bytes go out as they are: a file or a pipe.
    Off,
    /// Only colours and line control get through: an inferlet cannot move the cursor, set the title or fill the clipboard.
    Terminal,
}

impl<W: Write> Guarded<W> {
    /// Writes to `stream`.
    pub fn new(stream: W, guard: Guard) -> Self {
        Guarded { stream, guard }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        match self.guard {
            Guard::Off => self.stream.write_all(text.as_bytes()),
            Guard::Terminal => self.stream.write_all(visible::on_terminal(text).as_bytes()),
        }
    }
}

impl From<Stream> for Guarded<Stream> {
    fn from(stream: Stream) -> Self {
        let guard = if stream.is_terminal() { Guard::Terminal } else { Guard::Off };
        Guarded::new(stream, guard)
    }
}

impl<O: Write, E: Write> Live<O, E> {
    /// Writes standard output and messages to `out`, standard error to `err`.
    pub fn new(out: Guarded<O>, err: Guarded<E>) -> Self {
        Live { out, err, at_line_start: true }
    }

    fn printed(&mut self, text: &str) -> io::Result<()> {
        self.at_line_start = text.ends_with('\n') || (self.at_line_start && text.is_empty());
        self.out.write(text)
    }

    /// A message is a line of its own.
    fn message(&mut self, text: &str) -> io::Result<()> {
        self.fresh_line()?;
        self.printed(&format!("{text}\n"))
    }

    /// Ends a line that the inferlet left unfinished.
    fn fresh_line(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.at_line_start, true) {
            self.out.write("\n")?;
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
            Event::Stderr { text, .. } => self.err.write(text.as_str()),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.fresh_line()
    }
}
