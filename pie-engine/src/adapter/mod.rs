//! Adapters: low-rank changes to a model's weights (LoRA: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021), and their training
//! by evolution strategies.
//!
//! An adapter belongs to a user and has a name. It lives in the engine, whoever made it, until it is destroyed or the engine ends. A pass
//! gets an [`Overlay`] of it, which is fixed when the pass is accepted: what happens to the adapter afterwards changes later passes only.
//!
//! A candidate of a training is the adapter plus noise that follows from a seed, so a candidate is nothing but its seed ([`strategy`]). Nothing
//! here depends on the machine or on the order of a map.

mod file;
mod noise;
mod strategy;
#[cfg(test)]
mod tests;

pub use file::FileError;
pub use strategy::{Settings, StrategyError};

use crate::model::{LowRank, ModelInfo, Overlay};
use noise::noise;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strategy::Strategy;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;
/// The most adapters that a user may have at once.
pub const MOST_ADAPTERS: usize = 256;
/// What all adapters of a user take, in bytes.
pub const USER_BYTES: u64 = 256 << 20;
/// How many candidates of an adapter are kept for their next pass.
const KEPT_CANDIDATES: usize = 16;
/// The noise that the first weights of an adapter to be trained are made of.
const FIRST_WEIGHTS: i64 = 0;

/// Something cannot be done with an adapter.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AdapterError {
    /// The model has nothing that adapters could change.
    #[error("the model takes no adapters")]
    NoTargets,
    /// A name is empty or too long.
    #[error("the adapter's name has {0} bytes; 1 to {LONGEST_NAME} are allowed")]
    Name(usize),
    /// A name is in use.
    #[error("there is an adapter called `{0}`; open it, or choose another name")]
    Exists(String),
    /// There are too many.
    #[error("{MOST_ADAPTERS} adapters exist, and more are not allowed; destroy one first")]
    TooMany,
    /// They are too large.
    #[error(
        "the adapters would take {wanted} bytes together, and {USER_BYTES} are allowed; destroy one first"
    )]
    TooLarge {
        /// Bytes that they would take.
        wanted: u64,
    },
    /// It was destroyed, or replaced by a fork.
    #[error("adapter `{0}` has been destroyed")]
    Gone(String),
    /// It has a rank already.
    #[error("the adapter has weights of rank {has}, which cannot be trained with rank {asked}")]
    Rank {
        /// The rank of its weights.
        has: u32,
        /// The rank of the settings.
        asked: u32,
    },
    /// It is used with a seed, or updated, before it was prepared.
    #[error("adapter `{0}` is not prepared for training; call `initialize` first")]
    NotPrepared(String),
    /// An update would make weights that are no numbers.
    #[error("the update would make weights that are no numbers; use a smaller sigma")]
    Diverged,
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Settings or results make no sense.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
}

/// The weights of an adapter.
#[derive(Clone, Debug, PartialEq)]
struct Lora {
    rank: u32,
    alpha: f32,
    /// One for each target of the model.
    layers: Vec<LowRank>,
}

impl Lora {
    /// Weights that change nothing yet: small noise below, scaled as usual for a matrix of so many inputs, and zero above.
    fn new(rank: u32, alpha: f32, model: &ModelInfo) -> Lora {
        let mut noise = noise(FIRST_WEIGHTS);
        let layers = model.adapter_targets.iter().map(|target| {
            let scale = 1.0 / (target.inputs as f32).sqrt();
            let down = noise.by_ref().take(rank as usize * target.inputs as usize);
            let down = down.map(|number| scale * number).collect();
            LowRank { down, up: vec![0.0; rank as usize * target.outputs as usize] }
        });
        Lora { rank, alpha, layers: layers.collect() }
    }

    fn count(&self) -> usize {
        self.layers.iter().map(|layer| layer.down.len() + layer.up.len()).sum()
    }

    fn numbers_mut(&mut self) -> impl Iterator<Item = &mut f32> {
        self.layers.iter_mut().flat_map(LowRank::numbers_mut)
    }

    fn is_finite(&self) -> bool {
        self.layers.iter().flat_map(LowRank::numbers).all(|number| number.is_finite())
    }

    fn overlay(self) -> Option<Arc<Overlay>> {
        Overlay::new(self.rank, self.alpha / self.rank as f32, self.layers).map(Arc::new)
    }
}

/// What an adapter is at the moment.
#[derive(Clone, Debug, Default)]
struct Content {
    lora: Option<Lora>,
    training: Option<Strategy>,
    /// Candidates that were asked for last, latest last.
    candidates: VecDeque<(Option<i64>, Option<Arc<Overlay>>)>,
}

