//! A trace as one page for a browser: timeline, fork tree, tokens by how sure the model was of them, pages over time, and a search through all of it. The page has
//! everything in it and asks the network for nothing, which its policy forbids it too.
//!
//! What is shown is bounded, whatever the length of the trace: a browser could not draw more, and the page says what is missing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use pie_engine::ids::InstanceId;
use pie_engine::trace::{Event, Header, Origin, Outcome, Record, Tokens};
use serde::Serialize;

use super::Reporter;
use super::entry::{Tone, entry};
use super::follow::{Change, Chosen, Follower, Name, Sure};
use super::vocabulary::Vocabulary;

const FRAME: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How much of each kind is shown at most.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Lines of the list of events.
    pub events: usize,
    /// Tokens in timeline and heat map.
    pub tokens: usize,
    /// Contexts.
    pub contexts: usize,
    /// Changes of how many pages a context has.
    pub pages: usize,
}

impl Default for Most {
    fn default() -> Self {
        Most { events: 20_000, tokens: 50_000, contexts: 1_000, pages: 50_000 }
    }
}

/// Characters of a line that are shown.
const MOST_TEXT: usize = 400;

/// Writes the page, at the end.
pub struct Page<W> {
    out: W,
    most: Most,
    vocabulary: Vocabulary,
    follower: Follower,
    /// Where a context that lives stands in the page.
    places: BTreeMap<Name, usize>,
    data: Data,
}

/// What the script draws.
#[derive(Default, Serialize)]
struct Data {
    header: Option<Header>,
    /// The time of the last event, in nanoseconds like all times.
    end: u64,
    instances: Vec<Instance>,
    contexts: Vec<Context>,
    events: Vec<Line>,
    /// What there was in all.
    counted: Counted,
}

#[derive(Default, Serialize)]
struct Counted {
    events: usize,
    tokens: usize,
    contexts: usize,
    pages: usize,
    shown_tokens: usize,
    shown_pages: usize,
}

#[derive(Serialize)]
struct Instance {
    id: u64,
    program: String,
    input: String,
    parent: Option<u64>,
    start: u64,
    end: Option<u64>,
    outcome: Option<&'static str>,
}

#[derive(Serialize)]
struct Context {
    instance: u64,
    id: u64,
    origin: String,
    /// The place of the context that it is a fork of.
    from: Option<usize>,
    start: u64,
    end: Option<u64>,
    /// Times and how many pages there were from then on.
    pages: Vec<(u64, u32)>,
    tokens: Vec<Piece>,
}

/// Tokens that were read together, or one that was chosen.
#[derive(Serialize)]
struct Piece {
    /// When they were asked for, and when they were there.
    at: (u64, u64),
    text: String,
    /// How many tokens were read; none for one that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    margin: Option<f32>,
}

