//! From tokens to spans of text: which part of a turn is visible, which is reasoning, which is a tool call.
//!
//! A mark is a control token where the vocabulary has one of that spelling, and ordinary text otherwise. Tokens are taken one at
//! a time and text is kept back only while it may still become a mark or a character, so batches make no difference.

use crate::tokenizer::{StreamDecoder, Tokenizer, UnknownToken};
use std::sync::Arc;

/// A part of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Span {
    #[default]
    Visible,
    Reasoning,
    Call,
}

/// What comes out of a scan, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text of the span that is open.
    Text(Span, String),
    /// A span begins; never `Visible`.
    Open(Span),
    /// A span ends; never `Visible`.
    Close(Span),
    /// A control token without a meaning in visible text.
    Control(u32),
    /// The turn has ended, with it any open span. Nothing follows.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edge {
    Open(Span),
    Close(Span),
}

/// The marks of one format, resolved for one tokenizer.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    pub(super) stop: Vec<u32>,
    tokens: Vec<(u32, Edge)>,
    texts: Vec<(String, Edge)>,
    /// Control tokens to pass over.
    pub(super) ignored: Vec<u32>,
    /// Text that opens a call at the start of a turn and is part of it.
    pub(super) bare_call: Option<String>,
    /// Whether a call ends where its JSON does.
    pub(super) calls_close_themselves: bool,
    pub(super) begins_in_reasoning: bool,
    pub(super) trims_reasoning: bool,
}

impl Marks {
    /// No marks but those that end the turn.
    pub(super) fn new(stop: Vec<u32>) -> Marks {
        Marks { stop, ..Marks::default() }
    }

    pub(super) fn open(&mut self, tokenizer: &Tokenizer, mark: &str, span: Span) {
        self.add(tokenizer, mark, Edge::Open(span));
    }

    pub(super) fn close(&mut self, tokenizer: &Tokenizer, mark: &str, span: Span) {
        self.add(tokenizer, mark, Edge::Close(span));
    }

    fn add(&mut self, tokenizer: &Tokenizer, mark: &str, edge: Edge) {
        match tokenizer.special_id(mark) {
            Some(id) => self.tokens.push((id, edge)),
            None => self.texts.push((mark.to_owned(), edge)),
        }
    }

    /// Whether an edge means something inside a span.
    fn applies(&self, edge: Edge, span: Span) -> bool {
        match (span, edge) {
            (Span::Visible, Edge::Open(_)) => true,
            (Span::Reasoning | Span::Call, Edge::Close(closed)) => closed == span,
            // The next call ends one that has no mark of its own for its end.
            (Span::Call, Edge::Open(Span::Call)) => self.calls_close_themselves,
            _ => false,
        }
    }

    /// The first mark that stands in a text: where, how long, and what it does.
    fn find(&self, text: &str, span: Span) -> Option<(usize, usize, Edge)> {
        let marks = self.texts.iter().filter(|(_, edge)| self.applies(*edge, span));
        marks
            .filter_map(|(mark, edge)| text.find(mark).map(|at| (at, mark.len(), *edge)))
            .min_by_key(|found| found.0)
    }

    /// The length of the longest end of a text that may be the beginning of a mark.
    fn partial(&self, text: &str, span: Span) -> usize {
        let marks = self.texts.iter().filter(|(_, edge)| self.applies(*edge, span));
        marks.map(|(mark, _)| partial(text, mark)).max().unwrap_or(0)
    }
}

fn partial(text: &str, mark: &str) -> usize {
    let lengths = mark.char_indices().map(|(at, _)| at).rev();
    lengths.into_iter().find(|len| text.ends_with(&mark[..*len])).unwrap_or(0)
}

/// White space that is kept back because it may belong to a mark, in bytes. More of it is text, so that taking a token takes no longer the
/// more has come before.
const MAX_SPACE: usize = 4096;

/// Cuts one turn into pieces.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    marks: Marks,
    stream: StreamDecoder,
    span: Span,
    /// Text that is not given out yet.
    held: String,
    /// Whether the turn, or what follows a call, has only white space so far.
    at_start: bool,
    /// Whether white space that comes next belongs to a mark.
    skips_space: bool,
    json: JsonEnd,
    ended: bool,
    out: Vec<Piece>,
}

