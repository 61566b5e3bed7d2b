//! Passes with their answers, kept and played back: what a run beside a large model is tested with where there is none.
//!
//! What is kept is what inferlets got, and not rows of logits, which would be a hundred thousand times as much. So when it is played back nothing is computed and
//! nothing is sampled: pages, steps and virtual time are as they were, and a pass gets the answers that the pass of its number got, if it asks the same. One
//! that asks something else gets none, and whoever plays is told.

mod kept;

pub use kept::Kept;

use super::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs};
use crate::ids::{InstanceId, PageId, PassId, SwapId};
use crate::trace::Event;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is done with the passes of a run besides computing them.
pub trait Tape: Send {
    /// The answers to a pass, in place of those that would be computed; none if they are to be computed. `asked` is its [`Event::Pass`].
    fn play(&mut self, asked: &Event) -> Option<Result<Take, String>>;
    /// Whether passes are to be kept.
    fn keeps(&self) -> bool;
    /// Whether the model computes all the same: for what is kept, and for what comes after what is played.
    fn computes(&self) -> bool {
        self.keeps()
    }
    /// Keeps a pass.
    fn keep(&mut self, kept: Kept);
}

/// A pass with its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Take {
    /// The [`Event::Pass`], as a trace has it.
    pub asked: Value,
    /// One for each question, in their order.
    pub replies: Vec<Reply>,
    /// The smallest margin between first and second logit of its arg max samplers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f32>,
}

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The token that a sampler chose.
    Token(u32),
    /// Tokens by falling probability.
    Distribution(Vec<u32>, Numbers),
    /// Logits.
    Logits(Numbers),
    /// Log-probabilities.
    Logprobs(Numbers),
    /// Shannon entropy in nats.
    Entropy(Number),
    /// An embedding.
    Embedding(Numbers),
    /// What the model computes: it is not known otherwise.
    #[serde(skip)]
    Computed,
}

/// Numbers, on disk as base64 of their bits: negative infinity has no JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbers(pub Vec<f32>);

/// One number.
pub type Number = Numbers;

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|number| number.to_le_bytes()).collect();
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(serde::de::Error::custom("these are no numbers of four bytes"));
        }
        Ok(Numbers(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }
}

impl Take {
    /// What a pass asked, as it is compared: what of it was found in the prefix table is no matter of the inferlet's.
    pub fn asked(pass: &Event) -> Value {
        let mut asked = serde_json::to_value(pass).unwrap_or_default();
        if let Value::Object(fields) = &mut asked {
            fields.shift_remove("reused");
        }
        asked
    }

    /// Whose pass it is, and which.
    pub fn key(&self) -> Option<(InstanceId, PassId)> {
        key(&self.asked)
    }
}

fn key(asked: &Value) -> Option<(InstanceId, PassId)> {
    let number = |name: &str| asked.get(name)?.as_u64();
    Some((InstanceId(number("instance")?), PassId(number("pass")?)))
}

/// Who is given passes to keep.
type Keeper = Arc<Mutex<dyn FnMut(Kept) + Send>>;

/// A model whose passes are kept.
pub struct Taping {
    model: Arc<dyn Model>,
    keeper: Keeper,
}

impl Taping {
    /// The model, and who keeps its passes.
    pub fn new(model: Arc<dyn Model>, keep: impl FnMut(Kept) + Send + 'static) -> Self {
        Taping { model, keeper: Arc::new(Mutex::new(keep)) }
    }
}

struct Keeping(Keeper);

impl Tape for Keeping {
    fn play(&mut self, _asked: &Event) -> Option<Result<Take, String>> {
        None
    }

    fn keeps(&self) -> bool {
        true
    }

    fn keep(&mut self, kept: Kept) {
        (self.0.lock().unwrap_or_else(PoisonError::into_inner))(kept);
    }
}

impl Model for Taping {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        self.model.new_store(pages, page_size)
    }

    fn slot_bytes(&self) -> u64 {
        self.model.slot_bytes()
    }

    fn needs_showing(&self) -> Option<u32> {
        self.model.needs_showing()
    }

    fn heed(&self, row: &mut [f32], tokens: &[u32]) {
        self.model.heed(row, tokens);
    }

    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        self.model.forward(batch, store, outputs)
    }

    fn tape(&self) -> Option<Box<dyn Tape>> {
        Some(Box::new(Keeping(Arc::clone(&self.keeper))))
    }
}

/// Passes by instance and number.
pub type Takes = BTreeMap<(InstanceId, PassId), Take>;

/// A model of which there is nothing but the passes of one run.
pub struct Played {
    info: ModelInfo,
    showing: Option<u32>,
    takes: Arc<Takes>,
    differs: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Played {
    /// The model of a run as far as it was kept. `showing` is its [`Model::needs_showing`]; `differs` is called with the first pass that is not the one that was
    /// kept, and should end the run.
    pub fn new(
        info: ModelInfo,
        showing: Option<u32>,
        takes: Arc<Takes>,
        differs: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        Played { info, showing, takes, differs: Arc::new(differs) }
    }
}

impl Model for Played {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn new_store(&self, _pages: u32, _page_size: u32) -> Box<dyn KvStore> {
        Box::new(NoStore)
    }