/// Number, time, instance, subject, text and tone of an event.
type Line = (u64, u64, String, String, String, &'static str);

impl<W: Write> Page<W> {
    /// Writes to `out`.
    pub fn new(out: W, most: Most) -> Self {
        Page {
            out,
            most,
            vocabulary: Vocabulary::default(),
            follower: Follower::default(),
            places: BTreeMap::new(),
            data: Data::default(),
        }
    }

    fn change(&mut self, at: u64, change: Change) {
        match change {
            Change::Read { context, tokens, .. } => {
                let (known, more) = match &tokens {
                    Tokens::Full(tokens) => (tokens, ""),
                    Tokens::Elided(elided) => (&elided.head, "…"),
                };
                let text = self.text(known) + more;
                let read = Some(tokens.count());
                self.piece(context, Piece { at: (at, at), text, read, probability: None, margin: None });
            }
            Change::Chose { context, since, tokens } => {
                for chosen in tokens {
                    let piece = self.chosen((since, at), chosen);
                    self.piece(context, piece);
                }
            }
            Change::Pages { context, pages } => {
                self.data.counted.pages += 1;
                let Some(place) = self.places.get(&context) else { return };
                if self.data.counted.shown_pages < self.most.pages {
                    self.data.counted.shown_pages += 1;
                    self.data.contexts[*place].pages.push((at, pages));
                }
            }
        }
    }

    fn chosen(&self, at: (u64, u64), Chosen { id, sure }: Chosen) -> Piece {
        let (probability, margin) = match sure {
            None => (None, None),
            Some(Sure::Probability(probability)) => (Some(probability), None),
            Some(Sure::Margin(margin)) => (None, Some(margin)),
        };
        Piece { at, text: self.text(&[id]), read: None, probability, margin }
    }

    fn text(&self, tokens: &[u32]) -> String {
        let ids = || tokens.iter().map(|token| format!("[{token}]")).collect();
        self.vocabulary.text(tokens).unwrap_or_else(ids)
    }

    fn piece(&mut self, context: Name, piece: Piece) {
        self.data.counted.tokens += 1;
        let Some(place) = self.places.get(&context) else { return };
        if self.data.counted.shown_tokens < self.most.tokens {
            self.data.counted.shown_tokens += 1;
            self.data.contexts[*place].tokens.push(piece);
        }
    }

    /// A context comes to be, before what it has is told.
    fn created(&mut self, at: u64, (instance, context): Name, origin: &Origin, said: &str) {
        self.data.counted.contexts += 1;
        if self.data.contexts.len() == self.most.contexts {
            return;
        }
        let from = match origin {
            Origin::Fork { from } => self.places.get(&(instance, *from)).copied(),
            _ => None,
        };
        self.places.insert((instance, context), self.data.contexts.len());
        self.data.contexts.push(Context {
            instance: instance.0,
            id: context.0,
            origin: short(said),
            from,
            start: at,
            end: None,
            pages: Vec::new(),
            tokens: Vec::new(),
        });
    }

    fn ended(&mut self, at: u64, whose: impl Fn(&Name) -> bool) {
        let gone: Vec<Name> = self.places.keys().filter(|context| whose(context)).copied().collect();
        for context in gone {
            if let Some(place) = self.places.remove(&context) {
                self.data.contexts[place].end = Some(at);
            }
        }
    }

    fn finished(&mut self, at: u64, instance: InstanceId, outcome: &Outcome) {
        self.ended(at, |(owner, _)| *owner == instance);
        let known = self.data.instances.iter_mut().rev().find(|known| known.id == instance.0);
        if let Some(known) = known {
            known.end = Some(at);
            known.outcome = Some(match outcome {
                Outcome::Ok(_) => "ok",
                Outcome::Error(_) => "error",
                Outcome::Trap { .. } => "trap",
                Outcome::Limit { .. } => "limit",
                Outcome::Stuck(_) => "stuck",
                Outcome::Cancelled(_) => "cancelled",
            });
        }
    }

    fn event(&mut self, record: &Record) {
        self.data.counted.events += 1;
        if self.data.events.len() == self.most.events {
            return;
        }
        let said = entry(&record.event, &self.vocabulary);
        let instance = said.instance.map(|instance| instance.to_string()).unwrap_or_default();
        let tone = match said.tone {
            Tone::Plain => "plain",
            Tone::Background => "background",
            Tone::Good => "good",
            Tone::Bad => "bad",
        };
        let lines: Vec<String> = std::iter::once(said.text).chain(said.details).collect();
        let text = short(&lines.join(" · "));
        self.data.events.push((record.seq, record.at, instance, said.subject, text, tone));
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// JSON that stands in a page: nothing in it can be the end of the element that it is in, or the beginning of one.
fn inert(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => inert.push_str("\\u003c"),
            '>' => inert.push_str("\\u003e"),
            '&' => inert.push_str("\\u0026"),
            '\u{2028}' => inert.push_str("\\u2028"),
            '\u{2029}' => inert.push_str("\\u2029"),
            char => inert.push(char),
        }
    }
    inert
}

impl<W: Write + Send> Reporter for Page<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.vocabulary = Vocabulary::of(header);
        self.data.header = Some(header.clone());
        Ok(())
    }

    fn report(&mut self, record: &Record) -> io::Result<()> {
        let (at, event) = (record.at, &record.event);
        self.data.end = self.data.end.max(at);
        match event {
            Event::Launched { instance, program, input, parent }
                if self.data.instances.len() < self.most.contexts =>
            {
                self.data.instances.push(Instance {
                    id: instance.0,
                    program: short(program),
                    input: short(input.as_str()),
                    parent: parent.map(|parent| parent.0),
                    start: at,
                    end: None,
                    outcome: None,
                });
            }
            Event::ContextCreated { instance, context, origin } => {
                let said = entry(event, &self.vocabulary).text;
                self.created(at, (*instance, *context), origin, &said);
            }
            _ => {}
        }
        for change in self.follower.follow(at, event) {
            self.change(at, change);
        }
        match event {
            Event::ContextDestroyed { instance, context } => {
                self.ended(at, |name| *name == (*instance, *context));
            }
            Event::Finished { instance, outcome, .. } => self.finished(at, *instance, outcome),
            _ => {}
        }
        self.event(record);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let data = inert(&serde_json::to_string(&self.data)?);
        let parts = [("/*style*/", STYLE), ("/*data*/", data.as_str()), ("/*script*/", SCRIPT)];
        let mut rest = FRAME;
        for (mark, part) in parts {
            // The frame has each mark once, in this order: a test says so.
            let (before, behind) = rest.split_once(mark).unwrap_or((rest, ""));
            write!(self.out, "{before}{part}")?;
            rest = behind;
        }
        self.out.write_all(rest.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use pie_engine::trace::jsonl::Reader;

    use super::*;

    fn page(trace: &str, most: Most) -> String {
        let mut written = Vec::new();
        let mut page = Page::new(&mut written, most);
        let records = Reader::new(trace.as_bytes()).unwrap();
        page.begin(&records.header().clone()).unwrap();
        records.for_each(|record| page.report(&record.unwrap()).unwrap());
        page.finish().unwrap();
        String::from_utf8(written).unwrap()
    }

    const HELLO: &str = include_str!("../../../../tests/cli/hello.jsonl");

    fn data(page: &str) -> serde_json::Value {
        let (_, behind) = page.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
        serde_json::from_str(behind.split_once("</script>").unwrap().0).unwrap()
    }

    #[test]
    fn the_frame_has_a_place_for_each_part_in_order() {
        let at = |mark: &str| FRAME.match_indices(mark).map(|(at, _)| at).collect::<Vec<_>>();
        let places = [at("/*style*/"), at("/*data*/"), at("/*script*/")].concat();
        assert_eq!(places.len(), 3, "{places:?}");
        assert!(places.is_sorted());
    }

    #[test]
    fn a_page_asks_nobody_for_anything() {
        let page = page(HELLO, Most::default());
        for address in ["http:", "https:", "//www", " src=", "url(", "@import", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(address), "{address}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn text_in_a_trace_cannot_leave_its_place_in_the_page() {
        let evil = "</script><script>alert(1)</script><!-- & \u{2028}";
        let trace = HELLO.replace("Hello, Ada!\\n", &evil.replace('"', "\\\""));
        let page = page(&trace, Most::default());
        assert!(!page.contains("alert(1)</script>"));
        assert_eq!(page.matches("</script>").count(), 2);
        let data = data(&page);
        let lines = data["events"].as_array().unwrap();
        assert!(
            lines.iter().any(|line| line[4].as_str().unwrap().contains("<script>alert(1)</script><!-- &")),
            "{lines:?}"
        );
    }

    #[test]
    fn what_is_too_much_for_a_page_is_counted_and_left_out() {
        let most = Most { events: 4, tokens: 1, contexts: 1, pages: 1 };
        let data = data(&page(HELLO, most));
        let count = |place: &str| data.pointer(place).unwrap().as_u64().unwrap();
        assert_eq!((data["events"].as_array().unwrap().len(), count("/counted/events")), (4, 10));
        assert_eq!(
            (data["contexts"][0]["tokens"].as_array().unwrap().len(), count("/counted/tokens")),
            (1, 2)
        );
        assert_eq!((data["contexts"][0]["pages"].as_array().unwrap().len(), count("/counted/pages")), (1, 2));
    }
}