impl Content {
    fn bytes(&self) -> u64 {
        let lora = self.lora.as_ref().map_or(0, |lora| 4 * lora.count() as u64);
        lora + self.training.as_ref().map_or(0, Strategy::bytes)
    }

    /// The weights, with the noise of a seed if there is one.
    fn overlay(&self, seed: Option<i64>) -> Option<Arc<Overlay>> {
        let mut lora = self.lora.clone()?;
        if let (Some(seed), Some(training)) = (seed, &self.training) {
            let sigma = training.sigma();
            for (weight, noise) in lora.numbers_mut().zip(noise(seed)) {
                *weight += sigma * noise;
            }
        }
        lora.overlay()
    }
}

/// The adapters of an engine. Clones share them.
#[derive(Clone, Debug)]
pub struct Adapters {
    model: Arc<ModelInfo>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By number. No number is used twice, so a handle of an adapter that is gone finds nothing.
    contents: BTreeMap<u64, Content>,
    names: BTreeMap<(Arc<str>, String), u64>,
    made: u64,
}

/// A handle of an adapter. Clones are handles of the same one; dropping them changes nothing.
#[derive(Clone, Debug)]
pub struct Adapter {
    adapters: Adapters,
    user: Arc<str>,
    name: String,
    number: u64,
}

