//! The layer `events`: what the inferlet did, a line for each call and for each answer.
//!
//! Left out are what a kernel rounds (it is in `numbers`), the answer and the texts (they are in `output`, and here by their beginning), and what
//! depends on who else runs: steps, reused tokens, the peak of pages, and contexts that gave way because pages were short.

use crate::ids::InstanceId;
use crate::trace::{Event, Outcome, SamplerCall, Slot, SuspendCause, Tokens, Usage};
use serde_json::{Map, Value, json};

use super::line::Written;
use super::redact;
use crate::testing::{Observed, Redaction, Vocabulary};

/// A text of more characters is a digest and a head.
const WHOLE_TEXT: usize = 240;

/// Makes the layer.
pub fn events(observed: &Observed, redactions: &[Redaction], vocabulary: &Vocabulary) -> String {
    let lines = observed.events.iter().filter_map(|event| line(event, redactions, vocabulary));
    lines.collect::<Vec<_>>().join("\n")
}

/// The line of an event, if it has one.
pub fn line(event: &Event, redactions: &[Redaction], vocabulary: &Vocabulary) -> Option<String> {
    // The two kinds that a run consists of are written without the detour over JSON.
    match event {
        Event::Pass { .. } if !redact::touches(redactions, "pass") => return pass(event, vocabulary),
        Event::PassDone { .. } if !redact::touches(redactions, "pass-done") => {
            return done(event, vocabulary);
        }
        Event::Step { .. } | Event::Granted { .. } | Event::Restored { .. } => return None,
        Event::Suspended { cause, .. } if *cause != SuspendCause::Asked => return None,
        Event::Finished { instance, outcome, usage } => return Some(finished(*instance, outcome, usage)),
        _ => {}
    }
    let Ok(Value::Object(mut fields)) = serde_json::to_value(event) else { return None };
    let kind = fields.shift_remove("event")?.as_str()?.to_owned();
    if redact::leaves_out(redactions, &kind) {
        return None;
    }
    let mut value = Value::Object(fields);
    redact::in_event(redactions, &kind, &mut value);
    let Value::Object(fields) = value else { return None };
    Some(general(&kind, fields, vocabulary))
}

/// What depends on rounding, or on who else runs.
const LEFT_OUT: [&str; 10] =
    ["reused", "margin", "pages", "freed", "swapped", "credits", "best", "mean", "digest", "probabilities"];

/// A line with all fields of an event, in their order.
fn general(kind: &str, mut fields: Map<String, Value>, vocabulary: &Vocabulary) -> String {
    let id = |value: Option<Value>, letter: &str| {
        value.and_then(|value| Some(format!("{letter}{}", value.as_u64()?)))
    };
    let who = id(fields.shift_remove("instance"), "i");
    let mut line = Written::new(who, kind);
    for (name, letter) in [("context", "c"), ("pass", "p"), ("id", "q")] {
        if let Some(id) = id(fields.shift_remove(name), letter) {
            line = line.about(id);
            break;
        }
    }
    for (name, value) in fields {
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let tokens = (name == "tokens").then(|| tokens_of(&value)).flatten();
        line = line.json(&name, &shortened(value));
        if let Some(text) = tokens.and_then(|tokens| vocabulary.text(&tokens)) {
            line = line.json("text", &text);
        }
    }
    line.finish()
}

fn tokens_of(value: &Value) -> Option<Vec<u32>> {
    serde_json::from_value(value.clone()).ok()
}

/// Long texts, at any depth, as digest and head.
fn shortened(value: Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > WHOLE_TEXT => {
            serde_json::to_value(crate::trace::Elided::of(&text)).unwrap_or(Value::Null)
        }
        Value::Array(values) => Value::Array(values.into_iter().map(shortened).collect()),
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
            Value::Object(fields.map(|(name, value)| (name, shortened(value))).collect())
        }
        other => other,
    }
}

