//! An inferlet that another one launched, as the one that launched it has it.

use crate::control::Control;
use crate::engine::operation::Reply;
use crate::ids::InstanceId;
use crate::trace::{Outcome, Usage};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::SetOnce;

/// An inferlet asks for another one.
#[derive(Debug)]
pub struct LaunchRequest {
    /// Who asks.
    pub parent: InstanceId,
    /// `name` or `name@version`.
    pub program: String,
    /// Its input, JSON text.
    pub input: String,
    /// The new instance, or why there is none.
    pub reply: Reply<Child>,
}

/// A launched inferlet.
#[derive(Clone)]
pub struct Child {
    instance: InstanceId,
    control: Control,
    ended: Ended,
}

/// Becomes set once an instance has ended.
pub type Ended = Arc<SetOnce<End>>;

/// The end of an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used.
    pub usage: Usage,
}

impl Child {
    /// An instance that has begun.
    pub fn new(instance: InstanceId, control: Control, ended: Ended) -> Self {
        Child { instance, control, ended }
    }

    /// Which instance it is.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Becomes set when it has ended.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Its answer, or why there is none, once it has ended.
    pub fn answer(&self) -> Option<Result<String, String>> {
        Some(match &self.ended.get()?.outcome {
            Outcome::Ok(answer) => Ok(answer.as_str().to_owned()),
            Outcome::Error(error) => Err(error.as_str().to_owned()),
            Outcome::Trap { message, .. } => Err(format!("it trapped: {message}")),
            Outcome::Limit { message, .. } => Err(format!("it was ended: {message}")),
            Outcome::Stuck(why) => Err(format!("it got stuck: {why}")),
            Outcome::Cancelled(why) => Err(format!("it was cancelled: {why}")),
        })
    }

    /// Ends it, and whatever it has launched and still holds.
    pub fn cancel(&self, why: &str) {
        self.control.cancel(Outcome::Cancelled(why.to_owned()));
    }
}

impl std::fmt::Debug for Child {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Child").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// The children whose answers an instance may still take. Those that it still holds when this is dropped are cancelled: it ended without an answer,
/// so nobody waits for theirs.
#[derive(Debug, Default)]
pub struct Children {
    held: BTreeMap<InstanceId, Child>,
}

impl Children {
    /// Holds a child.
    pub fn hold(&mut self, child: &Child) {
        self.held.insert(child.instance, child.clone());
    }

    /// Holds a child no longer, and says whether it did: what still runs runs on by itself.
    pub fn let_go(&mut self, child: &Child) -> bool {
        self.held.remove(&child.instance).is_some()
    }

    /// Holds none of them any longer, and says which it did, in the order of launches.
    pub fn let_all_go(&mut self) -> impl Iterator<Item = InstanceId> + use<> {
        std::mem::take(&mut self.held).into_keys()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in self.held.values() {
            child.cancel("the inferlet that launched it has ended without an answer");
        }
    }
}
