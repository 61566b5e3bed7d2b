//! How a decoder is computed on a device: the same steps as on the CPU, one kernel after the other.
//!
//! Everything small that a pass needs (tokens, pages, who sees what, angles) goes to the device in one piece before the first kernel; rows that are wanted come back
//! at the end. Experts of a mixture are chosen here, so such a layer waits for its router.

use super::super::attention::BLOCK;
use super::super::decoder::check_finite;
use super::super::layers::{
    Around, Attention, Decoder, Experts, FeedForward, Gated, Gates, Linear, Norm, Projections, Size,
};
use super::super::numeric::{Activation, NormWeight};
use super::super::plan::{Plan, place};
use super::super::rope::Angles;
use super::device::{Device, DeviceError, Kernel, Result, Room, Staging, THREADS, read};
use super::overlays::Overlays;
use super::store::DeviceStore;
use super::weights::{Gpu, Matrix};
use super::{parameters, weights};
use crate::model::{Batch, ModelError, Outputs};
use std::sync::Arc;
use zerocopy::{Immutable, IntoBytes};

/// Rows of a matrix that a block multiplies with, and rows that it multiplies: as in `kernels.c`.
const PRODUCT_ROWS: usize = 8;
const PRODUCT_TOKENS: usize = 8;
/// Queries of a token that a block of attention takes.
const QUERIES: usize = 8;
/// Blocks of slots in a stretch.
const STRETCH_BLOCKS: usize = THREADS / BLOCK;
/// Bytes for results of stretches, at most: of more tokens than that, some wait for others.
const PARTS: usize = 64 << 20;

/// Room of a pass, kept from step to step. Each has a row for each token of the batch, but where it says otherwise.
pub(super) struct Scratch {
    plan: Plan,
    angles: Vec<Angles>,
    staging: Staging,
    staged: Room,
    residual: Room,
    input: Room,
    output: Room,
    queries: Room,
    keys: Room,
    values: Room,
    attended: Room,
    /// For each token, query head and stretch of slots.
    parts: Room,
    gate: Room,
    up: Room,
    /// What adapters add: a row for each token of one sequence.
    change: Room,
    middle: Room,
    expert: ExpertScratch,
    logits: Room,
    pub(super) overlays: Overlays,
}

/// Room of a mixture of experts: a row for each token that goes through the expert at hand, but where it says otherwise.
struct ExpertScratch {
    /// For each token, how much each expert counts.
    shares: Room,
    rows: Room,
    share: Room,
    input: Room,
    output: Room,
}

impl Scratch {
    pub fn new(device: &Arc<dyn Device>) -> Scratch {
        let room = || Room::new(device);
        Scratch {
            plan: Plan::default(),
            angles: Vec::new(),
            staging: Staging::default(),
            staged: room(),
            residual: room(),
            input: room(),
            output: room(),
            queries: room(),
            keys: room(),
            values: room(),
            attended: room(),
            parts: room(),
            gate: room(),
            up: room(),
            change: room(),
            middle: room(),
            expert: ExpertScratch {
                shares: room(),
                rows: room(),
                share: room(),
                input: room(),
                output: room(),
            },
            logits: room(),
            overlays: Overlays::default(),
        }
    }
}

/// Where on the device the small things of a pass are.
struct Staged {
    tokens: u64,
    /// For each token, the address of its page and its slot in it.
    pages: u64,
    slots: u64,
    /// For each token, where its sequence's pages and its bits begin, and how many blocks there are.
    spans: u64,
    /// Addresses of the pages of all sequences.
    addresses: u64,
    /// For each view.
    bits: Vec<u64>,
    /// For each rotation, cosines and sines, and how many there are of each for a token.
    angles: Vec<(u64, u64, usize)>,
    /// The rows that are wanted.
    rows: u64,
}

/// A pass under way.
struct Pass<'a> {
    device: &'a dyn Device,
    decoder: &'a Decoder<Gpu>,
    batch: &'a Batch<'a>,
    scratch: &'a mut Scratch,
    staged: Staged,
    /// Tokens in the batch.
    count: usize,
    /// Stretches of the longest sequence.
    stretches: usize,
}

