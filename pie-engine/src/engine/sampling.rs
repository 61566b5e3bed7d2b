//! From rows of logits to the answers of a pass.

use super::Core;
use super::operation::{Answer, Ask, PassRequest, Question};
use super::passes::{Pending, least};
use crate::bitset::Bitset;
use crate::sample::{self, Probe, Reading, SampleError, Scratch};

impl Ask {
    /// Whether the answer is a token.
    pub(super) fn is_choice(&self) -> bool {
        matches!(self, Ask::Sample(_))
    }

    /// Whether it takes randomness: the arg max does not.
    pub(super) fn draws(&self) -> bool {
        matches!(self, Ask::Sample(sampler) if !sampler.is_greedy())
    }

    /// Whether the answer is an embedding.
    pub(super) fn is_embedding(&self) -> bool {
        matches!(self, Ask::Probe(Probe::Embedding))
    }
}

/// One row of a step's outputs.
struct Row<'a> {
    logits: &'a [f32],
    embedding: Option<&'a [f32]>,
}

impl Core {
    /// Answers the questions about the rows of one pass. `logits` and `embeddings` are the indices of its first row among the step's
    /// outputs; row `i` is input token `from + rows[i]`.
    pub(super) fn sample(
        &mut self,
        pending: &mut Pending,
        from: u32,
        rows: &[u32],
        logits: usize,
        embeddings: usize,
    ) {
        let Some(entry) = self.instances.get(&pending.instance) else { return };
        let seed = entry.seed;
        let model = self.models[pending.request.model].info();
        let vocabulary = model.vocab_size as usize;
        let size = model.embedding_size.map(|size| size as usize);
        for (index, question) in pending.request.questions.iter().enumerate() {
            let counter = pending.draws + u64::from(question.draw);
            let Some(row) = question.index.checked_sub(from).and_then(|r| rows.binary_search(&r).ok()) else {
                continue;
            };
            let first = (logits + row) * vocabulary;
            let values = Row {
                logits: &self.outputs.logits[first..first + vocabulary],
                embedding: size.and_then(|size| {
                    let first = (embeddings + row) * size;
                    self.outputs.embeddings.get(first..first + size)
                }),
            };
            let shown = self.shown_row(&pending.request, question, values.logits);
            let values = Row { logits: shown.as_deref().unwrap_or(values.logits), ..values };
            let context = pending.request.context.map_or(0, |context| context.0);
            let random = |parameter| sample::draw_seed(seed, context, counter, parameter);
            let allowed = pending.request.allowed.as_ref();
            match answer(&question.ask, &values, allowed, random, &mut self.scratch) {
                Ok((answer, margin)) => {
                    pending.answers[index] = Some(answer);
                    pending.margin = least(pending.margin, margin);
                }
                Err(error) => pending.error = Some(error.to_string()),
            }
        }
    }
}

impl Core {
    /// The row for a question to which the model is shown the answer: the next token on the way to an end.
    fn shown_row(&self, request: &PassRequest, question: &Question, logits: &[f32]) -> Option<Vec<f32>> {
        let tokens = request.shown(question.index);
        if tokens.is_empty() || !question.ask.is_choice() {
            return None;
        }
        let mut row = logits.to_vec();
        self.models[request.model].model.heed(&mut row, tokens);
        Some(row)
    }
}

fn answer(
    ask: &Ask,
    row: &Row<'_>,
    allowed: Option<&Bitset>,
    random: impl Fn(u32) -> u64,
    scratch: &mut Scratch,
) -> Result<(Answer, Option<f32>), SampleError> {
    match ask {
        Ask::Sample(sampler) => {
            let draw = random(sampler.seed());
            let choice = sample::sample(row.logits, allowed, sampler, draw, scratch)?;
            Ok((Answer::Token(choice.token), choice.margin))
        }
        // Probes read what the model computed; the logit mask is for samplers.
        Ask::Probe(probe) => {
            let reading = sample::read(row.logits, row.embedding, None, probe, scratch)?;
            Ok((reading.into(), None))
        }
    }
}

impl From<Reading> for Answer {
    fn from(reading: Reading) -> Self {
        match reading {
            Reading::Distribution { ids, probabilities } => Answer::Distribution(ids, probabilities),
            Reading::Logits(logits) => Answer::Logits(logits),
            Reading::Logprobs(logprobs) => Answer::Logprobs(logprobs),
            Reading::Entropy(entropy) => Answer::Entropy(entropy),
            Reading::Embedding(embedding) => Answer::Embedding(embedding),
        }
    }
}
