//! How a decoder is computed on the CPU.

use super::attention::{State, Unit};
use super::layers::{Around, Attention, Decoder, Heads, LARGEST_GROUP, Linear, Norm, Projections};
use super::load::Cpu;
use super::matrix::products;
use super::numeric::{RmsNorm, SoftCap};
use super::plan::place;
use super::pool::for_each_piece;
use super::rope::Angles;
use super::scratch::Scratch;
use super::simd::dispatch;
use super::store::{CacheShape, Element, PagedStore};
use crate::model::{Batch, ModelError, Outputs};

/// Queries that go through attention together, if there are so many for one key-value head.
const TILE_QUERIES: usize = 16;
/// Numbers that a thread norms at once, at least.
const PIECE: usize = 4096;
/// About how many multiplications of a matrix take as long as norming a number.
const OPERATIONS: usize = 8;

/// Tokens that go through attention together.
fn tile_tokens(heads: &Heads) -> usize {
    (TILE_QUERIES / heads.group()).max(1)
}

impl Norm<Cpu> {
    /// Norms each row as long as the weights.
    pub fn apply(&self, rows: &mut [f32]) {
        let size = self.weight.len();
        for_each_piece(rows, size * (PIECE / size).max(1), rows.len() * OPERATIONS, |_, rows| {
            for row in rows.chunks_exact_mut(size) {
                RmsNorm { row, weight: &self.weight, kind: self.kind, epsilon: self.epsilon }.apply();
            }
        });
    }
}

impl Linear<Cpu> {
    /// Computes rows of outputs from rows of inputs, which are those of all tokens of the batch.
    pub fn apply(&self, batch: &Batch<'_>, input: &[f32], output: &mut Vec<f32>) {
        Linear::apply_all(batch, input, [(self, output)]);
    }

    /// The same of several that have the same input.
    pub fn apply_all<const COUNT: usize>(
        batch: &Batch<'_>,
        input: &[f32],
        mut of: [(&Linear<Cpu>, &mut Vec<f32>); COUNT],
    ) {
        products(input, of.each_mut().map(|(linear, output)| (&linear.matrix, &mut **output)));
        for (linear, output) in of {
            linear.complete(batch, input, output);
        }
    }

    /// Adds what is not in the matrix.
    fn complete(&self, batch: &Batch<'_>, input: &[f32], output: &mut [f32]) {
        if let Some(bias) = &self.bias {
            for row in output.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(number, bias)| *number += bias);
            }
        }
        let Some(target) = self.target else { return };
        let (inputs, outputs) = (self.matrix.inputs(), self.matrix.outputs());
        let mut row = 0;
        for sequence in &batch.sequences {
            let rows = row..row + sequence.tokens.len();
            row = rows.end;
            if let Some(adapter) = sequence.adapter {
                for row in rows {
                    let input = &input[row * inputs..(row + 1) * inputs];
                    adapter.add(target, input, &mut output[row * outputs..(row + 1) * outputs]);
                }
            }
        }
    }
}

impl Projections<Cpu> {
    /// From `scratch.input` to `scratch.queries`, `scratch.keys` and `scratch.values`.
    fn apply(&self, batch: &Batch<'_>, heads: &Heads, scratch: &mut Scratch) {
        let Scratch { input, queries, keys, values, output, .. } = scratch;
        match self {
            Projections::Separate { query, key, value } => {
                Linear::apply_all(batch, input, [(query, queries), (key, keys), (value, values)]);
            }
            Projections::Fused(linear) => {
                linear.apply(batch, input, output);
                let (of_queries, of_keys) =
                    (heads.queries * heads.cache.head_size, heads.cache.heads * heads.cache.head_size);
                [&mut *queries, &mut *keys, &mut *values].into_iter().for_each(Vec::clear);
                for row in output.chunks_exact(of_queries + 2 * of_keys) {
                    queries.extend_from_slice(&row[..of_queries]);
                    keys.extend_from_slice(&row[of_queries..of_queries + of_keys]);
                    values.extend_from_slice(&row[of_queries + of_keys..]);
                }
            }
        }
    }
}

/// A pass under way.
struct Pass<'a, E> {
    batch: &'a Batch<'a>,
    store: &'a mut PagedStore<E>,
    scratch: &'a mut Scratch,
}