impl From<DeviceError> for ModelError {
    fn from(error: DeviceError) -> ModelError {
        ModelError::Failed(error.0)
    }
}

/// Computes a batch.
pub(super) fn forward(
    decoder: &Decoder<Gpu>,
    device: &dyn Device,
    batch: &Batch<'_>,
    store: &mut DeviceStore,
    outputs: &mut Outputs,
) -> std::result::Result<(), ModelError> {
    let mut tokens = batch.sequences.iter().flat_map(|sequence| sequence.tokens);
    if let Some(token) = tokens.find(|token| **token as usize >= decoder.embeddings.size.outputs) {
        return Err(ModelError::Failed(format!("the model has no embedding for token {token}")));
    }
    // Taken out, because passes use it while they read the store.
    let mut scratch = store.scratch.take().unwrap_or_else(|| Box::new(Scratch::new(store.device())));
    let done = forward_with(decoder, device, batch, store, &mut scratch, outputs);
    store.scratch = Some(scratch);
    done
}

fn forward_with(
    decoder: &Decoder<Gpu>,
    device: &dyn Device,
    batch: &Batch<'_>,
    store: &mut DeviceStore,
    scratch: &mut Scratch,
    outputs: &mut Outputs,
) -> std::result::Result<(), ModelError> {
    scratch.plan.make(batch, &mut store.slots, &decoder.views, 1)?;
    scratch.overlays.keep(device, batch).map_err(ModelError::from)?;
    let staged = stage(decoder, batch, store, scratch)?;
    let count = batch.sequences.iter().map(|sequence| sequence.tokens.len()).sum();
    let most_blocks = scratch.plan.spans().map(|span| span.blocks).max().unwrap_or(0);
    let stretches = most_blocks.div_ceil(STRETCH_BLOCKS);
    let mut pass = Pass { device, decoder, batch, scratch, staged, count, stretches };
    pass.embed()?;
    for (index, layer) in decoder.layers.iter().enumerate() {
        pass.begin(&layer.attention_norms)?;
        pass.attention(&layer.attention, store.described(index))?;
        pass.end(&layer.attention_norms)?;
        pass.begin(&layer.feed_forward_norms)?;
        pass.feed_forward(&layer.feed_forward)?;
        pass.end(&layer.feed_forward_norms)?;
    }
    pass.finish(outputs)?;
    check_finite(&outputs.logits, decoder.head.size.outputs)
}

/// Sends what is small to the device.
fn stage(
    decoder: &Decoder<Gpu>,
    batch: &Batch<'_>,
    store: &mut DeviceStore,
    scratch: &mut Scratch,
) -> std::result::Result<Staged, ModelError> {
    let (staging, plan) = (&mut scratch.staging, &scratch.plan);
    staging.clear();
    let tokens = staging.put(batch.sequences.iter().flat_map(|sequence| sequence.tokens.iter().copied()));
    let (mut pages, mut slots) = (Vec::new(), Vec::new());
    for sequence in &batch.sequences {
        for index in 0..sequence.tokens.len() {
            let (page, slot) = place(sequence, index, store.slots.page_size())?;
            pages.push(store.page(page)?);
            slots.push(slot as u32);
        }
    }
    let mut spans = vec![[0u32; 3]; slots.len()];
    for span in plan.spans() {
        spans[span.row] = [span.pages, span.bits, span.blocks].map(|number| number as u32);
    }
    let (pages, slots) = (staging.put(pages), staging.put(slots));
    let spans = staging.put(spans.into_iter().flatten());
    let addresses = staging.put(plan.all_pages().iter().map(|page| store.address(*page)));
    let bits: Vec<u64> =
        (0..decoder.views.len()).map(|view| staging.put(plan.bits(view).iter().copied())).collect();
    scratch.angles.resize_with(decoder.ropes.len(), Angles::default);
    let mut angles = Vec::new();
    for (rope, of) in decoder.ropes.iter().zip(&mut scratch.angles) {
        rope.angles(batch.sequences.iter().flat_map(|sequence| sequence.positions.iter().copied()), of);
        let (cosines, sines, half) = of.numbers();
        angles.push((staging.put(cosines.iter().copied()), staging.put(sines.iter().copied()), half));
    }
    let mut first = 0;
    let mut rows = Vec::new();
    for sequence in &batch.sequences {
        rows.extend(sequence.rows.iter().map(|row| first + row));
        first += sequence.tokens.len() as u32;
    }
    let rows = staging.put(rows);
    let base = staging.send(&mut scratch.staged)?;
    Ok(Staged {
        tokens: base + tokens,
        pages: base + pages,
        slots: base + slots,
        spans: base + spans,
        addresses: base + addresses,
        bits: bits.into_iter().map(|bits| base + bits).collect(),
        angles: angles
            .into_iter()
            .map(|(cosines, sines, half)| (base + cosines, base + sines, half))
            .collect(),
        rows: base + rows,
    })
}

