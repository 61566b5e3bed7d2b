//! One step: plan, run the model, sample, deliver.

use super::Core;
use super::passes::Pending;
use crate::ids::{InstanceId, PageId, PassId};
use crate::model::{Batch, ModelError, Sequence};
use crate::sched::{self, Planned};
use crate::trace::{Event, Recorder};

/// The share of one pass in a step.
struct Share {
    key: u64,
    /// The range of input tokens.
    from: u32,
    to: u32,
    /// The input tokens in the range whose outputs are wanted, relative to `from`, rising.
    rows: Vec<u32>,
    /// Whether embeddings are wanted besides logits.
    embeddings: bool,
}

impl Core {
    /// Runs one step, if there is anything to do. Answers reach their instances before it returns.
    pub fn step(&mut self) -> bool {
        if self.passes.is_empty() {
            return false;
        }
        let planned = sched::plan(&self.queue, self.config.page_size, &self.config.step);
        let shares: Vec<Share> = planned.iter().filter_map(|planned| self.share(planned)).collect();
        self.announce(&shares);
        if !shares.is_empty() {
            match self.forward(&shares) {
                Ok(()) => self.account(&shares),
                Err(error) => self.fail(&shares, &error),
            }
        }
        while let Some(key) = self.complete.pop_front() {
            if let Some(pending) = self.passes.remove(&key) {
                self.deliver(pending);
            }
        }
        self.retry_deferred();
        true
    }

    fn share(&self, planned: &Planned) -> Option<Share> {
        let pending = self.passes.get(&planned.pass)?;
        let from = pending.done;
        let to = from + planned.tokens;
        let questions = &pending.request.questions;
        let inside = questions.iter().filter(|question| (from..to).contains(&question.index));
        let mut rows: Vec<u32> = inside.map(|question| question.index - from).collect();
        rows.sort_unstable();
        rows.dedup();
        let embeddings = questions.iter().any(|question| question.ask.is_embedding());
        Some(Share { key: planned.pass, from, to, rows, embeddings })
    }

    fn forward(&mut self, shares: &[Share]) -> Result<(), ModelError> {
        self.sync_store();
        let (passes, kv) = (&self.passes, &self.kv);
        let sequences = shares.iter().filter_map(|share| {
            let pending = passes.get(&share.key)?;
            Some(sequence(pending, share, kv.pages(pending.table).ok()?))
        });
        let batch = Batch { sequences: sequences.collect(), page_size: self.config.page_size };
        self.model.model.forward(&batch, self.store.as_mut(), &mut self.outputs)
    }

    /// Samples what was computed, and moves finished passes to the ones to be delivered.
    fn account(&mut self, shares: &[Share]) {
        let (mut logits, mut embeddings) = (0, 0);
        for share in shares {
            let Some(mut pending) = self.passes.remove(&share.key) else { continue };
            self.sample(&mut pending, share.from, &share.rows, logits, embeddings);
            logits += share.rows.len();
            embeddings += if share.embeddings { share.rows.len() } else { 0 };
            pending.done = share.to;
            // Guesses are not written for good before it is known that they hold.
            let written = pending.claim.start + share.to.min(pending.request.input_len());
            let written = self.kv.written(pending.table, written);
            debug_assert!(written.is_ok(), "a pass in flight has a table: {written:?}");
            self.queue.advance(share.key, share.to - share.from);
            if pending.left() == 0 {
                self.verify(&mut pending);
                self.draft(&mut pending);
                self.complete.push_back(share.key);
            }
            self.passes.insert(share.key, pending);
        }
    }

    /// The model failed: nobody in the batch gets an answer, and their tokens are taken back.
    fn fail(&mut self, shares: &[Share], error: &ModelError) {
        for share in shares {
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

    fn announce(&mut self, shares: &[Share]) {
        if shares.is_empty() {
            return;
        }
        self.steps += 1;
        let members: Vec<(u64, InstanceId, PassId)> = shares
            .iter()
            .filter_map(|share| self.passes.get(&share.key).map(|p| (share.key, p.instance, p.pass)))
            .collect();
        let recorder = members
            .first()
            .and_then(|(_, instance, _)| self.instances.get(instance))
            .map(|entry| Recorder::clone(&entry.recorder));
        if let Some(recorder) = recorder {
            let passes = members.into_iter().map(|(_, instance, pass)| (instance, pass)).collect();
            let rows = shares.iter().map(|share| share.to - share.from).sum();
            recorder.record(Event::Step { step: self.steps, passes, rows });
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
