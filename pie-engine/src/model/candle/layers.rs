//! What a decoder is made of, as data: what differs between architectures, and nothing of how it is computed.
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

use super::load::LoadError;
use super::numeric::{Activation, NormWeight};
use super::rope::Rope;
use super::store::CacheShape;
use crate::model::Target;
use crate::model::source::Tensor;

/// Query heads for each key-value head, at most.
pub(super) const LARGEST_GROUP: usize = 64;

/// Where the numbers of a decoder are, and in which form.
pub(super) trait Backend {
    /// A matrix that rows are multiplied with.
    type Matrix;
    /// What tokens are embedded as: a row for each.
    type Table;
    /// Numbers of 32 bits: the weights of a norm, or a bias.
    type Numbers;
    /// Takes a matrix of `outputs` rows of `inputs` numbers. The name is for messages.
    fn matrix(&self, name: &str, size: Size, tensor: &Tensor) -> Result<Self::Matrix, LoadError>;
    /// Takes what tokens are embedded as.
    fn table(&self, name: &str, size: Size, tensor: &Tensor) -> Result<Self::Table, LoadError>;
    /// Takes numbers.
    fn numbers(&self, numbers: Vec<f32>) -> Result<Self::Numbers, LoadError>;
}

/// The size of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    /// Its rows: numbers in a row of the result.
    pub outputs: usize,
    /// Its columns: numbers in a row that it is multiplied with.
    pub inputs: usize,
}

/// A model.
pub(super) struct Decoder<B: Backend> {
    /// What tokens are embedded as: a row for each id.
    pub embeddings: B::Table,
    /// What embeddings are multiplied with.
    pub embedding_scale: f32,
    /// The layers.
    pub layers: Vec<Layer<B>>,
    /// The norm behind the last layer.
    pub norm: Norm<B>,
    /// Logits from what the last layer gives.
    pub head: B::Matrix,
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
}

/// A layer.
pub(super) struct Layer<B: Backend> {
    /// Norms before and after attention.
    pub attention_norms: Around<B>,
    /// Attention.
    pub attention: Attention<B>,
    /// Norms before and after the feed-forward network.
    pub feed_forward_norms: Around<B>,
    /// The feed-forward network.
    pub feed_forward: FeedForward<B>,
}

/// The norms of a block.
pub(super) struct Around<B: Backend> {
    /// Of what goes in.
    pub before: Option<Norm<B>>,
    /// Of what comes out.
    pub after: Option<Norm<B>>,
}

/// A root mean square norm.
pub(super) struct Norm<B: Backend> {
    /// A weight for each number.
    pub weight: B::Numbers,
    /// How they are meant.
    pub kind: NormWeight,
    /// Added to the mean square.
    pub epsilon: f32,
}

/// A matrix with what belongs to it.
pub(super) struct Linear<B: Backend> {
    /// The matrix.
    pub matrix: B::Matrix,
    /// Added to each row.
    pub bias: Option<B::Numbers>,
    /// Its number among the targets of adapters.
    pub target: Option<usize>,
}

/// The attention of a layer.
pub(super) struct Attention<B: Backend> {
    /// To queries, keys and values.
    pub projections: Projections<B>,
    /// From what is attended to.
    pub output: Linear<B>,
    /// Norms of queries: as long as a head, or as all heads together.
    pub query_norm: Option<Norm<B>>,
    /// Norms of keys.
    pub key_norm: Option<Norm<B>>,
    /// Which of the rotations.
    pub rope: usize,
    /// Which of the sights.
    pub view: usize,
}

/// The matrices to queries, keys and values.
pub(super) enum Projections<B: Backend> {
    /// Three.
    Separate {
        /// To queries.
        query: Linear<B>,
        /// To keys.
        key: Linear<B>,
        /// To values.
        value: Linear<B>,
    },
    /// One, whose rows are those of the three.
    Fused(Linear<B>),
}

/// The feed-forward network of a layer.
pub(super) enum FeedForward<B: Backend> {
    /// One for all tokens.
    Dense(Gated<B>),
    /// Several, of which each token goes through a few.
    Experts(Experts<B>),
}

/// `down(activation(gate(x)) * up(x))`.
pub(super) struct Gated<B: Backend> {
    /// To the gate and to what is gated.
    pub gates: Gates<B>,
    /// Back to the residual stream.
    pub down: Linear<B>,
    /// The function on the gate.
    pub activation: Activation,
}

/// The matrices to the gate and to what is gated.
pub(super) enum Gates<B: Backend> {
    /// Two.
    Separate {
        /// To the gate.
        gate: Linear<B>,
        /// To what is gated.
        up: Linear<B>,
    },
    /// One, whose rows are those of the two.
    Fused(Linear<B>),
}

/// A mixture of experts.
pub(super) struct Experts<B: Backend> {
    /// How much each expert counts, before the softmax.
    pub router: Linear<B>,
    /// The experts.
    pub experts: Vec<Gated<B>>,
    /// How many of them a token goes through.
    pub per_token: usize,
    /// Whether the shares of those add up to 1, and not those of all.
    pub renormalized: bool,
}