impl Decoder<Cpu> {
    /// The number of tokens it knows.
    pub fn vocab_size(&self) -> usize {
        self.head.outputs()
    }

    /// Numbers in the residual stream.
    pub fn hidden_size(&self) -> usize {
        self.embeddings.inputs()
    }

    /// Computes a batch.
    pub fn forward<E: Element>(
        &self,
        batch: &Batch<'_>,
        store: &mut PagedStore<E>,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        // Taken out, because passes use it while they read the store.
        let mut scratch = std::mem::take(&mut store.scratch);
        let done = self.forward_with(batch, store, &mut scratch, outputs);
        store.scratch = scratch;
        done
    }

    fn forward_with<E: Element>(
        &self,
        batch: &Batch<'_>,
        store: &mut PagedStore<E>,
        scratch: &mut Scratch,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        scratch.plan.make(batch, &mut store.slots, &self.views, tile_tokens(&self.heads))?;
        scratch.angles.resize_with(self.ropes.len(), Angles::default);
        for (rope, angles) in self.ropes.iter().zip(&mut scratch.angles) {
            let positions = batch.sequences.iter().flat_map(|sequence| sequence.positions.iter().copied());
            rope.angles(positions, angles);
        }
        scratch.tokens.clear();
        scratch.tokens.extend(batch.sequences.iter().flat_map(|sequence| sequence.tokens));
        if let Some(token) = scratch.tokens.iter().find(|token| **token as usize >= self.embeddings.rows()) {
            return Err(ModelError::Failed(format!("the model has no embedding for token {token}")));
        }
        self.embeddings.read(&scratch.tokens, &mut scratch.residual);
        if self.embedding_scale != 1.0 {
            scratch.residual.iter_mut().for_each(|number| *number *= self.embedding_scale);
        }
        let mut pass = Pass { batch, store, scratch };
        for (index, layer) in self.layers.iter().enumerate() {
            pass.begin(&layer.attention_norms);
            self.attend(index, &layer.attention, &mut pass)?;
            pass.end(&layer.attention_norms, self.residual_scale);
            pass.begin(&layer.feed_forward_norms);
            layer.feed_forward.apply(pass.batch, pass.scratch);
            pass.end(&layer.feed_forward_norms, self.residual_scale);
        }
        self.finish(batch, scratch, outputs)
    }

    /// From `scratch.input` to `scratch.output`.
    fn attend<E: Element>(
        &self,
        layer: usize,
        attention: &Attention<Cpu>,
        pass: &mut Pass<'_, E>,
    ) -> Result<(), ModelError> {
        let (batch, scratch) = (pass.batch, &mut *pass.scratch);
        attention.projections.apply(batch, &self.heads, scratch);
        for (norm, rows) in
            [(&attention.query_norm, &mut scratch.queries), (&attention.key_norm, &mut scratch.keys)]
        {
            if let Some(norm) = norm {
                norm.apply(rows);
            }
        }
        let CacheShape { heads, head_size, .. } = self.heads.cache;
        let angles = &scratch.angles[attention.rope];
        angles.turn(&mut scratch.queries, self.heads.queries * head_size, head_size);
        angles.turn(&mut scratch.keys, heads * head_size, head_size);
        scratch.queries.iter_mut().for_each(|number| *number *= self.heads.scale);
        keep(layer, batch, pass.store, scratch, heads * head_size)?;
        self.attend_in_units(layer, attention.view, pass);
        let scratch = &mut *pass.scratch;
        attention.output.apply(batch, &scratch.attended, &mut scratch.output);
        Ok(())
    }

