//! What a run looks like while it goes: what the inferlet prints and sends, as it comes. Lines of inferlets that it launched begin with their name
//! and number. Nothing else is shown but that one of them failed whose answer nobody will take: who launched it is not told, so the user is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use pie_engine::ids::InstanceId;
use pie_engine::outside::Answer;
use pie_engine::trace::{Event, Header, Outcome, Record};

use super::{Reporter, visible};
use crate::ui::Stream;

/// Writes what inferlets print to one stream, and what they complain about to another.
pub struct Live<O, E> {
    out: Lines<O>,
    err: Lines<E>,
    /// What the lines of children begin with.
    labels: BTreeMap<InstanceId, String>,
    /// Children that run by themselves.
    detached: BTreeSet<InstanceId>,
    /// Children that failed, and why, as long as they may be asked for it.
    failed: BTreeMap<InstanceId, String>,
}

/// A stream to which several inferlets write, each in lines of its own.
struct Lines<W> {
    stream: Guarded<W>,
    at_line_start: bool,
    /// Who wrote last.
    writer: Option<InstanceId>,
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

impl<W: Write> Lines<W> {
    fn new(stream: Guarded<W>) -> Self {
        Lines { stream, at_line_start: true, writer: None }
    }

    fn write(&mut self, writer: InstanceId, label: &str, text: &str) -> io::Result<()> {
        if self.writer.replace(writer).is_some_and(|last| last != writer) {
            self.fresh_line()?;
        }
        if label.is_empty() {
            self.at_line_start = text.ends_with('\n') || (self.at_line_start && text.is_empty());
            return self.stream.write(text);
        }
        for line in text.split_inclusive('\n') {
            let label = if self.at_line_start { label } else { "" };
            self.at_line_start = line.ends_with('\n');
            self.stream.write(&format!("{label}{line}"))?;
        }
        Ok(())
    }

    /// Ends a line that was left unfinished.
    fn fresh_line(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.at_line_start, true) {
            self.stream.write("\n")?;
        }
        Ok(())
    }
}

impl<O: Write, E: Write> Live<O, E> {
    /// Writes standard output and messages to `out`, standard error to `err`.
    pub fn new(out: Guarded<O>, err: Guarded<E>) -> Self {
        Live {
            out: Lines::new(out),
            err: Lines::new(err),
            labels: BTreeMap::new(),
            detached: BTreeSet::new(),
            failed: BTreeMap::new(),
        }
    }

    fn ended(&mut self, instance: InstanceId, outcome: &Outcome) -> io::Result<()> {
        let Some(label) = self.labels.remove(&instance) else { return Ok(()) };
        let detached = self.detached.remove(&instance);
        let Some(why) = failure(outcome) else { return Ok(()) };
        let line = format!("{label}failed, and nobody waited for it: {why}\n");
        if detached {
            return self.lament(instance, &line);
        }
        self.failed.insert(instance, line);
        Ok(())
    }

    fn detach(&mut self, child: InstanceId) -> io::Result<()> {
        match self.failed.remove(&child) {
            Some(line) => self.lament(child, &line),
            None => {
                self.detached.insert(child);
                Ok(())
            }
        }
    }

    /// A line on the error stream, which stands by itself.
    fn lament(&mut self, instance: InstanceId, line: &str) -> io::Result<()> {
        self.err.fresh_line()?;
        self.err.write(instance, "", line)
    }
}

/// Why an inferlet has no answer; nothing if somebody wanted it to end.
fn failure(outcome: &Outcome) -> Option<String> {
    let why = match outcome {
        Outcome::Ok(_) | Outcome::Cancelled(_) => return None,
        Outcome::Error(error) => error.as_str().to_owned(),
        Outcome::Trap { message, .. } => format!("it trapped: {message}"),
        Outcome::Limit { message, .. } => message.clone(),
        Outcome::Stuck(why) => format!("it got stuck: {why}"),
    };
    Some(visible::on_one_line(&why))
}

/// What a person has to know that the inferlet is told only in a word: that a host was refused, and why.
fn warning(event: &Event) -> Option<(InstanceId, String)> {
    match event {
        Event::Denied { instance, method, url, message } => {
            let url = url.as_str();
            Some((*instance, format!("the inferlet was denied {method} {url}: {message}")))
        }
        Event::Answered { instance, answer: Answer::HttpFailed { code, message }, .. }
            if matches!(code.as_str(), "destination-IP-prohibited" | "configuration-error") =>
        {
            Some((*instance, message.clone()))
        }
        _ => None,
    }
}

impl<O: Write + Send, E: Write + Send> Reporter for Live<O, E> {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let Live { out, err, labels, .. } = self;
        let label = |instance| labels.get(instance).map_or("", String::as_str);
        match &record.event {
            Event::Launched { instance, program, parent: Some(_), .. } => {
                labels.insert(*instance, format!("[{} {instance}] ", visible::on_one_line(program)));
                Ok(())
            }
            Event::Finished { instance, outcome, .. } => self.ended(*instance, outcome),
            Event::Detached { child, .. } => self.detach(*child),
            Event::Stdout { instance, text } => out.write(*instance, label(instance), text.as_str()),
            Event::Message { instance, text } => {
                // A message is a line of its own.
                out.fresh_line()?;
                out.write(*instance, label(instance), &format!("{}\n", text.as_str()))
            }
            Event::Stderr { instance, text } => err.write(*instance, label(instance), text.as_str()),
            event => match warning(event) {
                Some((instance, warning)) => {
                    err.fresh_line()?;
                    err.write(
                        instance,
                        label(&instance),
                        &format!("warning: {}\n", visible::on_one_line(&warning)),
                    )
                }
                None => Ok(()),
            },
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.fresh_line()
    }
}
