//! A trace as spans of OpenTelemetry, with the names that its semantic conventions for generative AI give (version 1.37): an inferlet is an agent that is invoked, a context
//! in which tokens are chosen is a text completion, and a call of a tool is one. Requests have the names of the conventions for HTTP, and what the conventions have no name for
//! begins with `bakery.`.
//!
//! Times are virtual: they are those of the trace, counted from the date at which each run begins. So are ids: they follow from the trace, which has the same spans on
//! each export. A span is given out when it ends, and only what is open is kept.

pub mod span;

use std::collections::BTreeMap;

use pie_engine::clock::VirtualClock;
use pie_engine::ids::{ContextId, InstanceId, PassId, QuestionId};
use pie_engine::outside::{Answer, Question};
use pie_engine::rounds::STEP_NANOSECONDS;
use pie_engine::trace::{Event, Header, Origin, Outcome, Record, SamplerCall, Tokens};
use sha2::{Digest, Sha256};

use super::follow::{Change, Follower, Name};
use super::visible;
use super::vocabulary::Vocabulary;
use span::{Moment, Resource, Span, SpanKind, Status, attribute, failure};

/// The most events of a span.
const MOST_EVENTS: usize = 128;
/// Characters of a text in an attribute.
const MOST_TEXT: usize = 1000;

/// Makes spans.
pub struct Spans {
    model: String,
    seed: u64,
    /// Empty until the first launch.
    trace_id: Vec<u8>,
    vocabulary: Vocabulary,
    follower: Follower,
    instances: BTreeMap<InstanceId, Span>,
    contexts: BTreeMap<Name, Completion>,
    passes: BTreeMap<(InstanceId, PassId), Span>,
    questions: BTreeMap<QuestionId, Span>,
    last: u64,
}

/// A context, and what was counted of it.
struct Completion {
    span: Span,
    input_tokens: u64,
    output_tokens: u64,
    passes: u64,
    most_pages: u32,
    text: String,
}

/// What the spans are of.
pub fn resource(header: &Header) -> Resource {
    let mut attributes = vec![
        attribute("service.name", "bakery"),
        attribute("service.version", header.engine.as_str()),
        attribute("bakery.virtual_time", true),
        attribute("bakery.model.digest", header.model_digest.as_str()),
        attribute("bakery.kernel", header.kernel.as_str()),
    ];
    if let Some(fork) = &header.fork {
        attributes.push(attribute("bakery.fork.parent", fork.parent.as_str()));
        attributes.push(attribute("bakery.fork.at", fork.at));
    }
    Resource { attributes }
}

fn nanoseconds(at: u64) -> u64 {
    VirtualClock::START.seconds.saturating_mul(1_000_000_000).saturating_add(at)
}

