//! `pie:core/inference`: forward passes and grammars. The walks through grammars are in `matcher`.

use super::adapter::AdapterHandle;
use super::bindings::pie::core::inference::{
    Host, HostForwardPass, HostFutureOutput, HostGrammar, Output, Sampler as Call, SlotOutput,
};
use super::budget::Held;
use super::context::ContextHandle;
use super::model::ModelHandle;
use super::state::State;
use super::work::{COMPILED_BYTE, DESCRIBED_BYTE};
use crate::adapter::Adapter;
use crate::brle::Brle;
use crate::engine::operation::{Answer, Applied, Ask, Operation, PassCell};
use crate::engine::request::Draft;
use crate::grammar::{Grammar, Source};
use crate::ids::ModelNumber;
use crate::sample::{Probe, Sampler};
use std::sync::Arc;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

/// A forward pass being described; `execute` hands the description over.
pub struct ForwardPass {
    /// The model that is to compute it.
    model: ModelNumber,
    draft: Draft,
    /// The adapter to apply, or why it cannot be.
    adapter: Option<Result<Adapter, String>>,
    /// Whose noise to add to it.
    pub(super) adapter_seed: Option<i64>,
    /// The room that the description takes.
    held: Held,
    /// The context's handle, whose counts change when the pass is accepted.
    context: Option<u32>,
    executed: bool,
}

/// The answer of a pass that was accepted.
pub struct FutureOutput {
    cell: PassCell,
    /// The room that the pass and its answer take.
    _held: Held,
    taken: bool,
}

/// Answers that the guest does not wait for any more, of passes that still run: they keep their room.
#[derive(Default)]
pub struct Abandoned(Vec<FutureOutput>);

impl Abandoned {
    fn add(&mut self, future: FutureOutput) {
        // Looked through only when the vector would grow, so that dropping many takes linear time.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|future| !future.cell.initialized());
        }
        self.0.push(future);
    }
}

/// A compiled grammar.
pub struct GrammarHandle {
    pub(super) grammar: Arc<Grammar>,
    /// The room that it takes.
    _held: Held,
}

/// What a compiled grammar takes for each byte of its source, roughly.
const GRAMMAR_BYTES: u64 = 64;
impl State {
    /// The description of a pass, which is about to grow by so many bytes.
    fn draft(&mut self, pass: &Resource<ForwardPass>, bytes: usize) -> Result<&mut Draft> {
        self.pay(bytes, DESCRIBED_BYTE)?;
        let pass = self.table.get_mut(pass)?;
        pass.held.grow(bytes as u64)?;
        Ok(&mut pass.draft)
    }

    /// The signal that a pass has been answered.
    pub(super) fn output_ready(&self, future: &Resource<FutureOutput>) -> Result<PassCell> {
        Ok(self.table.get(future)?.cell.clone())
    }

    /// A handle of a grammar, or what is wrong with it. Costs the same whether it was compiled before or not.
    pub(super) fn grammar(&mut self, source: Source) -> Result<Result<Resource<GrammarHandle>, String>> {
        self.pay(source.bytes(), COMPILED_BYTE)?;
        let mut held = self.held.nothing();
        held.grow(source.bytes() as u64 * GRAMMAR_BYTES)?;
        match self.models.first().grammars.grammar(source) {
            Ok(grammar) => Ok(Ok(self.table.push(GrammarHandle { grammar, _held: held })?)),
            Err(error) => Ok(Err(error.to_string())),
        }
    }

    /// What an adapter comes to in a pass that is about to be executed.
    fn applied(
        &mut self,
        adapter: Option<Result<Adapter, String>>,
        seed: Option<i64>,
        held: &mut Held,
    ) -> Result<Result<Option<Applied>, String>> {
        let adapter = match (adapter, seed) {
            (None, None) => return Ok(Ok(None)),
            (None, Some(_)) => {
                return Ok(Err("an adapter's seed came without an adapter; set both".to_owned()));
            }
            (Some(Err(error)), _) => return Ok(Err(error)),
            (Some(Ok(adapter)), _) => adapter,
        };
        if seed.is_some() {
            self.pay_for_noise(adapter.numbers(None), 1)?;
        }
        let overlay = match adapter.overlay(seed) {
            Ok(overlay) => overlay,
            Err(error) => return Ok(Err(error.into())),
        };
        held.grow(overlay.as_ref().map_or(0, |overlay| overlay.bytes()))?;
        Ok(Ok(Some(Applied { name: adapter.name().to_owned(), seed, overlay })))
    }

