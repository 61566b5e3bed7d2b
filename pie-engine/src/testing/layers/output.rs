//! The layer `output`: what the caller got, in its order. A block for each answer, message, file and printed text; its lines are indented by two spaces.
//!
//! A line that has white space at its end or control characters, or begins with a quotation mark, is written as a JSON string, so that two texts that
//! differ are never written alike.

use std::fmt::Write;

use crate::ids::InstanceId;
use crate::outside::HttpResponse;
use crate::trace::{Bytes, Elided, Event, Outcome, Text, sha256_hex};
use serde_json::Value;

use super::redact;
use crate::testing::{Observed, Redaction};

/// A text of more bytes is a digest and a head.
const WHOLE_TEXT: usize = 16 * 1024;
/// A file of more bytes, or of other bytes than text, is a digest and a head.
const WHOLE_FILE: usize = 1024;
/// How many characters of a large text are kept.
const HEAD: usize = 200;

/// The inferlet that was launched first; what others print has their number before it.
const FIRST: InstanceId = InstanceId(1);

/// Makes the layer.
pub fn output(observed: &Observed, redactions: &[Redaction]) -> String {
    let mut blocks = Blocks { redactions, text: String::new(), printed: None };
    for event in &observed.events {
        blocks.event(event);
    }
    blocks.flush();
    blocks.text.truncate(blocks.text.trim_end().len());
    blocks.text
}

struct Blocks<'a> {
    redactions: &'a [Redaction],
    text: String,
    /// What one instance has printed to one stream since the last block: pieces of text depend on when it flushes.
    printed: Option<(InstanceId, &'static str, String)>,
}

impl Blocks<'_> {
    fn event(&mut self, event: &Event) {
        let leaves_out = |kind| redact::leaves_out(self.redactions, kind);
        match event {
            Event::Stdout { instance, text } if !leaves_out("stdout") => {
                self.print(*instance, "stdout", text)
            }
            Event::Stderr { instance, text } if !leaves_out("stderr") => {
                self.print(*instance, "stderr", text)
            }
            Event::Message { instance, text } if !leaves_out("message") => {
                let title = titled(*instance, "message");
                self.texts(&title, text);
            }
            Event::File { instance, data } if !leaves_out("file") => {
                let title = titled(*instance, "file");
                self.file(&title, data);
            }
            Event::Responded { instance, response } if !leaves_out("responded") => {
                let title = titled(*instance, &format!("response {}", response.status));
                self.response(&title, response);
            }
            Event::Finished { instance, outcome, .. } if *instance == FIRST => self.ended(outcome),
            _ => {}
        }
    }

    fn print(&mut self, instance: InstanceId, stream: &'static str, text: &Text) {
        match &mut self.printed {
            Some((own, to, so_far)) if *own == instance && *to == stream => so_far.push_str(text.as_str()),
            _ => {
                self.flush();
                self.printed = Some((instance, stream, text.as_str().to_owned()));
            }
        }
    }

    fn flush(&mut self) {
        let Some((instance, stream, text)) = self.printed.take() else { return };
        let mut title = titled(instance, stream);
        match text.strip_suffix('\n') {
            Some(lines) => self.block(&title, lines),
            None => {
                title.push_str(" (no line feed at its end)");
                self.block(&title, &text);
            }
        }
    }

    fn texts(&mut self, title: &str, text: &Text) {
        match text {
            Text::Full(text) => {
                let text = redact::in_text(self.redactions, text);
                self.block(title, &text);
            }
            Text::Elided(elided) => self.elided(title, elided),
        }
    }

    fn file(&mut self, title: &str, data: &Bytes) {
        let elided = match data {
            Bytes::Full(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if text.len() <= WHOLE_FILE => return self.block(title, text),
                _ => Bytes::elide(bytes),
            },
            Bytes::Elided(elided) => elided.clone(),
        };
        self.elided(title, &elided);
    }

    fn response(&mut self, title: &str, response: &HttpResponse) {
        let headers = response
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\n", value.as_str().unwrap_or("(bytes)")));
        let headers: String = headers.collect();
        match response.body.as_str() {
            Some(body) => {
                let body = redact::in_text(self.redactions, body);
                self.block(title, &format!("{headers}\n{body}"));
            }
            None => {
                let bytes = response.body.as_bytes();
                self.block(title, &format!("{headers}\n{} bytes, sha256 {}", bytes.len(), sha256_hex(bytes)));
            }
        }
    }

    fn ended(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Ok(Text::Full(answer)) => self.answer(answer),
            Outcome::Ok(text) => self.texts("answer", text),
            Outcome::Error(text) => self.texts("error", text),
            Outcome::Trap { message, .. } => self.block("trap", message),
            Outcome::Limit { limit, message } => self.block(&format!("limit ({})", limit.name()), message),
            Outcome::Stuck(why) => self.block("stuck", why),
            Outcome::Cancelled(why) => self.block("cancelled", why),
        }
    }

    /// An answer is JSON: a text is written as it is, any other value with indentation.
    fn answer(&mut self, answer: &str) {
        let Ok(mut value) = serde_json::from_str::<Value>(answer) else {
            return self.block("answer (not JSON)", answer);
        };
        redact::in_value(self.redactions, &mut value);
        match &value {
            Value::String(text) => {
                let text = redact::in_text(self.redactions, text);
                self.block("answer", &text);
            }
            value => {
                let pretty = serde_json::to_string_pretty(value).unwrap_or_else(|_| answer.to_owned());
                self.block("answer (JSON)", &pretty);
            }
        }
    }

    fn elided(&mut self, title: &str, Elided { len, sha256, head }: &Elided<String>) {
        self.block(&format!("{title}, {len} bytes, sha256 {sha256}"), head);
    }

    fn block(&mut self, title: &str, text: &str) {
        self.flush();
        if text.len() > WHOLE_TEXT {
            let head: String = text.chars().take(HEAD).collect();
            let title = format!("{title}, {} bytes, sha256 {}", text.len(), sha256_hex(text.as_bytes()));
            return self.lines(&title, &head);
        }
        self.lines(title, text);
    }

    fn lines(&mut self, title: &str, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(title);
        self.text.push('\n');
        for line in text.split('\n') {
            if line.is_empty() && !text.ends_with('\n') && !text.is_empty() {
                self.text.push('\n');
            } else {
                let _ = writeln!(self.text, "  {}", shown(line));
            }
        }
    }
}

fn titled(instance: InstanceId, what: &str) -> String {
    if instance == FIRST { what.to_owned() } else { format!("{instance} {what}") }
}

/// A line so that no two are written alike.
fn shown(line: &str) -> String {
    let plain = !line.is_empty()
        && !line.starts_with('"')
        && !line.chars().any(|char| char.is_control() && char != '\t')
        && line.trim_end() == line;
    if plain { line.to_owned() } else { Value::String(line.to_owned()).to_string() }
}
