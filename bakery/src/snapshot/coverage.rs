//! What a run has made use of: functions of the interface that it called, ways in which generation ended, what was done to pages.
//!
//! It is counted from events, so it is the same for each language. A function that leaves no event is not counted.

use std::collections::BTreeMap;

use pie_engine::trace::{Event, Outcome, PageOperation};
use serde::Serialize;

/// How often something happened, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Coverage {
    /// Functions of the interface, as `interface.function`.
    pub calls: BTreeMap<String, u64>,
    /// How instances ended.
    pub endings: BTreeMap<String, u64>,
    /// What grammars were made from.
    pub grammars: BTreeMap<String, u64>,
    /// What was done to pages and contexts.
    pub pages: BTreeMap<String, u64>,
    /// Input tokens of all passes.
    pub input_tokens: u64,
    /// Those of them that were found in the prefix table.
    pub reused_tokens: u64,
}

impl Coverage {
    /// What a run has made use of.
    pub fn of(events: &[Event]) -> Coverage {
        let mut coverage = Coverage::default();
        events.iter().for_each(|event| coverage.count(event));
        coverage
    }

    /// Adds what another run has made use of.
    pub fn add(&mut self, other: &Coverage) {
        let maps = [
            (&mut self.calls, &other.calls),
            (&mut self.endings, &other.endings),
            (&mut self.grammars, &other.grammars),
            (&mut self.pages, &other.pages),
        ];
        for (own, others) in maps {
            for (name, count) in others {
                *own.entry(name.clone()).or_default() += count;
            }
        }
        self.input_tokens += other.input_tokens;
        self.reused_tokens += other.reused_tokens;
    }

    fn count(&mut self, event: &Event) {
        if let Some(call) = call(event) {
            bump(&mut self.calls, call);
        }
        match event {
            Event::Pass { samplers, guesses, adapter, attention_mask, allowed, .. } => {
                for sampler in samplers {
                    let kind = sampler.sampler.split(' ').next().unwrap_or_default();
                    bump(&mut self.calls, &format!("forward-pass.sampler({kind})"));
                }
                let parts = [
                    (guesses.is_some(), "forward-pass.input-speculative-tokens"),
                    (adapter.is_some(), "forward-pass.adapter"),
                    (attention_mask.is_some(), "forward-pass.attention-mask"),
                    (allowed.is_some(), "forward-pass.logit-mask"),
                ];
                for (_, name) in parts.into_iter().filter(|(used, _)| *used) {
                    bump(&mut self.calls, name);
                }
            }
            Event::MatcherCreated { kind, .. } => {
                let kind = serde_json::to_value(kind).ok().and_then(|kind| Some(kind.as_str()?.to_owned()));
                bump(&mut self.grammars, kind.as_deref().unwrap_or("grammar"));
            }
            Event::Pages { operation, .. } => bump(&mut self.pages, page_operation(*operation)),
            Event::Suspended { .. } => bump(&mut self.pages, "suspend"),
            Event::Restored { .. } => bump(&mut self.pages, "restore"),
            Event::Finished { outcome, usage, .. } => {
                bump(&mut self.endings, ending(outcome));
                self.input_tokens += usage.input_tokens;
                self.reused_tokens += usage.reused_tokens;
            }
            _ => {}
        }
    }
}

fn bump(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

/// The function of the interface that an event is of.
fn call(event: &Event) -> Option<&'static str> {
    use pie_engine::outside::Question;
    use pie_engine::trace::{AdapterOperation, Origin};
    Some(match event {
        Event::Message { .. } => "session.send",
        Event::File { .. } => "session.send-file",
        Event::Received { .. } => "session.receive",
        Event::ReceivedFile { .. } => "session.receive-file",
        Event::Pushed { .. } => "messaging.push",
        Event::Pulled { .. } => "messaging.pull",
        Event::Broadcast { .. } => "messaging.broadcast",
        Event::Subscribed { .. } => "messaging.subscribe",
        Event::Heard { .. } => "subscription.get",
        Event::Launched { parent: Some(_), .. } => "runtime.launch",
        Event::Asked { question, .. } => match question {
            Question::HttpRequest(_) => "outgoing-handler.handle",
            Question::McpServers => "client.available-servers",
            Question::McpConnect { .. } => "client.connect",
            Question::McpCall { .. } => "session.call",
        },
        Event::Denied { .. } => "outgoing-handler.handle",
        Event::Responded { .. } => "response-outparam.set",
        Event::ModelLoaded { .. } => "model.load",
        Event::ContextCreated { origin, .. } => match origin {
            Origin::New => "context.create",
            Origin::Fork { .. } => "context.fork",
            Origin::Open { .. } => "context.open",
            Origin::Take { .. } => "context.take",
        },
        Event::ContextSaved { .. } => "context.save",
        Event::SnapshotDeleted { .. } => "context.delete",
        Event::ContextDestroyed { .. } => "context.destroy",
        Event::Bid { .. } => "context.bid",
        Event::Pages { operation, .. } => match operation {
            PageOperation::Reserve => "context.reserve-working-pages",
            PageOperation::Commit => "context.commit-working-pages",
            PageOperation::Release => "context.release-working-pages",
            PageOperation::Truncate => "context.truncate-working-page-tokens",
        },
        Event::MatcherCreated { .. } => "matcher.constructor",
        Event::Pass { .. } => "forward-pass.execute",
        Event::Adapter { operation, .. } => match operation {
            AdapterOperation::Create => "adapter.create",
            AdapterOperation::Open => "adapter.open",
            AdapterOperation::Fork { .. } => "adapter.fork",
            AdapterOperation::Destroy => "adapter.destroy",
            AdapterOperation::Load { .. } => "adapter.load",
            AdapterOperation::Save { .. } => "adapter.save",
            AdapterOperation::Initialize { .. } => "zo.initialize",
            AdapterOperation::Update { .. } => "zo.update",
        },
        _ => return None,
    })
}

fn page_operation(operation: PageOperation) -> &'static str {
    match operation {
        PageOperation::Reserve => "reserve",
        PageOperation::Commit => "commit",
        PageOperation::Release => "release",
        PageOperation::Truncate => "truncate",
    }
}

fn ending(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok(_) => "ok",
        Outcome::Error(_) => "error",
        Outcome::Trap { .. } => "trap",
        Outcome::Limit { .. } => "limit",
        Outcome::Stuck(_) => "stuck",
        Outcome::Cancelled(_) => "cancelled",
    }
}