    /// From `scratch.queries` to `scratch.attended`.
    fn attend_in_units<E: Element>(&self, layer: usize, view: usize, pass: &mut Pass<'_, E>) {
        let Scratch { plan, queries, units, attended, .. } = &mut *pass.scratch;
        let (plan, store, queries) = (&*plan, &*pass.store, &*queries);
        let (heads, size, group) = (self.heads.cache.heads, self.heads.cache.head_size, self.heads.group());
        let unit = tile_tokens(&self.heads) * group * size;
        units.clear();
        units.resize(plan.tiles.len() * heads * unit, 0.0);
        let operations = plan.seen(view) * self.heads.queries * size * 2;
        for_each_piece(units, unit, operations, |index, out| {
            let tile = &plan.tiles[index / heads];
            let rows = tile.tokens.len() * group;
            let mut states = [State::NOTHING; LARGEST_GROUP];
            dispatch(Unit {
                store,
                plan,
                view,
                layer,
                tile,
                head: index % heads,
                group,
                size,
                queries,
                heads: self.heads.queries,
                cap: self.heads.cap,
                out: &mut out[..rows * size],
                states: &mut states[..rows],
            });
        });
        // From units to tokens.
        attended.clear();
        attended.resize(queries.len(), 0.0);
        for (index, unit) in units.chunks_exact(unit).enumerate() {
            let (tile, head) = (&plan.tiles[index / heads], index % heads);
            for (token, rows) in tile.tokens.clone().zip(unit.chunks_exact(group * size)) {
                let at = (plan.row(token) * self.heads.queries + head * group) * size;
                attended[at..at + group * size].copy_from_slice(rows);
            }
        }
    }

    /// Logits and embeddings of the rows that are wanted.
    fn finish(
        &self,
        batch: &Batch<'_>,
        scratch: &mut Scratch,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        let size = self.hidden_size();
        scratch.input.clear();
        let mut first = 0;
        for sequence in &batch.sequences {
            for row in sequence.rows {
                let at = (first + *row as usize) * size;
                scratch.input.extend_from_slice(&scratch.residual[at..at + size]);
            }
            first += sequence.tokens.len();
        }
        self.norm.apply(&mut scratch.input);
        let mut row = 0;
        for sequence in &batch.sequences {
            let rows = row * size..(row + sequence.rows.len()) * size;
            row += sequence.rows.len();
            if sequence.embeddings {
                outputs.embeddings.extend_from_slice(&scratch.input[rows]);
            }
        }
        if row == 0 {
            return Ok(());
        }
        self.head.product(&scratch.input, &mut outputs.logits);
        if self.logit_scale != 1.0 {
            outputs.logits.iter_mut().for_each(|logit| *logit *= self.logit_scale);
        }
        if let Some(cap) = self.logit_cap {
            SoftCap { numbers: &mut outputs.logits, cap }.apply();
        }
        check_finite(&outputs.logits, self.vocab_size())
    }
}

/// Logits of rows that are `vocabulary` long have to be numbers.
pub(super) fn check_finite(logits: &[f32], vocabulary: usize) -> Result<(), ModelError> {
    let Some(at) = logits.iter().position(|logit| !logit.is_finite()) else { return Ok(()) };
    let (row, token, logit) = (at / vocabulary, at % vocabulary, logits[at]);
    let message =
        format!("logit {token} of row {row} is {logit}: the weights give no numbers for this input");
    Err(ModelError::Failed(message))
}

impl<E: Element> Pass<'_, E> {
    /// What goes into a block.
    fn begin(&mut self, norms: &Around<Cpu>) {
        self.scratch.input.clone_from(&self.scratch.residual);
        if let Some(norm) = &norms.before {
            norm.apply(&mut self.scratch.input);
        }
    }

    /// Adds what a block gave.
    fn end(&mut self, norms: &Around<Cpu>, scale: f32) {
        if let Some(norm) = &norms.after {
            norm.apply(&mut self.scratch.output);
        }
        for (sum, number) in self.scratch.residual.iter_mut().zip(&self.scratch.output) {
            *sum = number.mul_add(scale, *sum);
        }
    }
}

/// Writes the keys and values of all tokens to their slots.
fn keep<E: Element>(
    layer: usize,
    batch: &Batch<'_>,
    store: &mut PagedStore<E>,
    scratch: &Scratch,
    row_length: usize,
) -> Result<(), ModelError> {
    let rows = scratch.keys.chunks_exact(row_length).zip(scratch.values.chunks_exact(row_length));
    let page_size = store.slots.page_size();
    let places = batch
        .sequences
        .iter()
        .flat_map(|sequence| (0..sequence.tokens.len()).map(move |index| place(sequence, index, page_size)));
    for (place, (keys, values)) in places.zip(rows) {
        let (page, slot) = place?;
        store.write(page, slot, layer, keys, values);
    }
    Ok(())
}
