//! Forward passes from acceptance to delivery.

use super::contexts::text;
use super::operation::{Answer, Counts, PassOutput, PassRequest};
use super::{Core, Entry, speculation};
use crate::ids::{InstanceId, PassId};
use crate::kv::{Claim, Input, TableId};
use crate::model::tape::Take;
use crate::sched::Queued;
use crate::trace::{AppliedAdapter, Bytes, Event, Record, Slot, Tokens, sha256_hex};
use std::sync::Arc;

/// A pass that has been accepted and not yet answered.
pub(super) struct Pending {
    pub instance: InstanceId,
    pub pass: PassId,
    /// The table it writes to: its context's, or one of its own.
    pub table: TableId,
    pub request: PassRequest,
    /// The slots of its tokens.
    pub claim: Claim,
    /// How many of its tokens need no more computing.
    pub done: u32,
    /// The draw of its first sampler.
    pub draws: u64,
    pub answers: Vec<Option<Answer>>,
    /// How many of its guesses hold, once they are verified.
    pub held: Option<u32>,
    /// The drafter's guesses at what follows.
    pub guesses: Vec<u32>,
    /// The least margin of its arg max samplers.
    pub margin: Option<f32>,
    /// Why it failed, if sampling did.
    pub error: Option<String>,
    /// Its answers, where they are not computed.
    pub played: Option<Take>,
    /// What it asks, where it is to be kept.
    pub asked: Option<Arc<Record>>,
}

impl Pending {
    /// Tokens that are still to be computed.
    pub fn left(&self) -> u32 {
        self.request.tokens.len() as u32 - self.done
    }

    /// What the queue knows of it.
    pub fn queued(&self, key: u64) -> Queued {
        Queued {
            pass: key,
            table: self.table.as_u64(),
            slot: self.claim.start + self.done,
            tokens: self.left(),
            splittable: self.request.masks.is_none(),
        }
    }
}

/// How many entries of a distribution a trace keeps.
const DISTRIBUTION_HEAD: usize = 8;

impl Core {
    /// Claims slots for a pass and queues it.
    pub(super) fn execute(
        &mut self,
        instance: InstanceId,
        request: PassRequest,
    ) -> Result<(PassId, Counts), String> {
        self.check_positions(&request)?;
        let table = self.table_for(instance, &request)?;
        let accepted = self.claim(instance, table, request);
        if accepted.is_err() && !self.is_context_table(instance, table) {
            self.free_table(table);
        }
        accepted
    }

    fn check_positions(&self, request: &PassRequest) -> Result<(), String> {
        let limit = self.models[request.model].info().max_positions;
        match request.positions.iter().position(|&position| position >= limit) {
            None => Ok(()),
            Some(index) => Err(format!(
                "{} has position {}, and the model's positions end at {}",
                request.name(index),
                request.positions[index],
                limit - 1
            )),
        }
    }

    /// The table of the pass's context, or a new one that is just large enough.
    fn table_for(&mut self, instance: InstanceId, request: &PassRequest) -> Result<TableId, String> {
        if let Some(context) = request.context {
            let table = self.context(instance, context)?.table;
            self.require_model(table, request.model, || "the pass's context".to_owned())?;
            return Ok(table);
        }
        let table = self.kv.create_for(request.model);
        self.join(table, instance, None);
        let pages = (request.tokens.len() as u32).div_ceil(self.config.page_size);
        match self.kv.reserve(table, pages) {
            Ok(()) => Ok(table),
            Err(error) => {
                self.free_table(table);
                Err(text(error))
            }
        }
    }

    fn is_context_table(&self, instance: InstanceId, table: TableId) -> bool {
        let entry = self.instances.get(&instance);
        entry.is_some_and(|entry| entry.contexts.values().any(|context| context.table == table))
    }

