//! One decoder for all architectures: what differs between them is data.
//!
//! ```text
//! x = embedding(tokens) * embedding scale
//! for each layer:
//!     x += residual scale * after(attention(before(x)))
//!     x += residual scale * after(feed forward(before(x)))
//! logits = soft cap(head(norm(x)) * logit scale)
//! ```
//! `before` and `after` are norms, or nothing: models of the Llama family norm before each block, OLMo 2 after it, Gemma on both sides.
//!
//! Nothing here knows a name of an architecture or of a tensor: `load` does.

use super::attention::{State, Unit};
use super::feed_forward::FeedForward;
use super::matrix::{Matrix, Table, products};
use super::numeric::{NormWeight, RmsNorm, SoftCap};
use super::plan::place;
use super::pool::for_each_piece;
use super::rope::{Angles, Rope};
use super::scratch::Scratch;
use super::simd::dispatch;
use super::store::{CacheShape, Element, PagedStore};
use crate::model::{Batch, ModelError, Outputs, Target};

/// Query heads for each key-value head, at most.
pub(super) const LARGEST_GROUP: usize = 64;
/// Queries that go through attention together, if there are so many for one key-value head.
const TILE_QUERIES: usize = 16;
/// Numbers that a thread norms at once, at least.
const PIECE: usize = 4096;
/// About how many multiplications of a matrix take as long as norming a number.
const OPERATIONS: usize = 8;

/// A model.
pub(super) struct Decoder {
    /// What tokens are embedded as: a row for each id.
    pub embeddings: Table,
    /// What embeddings are multiplied with.
    pub embedding_scale: f32,
    /// The layers.
    pub layers: Vec<Layer>,
    /// The norm behind the last layer.
    pub norm: Norm,
    /// Logits from what the last layer gives.
    pub head: Matrix,
    /// What logits are multiplied with.
    pub logit_scale: f32,
    /// What they softly stay below.
    pub logit_cap: Option<f32>,
    /// What blocks give is multiplied with, before it is added.
    pub residual_scale: f32,
    /// What attention has the same in all layers.
    pub heads: Heads,
    /// The kinds of rotation in the layers.
    pub ropes: Vec<Rope>,
    /// The kinds of sight in the layers: how many positions back a token sees, or all.
    pub views: Vec<Option<u32>>,
    /// The matrices that adapters may change, in the order in which [`Linear::target`] counts them.
    pub targets: Vec<Target>,
}

/// What attention has the same in all layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heads {
    /// Query heads.
    pub queries: usize,
    /// Layers, key-value heads, and the length of a head.
    pub cache: CacheShape,
    /// What queries are multiplied with.
    pub scale: f32,
    /// What scores softly stay below.
    pub cap: Option<f32>,
}

impl Heads {
    /// Query heads for each key-value head.
    pub fn group(&self) -> usize {
        self.queries / self.cache.heads
    }

    fn tile_tokens(&self) -> usize {
        (TILE_QUERIES / self.group()).max(1)
    }
}

/// A layer.
pub(super) struct Layer {
    /// Norms before and after attention.
    pub attention_norms: Around,
    /// Attention.
    pub attention: Attention,
    /// Norms before and after the feed-forward network.
    pub feed_forward_norms: Around,
    /// The feed-forward network.
    pub feed_forward: FeedForward,
}

/// The norms of a block.
#[derive(Default)]
pub(super) struct Around {
    /// Of what goes in.
    pub before: Option<Norm>,
    /// Of what comes out.
    pub after: Option<Norm>,
}

/// A root mean square norm.
pub(super) struct Norm {
    /// A weight for each number.
    pub weight: Vec<f32>,
    /// How they are meant.
    pub kind: NormWeight,
    /// Added to the mean square.
    pub epsilon: f32,
}

impl Norm {
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

/// A matrix with what belongs to it.
pub(super) struct Linear {
    /// The matrix.
    pub matrix: Matrix,
    /// Added to each row.
    pub bias: Option<Vec<f32>>,
    /// Its number among the targets of adapters.
    pub target: Option<usize>,
}

impl Linear {
    /// Computes rows of outputs from rows of inputs, which are those of all tokens of the batch.
    pub fn apply(&self, batch: &Batch<'_>, input: &[f32], output: &mut Vec<f32>) {
        Linear::apply_all(batch, input, [(self, output)]);
    }

    /// The same of several that have the same input.
    pub fn apply_all<const COUNT: usize>(
        batch: &Batch<'_>,
        input: &[f32],
        mut of: [(&Linear, &mut Vec<f32>); COUNT],
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

/// The attention of a layer.
pub(super) struct Attention {
    /// To queries, keys and values.
    pub projections: Projections,
    /// From what is attended to.
    pub output: Linear,
    /// Norms of queries: as long as a head, or as all heads together.
    pub query_norm: Option<Norm>,
    /// Norms of keys.
    pub key_norm: Option<Norm>,
    /// Which of the rotations.
    pub rope: usize,
    /// Which of the sights.
    pub view: usize,
}

/// The matrices to queries, keys and values.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each layer, and in most models it is the large one"
)]
pub(super) enum Projections {
    /// Three.
    Separate {
        /// To queries.
        query: Linear,
        /// To keys.
        key: Linear,
        /// To values.
        value: Linear,
    },
    /// One, whose rows are those of the three.
    Fused(Linear),
}

impl Projections {
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

impl Decoder {
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
        scratch.plan.make(batch, store, &self.views, self.heads.tile_tokens())?;
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
        attention: &Attention,
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
        let unit = self.heads.tile_tokens() * group * size;
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
        if let Some(at) = outputs.logits.iter().position(|logit| !logit.is_finite()) {
            let (row, token) = (at / self.vocab_size(), at % self.vocab_size());
            let logit = outputs.logits[at];
            let message =
                format!("logit {token} of row {row} is {logit}: the weights give no numbers for this input");
            return Err(ModelError::Failed(message));
        }
        Ok(())
    }
}

impl<E: Element> Pass<'_, E> {
    /// What goes into a block.
    fn begin(&mut self, norms: &Around) {
        self.scratch.input.clone_from(&self.scratch.residual);
        if let Some(norm) = &norms.before {
            norm.apply(&mut self.scratch.input);
        }
    }

    /// Adds what a block gave.
    fn end(&mut self, norms: &Around, scale: f32) {
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
    let page_size = store.page_size();
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
