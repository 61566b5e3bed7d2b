//! One step: plan, run the model, sample, deliver.

use super::Core;
use super::passes::Pending;
use crate::ids::{InstanceId, ModelNumber, PageId, PassId};
use crate::model::{Batch, ModelError, Sequence};
use crate::sched::market::Credits;
use crate::sched::{self, Planned};
use crate::trace::Event;

/// The share of one pass, or of content that is computed again, in a step.
pub(super) struct Share {
    pub key: u64,
    /// The model that computes it.
    model: ModelNumber,
    /// The range of input tokens.
    pub from: u32,
    pub to: u32,
    /// The input tokens in the range whose outputs are wanted, relative to `from`, rising.
    rows: Vec<u32>,
    /// Whether embeddings are wanted besides logits.
    embeddings: bool,
}

impl Core {
    /// Runs one step, if there is anything to do. Answers reach their instances before it returns.
    pub fn step(&mut self) -> bool {
        let auctioned = self.allocate();
        let mut planned = sched::plan(&self.queue, self.config.page_size, &self.config.step);
        self.interleaving.thin(&mut planned);
        let shares: Vec<Share> = planned.iter().filter_map(|planned| self.share(planned)).collect();
        if shares.is_empty() && self.complete.is_empty() && !auctioned.acted {
            return false;
        }
        self.announce(&shares, auctioned.price);
        self.settle(auctioned.price, &shares);
        if !shares.is_empty() {
            self.sync_stores();
            for model in self.models.numbers() {
                let shares: Vec<&Share> = shares.iter().filter(|share| share.model == model).collect();
                match self.forward(model, &shares) {
                    Ok(()) => self.account(&shares),
                    Err(error) => self.fail(&shares, &error),
                }
            }
        }
        while let Some(key) = self.complete.pop_front() {
            if let Some(pending) = self.passes.remove(&key) {
                self.deliver(pending);
            }
        }
        self.retry_deferred();
        self.inspect();
        true
    }

    fn share(&self, planned: &Planned) -> Option<Share> {
        if let Some(from) = self.rebuild_done(planned.pass) {
            let to = from + planned.tokens;
            let model = self.rebuild_model(planned.pass)?;
            return Some(Share { key: planned.pass, model, from, to, rows: Vec::new(), embeddings: false });
        }
        let pending = self.passes.get(&planned.pass)?;
        let from = pending.done;
        let to = from + planned.tokens;
        let questions = &pending.request.questions;
        let inside = questions.iter().filter(|question| (from..to).contains(&question.index));
        let mut rows: Vec<u32> = inside.map(|question| question.index - from).collect();
        rows.sort_unstable();
        rows.dedup();
        let embeddings = questions.iter().any(|question| question.ask.is_embedding());
        Some(Share { key: planned.pass, model: pending.request.model, from, to, rows, embeddings })
    }

    fn forward(&mut self, model: ModelNumber, shares: &[&Share]) -> Result<(), ModelError> {
        if shares.is_empty() || self.plays() {
            return Ok(());
        }
        let (passes, pressure, kv) = (&self.passes, &self.pressure, &self.kv);
        let sequences = shares.iter().filter_map(|share| {
            let Some(pending) = passes.get(&share.key) else { return pressure.rebuild_sequence(share, kv) };
            Some(sequence(pending, share, kv.pages(pending.table).ok()?))
        });
        let batch = Batch { sequences: sequences.collect(), page_size: self.config.page_size };
        let store = &mut self.stores[model.0 as usize];
        self.models[model].model.forward(&batch, store.as_mut(), &mut self.outputs)
    }

    /// Samples what was computed, and moves finished passes to the ones to be delivered.
    fn account(&mut self, shares: &[&Share]) {
        let (mut logits, mut embeddings) = (0, 0);
        for share in shares {
            if self.rebuilt(share) {
                continue;
            }
            let Some(mut pending) = self.passes.remove(&share.key) else { continue };
            if !self.plays() {
                self.sample(&mut pending, share.from, &share.rows, logits, embeddings);
            }
            logits += share.rows.len();
            embeddings += if share.embeddings { share.rows.len() } else { 0 };
            pending.done = share.to;
            // Guesses are not written for good before it is known that they hold.
            let written = pending.claim.start + share.to.min(pending.request.input_len());
            let written = self.kv.written(pending.table, written);
            debug_assert!(written.is_ok(), "a pass in flight has a table: {written:?}");
            self.queue.advance(share.key, share.to - share.from);
            if pending.left() == 0 {
                pending.take_played();
                self.verify(&mut pending);
                self.draft(&mut pending);
                self.complete.push_back(share.key);
            }
            self.passes.insert(share.key, pending);
        }
    }

    /// The model failed: nobody in the batch gets an answer, and their tokens are taken back.
    fn fail(&mut self, shares: &[&Share], error: &ModelError) {
        if matches!(error, ModelError::Unwritten { .. }) {
            self.found(error.to_string());
        }
        for share in shares {
            if self.rebuild_failed(share.key, &error.to_string()) {
                continue;
            }
            let Some(mut pending) = self.passes.remove(&share.key) else { continue };
            self.queue.remove(share.key);
            let abandoned = self.kv.abandon(pending.table, pending.claim.start);
            debug_assert!(abandoned.is_ok(), "a pass in flight has a table: {abandoned:?}");
            let table = pending.table;
            pending.error = Some(error.to_string());
            self.deliver(pending);
            // Later passes of the table would have built on this one.
            self.forget_passes("an earlier pass of the context failed", |pending| pending.table == table);
        }
    }

    fn announce(&mut self, shares: &[Share], price: Credits) {
        if shares.is_empty() {
            return;
        }
        self.steps += 1;
        let passes: Vec<(InstanceId, PassId)> = shares
            .iter()
            .filter_map(|share| self.passes.get(&share.key).map(|pending| (pending.instance, pending.pass)))
            .collect();
        let rows = |shares: &mut dyn Iterator<Item = &Share>| shares.map(|share| share.to - share.from).sum();
        let recomputed = rows(&mut shares.iter().filter(|share| !self.passes.contains_key(&share.key)));
        let (rows, price) = (rows(&mut shares.iter()), price.as_f64());
        if let Some(recorder) = &self.recorder {
            recorder.record(Event::Step { step: self.steps, passes, rows, recomputed, price });
        }
    }
}

fn sequence<'a>(pending: &'a Pending, share: &'a Share, pages: &'a [PageId]) -> Sequence<'a> {
    let range = share.from as usize..share.to as usize;
    let request = &pending.request;
    Sequence {
        tokens: &request.tokens[range.clone()],
        positions: &request.positions[range.clone()],
        pages,
        start: pending.claim.start + share.from,
        masks: request.masks.as_ref().map(|masks| &masks[range]),
        adapter: request.overlay(),
        rows: &share.rows,
        embeddings: share.embeddings,
    }
}