impl Pass<'_> {
    fn launch(&self, kernel: Kernel, grid: [usize; 3], of: impl IntoBytes + Immutable) -> Result<()> {
        if grid.contains(&0) { Ok(()) } else { self.device.launch(kernel, grid, of.as_bytes()) }
    }

    fn hidden(&self) -> usize {
        self.decoder.embeddings.size.inputs
    }

    fn embed(&mut self) -> Result<()> {
        let output = self.scratch.residual.numbers(self.count * self.hidden())?;
        let Decoder { embeddings, embedding_scale, .. } = self.decoder;
        let of = parameters::Embed {
            matrix: embeddings.of,
            tokens: self.staged.tokens,
            output,
            scale: *embedding_scale,
            unused: 0,
        };
        self.launch(Kernel::Embed, [self.count, 1, 1], of)
    }

    /// Multiplies `rows` rows with a matrix.
    fn product(&self, matrix: &Matrix, input: u64, output: u64, rows: usize) -> Result<()> {
        let blocks = [matrix.size.outputs.div_ceil(PRODUCT_ROWS), rows.div_ceil(PRODUCT_TOKENS), 1];
        let of = parameters::Product { matrix: matrix.of, input, output, tokens: rows as u32, unused: 0 };
        self.launch(Kernel::Product, blocks, of)
    }

    /// Adds `scale` times some numbers to others; `width` of them again and again, if it is not 0.
    fn add(&self, to: u64, from: u64, count: usize, width: usize, scale: f32) -> Result<()> {
        let of = parameters::Add { to, from, count: count as u64, width: width as u32, scale };
        self.launch(Kernel::Add, [count.div_ceil(THREADS), 1, 1], of)
    }

    /// Copies `width` columns from `column` on, of `rows` rows that have `of` columns.
    fn columns(
        &self,
        from: u64,
        to: u64,
        rows: usize,
        (of, column, width): (usize, usize, usize),
    ) -> Result<()> {
        self.take(from, to, 0, rows, (of, column, width))
    }

    fn take(
        &self,
        from: u64,
        to: u64,
        numbers: u64,
        count: usize,
        (of, column, width): (usize, usize, usize),
    ) -> Result<()> {
        let [from_width, from_column, width] = [of, column, width].map(|number| number as u32);
        let of =
            parameters::Take { from, to, rows: numbers, from_width, from_column, width, count: count as u32 };
        self.launch(Kernel::Take, [count, 1, 1], of)
    }

    fn norm(&self, norm: &Norm<Gpu>, from: u64, to: u64, numbers: usize) -> Result<()> {
        let weights::Numbers { memory, count } = &norm.weight;
        let of = parameters::RmsNorm {
            from,
            to,
            weight: memory.address,
            size: *count as u32,
            offset: if norm.kind == NormWeight::FromOne { 1.0 } else { 0.0 },
            epsilon: norm.epsilon,
            unused: 0,
        };
        self.launch(Kernel::RmsNorm, [numbers / count, 1, 1], of)
    }

    /// What goes into a block: from `residual` to `input`.
    fn begin(&mut self, norms: &Around<Gpu>) -> Result<()> {
        let numbers = self.count * self.hidden();
        let (from, to) = (self.scratch.residual.numbers(numbers)?, self.scratch.input.numbers(numbers)?);
        match &norms.before {
            Some(norm) => self.norm(norm, from, to, numbers),
            None => self.device.copy(from, to, numbers * size_of::<f32>()),
        }
    }

    /// Adds what a block gave: `output` to `residual`.
    fn end(&mut self, norms: &Around<Gpu>) -> Result<()> {
        let numbers = self.count * self.hidden();
        let (to, from) = (self.scratch.residual.numbers(numbers)?, self.scratch.output.numbers(numbers)?);
        if let Some(norm) = &norms.after {
            self.norm(norm, from, from, numbers)?;
        }
        self.add(to, from, numbers, 0, self.decoder.residual_scale)
    }

    /// Multiplies the rows of all tokens, with bias and adapters.
    fn linear(&mut self, linear: &Linear<Gpu>, input: u64, output: u64) -> Result<()> {
        let Size { inputs, outputs } = linear.matrix.size;
        self.product(&linear.matrix, input, output, self.count)?;
        self.bias(linear, output, self.count)?;
        let Some(target) = linear.target else { return Ok(()) };
        let mut first = 0;
        for sequence in &self.batch.sequences {
            let (row, count) = (first, sequence.tokens.len());
            first += count;
            let Some(adapter) = sequence.adapter else { continue };
            let middle = self.scratch.middle.numbers(count * adapter.rank())?;
            let change = self.scratch.change.numbers(count * outputs)?;
            let Some((down, up)) = self.scratch.overlays.of(adapter, target) else { continue };
            let of_row = |row: usize, width: usize| (row * width * size_of::<f32>()) as u64;
            self.product(down, input + of_row(row, inputs), middle, count)?;
            self.product(up, middle, change, count)?;
            self.add(output + of_row(row, outputs), change, count * outputs, 0, adapter.scale())?;
        }
        Ok(())
    }

    fn bias(&self, linear: &Linear<Gpu>, output: u64, rows: usize) -> Result<()> {
        let Some(bias) = &linear.bias else { return Ok(()) };
        self.add(output, bias.memory.address, rows * bias.count, bias.count, 1.0)
    }

    /// From `input` to `output`.
    fn attention(&mut self, attention: &Attention<Gpu>, cache: parameters::Cache) -> Result<()> {
        let heads = self.decoder.heads;
        let (size, count) = (heads.cache.head_size, self.count);
        let (of_queries, of_keys) = (heads.queries * size, heads.cache.heads * size);
        let input = self.scratch.input.numbers(count * self.hidden())?;
        let queries = self.scratch.queries.numbers(count * of_queries)?;
        let keys = self.scratch.keys.numbers(count * of_keys)?;
        let values = self.scratch.values.numbers(count * of_keys)?;
        match &attention.projections {
            Projections::Separate { query, key, value } => {
                self.linear(query, input, queries)?;
                self.linear(key, input, keys)?;
                self.linear(value, input, values)?;
            }
            Projections::Fused(linear) => {
                let all = of_queries + 2 * of_keys;
                let output = self.scratch.output.numbers(count * all.max(self.hidden()))?;
                self.linear(linear, input, output)?;
                self.columns(output, queries, count, (all, 0, of_queries))?;
                self.columns(output, keys, count, (all, of_queries, of_keys))?;
                self.columns(output, values, count, (all, of_queries + of_keys, of_keys))?;
            }
        }
        if let Some(norm) = &attention.query_norm {
            self.norm(norm, queries, queries, count * of_queries)?;
        }
        if let Some(norm) = &attention.key_norm {
            self.norm(norm, keys, keys, count * of_keys)?;
        }
        let (cosines, sines, half) = self.staged.angles[attention.rope];
        for (rows, heads, scale) in [(queries, heads.queries, heads.scale), (keys, heads.cache.heads, 1.0)] {
            let of = parameters::Turn {
                rows,
                cosines,
                sines,
                heads: heads as u32,
                size: size as u32,
                half: half as u32,
                scale,
            };
            self.launch(Kernel::Turn, [count, heads, 1], of)?;
        }
        let Staged { pages, slots, .. } = self.staged;
        let of = parameters::Keep { cache, keys, values, pages, slots };
        self.launch(Kernel::Keep, [count, heads.cache.heads, 1], of)?;
        let attended = self.scratch.attended.numbers(count * of_queries)?;
        self.attend(cache, attention.view, queries, attended)?;
        let output = self.scratch.output.numbers(count * self.hidden())?;
        self.linear(&attention.output, attended, output)
    }

    /// From `queries` to `attended`, so many tokens at once as there is room for.
    fn attend(&mut self, cache: parameters::Cache, view: usize, queries: u64, attended: u64) -> Result<()> {
        let heads = self.decoder.heads;
        let size = heads.cache.head_size;
        let of_token = heads.queries * self.stretches * (size + 2);
        let together = (PARTS / size_of::<f32>() / of_token).clamp(1, self.count);
        let parts = self.scratch.parts.numbers(together * of_token)?;
        let (spans, stretches) = (self.staged.spans, self.stretches as u32);
        for first in (0..self.count).step_by(together) {
            let tokens = together.min(self.count - first);
            let of = parameters::Attend {
                cache,
                queries,
                tokens: spans,
                pages: self.staged.addresses,
                bits: self.staged.bits[view],
                parts,
                heads: heads.queries as u32,
                stretches,
                first_token: first as u32,
                cap: heads.cap.unwrap_or(0.0),
            };
            let grid = [tokens * heads.cache.heads, self.stretches, heads.group().div_ceil(QUERIES)];
            self.launch(Kernel::Attend, grid, of)?;
            let of = parameters::Combine {
                parts,
                output: attended,
                tokens: spans,
                heads: heads.queries as u32,
                size: size as u32,
                stretches,
                first_token: first as u32,
            };
            self.launch(Kernel::Combine, [tokens * heads.queries, 1, 1], of)?;
        }
        Ok(())
    }

    /// From `input` to `output`.
    fn feed_forward(&mut self, of: &FeedForward<Gpu>) -> Result<()> {
        let numbers = self.count * self.hidden();
        let (input, output) = (self.scratch.input.numbers(numbers)?, self.scratch.output.numbers(numbers)?);
        match of {
            FeedForward::Dense(gated) => self.gated(gated, input, output, self.count, true),
            FeedForward::Experts(experts) => self.experts(experts, input, output),
        }
    }

    /// The network of all tokens, or of the rows that go through one expert, which no adapter changes.
    fn gated(&mut self, gated: &Gated<Gpu>, input: u64, output: u64, rows: usize, all: bool) -> Result<()> {
        let inner = gated.down.matrix.size.inputs;
        let gate = self.scratch.gate.numbers(rows * inner)?;
        let up = self.scratch.up.numbers(rows * inner)?;
        let linear = |pass: &mut Self, linear: &Linear<Gpu>, from: u64, to: u64| {
            if all {
                return pass.linear(linear, from, to);
            }
            pass.product(&linear.matrix, from, to, rows)?;
            pass.bias(linear, to, rows)
        };
        match &gated.gates {
            Gates::Separate { gate: to_gate, up: to_up } => {
                linear(self, to_gate, input, gate)?;
                linear(self, to_up, input, up)?;
            }
            Gates::Fused(both) => {
                let together = self.scratch.queries.numbers(rows * 2 * inner)?;
                linear(self, both, input, together)?;
                self.columns(together, gate, rows, (2 * inner, 0, inner))?;
                self.columns(together, up, rows, (2 * inner, inner, inner))?;
            }
        }
        let count = rows * inner;
        let gelu = u32::from(gated.activation == Activation::Gelu);
        let of = parameters::Gate { gate, up, count: count as u64, gelu, unused: 0 };
        self.launch(Kernel::Gate, [count.div_ceil(THREADS), 1, 1], of)?;
        linear(self, &gated.down, gate, output)
    }

    /// Experts in their order, each for all tokens that go through it, so that what is added to a token's row comes in one order whatever else is in
    /// the batch.
    fn experts(&mut self, experts: &Experts<Gpu>, input: u64, output: u64) -> Result<()> {
        let (hidden, number_of) = (self.hidden(), experts.experts.len());
        let on_device = self.scratch.expert.shares.numbers(self.count * number_of)?;
        self.linear(&experts.router, input, on_device)?;
        let mut shares = vec![0.0; self.count * number_of];
        read(self.device, on_device, &mut shares)?;
        for shares in shares.chunks_exact_mut(number_of) {
            experts.choose(shares);
        }
        self.device.write(output, vec![0.0f32; self.count * hidden].as_bytes())?;
        for (number, expert) in experts.experts.iter().enumerate() {
            let of_expert = shares.chunks_exact(number_of).map(|shares| shares[number]).enumerate();
            let (rows, share): (Vec<u32>, Vec<f32>) =
                of_expert.filter(|(_, share)| *share != 0.0).map(|(row, share)| (row as u32, share)).unzip();
            if rows.is_empty() {
                continue;
            }
            let count = rows.len();
            let of = &mut self.scratch.expert;
            let (on_rows, on_share) = (of.rows.with(&rows)?, of.share.with(&share)?);
            let (from, to) = (of.input.numbers(count * hidden)?, of.output.numbers(count * hidden)?);
            self.take(input, from, on_rows, count, (hidden, 0, hidden))?;
            self.gated(expert, from, to, count, false)?;
            let of = parameters::Spread {
                to: output,
                from: to,
                rows: on_rows,
                shares: on_share,
                width: hidden as u32,
                unused: 0,
            };
            self.launch(Kernel::Spread, [count, 1, 1], of)?;
        }
        Ok(())
    }

    /// Logits and embeddings of the rows that are wanted.
    fn finish(&mut self, outputs: &mut Outputs) -> Result<()> {
        let (hidden, decoder) = (self.hidden(), self.decoder);
        let rows = self.batch.sequences.iter().map(|sequence| sequence.rows.len()).sum::<usize>();
        if rows == 0 {
            return Ok(());
        }
        let residual = self.scratch.residual.numbers(self.count * hidden)?;
        let input = self.scratch.input.numbers(rows * hidden)?;
        self.take(residual, input, self.staged.rows, rows, (hidden, 0, hidden))?;
        self.norm(&decoder.norm, input, input, rows * hidden)?;
        let vocabulary = decoder.head.size.outputs;
        let logits = self.scratch.logits.numbers(rows * vocabulary)?;
        self.product(&decoder.head, input, logits, rows)?;
        if decoder.logit_scale != 1.0 || decoder.logit_cap.is_some() {
            let (count, cap) = (rows * vocabulary, decoder.logit_cap.unwrap_or(0.0));
            let of =
                parameters::Cap { numbers: logits, count: count as u64, scale: decoder.logit_scale, cap };
            self.launch(Kernel::Cap, [count.div_ceil(THREADS), 1, 1], of)?;
        }
        outputs.logits.resize(rows * vocabulary, 0.0);
        read(self.device, logits, &mut outputs.logits)?;
        let mut row = 0;
        for sequence in &self.batch.sequences {
            if sequence.embeddings {
                let start = outputs.embeddings.len();
                outputs.embeddings.resize(start + sequence.rows.len() * hidden, 0.0);
                let from = input + (row * hidden * size_of::<f32>()) as u64;
                read(self.device, from, &mut outputs.embeddings[start..])?;
            }
            row += sequence.rows.len();
        }
        Ok(())
    }
}
