use super::outcome::{Outcome, Usage};
use super::part::{
    AdapterOperation, AppliedAdapter, GrammarKind, Origin, PageOperation, SamplerCall, Slot, SuspendCause,
};
use super::{Bytes, Elided, Text, Tokens};
use crate::ids::{ContextId, InstanceId, PassId, QuestionId};
use crate::outside::{Answer, HttpRequest, HttpResponse, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something an inferlet did, or that was done for it.
///
/// Numbers of instances, contexts and passes are those of [`crate::ids`]. Nothing here depends on the machine, on time or on who
/// else runs, except [`Event::Step`], which says what was batched together, `reused` of [`Event::Pass`], which says what others had
/// computed before, and what comes of pages being short: [`Event::Suspended`], [`Event::Restored`], [`Event::Granted`], and bids that follow
/// the market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// An instance was started.
    Launched {
        /// The new instance.
        instance: InstanceId,
        /// The inferlet's name.
        program: String,
        /// Its input, JSON text.
        input: Text,
        /// The instance that launched it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<InstanceId>,
    },
    /// Nobody will take what an instance answers: the one that launched it has let go of it, or has answered itself.
    Detached {
        /// Who launched it.
        instance: InstanceId,
        /// The one that is by itself from now on, or has ended.
        child: InstanceId,
    },
    /// Text on the standard output.
    Stdout {
        /// The writer.
        instance: InstanceId,
        /// One line or several, or a piece of one where the writer did something else before its end.
        text: Text,
    },
    /// Text on the standard error output.
    Stderr {
        /// The writer.
        instance: InstanceId,
        /// As with standard output.
        text: Text,
    },
    /// `session.send`.
    Message {
        /// The sender.
        instance: InstanceId,
        /// The message.
        text: Text,
    },
    /// `session.send-file`.
    File {
        /// The sender.
        instance: InstanceId,
        /// The contents.
        data: Bytes,
    },
    /// A message from the client reached `session.receive`.
    Received {
        /// The receiver.
        instance: InstanceId,
        /// The message; absent when the client has closed the session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
    },
    /// A file from the client reached `session.receive-file`.
    ReceivedFile {
        /// The receiver.
        instance: InstanceId,
        /// The contents; absent when the client has closed the session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Bytes>,
    },
    /// `messaging.push`: a message for one puller of a topic.
    Pushed {
        /// The sender.
        instance: InstanceId,
        /// The topic.
        topic: Text,
        /// The message.
        text: Text,
    },
    /// A pushed message reached `messaging.pull`.
    Pulled {
        /// The receiver.
        instance: InstanceId,
        /// The topic.
        topic: Text,
        /// The message.
        text: Text,
    },
    /// `messaging.broadcast`: a message for all who subscribe to a topic.
    Broadcast {
        /// The sender.
        instance: InstanceId,
        /// The topic.
        topic: Text,
        /// The message.
        text: Text,
        /// How many subscriptions keep it now.
        subscriptions: u32,
    },
    /// `messaging.subscribe`.
    Subscribed {
        /// Who hears the topic from now on.
        instance: InstanceId,
        /// The topic.
        topic: Text,
    },
    /// A broadcast message was taken from a subscription.
    Heard {
        /// The receiver.
        instance: InstanceId,
        /// The topic.
        topic: Text,
        /// The message.
        text: Text,
    },
    /// Something was asked of the outside.
    Asked {
        /// Who asks.
        instance: InstanceId,
        /// The number of the question.
        id: QuestionId,
        /// The question.
        #[serde(flatten)]
        question: Question,
    },
    /// The answer of the outside reached who asked.
    Answered {
        /// Who asked.
        instance: InstanceId,
        /// The number of the question.
        id: QuestionId,
        /// The answer.
        #[serde(flatten)]
        answer: Answer,
    },
    /// An HTTP request was refused before anything was asked, because `[permissions]` does not list its host.
    Denied {
        /// Who asked.
        instance: InstanceId,
        /// `GET` and the like.
        method: String,
        /// The whole URL, without what is secret in it.
        url: Text,
        /// Why, in one line for a person.
        message: String,
    },
    /// The instance was launched with an HTTP request.
    Requested {
        /// Who is to respond.
        instance: InstanceId,
        /// The request.
        request: HttpRequest,
    },
    /// The instance responded to the HTTP request that it was launched with.
    Responded {
        /// Who responds.
        instance: InstanceId,
        /// The response.
        response: HttpResponse,
    },
    /// Something was done with an adapter.
    Adapter {
        /// The caller.
        instance: InstanceId,
        /// The adapter's name.
        name: String,
        /// What was done.
        #[serde(flatten)]
        operation: AdapterOperation,
    },
    /// A matcher began to follow a grammar: one was made from it, from the start.
    MatcherCreated {
        /// Whose matcher it is.
        instance: InstanceId,
        /// What the grammar is written in.
        kind: GrammarKind,
        /// What it was made from: `{}`, the schema that all JSON satisfies, for any JSON.
        source: Elided<String>,
    },
    /// A matcher moved over tokens each of which was the only one that its grammar allowed, and now there is a choice again, or the matcher is
    /// gone. They need no pass: whoever runs none feeds them with the next one.
    Forced {
        /// Whose matcher it is.
        instance: InstanceId,
        /// The tokens.
        tokens: Tokens,
    },
    /// `model.load`.
    ModelLoaded {
        /// The caller.
        instance: InstanceId,
        /// The name it asked for.
        name: String,
    },
    /// A context came to be.
    ContextCreated {
        /// The owner.
        instance: InstanceId,
        /// The new context.
        context: ContextId,
        /// Where its content came from.
        #[serde(flatten)]
        origin: Origin,
    },
    /// `context.save` or `context.snapshot`.
    ContextSaved {
        /// The owner.
        instance: InstanceId,
        /// The context that was saved; it goes on.
        context: ContextId,
        /// The name it can be opened by.
        name: String,
    },
    /// `context.delete`.
    SnapshotDeleted {
        /// The caller.
        instance: InstanceId,
        /// The snapshot's name.
        name: String,
    },
    /// A context ended and gave its pages back.
    ContextDestroyed {
        /// The owner.
        instance: InstanceId,
        /// The context.
        context: ContextId,
    },
    /// A page operation on a context.
    Pages {
        /// The owner.
        instance: InstanceId,
        /// The context.
        context: ContextId,
        /// What was done.
        operation: PageOperation,
        /// How many pages, or tokens for a truncation.
        count: u32,
    },
    /// `context.bid`: what the context offers for a page and a step from now on.
    Bid {
        /// The owner.
        instance: InstanceId,
        /// The context.
        context: ContextId,
        /// The offer as it counts.
        credits: f64,
    },
    /// A context gave its pages back. It keeps its content, and its passes wait until it is restored.
    Suspended {
        /// The owner.
        instance: InstanceId,
        /// The context.
        context: ContextId,
        /// Why.
        cause: SuspendCause,
        /// Pages it had, and will need again.
        pages: u32,
        /// How many of them nobody else holds.
        freed: u32,
        /// How many are kept outside of the store. The content of the others is computed again.
        swapped: u32,
    },
    /// A suspended context got pages again.
    Restored {
        /// The owner.
        instance: InstanceId,
        /// The context.
        context: ContextId,
        /// Pages it has now.
        pages: u32,
        /// How many of them others had, with the same content.
        shared: u32,
        /// How many were copied back.
        swapped: u32,
        /// Tokens that are computed again before its passes go on.
        recompute: u32,
    },
    /// An operation that waited for pages got them.
    Granted {
        /// Who waited.
        instance: InstanceId,
        /// The context, if the operation is about one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<ContextId>,
        /// How many pages.
        pages: u32,
        /// For how many steps it waited.
        waited: u64,
    },
    /// `forward-pass.execute` was accepted.
    Pass {
        /// The caller.
        instance: InstanceId,
        /// The pass.
        pass: PassId,
        /// The context it reads and extends, if any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<ContextId>,
        /// The input tokens.
        tokens: Tokens,
        /// The guessed tokens behind them, if there are any. Indices count on through them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guesses: Option<Tokens>,
        /// The positions of all of them, when they are not simply consecutive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        positions: Option<Tokens>,
        /// How many of the input tokens were found in the prefix table and not computed. It depends on what others computed before, and so
        /// belongs to the run and not to the inferlet: what the inferlet gets is the same without it, and a snapshot of that must leave it out.
        #[serde(default, skip_serializing_if = "is_zero")]
        reused: u32,
        /// Digest of the attention masks, if there are any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attention_mask: Option<String>,
        /// The adapter, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        adapter: Option<AppliedAdapter>,
        /// How many tokens the logit mask allows, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        allowed: Option<u32>,
        /// How many tokens are missing to the end of the text that a grammar holds, where the model is shown the way: the dummy is, once such
        /// a text gets long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shown: Option<u32>,
        /// What was asked of which input token.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        samplers: Vec<SamplerCall>,
    },
    /// One batched run of the model.
    Step {
        /// Counts from 1 within the trace.
        step: u64,
        /// The passes in it, in order.
        passes: Vec<(InstanceId, PassId)>,
        /// How many rows were computed.
        rows: u32,
        /// How many of them bring back content of contexts that were suspended.
        #[serde(default, skip_serializing_if = "is_zero")]
        recomputed: u32,
        /// What a page costs in this step, in credits, because somebody waits for pages.
        #[serde(default, skip_serializing_if = "is_nothing")]
        price: f64,
    },
    /// The answer of a pass.
    PassDone {
        /// The caller.
        instance: InstanceId,
        /// The pass.
        pass: PassId,
        /// One answer per requested index.
        slots: Vec<Slot>,
        /// How many of the pass's guessed tokens hold, if it has any. The answers behind the last of them mean nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<u32>,
        /// The drafter's guesses at what follows the token that was chosen last.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        guesses: Option<Tokens>,
        /// The smallest margin between first and second logit of its arg max samplers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        margin: Option<f32>,
    },
    /// A pass failed after it had been accepted.
    PassFailed {
        /// The caller.
        instance: InstanceId,
        /// The pass.
        pass: PassId,
        /// Why.
        error: String,
    },
    /// An instance ended.
    Finished {
        /// The instance.
        instance: InstanceId,
        /// How it ended.
        outcome: Outcome,
        /// What it used.
        usage: Usage,
    },
    /// The page checker found something (decision: garbage must not pass).
    Finding {
        /// What is wrong, with the context and page.
        message: String,
    },
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_nothing(credits: &f64) -> bool {
    *credits == 0.0
}
