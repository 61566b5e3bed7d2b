//! The one closed set of operations through which instances reach what they share: queue, pages and model.

use crate::bitset::Bitset;
use crate::brle::Brle;
use crate::grammar::WayOut;
use crate::ids::{ContextId, InstanceId, ModelNumber, PassId};
use crate::model::Overlay;
use crate::sample::{Probe, Sampler};
use crate::trace::{PageOperation, SamplerCall};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{SetOnce, mpsc, oneshot};

/// How many operations may wait at once; an instance that sends one more waits until the engine has caught up.
pub const QUEUE: usize = 1024;

/// Where the answer to an operation goes. The error is for the inferlet to read.
pub type Reply<T> = oneshot::Sender<Result<T, String>>;

/// The pages and tokens of a context, as its owner sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Full pages that can no longer be truncated.
    pub committed: u32,
    /// Pages after those.
    pub working: u32,
    /// Tokens in the working pages.
    pub tokens: u32,
    /// Guessed tokens that did not hold and were dropped, since the context was made. Says how old a copy of these counts is.
    pub rejected: u64,
}

/// What a new context starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing.
    Empty,
    /// Another context of the same instance.
    Fork(ContextId),
    /// A snapshot, which stays.
    Open(String),
    /// A snapshot, which goes.
    Take(String),
}

/// What is asked about one input token of a pass.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Choose a token.
    Sample(Sampler),
    /// Read the distribution.
    Probe(Probe),
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ask::Sample(sampler) => sampler.fmt(f),
            Ask::Probe(probe) => probe.fmt(f),
        }
    }
}

/// One slot of a pass's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Index into the input tokens.
    pub index: u32,
    /// What is asked there.
    pub ask: Ask,
    /// How many draws of the pass come before: those at earlier tokens, and earlier ones at the same token.
    pub draw: u32,
}

/// The answer to one question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The chosen token.
    Token(u32),
    /// Token ids and their probabilities, falling.
    Distribution(Vec<u32>, Vec<f32>),
    /// One logit per token of the vocabulary.
    Logits(Vec<f32>),
    /// Log-probabilities in nats, in the order of the question.
    Logprobs(Vec<f32>),
    /// Entropy in nats.
    Entropy(f32),
    /// An embedding.
    Embedding(Vec<f32>),
}

/// What a pass has found out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PassOutput {
    /// One answer for each question.
    pub answers: Vec<Answer>,
    /// The drafter's guesses at what follows the token that was chosen last.
    pub guesses: Vec<u32>,
    /// The position of each of them.
    pub guess_positions: Vec<u32>,
    /// See [`Counts::rejected`].
    pub rejected: u64,
}

/// Where a pass's output appears, or why there is none.
pub type PassCell = Arc<SetOnce<Result<PassOutput, String>>>;

/// An adapter as one pass applies it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The adapter's name.
    pub name: String,
    /// The candidate of a training, if it is one.
    pub seed: Option<i64>,
    /// What it comes to, or nothing if it changes nothing.
    pub overlay: Option<Arc<Overlay>>,
}

/// A forward pass whose shape has been checked.
#[derive(Clone, Debug)]
pub struct PassRequest {
    /// The model that computes it.
    pub model: ModelNumber,
    /// The context to read and extend; without one the pass sees only its own tokens.
    pub context: Option<ContextId>,
    /// The input, at least one token, and behind it the guesses.
    pub tokens: Vec<u32>,
    /// How many of the tokens are guesses, which stay in the context as far as they hold.
    pub guesses: u32,
    /// Whether the drafter is to guess what follows.
    pub wants_guesses: bool,
    /// A position for each token.
    pub positions: Vec<u32>,
    /// An attention mask for each token.
    pub masks: Option<Vec<Brle>>,
    /// The adapter to apply.
    pub adapter: Option<Applied>,
    /// The tokens that samplers may choose.
    pub allowed: Option<Bitset>,
    /// The way to the end of the text that follows, for a model that needs showing.
    pub way_out: Option<WayOut>,
    /// What is asked, in the order of the slots.
    pub questions: Vec<Question>,
    /// The same as the inferlet wrote it, for the trace.
    pub calls: Vec<SamplerCall>,
    /// Where the answer goes.
    pub cell: PassCell,
}