fn short(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Spans {
    /// Spans of the run that has this header.
    pub fn new(header: &Header) -> Spans {
        let Header { model, seed, .. } = header;
        Spans {
            model: visible::on_one_line(model),
            seed: *seed,
            trace_id: Vec::new(),
            vocabulary: Vocabulary::of(header),
            follower: Follower::default(),
            instances: BTreeMap::new(),
            contexts: BTreeMap::new(),
            passes: BTreeMap::new(),
            questions: BTreeMap::new(),
            last: 0,
        }
    }

    /// The number of a span: 8 bytes that follow from the run and from what it is of.
    fn id(&self, what: &str) -> Vec<u8> {
        let digest = Sha256::new().chain_update(&self.trace_id).chain_update(what).finalize();
        digest[..8].to_vec()
    }

    fn begin(&self, what: &str, parent: &[u8], kind: SpanKind, at: u64, name: String) -> Span {
        Span {
            trace_id: self.trace_id.clone(),
            span_id: self.id(what),
            parent_span_id: parent.to_owned(),
            name,
            kind: kind.into(),
            start_time_unix_nano: nanoseconds(at),
            ..Span::default()
        }
    }

    fn parent(&self, instance: InstanceId) -> Vec<u8> {
        self.instances.get(&instance).map(|span| span.span_id.clone()).unwrap_or_default()
    }

    /// Takes an event, and gives the spans that end with it.
    pub fn record(&mut self, record: &Record) -> Vec<Span> {
        let Record { at, event, .. } = record;
        self.last = *at;
        let mut ended = Vec::new();
        match event {
            Event::Launched { .. } => self.launched(record),
            Event::ContextCreated { instance, context, origin } => {
                self.created(*at, (*instance, *context), origin);
            }
            Event::Pass { instance, pass, context, tokens, samplers, reused, .. } => {
                self.asked_pass(*at, (*instance, *pass), *context, tokens, samplers, *reused);
            }
            Event::PassDone { instance, pass, margin, .. } => {
                let margin = margin.map(|margin| attribute("bakery.margin", f64::from(margin)));
                ended.extend(self.end_pass(*at, (*instance, *pass), margin.into_iter().collect(), None));
            }
            Event::PassFailed { instance, pass, error } => {
                ended.extend(self.end_pass(
                    *at,
                    (*instance, *pass),
                    Vec::new(),
                    Some(failure(error.clone())),
                ));
            }
            Event::Asked { instance, id, question } => self.asked(*at, *instance, *id, question),
            Event::Answered { id, answer, .. } => ended.extend(self.answered(*at, *id, answer)),
            Event::ContextDestroyed { instance, context } => {
                let completion = self.contexts.remove(&(*instance, *context));
                ended.extend(completion.map(|completion| completion.end(*at)));
            }
            Event::Finished { instance, outcome, .. } => ended.extend(self.finished(*at, *instance, outcome)),
            Event::Message { instance, text } => self.moment(*at, *instance, "bakery.message", text.as_str()),
            Event::Stdout { instance, text } => self.moment(*at, *instance, "bakery.stdout", text.as_str()),
            Event::Stderr { instance, text } => self.moment(*at, *instance, "bakery.stderr", text.as_str()),
            Event::Received { instance, text: Some(text) } => {
                self.moment(*at, *instance, "bakery.received", text.as_str());
            }
            _ => {}
        }
        for change in self.follower.follow(*at, event) {
            self.change(change);
        }
        ended
    }

    /// The spans that a trace which was cut leaves open.
    pub fn finish(&mut self) -> Vec<Span> {
        let open: Vec<InstanceId> = self.instances.keys().copied().collect();
        let cut = Outcome::Stuck("the trace ends before the inferlet does".to_owned());
        open.into_iter().flat_map(|instance| self.finished(self.last, instance, &cut)).collect()
    }

    fn launched(&mut self, record: &Record) {
        let Event::Launched { instance, program, input, parent } = &record.event else { return };
        if self.trace_id.is_empty() {
            let begun = serde_json::to_string(&(&self.model, self.seed, record)).unwrap_or_default();
            self.trace_id = Sha256::digest(begun)[..16].to_vec();
        }
        let parent = parent.map(|parent| self.parent(parent)).unwrap_or_default();
        let program = visible::on_one_line(program);
        let name = format!("invoke_agent {program}");
        let mut span = self.begin(&instance.to_string(), &parent, SpanKind::Internal, record.at, name);
        span.attributes = vec![
            attribute("gen_ai.operation.name", "invoke_agent"),
            attribute("gen_ai.provider.name", "bakery"),
            attribute("gen_ai.agent.name", program),
            attribute("gen_ai.agent.id", instance.to_string()),
            attribute("gen_ai.request.model", self.model.as_str()),
            attribute("gen_ai.request.seed", self.seed),
            attribute("bakery.input", short(input.as_str())),
        ];
        self.instances.insert(*instance, span);
    }

    fn finished(&mut self, at: u64, instance: InstanceId, outcome: &Outcome) -> Vec<Span> {
        let mut ended = Vec::new();
        let passes: Vec<_> = self.passes.keys().filter(|(owner, _)| *owner == instance).copied().collect();
        for pass in passes {
            let status = Some(failure("the inferlet has ended"));
            ended.extend(self.end_pass(at, pass, Vec::new(), status));
        }
        let contexts: Vec<Name> =
            self.contexts.keys().filter(|(owner, _)| *owner == instance).copied().collect();
        ended.extend(contexts.iter().filter_map(|name| self.contexts.remove(name)).map(|open| open.end(at)));
        let Some(mut span) = self.instances.remove(&instance) else { return ended };
        let failed = match outcome {
            Outcome::Ok(answer) => {
                span.attributes.push(attribute("bakery.output", short(answer.as_str())));
                None
            }
            Outcome::Error(error) => Some(("error", error.as_str())),
            Outcome::Trap { message, .. } => Some(("trap", message.as_str())),
            Outcome::Limit { message, .. } => Some(("limit", message.as_str())),
            Outcome::Stuck(why) => Some(("stuck", why.as_str())),
            Outcome::Cancelled(why) => Some(("cancelled", why.as_str())),
        };
        if let Some((kind, message)) = failed {
            span.attributes.push(attribute("error.type", kind));
            span.status = Some(failure(short(message)));
        }
        span.end_time_unix_nano = nanoseconds(at);
        ended.push(span);
        ended
    }

    fn created(&mut self, at: u64, (instance, context): Name, origin: &Origin) {
        let name = format!("text_completion {}", self.model);
        let mut span =
            self.begin(&format!("{instance} {context}"), &self.parent(instance), SpanKind::Client, at, name);
        span.attributes = vec![
            attribute("gen_ai.operation.name", "text_completion"),
            attribute("gen_ai.provider.name", "bakery"),
            attribute("gen_ai.request.model", self.model.as_str()),
            attribute("gen_ai.response.model", self.model.as_str()),
            attribute("gen_ai.request.seed", self.seed),
            attribute("gen_ai.conversation.id", format!("{instance} {context}")),
        ];
        if let Origin::Fork { from } = origin {
            span.attributes.push(attribute("bakery.forked_from", format!("{instance} {from}")));
        }
        let completion = Completion {
            span,
            input_tokens: 0,
            output_tokens: 0,
            passes: 0,
            most_pages: 0,
            text: String::new(),
        };
        self.contexts.insert((instance, context), completion);
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Read { context, tokens, .. } => {
                if let Some(completion) = self.contexts.get_mut(&context) {
                    completion.input_tokens += tokens.count();
                }
            }
            Change::Chose { context, tokens, .. } => {
                let ids: Vec<u32> = tokens.iter().map(|chosen| chosen.id).collect();
                let text = self.vocabulary.text(&ids).unwrap_or_default();
                let Some(completion) = self.contexts.get_mut(&context) else { return };
                completion.output_tokens += tokens.len() as u64;
                // A little more than is shown, so that it shows that something is missing.
                if completion.text.len() <= 8 * MOST_TEXT {
                    completion.text.push_str(&text);
                }
            }
            Change::Pages { context, pages } => {
                if let Some(completion) = self.contexts.get_mut(&context) {
                    completion.most_pages = completion.most_pages.max(pages);
                }
            }
        }
    }

    fn asked_pass(
        &mut self,
        at: u64,
        (instance, pass): (InstanceId, PassId),
        context: Option<ContextId>,
        tokens: &Tokens,
        samplers: &[SamplerCall],
        reused: u32,
    ) {
        let parent = context.and_then(|context| self.contexts.get_mut(&(instance, context)));
        let parent = match parent {
            Some(completion) => {
                completion.passes += 1;
                completion.span.span_id.clone()
            }
            None => self.parent(instance),
        };
        let mut span = self.begin(
            &format!("{instance} {pass}"),
            &parent,
            SpanKind::Internal,
            at,
            "forward pass".to_owned(),
        );
        span.attributes =
            vec![attribute("bakery.pass", pass.0), attribute("bakery.input_tokens", tokens.count())];
        if reused > 0 {
            span.attributes.push(attribute("bakery.reused_tokens", reused));
        }
        let asked: Vec<&str> = samplers.iter().map(|call| call.sampler.as_str()).collect();
        if !asked.is_empty() {
            span.attributes.push(attribute("bakery.samplers", short(&asked.join("; "))));
        }
        self.passes.insert((instance, pass), span);
    }

    fn end_pass(
        &mut self,
        at: u64,
        key: (InstanceId, PassId),
        more: Vec<span::KeyValue>,
        status: Option<Status>,
    ) -> Option<Span> {
        let mut span = self.passes.remove(&key)?;
        // Time moves once a step is over, and the pass was in it until then.
        span.end_time_unix_nano = nanoseconds(if status.is_none() { at + STEP_NANOSECONDS } else { at });
        span.attributes.extend(more);
        if status.is_some() {
            span.attributes.push(attribute("error.type", "pass-failed"));
        }
        span.status = status;
        Some(span)
    }

    fn asked(&mut self, at: u64, instance: InstanceId, id: QuestionId, question: &Question) {
        let (name, attributes) = match question {
            Question::HttpRequest(request) => (
                visible::on_one_line(&request.method),
                vec![
                    attribute("http.request.method", request.method.as_str()),
                    attribute("url.full", short(&request.url)),
                ],
            ),
            Question::McpCall { method, params, .. } => tool(method, params.as_str().unwrap_or_default()),
            Question::McpConnect { server } => (
                format!("initialize {}", visible::on_one_line(server)),
                vec![attribute("bakery.mcp.server", server.as_str())],
            ),
            Question::McpServers => ("list MCP servers".to_owned(), Vec::new()),
        };
        let mut span = self.begin(&id.to_string(), &self.parent(instance), SpanKind::Client, at, name);
        span.attributes = attributes;
        self.questions.insert(id, span);
    }

    fn answered(&mut self, at: u64, id: QuestionId, answer: &Answer) -> Option<Span> {
        let mut span = self.questions.remove(&id)?;
        span.end_time_unix_nano = nanoseconds(at);
        let failed = match answer {
            Answer::HttpResponse(response) => {
                span.attributes.push(attribute("http.response.status_code", u32::from(response.status)));
                (response.status >= 400).then(|| (response.status.to_string(), String::new()))
            }
            Answer::HttpFailed { code, message } => Some((code.clone(), message.clone())),
            Answer::McpFailed { code, message, .. } => Some((code.to_string(), message.clone())),
            Answer::Failed { message } => Some(("failed".to_owned(), message.clone())),
            Answer::McpServers { .. } | Answer::McpConnected | Answer::McpResult { .. } => None,
        };
        if let Some((kind, message)) = failed {
            span.attributes.push(attribute("error.type", kind));
            span.status = Some(failure(short(&message)));
        }
        Some(span)
    }

    fn moment(&mut self, at: u64, instance: InstanceId, name: &str, text: &str) {
        let Some(span) = self.instances.get_mut(&instance) else { return };
        if span.events.len() == MOST_EVENTS {
            span.dropped_events_count += 1;
            return;
        }
        let attributes = vec![attribute("bakery.text", short(text))];
        span.events.push(Moment { time_unix_nano: nanoseconds(at), name: name.to_owned(), attributes });
    }
}