    fn needs_showing(&self) -> Option<u32> {
        self.showing
    }

    fn forward(
        &self,
        _batch: &Batch<'_>,
        _store: &mut dyn KvStore,
        _outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        Err(ModelError::Failed("of this model there are only recorded passes".to_owned()))
    }

    fn tape(&self) -> Option<Box<dyn Tape>> {
        Some(Box::new(Playing {
            takes: Arc::clone(&self.takes),
            differs: Arc::clone(&self.differs),
            over: false,
        }))
    }
}

struct Playing {
    takes: Arc<Takes>,
    differs: Arc<dyn Fn(&str) + Send + Sync>,
    /// Whether something has differed: what comes then says nothing new.
    over: bool,
}

impl Playing {
    fn find(&self, asked: &Value) -> Result<Take, String> {
        let Some((instance, pass)) = key(asked) else { return Err("the pass has no number".to_owned()) };
        let Some(take) = self.takes.get(&(instance, pass)) else {
            let count = self.takes.keys().filter(|(of, _)| *of == instance).count();
            return Err(format!(
                "instance {} runs pass {}, and {count} of it were recorded",
                instance.0, pass.0
            ));
        };
        match first_difference(&take.asked, asked) {
            None => Ok(take.clone()),
            Some((name, recorded, now)) => Err(format!(
                "pass {} of instance {} is not the recorded one: its `{name}` is {now}, and {recorded} was recorded",
                pass.0, instance.0
            )),
        }
    }
}

impl Tape for Playing {
    fn play(&mut self, asked: &Event) -> Option<Result<Take, String>> {
        let found = self.find(&Take::asked(asked));
        if let Err(why) = &found
            && !std::mem::replace(&mut self.over, true)
        {
            (self.differs)(why);
        }
        Some(found)
    }

    fn keeps(&self) -> bool {
        false
    }

    fn keep(&mut self, _kept: Kept) {}
}

/// Answers by instance and number of the pass.
pub type Replies = BTreeMap<(InstanceId, PassId), Vec<Reply>>;

/// A model some of whose passes get answers that are known, whatever it computes.
pub struct Branching {
    model: Arc<dyn Model>,
    replies: Arc<Replies>,
}

impl Branching {
    /// The model, and the answers.
    pub fn new(model: Arc<dyn Model>, replies: Replies) -> Self {
        Branching { model, replies: Arc::new(replies) }
    }
}

impl Model for Branching {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        self.model.new_store(pages, page_size)
    }

    fn slot_bytes(&self) -> u64 {
        self.model.slot_bytes()
    }

    fn needs_showing(&self) -> Option<u32> {
        self.model.needs_showing()
    }

    fn heed(&self, row: &mut [f32], tokens: &[u32]) {
        self.model.heed(row, tokens);
    }

    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        self.model.forward(batch, store, outputs)
    }

    fn tape(&self) -> Option<Box<dyn Tape>> {
        Some(Box::new(Known(Arc::clone(&self.replies))))
    }
}

struct Known(Arc<Replies>);

impl Tape for Known {
    fn play(&mut self, asked: &Event) -> Option<Result<Take, String>> {
        let asked = Take::asked(asked);
        let replies = self.0.get(&key(&asked)?)?.clone();
        Some(Ok(Take { asked, replies, margin: None }))
    }

    fn keeps(&self) -> bool {
        false
    }

    fn computes(&self) -> bool {
        true
    }

    fn keep(&mut self, _kept: Kept) {}
}

/// The first field in which two passes differ: its name, what was recorded, what is asked now.
fn first_difference(recorded: &Value, now: &Value) -> Option<(String, String, String)> {
    let (Value::Object(recorded), Value::Object(now)) = (recorded, now) else { return None };
    let names = now.keys().chain(recorded.keys());
    let name = names.into_iter().find(|name| now.get(*name) != recorded.get(*name))?;
    let shown = |fields: &serde_json::Map<String, Value>| {
        let text = fields.get(name).map_or_else(|| "nothing".to_owned(), Value::to_string);
        match text.char_indices().nth(120) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    };
    Some((name.clone(), shown(recorded), shown(now)))
}

/// Pages in which there is nothing, because nothing is computed.
struct NoStore;

impl KvStore for NoStore {
    fn copy(&mut self, _from: PageId, _to: PageId, _slots: u32) {}
    fn clear(&mut self, _page: PageId) {}
    fn swap_out(&mut self, _page: PageId, _slots: u32, _to: SwapId) {}
    fn swap_in(&mut self, _from: SwapId, _page: PageId) {}
    fn swap_drop(&mut self, _swap: SwapId) {}
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_bit_for_bit() {
        let numbers = Numbers(vec![0.1, -0.0, f32::NEG_INFINITY, f32::MIN_POSITIVE, 1e38]);
        let reply = Reply::Logits(numbers.clone());
        let read: Reply = serde_json::from_str(&serde_json::to_string(&reply).unwrap()).unwrap();
        let Reply::Logits(read) = read else { panic!("{read:?}") };
        let bits = |numbers: &Numbers| numbers.0.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&numbers));
        assert!(serde_json::from_str::<Numbers>("\"AAA=\"").is_err());
    }
}