/// What an instance asks of the engine.
#[derive(Debug)]
pub enum Operation {
    /// Makes a context.
    Create {
        /// The model that computes it; a fork has that of its original.
        model: ModelNumber,
        /// What it starts from.
        source: Source,
        /// Its id and counts.
        reply: Reply<(ContextId, Counts)>,
    },
    /// Saves a context under a name, or under a name the engine makes.
    Save {
        /// The context.
        context: ContextId,
        /// The name.
        name: Option<String>,
        /// The name it was saved under.
        reply: Reply<String>,
    },
    /// Deletes a snapshot.
    Delete {
        /// Its name.
        name: String,
        /// When it is gone.
        reply: Reply<()>,
    },
    /// Ends a context and frees its pages.
    Destroy {
        /// The context.
        context: ContextId,
        /// When its pages are free.
        reply: Reply<()>,
    },
    /// Gives back the pages of a context until it is used again.
    Suspend {
        /// The context.
        context: ContextId,
        /// When its pages are free.
        reply: Reply<()>,
    },
    /// Sets what a context offers for a page and a step.
    Bid {
        /// The context.
        context: ContextId,
        /// Credits. What is negative or no number counts as zero.
        value: f64,
        /// When it counts.
        reply: Reply<()>,
    },
    /// Reads the market.
    Quote {
        /// What to read.
        quote: Quote,
        /// The amount.
        reply: Reply<f64>,
    },
    /// Reserves, commits, releases or truncates.
    Pages {
        /// The context.
        context: ContextId,
        /// What to do.
        operation: PageOperation,
        /// How many pages, or tokens for a truncation.
        count: u32,
        /// The counts afterwards.
        reply: Reply<Counts>,
    },
    /// Queues a forward pass.
    Execute {
        /// The pass.
        request: Box<PassRequest>,
        /// Its number, and the counts of its context with the slots of its tokens claimed.
        reply: Reply<(PassId, Counts)>,
    },
}

impl Operation {
    /// The context it is about, which is the original where one is forked.
    pub(super) fn context(&self) -> Option<ContextId> {
        match self {
            Operation::Create { source: Source::Fork(context), .. }
            | Operation::Save { context, .. }
            | Operation::Destroy { context, .. }
            | Operation::Suspend { context, .. }
            | Operation::Bid { context, .. }
            | Operation::Pages { context, .. } => Some(*context),
            Operation::Execute { request, .. } => request.context,
            Operation::Create { .. } | Operation::Delete { .. } | Operation::Quote { .. } => None,
        }
    }

    /// Answers with an error. Who asked may be gone.
    pub(super) fn refuse(self, error: &str) {
        let error = error.to_owned();
        let _ = match self {
            Operation::Create { reply, .. } => reply.send(Err(error)).is_ok(),
            Operation::Save { reply, .. } => reply.send(Err(error)).is_ok(),
            Operation::Delete { reply, .. }
            | Operation::Destroy { reply, .. }
            | Operation::Suspend { reply, .. }
            | Operation::Bid { reply, .. } => reply.send(Err(error)).is_ok(),
            Operation::Quote { reply, .. } => reply.send(Err(error)).is_ok(),
            Operation::Pages { reply, .. } => reply.send(Err(error)).is_ok(),
            Operation::Execute { reply, .. } => reply.send(Err(error)).is_ok(),
        };
    }
}

/// What an instance can read of the market for pages. Amounts are credits, times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// What one new page costs.
    Price,
    /// What a page of the context paid in the last step.
    Rent(ContextId),
    /// What the instance received after the last step.
    Dividend,
    /// The time from one step of the context to the next, smoothed.
    Latency(ContextId),
    /// What the instance has left.
    Balance,
}

/// An operation and who asked for it.
#[derive(Debug)]
pub struct Envelope {
    /// The asker.
    pub instance: InstanceId,
    /// What it asks.
    pub operation: Operation,
}

/// An instance's way to the engine.
#[derive(Clone, Debug)]
pub struct Port {
    instance: InstanceId,
    sender: mpsc::Sender<Envelope>,
}

impl Port {
    /// The way of one instance.
    pub fn new(instance: InstanceId, sender: mpsc::Sender<Envelope>) -> Self {
        Port { instance, sender }
    }

    /// Who uses it.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Sends an operation and waits for its answer.
    pub async fn call<T>(&self, make: impl FnOnce(Reply<T>) -> Operation) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        let envelope = Envelope { instance: self.instance, operation: make(reply) };
        match self.sender.send(envelope).await {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(STOPPED.to_owned())),
            Err(_) => Err(STOPPED.to_owned()),
        }
    }
}

const STOPPED: &str = "the engine has stopped";