impl Completion {
    fn end(mut self, at: u64) -> Span {
        self.span.end_time_unix_nano = nanoseconds(at);
        self.span.attributes.extend([
            attribute("gen_ai.usage.input_tokens", self.input_tokens),
            attribute("gen_ai.usage.output_tokens", self.output_tokens),
            attribute("bakery.passes", self.passes),
            attribute("bakery.pages", self.most_pages),
        ]);
        if !self.text.is_empty() {
            self.span.attributes.push(attribute("bakery.text", short(&self.text)));
        }
        self.span
    }
}

/// The name and the attributes of a call in a session of the Model Context Protocol.
fn tool(method: &str, params: &str) -> (String, Vec<span::KeyValue>) {
    let name = serde_json::from_str::<serde_json::Value>(params).ok();
    let name = name.as_ref().and_then(|params| params["name"].as_str()).filter(|_| method == "tools/call");
    match name {
        Some(name) => (
            format!("execute_tool {}", visible::on_one_line(name)),
            vec![
                attribute("gen_ai.operation.name", "execute_tool"),
                attribute("gen_ai.tool.name", name),
                attribute("gen_ai.tool.type", "extension"),
                attribute("gen_ai.tool.call.arguments", short(params)),
            ],
        ),
        None => (visible::on_one_line(method), vec![attribute("bakery.mcp.method", method)]),
    }
}