    fn claim(
        &mut self,
        instance: InstanceId,
        table: TableId,
        request: PassRequest,
    ) -> Result<(PassId, Counts), String> {
        let start = self.kv.counts(table).map_err(text)?.tokens;
        check_masks(&request, start)?;
        let wanted = request.questions.iter().map(|question| question.index as usize).min();
        let input = Input {
            tokens: &request.tokens,
            positions: &request.positions,
            plain: request.masks.is_none() && request.overlay().is_none(),
            wanted_from: wanted.unwrap_or(request.tokens.len()),
        };
        let claim = self.kv.claim(table, input).map_err(text)?;
        let mut counts = self.counts(table);
        let key = self.next_pass;
        self.next_pass += 1;
        let entry = self.entry(instance)?;
        let pass = entry.next_pass();
        entry.count(&request, claim.reused);
        let draws = entry.draw(&request);
        let context = request.context.and_then(|context| entry.contexts.get_mut(&context));
        counts.rejected = context.map_or(0, |context| context.rejected);
        let asked = describe(instance, pass, &request, start, claim.reused);
        let asked = entry.recorder.record(asked);
        let (played, error) = self.played(&asked.event);
        let asked = self.keeps().then_some(asked);
        let answers = vec![None; request.questions.len()];
        let pending = Pending {
            instance,
            pass,
            table,
            claim,
            done: claim.reused,
            draws,
            answers,
            held: None,
            guesses: Vec::new(),
            margin: None,
            error,
            played,
            asked,
            request,
        };
        self.enqueue(key, pending);
        Ok((pass, counts))
    }

    /// Queues a pass, unless its table has no pages: then it is parked until the table is back.
    fn enqueue(&mut self, key: u64, pending: Pending) {
        if pending.left() == 0 {
            self.complete.push_back(key);
        } else if self.kv.is_ready(pending.table) == Ok(true) {
            self.queue.push(pending.queued(key));
        }
        self.passes.insert(key, pending);
    }

    /// Drops passes whose answers nobody wants any more.
    pub(super) fn forget_passes(&mut self, why: &str, which: impl Fn(&Pending) -> bool) {
        let keys: Vec<u64> =
            self.passes.iter().filter(|(_, pending)| which(pending)).map(|(&key, _)| key).collect();
        for key in keys {
            self.queue.remove(key);
            self.complete.retain(|&complete| complete != key);
            if let Some(mut pending) = self.passes.remove(&key) {
                pending.error = Some(why.to_owned());
                self.deliver(pending);
            }
        }
    }

    /// Answers a pass and forgets it.
    pub(super) fn deliver(&mut self, pending: Pending) {
        let Pending { instance, pass, answers, held, guesses, margin, error, request, table, asked, .. } =
            pending;
        let mut rejected = 0;
        if let Ok(entry) = self.entry(instance) {
            entry.usage.least_margin = least(entry.usage.least_margin, margin);
        }
        match request.context {
            Some(context) => {
                if let Ok(context) = self.context(instance, context) {
                    context.in_flight -= 1;
                    context.verifying &= request.guesses == 0;
                    rejected = context.rejected;
                }
            }
            None => self.free_table(table),
        }
        let answers: Option<Vec<Answer>> = answers.into_iter().collect();
        let result = match (error, answers) {
            (Some(error), _) => Err(error),
            (None, Some(answers)) => {
                let guess_positions = speculation::guess_positions(&request, held, guesses.len());
                Ok(PassOutput { answers, guesses, guess_positions, rejected })
            }
            (None, None) => Err("the engine left a question unanswered".to_owned()),
        };
        self.record(
            instance,
            match &result {
                Ok(PassOutput { answers, guesses, .. }) => {
                    let slots = answers.iter().map(slot).collect();
                    let guesses = (!guesses.is_empty()).then(|| Tokens::from(guesses.clone()));
                    Event::PassDone { instance, pass, slots, held, guesses, margin }
                }
                Err(error) => Event::PassFailed { instance, pass, error: error.clone() },
            },
        );
        if let (Some(asked), Ok(PassOutput { answers, .. })) = (asked, &result) {
            self.keep(asked, answers, margin);
        }
        // A cell is set once, here; its instance may be gone.
        let _ = request.cell.set(result);
    }
}

