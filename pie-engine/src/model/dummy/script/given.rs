//! Which scripted reply a text asks for, and how it goes on.
//!
//! Nothing is remembered between rows: the reply follows from what is visible before the last cue, and the place in it from what
//! is visible after. So forks, truncations and repeated passes find their place by themselves. What was written is compared as
//! bytes, so a mask or a drafter that spells a word with other tokens does not lose the thread; what differs from the
//! script ends it, and the dummy goes on by itself.

use super::{Conditions, Reply, Script};
use crate::model::dummy::prior::Symbol;
use crate::model::dummy::vocabulary::{
    ASSISTANT, CALL, CALL_END, FIRST_TEXT, REASON, REASON_END, SYSTEM, TOOL, TURN, USER,
};
use crate::tokenizer::Tokenizer;

/// Added to the logit of the script's next token.
const NEXT: f32 = 80.0;
/// Added to that of other tokens that the script goes on with, when the next is forbidden; longer ones get more.
const ALTERNATIVE: f32 = 60.0;

/// A script in the tokens of the dummy.
#[derive(Clone, Debug)]
pub struct ScriptedReplies {
    replies: Vec<Encoded>,
    /// The bytes of each token; those of control tokens are not used.
    bytes: Vec<Vec<u8>>,
    /// The text tokens that begin with each byte.
    beginning: Vec<Vec<Symbol>>,
    source: String,
}

/// A reply in tokens.
#[derive(Clone, Debug)]
struct Encoded {
    when: Conditions,
    tokens: Vec<Symbol>,
    /// The same as units.
    units: Vec<Unit>,
}

/// A byte of text, or a control token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Byte(u8),
    Control(Symbol),
}

impl ScriptedReplies {
    pub(super) fn new(script: &Script, tokenizer: &Tokenizer) -> Self {
        let (ids, texts) = tokenizer.vocabs();
        let mut bytes = vec![Vec::new(); tokenizer.vocab_size() as usize];
        ids.iter().zip(texts).for_each(|(&id, text)| bytes[id as usize].clone_from(text));
        let mut beginning = vec![Vec::new(); 256];
        for (token, text) in (0..).zip(&bytes).skip(FIRST_TEXT.into()) {
            text.first().into_iter().for_each(|&first| beginning[usize::from(first)].push(token));
        }
        let source = script.source.clone();
        let mut scripted = ScriptedReplies { replies: Vec::new(), bytes, beginning, source };
        for reply in &script.replies {
            let tokens = encode(reply, tokenizer);
            let units = scripted.units(&tokens).collect();
            scripted.replies.push(Encoded { when: reply.when.clone(), tokens, units });
        }
        scripted
    }

    /// The script as it was read, for a digest.
    pub(in super::super) fn source(&self) -> &str {
        &self.source
    }

    /// Raises what the script goes on with after a text, if it has a reply to it.
    pub(in super::super) fn raise(&self, text: &[Symbol], row: &mut [f32]) {
        let Some(cue) = text.iter().rposition(|&token| token == ASSISTANT) else { return };
        let (before, written) = (&text[..cue], &text[cue + 1..]);
        let Some(reply) = self.reply_to(before) else { return };
        let mut rest = reply.units.as_slice();
        for unit in self.units(written) {
            match rest.split_first() {
                Some((first, others)) if *first == unit => rest = others,
                _ => return,
            }
        }
        let alternatives = match rest.first() {
            Some(&Unit::Byte(first)) => self.beginning[usize::from(first)].as_slice(),
            _ => &[],
        };
        for &token in alternatives {
            let text = &self.bytes[usize::from(token)];
            if rest.len() >= text.len()
                && rest.iter().zip(text).all(|(unit, byte)| *unit == Unit::Byte(*byte))
            {
                row[usize::from(token)] += ALTERNATIVE + text.len().min(20) as f32;
            }
        }
        let next = match rest.first() {
            Some(&Unit::Control(token)) => Some(token),
            // As the tokenizer spells it, unless it was spelled otherwise before.
            _ => reply.tokens.strip_prefix(written).and_then(|rest| rest.first()).copied(),
        };
        if let Some(next) = next {
            row[usize::from(next)] += NEXT;
        }
    }

    /// The reply to what was said before a cue.
    fn reply_to(&self, before: &[Symbol]) -> Option<&Encoded> {
        let turn = 1 + before.iter().filter(|&&token| token == ASSISTANT).count() as u64;
        let prompt = self.prompt(before);
        self.replies.iter().find(|reply| reply.when.hold(&prompt, turn))
    }

    /// What the user and tools have said since the model's last turn, without control tokens, a line break between messages.
    fn prompt(&self, before: &[Symbol]) -> String {
        let since = before.iter().rposition(|&token| token == ASSISTANT).unwrap_or(0);
        let turns = before[since..].split_inclusive(|&token| token == TURN);
        let mut messages = Vec::new();
        for turn in turns {
            let spoken = turn.iter().rposition(|token| [SYSTEM, USER, ASSISTANT, TOOL].contains(token));
            if let Some(at) = spoken.filter(|&at| [USER, TOOL].contains(&turn[at])) {
                let text = turn[at..].iter().filter(|&&token| token >= FIRST_TEXT);
                let bytes: Vec<u8> =
                    text.flat_map(|&token| &self.bytes[usize::from(token)]).copied().collect();
                messages.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        messages.join("\n")
    }

    fn units<'a>(&'a self, tokens: &'a [Symbol]) -> impl Iterator<Item = Unit> + 'a {
        tokens.iter().flat_map(|&token| {
            let control = (token < FIRST_TEXT).then_some(Unit::Control(token));
            let bytes = if control.is_some() { &[] } else { self.bytes[usize::from(token)].as_slice() };
            control.into_iter().chain(bytes.iter().map(|&byte| Unit::Byte(byte)))
        })
    }
}

impl Conditions {
    fn hold(&self, prompt: &str, turn: u64) -> bool {
        self.contains.as_ref().is_none_or(|part| prompt.contains(part.as_str()))
            && self.exact.as_ref().is_none_or(|whole| prompt == whole)
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(prompt))
            && self.turn.is_none_or(|number| number == turn)
    }
}

/// The turn in the form that the dummy's decoders read: reasoning, text, calls, end.
fn encode(reply: &Reply, tokenizer: &Tokenizer) -> Vec<Symbol> {
    // The dummy's tokenizer has about a thousand ids.
    let text = |text: &str| tokenizer.encode_text(text).into_iter().map(|token| token as Symbol);
    let mut tokens = Vec::new();
    if let Some(reasoning) = &reply.reasoning {
        tokens.push(REASON);
        tokens.extend(text(reasoning));
        tokens.push(REASON_END);
    }
    tokens.extend(text(&reply.text));
    for call in &reply.calls {
        tokens.push(CALL);
        tokens.extend(text(&call.to_string()));
        tokens.push(CALL_END);
    }
    tokens.push(TURN);
    tokens
}