    async fn execute_pass(
        &mut self,
        pass: Resource<ForwardPass>,
    ) -> Result<Result<Resource<FutureOutput>, String>> {
        let model = self.table.get(&pass)?.model;
        let vocabulary = self.models[model].info().vocab_size;
        let description = self.table.get_mut(&pass)?;
        if std::mem::replace(&mut description.executed, true) {
            return Ok(Err("the pass has been executed; make a new one".to_owned()));
        }
        let handle = description.context;
        let (adapter, seed) = (description.adapter.take(), description.adapter_seed);
        let mut held = std::mem::replace(&mut description.held, self.held.nothing());
        let mut draft = std::mem::take(&mut description.draft);
        draft.way_out = match self.way_out(&draft) {
            Ok(way) => way,
            Err(error) => return Ok(Err(error)),
        };
        let mut request = match draft.check(vocabulary) {
            Ok(request) => Box::new(request),
            Err(error) => return Ok(Err(error)),
        };
        request.model = model;
        request.adapter = match self.applied(adapter, seed, &mut held)? {
            Ok(applied) => applied,
            Err(error) => return Ok(Err(error)),
        };
        held.grow(request.answer_bytes(vocabulary))?;
        let cell = request.cell.clone();
        let guesses = request.guesses > 0;
        match self.ask(|reply| Operation::Execute { request, reply }).await? {
            Err(error) => Ok(Err(error)),
            Ok((_pass, counts)) => {
                if let Some(rep) = handle {
                    self.set_counts(rep, counts);
                    if guesses {
                        self.expect_rejections(rep, cell.clone());
                    }
                }
                Ok(Ok(self.table.push(FutureOutput { cell, _held: held, taken: false })?))
            }
        }
    }
}

impl Host for State {}

impl HostForwardPass for State {
    fn new(&mut self, model: Resource<ModelHandle>) -> Result<Resource<ForwardPass>> {
        self.called("forward-pass.constructor");
        let held = self.held.nothing();
        let model = self.number_of(&model)?;
        Ok(self.table.push(ForwardPass {
            model,
            draft: Draft::default(),
            adapter: None,
            adapter_seed: None,
            held,
            context: None,
            executed: false,
        })?)
    }

    fn context(&mut self, pass: Resource<ForwardPass>, context: Resource<ContextHandle>) -> Result<()> {
        self.called("forward-pass.context");
        let id = self.context_id(&context)?;
        let description = self.table.get_mut(&pass)?;
        description.context = Some(context.rep());
        description.draft.context = Some(id);
        Ok(())
    }

    fn input_tokens(
        &mut self,
        pass: Resource<ForwardPass>,
        tokens: Vec<u32>,
        positions: Vec<u32>,
    ) -> Result<()> {
        self.called("forward-pass.input-tokens");
        let bytes = size_of_val(&tokens[..]) + size_of_val(&positions[..]);
        self.draft(&pass, bytes)?.input(tokens, positions);
        Ok(())
    }

    fn input_speculative_tokens(
        &mut self,
        pass: Resource<ForwardPass>,
        tokens: Vec<u32>,
        positions: Vec<u32>,
    ) -> Result<()> {
        self.called("forward-pass.input-speculative-tokens");
        let bytes = size_of_val(&tokens[..]) + size_of_val(&positions[..]);
        self.draft(&pass, bytes)?.guess(tokens, positions);
        Ok(())
    }

    fn output_speculative_tokens(&mut self, pass: Resource<ForwardPass>, flag: bool) -> Result<()> {
        self.called("forward-pass.output-speculative-tokens");
        self.draft(&pass, 0)?.wants_guesses = flag;
        Ok(())
    }

    fn attention_mask(&mut self, pass: Resource<ForwardPass>, masks: Vec<Vec<u32>>) -> Result<()> {
        self.called("forward-pass.attention-mask");
        let runs: usize = masks.iter().map(|mask| size_of_val(&mask[..])).sum();
        let draft = self.draft(&pass, size_of_val(&masks[..]) + runs)?;
        draft.masks = Some(masks.into_iter().map(Brle).collect());
        Ok(())
    }

    fn logit_mask(&mut self, pass: Resource<ForwardPass>, mask: Vec<u32>) -> Result<()> {
        self.called("forward-pass.logit-mask");
        self.draft(&pass, size_of_val(&mask[..]))?.allow(Brle(mask));
        Ok(())
    }

    fn sampler(&mut self, pass: Resource<ForwardPass>, indices: Vec<u32>, sampler: Call) -> Result<()> {
        self.called("forward-pass.sampler");
        let tokens = if let Call::Logprobs(tokens) = &sampler { size_of_val(&tokens[..]) } else { 0 };
        self.draft(&pass, size_of::<Call>() + size_of_val(&indices[..]) + tokens)?.ask(indices, ask(sampler));
        Ok(())
    }

    fn adapter(&mut self, pass: Resource<ForwardPass>, adapter: Resource<AdapterHandle>) -> Result<()> {
        self.called("forward-pass.adapter");
        let model = self.table.get(&pass)?.model;
        let adapter = self.adapter_for(&adapter, model)?;
        self.table.get_mut(&pass)?.adapter = Some(adapter);
        Ok(())
    }