impl Adapters {
    /// No adapters yet, for a model.
    pub fn new(model: &ModelInfo) -> Adapters {
        Adapters { model: Arc::new(model.clone()), inner: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new adapter, which changes nothing yet.
    pub fn create(&self, user: &Arc<str>, name: &str) -> Result<Adapter, AdapterError> {
        let mut inner = self.lock();
        if self.model.adapter_targets.is_empty() {
            return Err(AdapterError::NoTargets);
        }
        if inner.names.contains_key(&(Arc::clone(user), name.to_owned())) {
            return Err(AdapterError::Exists(name.to_owned()));
        }
        let number = inner.put(user, name, Content::default())?;
        Ok(self.handle(user, name, number))
    }

    /// The adapter of this name, if there is one.
    pub fn open(&self, user: &Arc<str>, name: &str) -> Option<Adapter> {
        let number = *self.lock().names.get(&(Arc::clone(user), name.to_owned()))?;
        Some(self.handle(user, name, number))
    }

    fn handle(&self, user: &Arc<str>, name: &str, number: u64) -> Adapter {
        Adapter { adapters: self.clone(), user: Arc::clone(user), name: name.to_owned(), number }
    }
}

impl Inner {
    /// Puts an adapter under a name, in the place of one that has it.
    fn put(&mut self, user: &Arc<str>, name: &str, content: Content) -> Result<u64, AdapterError> {
        if !(1..=LONGEST_NAME).contains(&name.len()) {
            return Err(AdapterError::Name(name.len()));
        }
        let key = (Arc::clone(user), name.to_owned());
        let replaced = self.names.get(&key).copied();
        let numbers = self.of(user);
        if numbers.len() >= MOST_ADAPTERS && replaced.is_none() {
            return Err(AdapterError::TooMany);
        }
        self.check_room(user, replaced, content.bytes())?;
        if let Some(replaced) = replaced {
            self.contents.remove(&replaced);
        }
        self.made += 1;
        self.contents.insert(self.made, content);
        self.names.insert(key, self.made);
        Ok(self.made)
    }

    /// The numbers of a user's adapters.
    fn of(&self, user: &Arc<str>) -> Vec<u64> {
        let first = (Arc::clone(user), String::new());
        self.names
            .range(first..)
            .take_while(|((owner, _), _)| owner == user)
            .map(|(_, &number)| number)
            .collect()
    }

    /// Whether a user's adapters, but for one, leave room for so many bytes.
    fn check_room(&self, user: &Arc<str>, but: Option<u64>, bytes: u64) -> Result<(), AdapterError> {
        let others = self.of(user).into_iter().filter(|&number| Some(number) != but);
        let taken: u64 = others.filter_map(|number| Some(self.contents.get(&number)?.bytes())).sum();
        let wanted = taken + bytes;
        if wanted > USER_BYTES { Err(AdapterError::TooLarge { wanted }) } else { Ok(()) }
    }
}

impl Adapter {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many numbers it has, or would have with this rank.
    pub fn numbers(&self, rank: Option<u32>) -> u64 {
        let has = || self.content(|content| content.lora.as_ref().map_or(0, |lora| lora.rank)).unwrap_or(0);
        let rank = rank.unwrap_or_else(has);
        let targets = self.adapters.model.adapter_targets.iter();
        let sides: u64 = targets.map(|target| u64::from(target.inputs) + u64::from(target.outputs)).sum();
        sides.saturating_mul(rank.into())
    }

    /// Removes it. Handles of it find nothing from then on.
    pub fn destroy(&self) -> Result<(), AdapterError> {
        let mut inner = self.adapters.lock();
        if inner.contents.remove(&self.number).is_none() {
            return Err(AdapterError::Gone(self.name.clone()));
        }
        inner.names.remove(&(Arc::clone(&self.user), self.name.clone()));
        Ok(())
    }

    /// A copy under another name, in the place of an adapter that has it.
    pub fn fork(&self, name: &str) -> Result<Adapter, AdapterError> {
        let content = self.content(|content| content.clone())?;
        let number = self.adapters.lock().put(&self.user, name, content)?;
        Ok(self.adapters.handle(&self.user, name, number))
    }

    /// Takes weights from a file. A training has to be prepared anew.
    pub fn load(&self, file: &[u8]) -> Result<(), AdapterError> {
        let lora = file::read(file, &self.adapters.model)?;
        self.replace(Content { lora: Some(lora), ..Content::default() })
    }

    /// Its weights as a file. An adapter that has none yet gets a file of rank 1 that changes nothing.
    pub fn save(&self) -> Result<Vec<u8>, AdapterError> {
        let model = &self.adapters.model;
        let lora = self.content(|content| content.lora.clone())?;
        Ok(file::write(&lora.unwrap_or_else(|| Lora::new(1, 1.0, model)), model)?)
    }

    /// What a pass is to apply: nothing, if it would change nothing. With a seed, a candidate of the training.
    pub fn overlay(&self, seed: Option<i64>) -> Result<Option<Arc<Overlay>>, AdapterError> {
        self.content(|content| {
            if seed.is_some() && content.training.is_none() {
                return Err(AdapterError::NotPrepared(self.name.clone()));
            }
            if let Some((_, kept)) = content.candidates.iter().find(|(kept, _)| *kept == seed) {
                return Ok(kept.clone());
            }
            let overlay = content.overlay(seed);
            if content.candidates.len() == KEPT_CANDIDATES {
                content.candidates.pop_front();
            }
            content.candidates.push_back((seed, overlay.clone()));
            Ok(overlay)
        })?
    }

    /// Prepares a training. Weights that it has are trained further, if their rank is that of the settings.
    pub fn initialize(&self, settings: &Settings) -> Result<(), AdapterError> {
        settings.check()?;
        // Weights and path, before they are made.
        let wanted = 8 * self.numbers(Some(settings.rank));
        self.adapters.lock().check_room(&self.user, Some(self.number), wanted)?;
        let model = &self.adapters.model;
        let mut lora = match self.content(|content| content.lora.clone())? {
            Some(lora) if lora.rank != settings.rank => {
                return Err(AdapterError::Rank { has: lora.rank, asked: settings.rank });
            }
            Some(lora) => lora,
            None => Lora::new(settings.rank, settings.alpha, model),
        };
        lora.alpha = settings.alpha;
        let training = Some(Strategy::new(settings, lora.count()));
        self.replace(Content { lora: Some(lora), training, ..Content::default() })
    }

    /// Moves the weights to the candidates that scored best, and says what sigma is now.
    pub fn update(&self, scores: &[f32], seeds: &[i64], max_sigma: f32) -> Result<f32, AdapterError> {
        let (lora, training) = self.content(|content| (content.lora.clone(), content.training.clone()))?;
        let (Some(mut lora), Some(mut training)) = (lora, training) else {
            return Err(AdapterError::NotPrepared(self.name.clone()));
        };
        training.update(lora.numbers_mut(), scores, seeds, max_sigma)?;
        if !lora.is_finite() {
            return Err(AdapterError::Diverged);
        }
        let sigma = training.sigma();
        self.replace(Content { lora: Some(lora), training: Some(training), ..Content::default() })?;
        Ok(sigma)
    }

    /// Candidates a round, if it is prepared for training.
    pub fn population(&self) -> Option<u32> {
        self.content(|content| content.training.as_ref().map(Strategy::population)).ok().flatten()
    }

    fn content<T>(&self, act: impl FnOnce(&mut Content) -> T) -> Result<T, AdapterError> {
        let mut inner = self.adapters.lock();
        inner.contents.get_mut(&self.number).map(act).ok_or_else(|| AdapterError::Gone(self.name.clone()))
    }

    fn replace(&self, content: Content) -> Result<(), AdapterError> {
        let mut inner = self.adapters.lock();
        inner.check_room(&self.user, Some(self.number), content.bytes())?;
        match inner.contents.get_mut(&self.number) {
            Some(place) => *place = content,
            None => return Err(AdapterError::Gone(self.name.clone())),
        }
        Ok(())
    }
}
