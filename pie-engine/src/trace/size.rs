//! How much room events take.

use super::{AdapterOperation, Bytes, Event, Origin, SamplerCall, Slot, SuspendCause, Text, Tokens, Whole};
use crate::outside::{Answer, HttpRequest, HttpResponse, Question};

/// What every event takes, whatever is in it; for a pass, its share of a step is included.
const EVENT: u64 = 256;
/// What every answer and every sampler call takes, whatever is in it.
const ENTRY: u64 = 64;

impl Event {
    /// About how many bytes it takes in memory. The same on every machine, so limits can be in it; and never larger because of what other
    /// instances do, so a step, which several share, counts as nothing: it is paid for by its passes. The same holds for what the market does.
    pub fn bytes(&self) -> u64 {
        EVENT
            + match self {
                Event::Launched { program, input, .. } => length(program) + text(input),
                Event::Stdout { text: it, .. }
                | Event::Stderr { text: it, .. }
                | Event::Message { text: it, .. } => text(it),
                Event::File { data, .. } => blob(data),
                Event::Pushed { topic, text: it, .. }
                | Event::Pulled { topic, text: it, .. }
                | Event::Broadcast { topic, text: it, .. }
                | Event::Heard { topic, text: it, .. } => text(topic) + text(it),
                Event::Subscribed { topic, .. } => text(topic),
                Event::MatcherCreated { source, .. } => length(&source.sha256) + length(&source.head),
                Event::Forced { tokens: it, .. } => tokens(it),
                Event::Asked { question: it, .. } => question(it),
                Event::Answered { answer: it, .. } => answer(it),
                Event::Denied { method, url, message, .. } => length(method) + text(url) + length(message),
                Event::Requested { request: it, .. } => request(it),
                Event::Responded { response: it, .. } => response(it),
                Event::Received { text: it, .. } => it.as_ref().map_or(0, text),
                Event::ReceivedFile { data, .. } => data.as_ref().map_or(0, blob),
                Event::Adapter { name, operation, .. } => length(name) + adapter(operation),
                Event::ModelLoaded { name, .. }
                | Event::ContextSaved { name, .. }
                | Event::SnapshotDeleted { name, .. }
                | Event::ContextCreated { origin: Origin::Open { name } | Origin::Take { name }, .. } => {
                    length(name)
                }
                Event::Pass { tokens: input, guesses, positions, adapter, samplers, .. } => {
                    tokens(input)
                        + adapter.as_ref().map_or(0, |adapter| ENTRY + length(&adapter.name))
                        + guesses.as_ref().map_or(0, tokens)
                        + positions.as_ref().map_or(0, tokens)
                        + samplers.iter().map(call).sum::<u64>()
                }
                Event::PassDone { slots, guesses, .. } => {
                    guesses.as_ref().map_or(0, tokens) + slots.iter().map(slot).sum::<u64>()
                }
                Event::PassFailed { error, .. } => length(error),
                Event::Finding { message } => length(message),
                Event::Step { .. } | Event::Granted { .. } | Event::Restored { .. } => return 0,
                // One that was asked for is followed by a restoration.
                Event::Suspended { cause: SuspendCause::Asked, .. } => EVENT,
                Event::Suspended { .. } => return 0,
                Event::Bid { .. }
                | Event::Detached { .. }
                | Event::ContextCreated { .. }
                | Event::ContextDestroyed { .. }
                | Event::Pages { .. }
                | Event::Finished { .. } => 0,
            }
    }
}

fn adapter(operation: &AdapterOperation) -> u64 {
    match operation {
        AdapterOperation::Fork { to } => length(to),
        AdapterOperation::Load { path } | AdapterOperation::Save { path } => text(path),
        _ => 0,
    }
}

fn question(question: &Question) -> u64 {
    match question {
        Question::HttpRequest(it) => request(it),
        Question::McpServers => 0,
        Question::McpConnect { server } => length(server),
        Question::McpCall { method, params, .. } => length(method) + params.len(),
    }
}

fn answer(answer: &Answer) -> u64 {
    match answer {
        Answer::HttpResponse(it) => response(it),
        Answer::HttpFailed { code, message } => length(code) + length(message),
        Answer::McpServers { names } => names.iter().map(|name| ENTRY + length(name)).sum(),
        Answer::McpConnected => 0,
        Answer::McpResult { result } => result.len(),
        Answer::McpFailed { message, data, .. } => length(message) + data.as_ref().map_or(0, Whole::len),
        Answer::Failed { message } => length(message),
    }
}

fn request(request: &HttpRequest) -> u64 {
    length(&request.method) + length(&request.url) + headers(&request.headers) + request.body.len()
}

fn response(response: &HttpResponse) -> u64 {
    headers(&response.headers) + response.body.len()
}

fn headers(headers: &[(String, Whole)]) -> u64 {
    headers.iter().map(|(name, value)| ENTRY + length(name) + value.len()).sum()
}

fn length(text: &str) -> u64 {
    text.len() as u64
}

fn text(text: &Text) -> u64 {
    length(text.as_str())
}

fn blob(bytes: &Bytes) -> u64 {
    match bytes {
        Bytes::Full(bytes) => bytes.len() as u64,
        Bytes::Elided(elided) => length(&elided.sha256) + length(&elided.head),
    }
}

fn numbers(numbers: &[u32]) -> u64 {
    size_of_val(numbers) as u64
}

fn tokens(tokens: &Tokens) -> u64 {
    match tokens {
        Tokens::Full(tokens) => numbers(tokens),
        Tokens::Elided(elided) => length(&elided.sha256) + numbers(&elided.head),
    }
}

fn call(call: &SamplerCall) -> u64 {
    ENTRY + numbers(&call.indices) + length(&call.sampler)
}

fn slot(slot: &Slot) -> u64 {
    ENTRY
        + match slot {
            Slot::Token(_) | Slot::Entropy(_) => 0,
            Slot::Distribution { ids, probabilities, .. } => {
                numbers(ids) + size_of_val(&probabilities[..]) as u64
            }
            Slot::Logprobs(logprobs) => size_of_val(&logprobs[..]) as u64,
            Slot::Logits(bytes) | Slot::Embedding(bytes) => blob(bytes),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ContextId, InstanceId, PassId};

    #[test]
    fn an_event_takes_what_is_in_it_and_something_for_itself() {
        let (instance, pass) = (InstanceId(1), PassId(1));
        let message = |text: &str| Event::Message { instance, text: text.into() };
        assert_eq!(message("").bytes(), EVENT);
        assert_eq!(message(&"é".repeat(500)).bytes(), EVENT + 1000);
        let slots = vec![Slot::Token(3), Slot::Logprobs(vec![0.5; 100])];
        let done = Event::PassDone { instance, pass, slots, held: None, guesses: None, margin: None };
        assert_eq!(done.bytes(), EVENT + 2 * ENTRY + 400);
        let origin = Origin::Open { name: "n".repeat(10) };
        assert_eq!(Event::ContextCreated { instance, context: ContextId(1), origin }.bytes(), EVENT + 10);
        assert_eq!(
            Event::Step { step: 1, passes: vec![(instance, pass)], rows: 1, recomputed: 0, price: 0.0 }
                .bytes(),
            0
        );
    }
}
