//! What a run has made use of: functions of the interface that it called, of those that its component imports, ways in which generation ended, places in
//! grammars that texts came by, what was done to pages.
//!
//! A trace has much of it ([`Coverage::of`]); a test is told the rest by the engine, which counts each call ([`Coverage::of_run`]). Both are the same for each language.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pie_engine::grammar::Notation;
use pie_engine::trace::{Event, Outcome, PageOperation};
use pie_engine::uses::{Uses, Walked};
use serde::Serialize;

/// How many digits of a grammar's digest are shown.
const DIGITS: usize = 8;

/// How often something happened, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Coverage {
    /// Functions of the interface, as `context.fork` or `runtime.launch`. Of a trace, those that leave an event.
    pub calls: BTreeMap<String, u64>,
    /// How many of those that the component imports were called. A trace does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub functions: Option<Functions>,
    /// How instances ended.
    pub endings: BTreeMap<String, u64>,
    /// What grammars were made from.
    pub grammars: BTreeMap<String, u64>,
    /// How much of each grammar texts came by, by what it is written in and the beginning of its digest. A trace does not know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grammar_states: BTreeMap<String, GrammarStates>,
    /// What was done to pages and contexts.
    pub pages: BTreeMap<String, u64>,
    /// Input tokens of all passes.
    pub input_tokens: u64,
    /// Those of them that were found in the prefix table.
    pub reused_tokens: u64,
}

/// Functions of `pie:*` that are imported, and those of them that were called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Functions {
    /// How many are imported.
    pub imported: usize,
    /// How many of these were called.
    pub called: usize,
    /// The others, where all cases are counted together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_called: Vec<String>,
    #[serde(skip)]
    names: Arc<BTreeSet<String>>,
}

/// The states of a grammar are the places behind the symbols of its rules, so each case of each rule has some of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct GrammarStates {
    /// How many of them texts have been in.
    pub visited: usize,
    /// How many there are.
    pub of: usize,
    #[serde(skip)]
    places: BTreeSet<usize>,
}

impl Coverage {
    /// What a run of a component has made use of that imports these functions.
    pub fn of_run(events: &[Event], uses: &Uses, imports: &Arc<BTreeSet<String>>) -> Coverage {
        let mut coverage = Coverage::of(events);
        // The kinds of samplers are in no other place.
        coverage.calls.retain(|name, _| name.ends_with(')'));
        coverage.calls.extend(uses.calls().into_iter().map(|(name, count)| (name.to_owned(), count)));
        coverage.functions = Some(Functions { names: Arc::clone(imports), ..Functions::default() });
        coverage.count_functions();
        for Walked { notation, digest, places, of } in uses.grammars() {
            // Of one that cannot be looked through, nothing is said but that it was there.
            let Some(of) = of else { continue };
            let name = format!("{} {}", notation_name(notation), digest.get(..DIGITS).unwrap_or(&digest));
            let states = GrammarStates { visited: places.len(), of, places };
            coverage.grammar_states.insert(name, states);
        }
        coverage
    }

    fn count_functions(&mut self) {
        let calls = &self.calls;
        if let Some(functions) = &mut self.functions {
            functions.imported = functions.names.len();
            functions.called = functions.names.iter().filter(|name| calls.contains_key(*name)).count();
        }
    }

    /// Names the functions that were not called.
    pub fn name_what_was_not_called(&mut self) {
        let calls = &self.calls;
        if let Some(functions) = &mut self.functions {
            let others = functions.names.iter().filter(|name| !calls.contains_key(*name));
            functions.not_called = others.cloned().collect();
        }
    }

    /// What a trace says that a run has made use of.
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
        for (name, others) in &other.grammar_states {
            let own = self.grammar_states.entry(name.clone()).or_default();
            own.places.extend(&others.places);
            (own.visited, own.of) = (own.places.len(), others.of);
        }
        if let Some(others) = &other.functions {
            let own = self.functions.get_or_insert_default();
            if !others.names.is_subset(&own.names) {
                own.names = Arc::new(own.names.union(&others.names).cloned().collect());
            }
        }
        self.count_functions();
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

fn notation_name(notation: Notation) -> &'static str {
    match notation {
        Notation::JsonSchema => "json-schema",
        Notation::Regex => "regex",
        Notation::Lark => "lark",
        Notation::Ebnf => "ebnf",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn imports(names: &[&str]) -> Arc<BTreeSet<String>> {
        Arc::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn what_several_runs_call_of_what_any_of_them_imports_is_counted_once() {
        let run = |called: &str, names: &[&str]| {
            let mut coverage = Coverage::of_run(&[], &Uses::default(), &imports(names));
            coverage.calls.insert(called.to_owned(), 2);
            coverage
        };
        let mut all = run("context.fork", &["context.fork", "context.save"]);
        all.add(&run("context.fork", &["context.fork", "session.send"]));
        // What is called and not imported, by a child for example, is no part of it.
        all.add(&run("session.receive", &["context.fork"]));
        all.name_what_was_not_called();
        let functions = all.functions.unwrap();
        assert_eq!((functions.called, functions.imported), (1, 3));
        assert_eq!(functions.not_called, ["context.save", "session.send"]);
        assert_eq!(all.calls["context.fork"], 4);
    }

    #[test]
    fn places_of_one_grammar_are_put_together() {
        let run = |places: &[usize]| {
            let places: BTreeSet<usize> = places.iter().copied().collect();
            let states = GrammarStates { visited: places.len(), of: 9, places };
            Coverage {
                grammar_states: BTreeMap::from([("regex 12".to_owned(), states)]),
                ..Coverage::default()
            }
        };
        let mut all = Coverage::default();
        all.add(&run(&[1, 2, 3]));
        all.add(&run(&[3, 4]));
        assert_eq!((all.grammar_states["regex 12"].visited, all.grammar_states["regex 12"].of), (4, 9));
    }
}
