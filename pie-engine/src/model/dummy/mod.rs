//! The deterministic model: a faithful model of a KV cache that writes something like English, at once.
//!
//! It computes no tensors, but it keeps a cache as a transformer does and reads it as a transformer does (`attention`): what a row
//! answers depends on exactly the slots its mask lets it see, on their tokens, positions and adapters, and on what those had seen
//! when they were computed. So a fork, a truncation, a mask, a wrong page, a stale slot all show in the logits exactly when they
//! would show in a real model's, and reading a slot that nobody wrote is an error.
//!
//! The state that attention gives moves the logits; what they say comes from a table of learned texts (`prior`): after the visible
//! tokens, what came next in the texts, and for a reply, what was replied to messages like this one (`candidates`). Rules see
//! to it that turns are closed and that a reply, under whatever mask, comes to its end (`rules`). A script can put replies of its
//! own above all that (`script`).
//!
//! Invariants: a row's bits are a function of what it sees and of nothing else; forward neither allocates in proportion to the context
//! nor panics, whatever the batch holds; no floating-point function of the platform is called.
//!
//! What it cannot know is how a text looks that a grammar holds, since it sees tokens and no grammar. So where such a reply gets long, the
//! engine shows it the way to the end, and it goes that way ([`Model::heed`]).
//!
//! An adapter changes the state, and moves the logits by a small network of its own (`overlay`).
//!
//! Reading order: `store`, `attention`, then `head`, which puts a row together.

mod attention;
mod candidates;
mod conversation;
mod embedding;
mod head;
mod overlay;
mod prior;
mod rules;
mod scratch;
mod script;
mod store;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use prior::build_prior;
pub use script::{Script, ScriptError, ScriptedReplies};
pub use store::DummyStore;

use super::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs, Sequence};
use crate::trace::sha256_hex;
use attention::Attention;
use embedding::append_embedding;
use head::Head;
use prior::Prior;

/// The version of the rules by which rows are made: part of the digest, to be raised when any output changes.
const RULES: &str = "dummy rules 2";
/// The tokens that a reply has which is held to a grammar. What an inferlet gives as its limit, most often.
const REPLY: u32 = 256;
/// How far a token that leads to an end stands above all others: so far that it is chosen at any temperature in use.
const SHOWN: f32 = 1e4;
/// The longest context, in tokens.
const MAX_POSITIONS: u32 = 1 << 17;

/// How to make a dummy.
#[derive(Clone, Debug)]
pub struct DummyConfig {
    /// The name that inferlets load it by.
    pub name: String,
    /// Replies that it gives.
    pub script: Option<ScriptedReplies>,
}

/// The deterministic model. Its tokenizer is [`Tokenizer::dummy`](crate::tokenizer::Tokenizer::dummy), its chat format
/// [`ChatFormat::dummy`](crate::chat::ChatFormat::dummy).
pub struct Dummy {
    info: ModelInfo,
    head: Head,
    script: Option<ScriptedReplies>,
}

impl Dummy {
    /// Makes the model. Takes well under a millisecond.
    pub fn new(config: DummyConfig) -> Dummy {
        let head = Head::new(Prior::embedded());
        let mut decisive = RULES.as_bytes().to_vec();
        decisive.extend_from_slice(Prior::embedded_bytes());
        if let Some(script) = &config.script {
            decisive.extend_from_slice(script.source().as_bytes());
        }
        let info = ModelInfo {
            name: config.name,
            digest: sha256_hex(&decisive),
            vocab_size: head.prior.vocab_size() as u32,
            max_positions: MAX_POSITIONS,
            embedding_size: Some(embedding::SIZE as u32),
            adapter_targets: overlay::targets(),
            kernel: "scalar".to_owned(),
        };
        Dummy { info, head, script: config.script }
    }

    fn forward_sequence(
        &self,
        sequence: &Sequence<'_>,
        store: &mut DummyStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        // Taken out, because the rows use it while they read the store.
        let mut scratch = std::mem::take(&mut store.scratch);
        let mut attention = Attention::new(sequence, store, self.info.vocab_size)?;
        let written = attention.write();
        let done = written.and_then(|()| {
            attention.rows(|row, state| {
                scratch.text.clear();
                attention.for_each_other(row, |keys| scratch.text.add(keys));
                scratch.text.finish(sequence.tokens[row], sequence.positions[row]);
                let start = outputs.logits.len();
                self.head.append_row(state, &mut scratch, &mut outputs.logits);
                if let Some(overlay) = sequence.adapter {
                    overlay::move_logits(overlay, sequence.tokens[row], &mut outputs.logits[start..]);
                }
                if let Some(script) = &self.script {
                    script.raise(&scratch.text.tokens, &mut outputs.logits[start..]);
                }
                if sequence.embeddings {
                    append_embedding(&self.head.prior, &scratch.text.tokens, state, &mut outputs.embeddings);
                }
            })
        });
        store.scratch = scratch;
        done
    }
}

impl Model for Dummy {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        Box::new(DummyStore::new(pages, page_size))
    }

    fn needs_showing(&self) -> Option<u32> {
        Some(REPLY)
    }

    fn heed(&self, row: &mut [f32], tokens: &[u32]) {
        let highest = row.iter().copied().fold(f32::MIN, f32::max);
        for &token in tokens {
            if let Some(logit) = row.get_mut(token as usize) {
                *logit += highest + SHOWN;
            }
        }
    }

    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        outputs.logits.clear();
        outputs.embeddings.clear();
        let Some(store) = store.as_any_mut().downcast_mut::<DummyStore>() else {
            return Err(ModelError::Failed("the store was made by another model".to_owned()));
        };
        store.check_page_size(batch.page_size)?;
        batch.sequences.iter().try_for_each(|sequence| self.forward_sequence(sequence, store, outputs))
    }
}