    async fn execute(
        &mut self,
        pass: Resource<ForwardPass>,
    ) -> Result<Result<Resource<FutureOutput>, String>> {
        self.called("forward-pass.execute");
        self.execute_pass(pass).await
    }

    fn drop(&mut self, pass: Resource<ForwardPass>) -> Result<()> {
        self.table.delete(pass)?;
        Ok(())
    }
}

impl HostFutureOutput for State {
    fn pollable(&mut self, future: Resource<FutureOutput>) -> Result<Resource<DynPollable>> {
        self.called("future-output.pollable");
        let ready = self.output_ready(&future)?;
        self.pollable(ready)
    }

    fn get(&mut self, future: Resource<FutureOutput>) -> Result<Option<Output>> {
        self.called("future-output.get");
        let future = self.table.get_mut(&future)?;
        if future.taken {
            return Ok(None);
        }
        let Some(result) = future.cell.get() else { return Ok(None) };
        future.taken = true;
        match result {
            Ok(output) => Ok(Some(Output {
                slots: output.answers.iter().cloned().map(translate).collect(),
                spec_tokens: output.guesses.clone(),
                spec_positions: output.guess_positions.clone(),
            })),
            // The interface has no error here, and the pass had been accepted: only the engine can be at fault.
            Err(error) => Err(wasmtime::Error::msg(format!("a forward pass failed: {error}"))),
        }
    }

    fn drop(&mut self, future: Resource<FutureOutput>) -> Result<()> {
        let future = self.table.delete(future)?;
        if !future.cell.initialized() {
            self.abandoned.add(future);
        }
        Ok(())
    }
}

fn ask(call: Call) -> Ask {
    let probe = match call {
        Call::Multinomial((temperature, seed)) => {
            return Ask::Sample(Sampler::Multinomial { temperature, seed });
        }
        Call::TopK((temperature, k)) => return Ask::Sample(Sampler::TopK { temperature, k }),
        Call::TopP((temperature, p)) => return Ask::Sample(Sampler::TopP { temperature, p }),
        Call::MinP((temperature, p)) => return Ask::Sample(Sampler::MinP { temperature, p }),
        Call::TopKTopP((temperature, k, p)) => return Ask::Sample(Sampler::TopKTopP { temperature, k, p }),
        Call::Embedding => Probe::Embedding,
        Call::Dist((temperature, k)) => Probe::Distribution { temperature, k },
        Call::RawLogits => Probe::RawLogits,
        Call::Logprob(token) => Probe::Logprob(token),
        Call::Logprobs(tokens) => Probe::Logprobs(tokens),
        Call::Entropy => Probe::Entropy,
    };
    Ask::Probe(probe)
}

fn translate(answer: Answer) -> SlotOutput {
    match answer {
        Answer::Token(token) => SlotOutput::Token(token),
        Answer::Distribution(ids, probabilities) => SlotOutput::Distribution((ids, probabilities)),
        Answer::Logits(logits) => SlotOutput::Logits(native_bytes(&logits)),
        Answer::Logprobs(logprobs) => SlotOutput::Logprobs(logprobs),
        Answer::Entropy(entropy) => SlotOutput::Entropy(entropy),
        Answer::Embedding(embedding) => SlotOutput::Embedding(native_bytes(&embedding)),
    }
}

/// WebAssembly is little-endian, whatever the host is.
fn native_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

impl HostGrammar for State {
    fn from_json_schema(&mut self, schema: String) -> Result<Result<Resource<GrammarHandle>, String>> {
        self.called("grammar.from-json-schema");
        self.grammar(Source::JsonSchema(schema))
    }

    fn json(&mut self) -> Result<Resource<GrammarHandle>> {
        self.called("grammar.json");
        self.grammar(Source::Json)?.map_err(wasmtime::Error::msg)
    }

    fn from_regex(&mut self, pattern: String) -> Result<Result<Resource<GrammarHandle>, String>> {
        self.called("grammar.from-regex");
        self.grammar(Source::Regex(pattern))
    }

    fn from_ebnf(&mut self, ebnf: String) -> Result<Result<Resource<GrammarHandle>, String>> {
        self.called("grammar.from-ebnf");
        self.grammar(Source::Ebnf(ebnf))
    }

    fn to_string(&mut self, grammar: Resource<GrammarHandle>) -> Result<String> {
        self.called("grammar.to-string");
        Ok(self.table.get(&grammar)?.grammar.to_string())
    }

    fn drop(&mut self, grammar: Resource<GrammarHandle>) -> Result<()> {
        self.table.delete(grammar)?;
        Ok(())
    }
}