impl Scanner {
    pub(super) fn new(tokenizer: Arc<Tokenizer>, marks: Marks) -> Scanner {
        let mut scanner = Scanner {
            marks,
            stream: StreamDecoder::new(tokenizer),
            span: Span::Visible,
            held: String::new(),
            at_start: true,
            skips_space: false,
            json: JsonEnd::default(),
            ended: false,
            out: Vec::new(),
        };
        scanner.reset();
        scanner
    }

    /// Back to the start of a turn.
    pub(super) fn reset(&mut self) {
        self.stream.reset();
        self.held.clear();
        self.span = if self.marks.begins_in_reasoning { Span::Reasoning } else { Span::Visible };
        self.at_start = true;
        self.skips_space = self.marks.begins_in_reasoning && self.marks.trims_reasoning;
        self.json = JsonEnd::default();
        self.ended = false;
    }

    /// Takes the next tokens. An unknown one fails the batch before any of it is used. What follows the end of the turn
    /// is no part of it and is passed over.
    pub(super) fn feed(&mut self, tokens: &[u32]) -> Result<Vec<Piece>, UnknownToken> {
        for &token in tokens {
            self.stream.tokenizer().bytes_of(token)?;
        }
        for &token in tokens {
            if !self.ended {
                self.take(token)?;
            }
        }
        Ok(std::mem::take(&mut self.out))
    }

    pub(super) fn begins_in_reasoning(&self) -> bool {
        self.marks.begins_in_reasoning
    }

    /// Whether calls have a mark for their end, so that a turn must not end inside one.
    pub(super) fn closes_calls(&self) -> bool {
        !self.marks.calls_close_themselves
    }

    fn take(&mut self, token: u32) -> Result<(), UnknownToken> {
        if self.marks.stop.contains(&token) {
            self.flush();
            self.ended = true;
            self.out.push(Piece::End);
        } else if let Some(edge) = self.token_edge(token) {
            self.flush();
            self.cross(edge);
        } else if self.marks.ignored.contains(&token) {
            self.flush();
        } else if self.stream.tokenizer().is_control(token) {
            self.control(token)?;
        } else {
            self.stream.push(token, &mut self.held)?;
            self.scan();
        }
        Ok(())
    }

    fn token_edge(&self, token: u32) -> Option<Edge> {
        let found =
            self.marks.tokens.iter().find(|(id, edge)| *id == token && self.marks.applies(*edge, self.span));
        found.map(|(_, edge)| *edge)
    }

    /// In visible text a control token is an event; inside reasoning or a call it is part of what is written there.
    fn control(&mut self, token: u32) -> Result<(), UnknownToken> {
        let spelling = String::from_utf8_lossy(self.stream.tokenizer().bytes_of(token)?).into_owned();
        match self.span {
            Span::Visible => {
                self.flush();
                self.out.push(Piece::Control(token));
            }
            Span::Reasoning => {
                self.held.push_str(self.stream.flush());
                self.held.push_str(&spelling);
                self.scan();
            }
            Span::Call => {
                self.flush();
                self.out.push(Piece::Text(Span::Call, spelling));
                // It may separate a name from the JSON that follows.
                self.json = JsonEnd::default();
            }
        }
        Ok(())
    }

    /// Gives out all of the held text that can no longer become something else.
    fn scan(&mut self) {
        loop {
            if self.span == Span::Visible && self.at_start && self.marks.bare_call.is_some() {
                match self.bare_call() {
                    Some(true) => self.cross(Edge::Open(Span::Call)),
                    Some(false) => self.at_start = false,
                    None => return,
                }
            }
            if self.span == Span::Call && self.marks.calls_close_themselves {
                match self.json.find(&self.held) {
                    Some(end) => {
                        self.emit(end);
                        self.cross(Edge::Close(Span::Call));
                        continue;
                    }
                    None => return self.emit(self.held.len()),
                }
            }
            let Some((at, len, edge)) = self.marks.find(&self.held, self.span) else { break };
            self.emit_before_mark(at);
            self.held.drain(..len);
            self.cross(edge);
        }
        let mut keep_from = self.held.len() - self.marks.partial(&self.held, self.span);
        if self.span == Span::Reasoning && self.marks.trims_reasoning {
            let text = self.held[..keep_from].trim_end().len();
            keep_from = if keep_from - text > MAX_SPACE { keep_from } else { text };
        }
        self.emit(keep_from);
    }