impl Entry {
    fn count(&mut self, request: &PassRequest, reused: u32) {
        self.usage.passes += 1;
        self.usage.input_tokens += request.tokens.len() as u64;
        self.usage.reused_tokens += u64::from(reused);
        self.usage.drafted_tokens += u64::from(request.guesses);
        // What is chosen at guesses counts once it is known which of them hold.
        self.usage.sampled_tokens += request.choices_before(request.input_len());
    }

    /// The number of the pass's first draw. Draws are counted for each context, so that nobody else's draws matter; those at guesses
    /// once it is known which of them hold.
    fn draw(&mut self, request: &PassRequest) -> u64 {
        let draws = match request.context.and_then(|context| self.contexts.get_mut(&context)) {
            Some(context) => {
                context.in_flight += 1;
                context.verifying |= request.guesses > 0;
                &mut context.draws
            }
            None => &mut self.draws,
        };
        let first = *draws;
        *draws += request.draws_before(request.input_len());
        first
    }
}

/// The smaller of two margins, as far as there are any.
pub(super) fn least(a: Option<f32>, b: Option<f32>) -> Option<f32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A mask covers the slots up to its own token, or those of the whole pass.
fn check_masks(request: &PassRequest, start: u32) -> Result<(), String> {
    let Some(masks) = &request.masks else { return Ok(()) };
    let start = u64::from(start);
    let all = start + request.tokens.len() as u64;
    for (index, mask) in masks.iter().enumerate() {
        let causal = start + index as u64 + 1;
        let length = mask.total();
        if length != causal && length != all {
            return Err(format!(
                "the attention mask of input token {index} covers {length} slots; {causal} (up to the token) or {all} (the whole pass) are expected"
            ));
        }
        mask.validate(length)
            .map_err(|error| format!("the attention mask of input token {index} is wrong: {error}"))?;
    }
    Ok(())
}

fn describe(instance: InstanceId, pass: PassId, request: &PassRequest, start: u32, reused: u32) -> Event {
    let consecutive = request.positions.iter().copied().eq(start..start + request.positions.len() as u32);
    let (input, guessed) = request.tokens.split_at(request.input_len() as usize);
    let attention_mask = request.masks.as_ref().map(|masks| {
        let numbers =
            masks.iter().flat_map(|mask| std::iter::once(mask.0.len() as u32).chain(mask.0.iter().copied()));
        sha256_hex(&numbers.flat_map(u32::to_le_bytes).collect::<Vec<u8>>())
    });
    Event::Pass {
        instance,
        pass,
        context: request.context,
        tokens: Tokens::from(input.to_vec()),
        guesses: (!guessed.is_empty()).then(|| Tokens::from(guessed.to_vec())),
        positions: (!consecutive).then(|| Tokens::from(request.positions.clone())),
        reused,
        attention_mask,
        adapter: request.adapter.as_ref().map(|applied| AppliedAdapter {
            name: applied.name.clone(),
            seed: applied.seed,
            digest: applied.overlay.as_ref().map(|overlay| format!("{:016x}", overlay.digest())),
        }),
        allowed: request.allowed.as_ref().map(|allowed| allowed.count() as u32),
        shown: request.way_out.as_ref().map(|way| way.tokens.len() as u32),
        samplers: request.calls.clone(),
    }
}

/// What a trace keeps of an answer.
fn slot(answer: &Answer) -> Slot {
    match answer {
        Answer::Token(token) => Slot::Token(*token),
        Answer::Distribution(ids, probabilities) => {
            let head = ids.len().min(DISTRIBUTION_HEAD);
            Slot::Distribution {
                count: ids.len() as u32,
                ids: ids[..head].to_vec(),
                probabilities: probabilities[..head].to_vec(),
            }
        }
        Answer::Logits(logits) => Slot::Logits(bytes(logits)),
        Answer::Logprobs(logprobs) => Slot::Logprobs(logprobs.clone()),
        Answer::Entropy(entropy) => Slot::Entropy(*entropy),
        Answer::Embedding(embedding) => Slot::Embedding(bytes(embedding)),
    }
}

fn bytes(values: &[f32]) -> Bytes {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Bytes::Elided(Bytes::elide(&bytes))
}