/// The text of tokens, where all are there.
fn text(tokens: &Tokens, vocabulary: &Vocabulary) -> Option<String> {
    match tokens {
        Tokens::Full(tokens) => vocabulary.text(tokens),
        Tokens::Elided(_) => None,
    }
}

fn pass(event: &Event, vocabulary: &Vocabulary) -> Option<String> {
    let Event::Pass {
        instance,
        pass,
        context,
        tokens,
        guesses,
        positions,
        attention_mask,
        adapter,
        allowed,
        shown,
        samplers,
        ..
    } = event
    else {
        return None;
    };
    let mut line = Written::new(Some(instance), "pass").about(pass);
    if let Some(context) = context {
        line = line.word("context", context);
    }
    line = line.json("tokens", tokens).json_if("text", text(tokens, vocabulary).as_ref());
    if let Some(guesses) = guesses {
        line = line.json("guesses", guesses).json_if("guessed", text(guesses, vocabulary).as_ref());
    }
    line = line.json_if("positions", positions.as_ref()).json_if("mask", attention_mask.as_ref());
    if let Some(adapter) = adapter {
        line = line.json("adapter", &adapter.name).json_if("adapter_seed", adapter.seed.as_ref());
    }
    line = line.json_if("allowed", allowed.as_ref()).json_if("shown", shown.as_ref());
    Some(sampled(line, samplers).finish())
}

/// What is asked of a pass.
fn sampled(line: Written, samplers: &[SamplerCall]) -> Written {
    match samplers {
        [] => line,
        [SamplerCall { indices, sampler }] => line.json("sampler", sampler).json("rows", indices),
        several => {
            let calls: Vec<Value> =
                several.iter().map(|SamplerCall { indices, sampler }| json!([sampler, indices])).collect();
            line.json("samplers", &calls)
        }
    }
}

fn done(event: &Event, vocabulary: &Vocabulary) -> Option<String> {
    let Event::PassDone { instance, pass, slots, held, guesses, .. } = event else { return None };
    let mut line = Written::new(Some(instance), "pass-done").about(pass);
    let tokens: Vec<u32> = slots
        .iter()
        .filter_map(|slot| if let Slot::Token(token) = slot { Some(*token) } else { None })
        .collect();
    if !tokens.is_empty() {
        line = line.json("tokens", &tokens).json_if("text", vocabulary.text(&tokens).as_ref());
    }
    for slot in slots {
        line = match slot {
            Slot::Token(_) => line,
            Slot::Distribution { count, ids, .. } => line.json("likeliest", ids).json("of", count),
            Slot::Logits(_) => line.about("logits"),
            Slot::Logprobs(values) => line.json("logprobs", &values.len()),
            Slot::Entropy(_) => line.about("entropy"),
            Slot::Embedding(_) => line.about("embedding"),
        };
    }
    line = line.json_if("held", held.as_ref());
    if let Some(guesses) = guesses {
        line = line.json("guesses", guesses).json_if("guessed", text(guesses, vocabulary).as_ref());
    }
    Some(line.finish())
}

fn finished(instance: InstanceId, outcome: &Outcome, usage: &Usage) -> String {
    let how = match outcome {
        Outcome::Ok(_) => "ok",
        Outcome::Error(_) => "error",
        Outcome::Trap { .. } => "trap",
        Outcome::Limit { .. } => "limit",
        Outcome::Stuck(_) => "stuck",
        Outcome::Cancelled(_) => "cancelled",
    };
    let Usage { passes, input_tokens, sampled_tokens, drafted_tokens, accepted_tokens, .. } = usage;
    let mut line = Written::new(Some(instance), "finished")
        .word("outcome", how)
        .word("passes", passes)
        .word("input_tokens", input_tokens)
        .word("sampled_tokens", sampled_tokens);
    if *drafted_tokens > 0 {
        line = line.word("drafted_tokens", drafted_tokens).word("accepted_tokens", accepted_tokens);
    }
    line.finish()
}