    /// Whether the turn starts with a call that has no mark: yes, no, or not clear yet.
    fn bare_call(&mut self) -> Option<bool> {
        let bare = self.marks.bare_call.as_deref()?;
        let text = self.held.trim_start();
        if text.starts_with(bare) {
            self.held = text.to_owned();
            Some(true)
        } else if bare.starts_with(text) && self.held.len() - text.len() <= MAX_SPACE {
            None
        } else {
            Some(false)
        }
    }

    fn cross(&mut self, edge: Edge) {
        match edge {
            Edge::Open(span) => {
                if self.span != Span::Visible {
                    self.out.push(Piece::Close(self.span));
                }
                self.span = span;
                self.out.push(Piece::Open(span));
            }
            Edge::Close(span) => {
                self.span = Span::Visible;
                self.out.push(Piece::Close(span));
            }
        }
        self.json = JsonEnd::default();
        self.at_start = edge == Edge::Close(Span::Call);
        self.skips_space = self.marks.trims_reasoning
            && matches!(edge, Edge::Open(Span::Reasoning) | Edge::Close(Span::Reasoning));
    }

    /// Gives out everything held, because what follows cannot continue it.
    fn flush(&mut self) {
        let end = self.stream.flush();
        self.held.push_str(end);
        self.emit_before_mark(self.held.len());
        self.held.clear();
    }

    fn emit_before_mark(&mut self, len: usize) {
        let trims = self.span == Span::Reasoning && self.marks.trims_reasoning;
        let kept = if trims { self.held[..len].trim_end().len() } else { len };
        self.emit(kept);
        self.held.drain(..len - kept);
    }

    /// Gives out the first `len` bytes held.
    fn emit(&mut self, len: usize) {
        let mut text: String = self.held.drain(..len).collect();
        if self.skips_space {
            text = text.trim_start().to_owned();
            self.skips_space = text.is_empty();
        }
        if text.is_empty() {
            return;
        }
        self.at_start &= text.chars().all(char::is_whitespace);
        self.out.push(Piece::Text(self.span, text));
    }
}

/// Finds the end of the first JSON object or list in a text that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
struct JsonEnd {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl JsonEnd {
    /// Continues with more text; gives the number of its bytes up to the end of the value, if the value ends in it.
    fn find(&mut self, text: &str) -> Option<usize> {
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' if self.depth > 0 => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_of_a_mark_is_kept_back() {
        for (text, expected) in [("a <", 1), ("a <think", 6), ("a <think>", 0), ("<<th", 3), ("é", 0)] {
            assert_eq!(partial(text, "<think>"), expected, "{text}");
        }
    }

    #[test]
    fn white_space_before_a_mark_is_kept_back_up_to_a_limit() {
        let tokenizer = Arc::new(Tokenizer::dummy());
        let mut marks = Marks::new(Vec::new());
        (marks.begins_in_reasoning, marks.trims_reasoning) = (true, true);
        let mut scanner = Scanner::new(Arc::clone(&tokenizer), marks);
        let text = |pieces: Vec<Piece>| -> usize {
            let lengths = pieces.iter().map(|piece| match piece {
                Piece::Text(_, text) => text.len(),
                _ => 0,
            });
            lengths.sum()
        };
        let mut given = text(scanner.feed(&tokenizer.encode("a")).unwrap());
        assert_eq!(given, 1);
        for fed in 1..10_000 {
            given += text(scanner.feed(&tokenizer.encode("\n")).unwrap());
            assert!(scanner.held.len() <= MAX_SPACE);
            assert_eq!(given + scanner.held.len(), 1 + fed);
        }
        assert!(given > 1);
    }

    #[test]
    fn the_end_of_json_is_found_across_pieces() {
        let mut json = JsonEnd::default();
        assert_eq!(json.find(r#" f {"a": "}\"#), None);
        assert_eq!(json.find(r#""}", "b": [1, {}]"#), None);
        assert_eq!(json.find(r#"} tail }"#), Some(1));
    }
}
