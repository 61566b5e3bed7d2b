//! What `bakery run --http` says of each request that was answered, in one line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pie_engine::ids::InstanceId;
use pie_engine::trace::{Event, Header, Outcome, Record};

use super::{Reporter, visible};

/// Writes a line for each request once its inferlet has ended.
pub struct RequestLog<W> {
    out: W,
    /// What was asked of whom, and the status of the response, once there is one.
    open: BTreeMap<InstanceId, (String, Option<u16>)>,
}

impl<W: Write> RequestLog<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        RequestLog { out, open: BTreeMap::new() }
    }

    fn end(&mut self, instance: InstanceId, outcome: &Outcome) -> io::Result<()> {
        let Some((request, status)) = self.open.remove(&instance) else { return Ok(()) };
        let status = status.map_or_else(|| "no response".to_owned(), |status| status.to_string());
        match failure(outcome) {
            None => writeln!(self.out, "{request} {status}"),
            Some(failure) => writeln!(self.out, "{request} {status}: {}", visible::on_one_line(&failure)),
        }
    }
}

fn failure(outcome: &Outcome) -> Option<String> {
    Some(match outcome {
        Outcome::Ok(_) => return None,
        Outcome::Error(error) => error.as_str().to_owned(),
        Outcome::Trap { message, .. } => format!("it trapped: {message}"),
        Outcome::Limit { message, .. } => message.clone(),
        Outcome::Stuck(why) => format!("it got stuck: {why}"),
        Outcome::Cancelled(why) => why.clone(),
    })
}

impl<W: Write + Send> Reporter for RequestLog<W> {
    fn begin(&mut self, _header: &Header) -> io::Result<()> {
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        match &record.event {
            Event::Requested { instance, request } => {
                let line = format!("{} {}", request.method, request.url);
                self.open.insert(*instance, (visible::on_one_line(&line), None));
                Ok(())
            }
            Event::Responded { instance, response } => {
                self.open.entry(*instance).and_modify(|(_, status)| *status = Some(response.status));
                Ok(())
            }
            Event::Finished { instance, outcome, .. } => self.end(*instance, outcome),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
