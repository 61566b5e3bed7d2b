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

/// Where the content of a new context came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "origin", rename_all = "kebab-case")]
pub enum Origin {
    /// It is empty.
    New,
    /// Another context of the instance was forked.
    Fork {
        /// The original.
        from: ContextId,
    },
    /// A snapshot was opened and stays.
    Open {
        /// The snapshot's name.
        name: String,
    },
    /// A snapshot was taken and is gone.
    Take {
        /// The snapshot's name.
        name: String,
    },
}

/// What a grammar is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrammarKind {
    /// JSON Schema.
    JsonSchema,
    /// A regular expression.
    Regex,
    /// Lark's EBNF.
    Lark,
    /// EBNF with `::=`.
    Ebnf,
}

/// What was done with an adapter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "operation", rename_all = "kebab-case")]
pub enum AdapterOperation {
    /// `adapter.create`.
    Create,
    /// `adapter.open` found it.
    Open,
    /// `adapter.fork`.
    Fork {
        /// The name of the copy.
        to: String,
    },
    /// `adapter.destroy`.
    Destroy,
    /// `adapter.load`.
    Load {
        /// The file.
        path: Text,
    },
    /// `adapter.save`.
    Save {
        /// The file.
        path: Text,
    },
    /// `zo.initialize`.
    Initialize {
        /// The rank of its matrices.
        rank: u32,
        /// The scale of their product, times the rank.
        alpha: f32,
        /// Candidates a round.
        population: u32,
        /// The standard deviation of the noise.
        sigma: f32,
    },
    /// `zo.update`.
    Update {
        /// The highest score of the round.
        best: f32,
        /// The mean of the scores.
        mean: f32,
        /// The standard deviation of the noise from now on.
        sigma: f32,
    },
}

/// An adapter in a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AppliedAdapter {
    /// Its name.
    pub name: String,
    /// The seed of the noise that was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Stands for the weights as they were applied; absent where they change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What was done to the pages of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageOperation {
    /// `reserve-working-pages`.
    Reserve,
    /// `commit-working-pages`.
    Commit,
    /// `release-working-pages`.
    Release,
    /// `truncate-working-page-tokens`.
    Truncate,
}

/// Why a context was suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SuspendCause {
    /// Its owner called `context.suspend`.
    Asked,
    /// Pages are short, and others bid more or were in their turn.
    Short,
    /// The model failed to compute it again.
    Failed,
}

/// One `sampler` call of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SamplerCall {
    /// Indices into the pass's input tokens.
    pub indices: Vec<u32>,
    /// The sampler or probe and its arguments, for example `top-p 0.6 0.95`.
    pub sampler: String,
}

/// One answer of a pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Slot {
    /// The token a sampler chose.
    Token(u32),
    /// A top-k distribution: its entries by falling probability, at most eight are kept.
    Distribution {
        /// How many entries the caller got.
        count: u32,
        /// The first token ids.
        ids: Vec<u32>,
        /// Their probabilities.
        probabilities: Vec<f32>,
    },
    /// Raw logits.
    Logits(Bytes),
    /// Log-probabilities in the order of the question.
    Logprobs(Vec<f32>),
    /// Shannon entropy in nats.
    Entropy(f32),
    /// An embedding.
    Embedding(Bytes),
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// `run` returned `ok`: JSON text.
    Ok(Text),
    /// `run` returned an error.
    Error(Text),
    /// It trapped.
    Trap {
        /// What happened, for example `unreachable` or the message of a Rust panic.
        message: String,
        /// Function names of the guest, innermost first, with source lines where the component has them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        backtrace: Vec<String>,
    },
    /// It went over a limit.
    Limit {
        /// Which.
        limit: Limit,
        /// What was used and what is allowed.
        message: String,
    },
    /// It waited for something that cannot come.
    Stuck(String),
    /// The caller ended it.
    Cancelled(String),
}

/// The named limits of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Bytes of linear memory.
    Memory,
    /// Units of fuel: instructions of WebAssembly, roughly, or as much work of the engine in calls.
    Fuel,
    /// Bytes of standard output, standard error, messages and files together.
    Output,
    /// Bytes of recorded events.
    Trace,
    /// Bytes that one call hands over.
    Call,
    /// Bytes of the body of one HTTP request or response.
    Body,
    /// Bytes of messages between inferlets that nobody has taken.
    Messages,
    /// Handles open at once.
    Handles,
    /// Bytes of the WebAssembly stack.
    Stack,
    /// Elements of tables.
    Tables,
    /// Wall-clock time, where the caller sets one.
    Time,
    /// Inferlets alive at once that go back to one launch. Who reaches it gets an error and goes on, as with the next two.
    Children,
    /// Inferlets launched in all that go back to one launch.
    Launches,
    /// Launches of one by another, in a row.
    Depth,
}

/// What an instance used, as far as it is the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Forward passes.
    pub passes: u64,
    /// Input tokens of all passes.
    pub input_tokens: u64,
    /// Input tokens that were found in the prefix table, which depends on what others computed before.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub reused_tokens: u64,
    /// Tokens that samplers chose; behind a guess that does not hold nothing counts.
    pub sampled_tokens: u64,
    /// Guessed tokens that were verified.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub drafted_tokens: u64,
    /// Those of them that held.
    #[serde(default, skip_serializing_if = "is_zero_u64")]
    pub accepted_tokens: u64,
    /// The most pages its contexts held at once, shared ones counted for each.
    pub peak_pages: u32,
    /// The least margin between first and second logit over all arg max choices: how fragile the run's tokens are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least_margin: Option<f32>,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_nothing(credits: &f64) -> bool {
    *credits == 0.0
}

fn is_zero_u64(value: &u64) -> bool {
    *value == 0
}
