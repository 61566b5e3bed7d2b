//! What kernels are given, as `kernels.c` declares it. No structure has a gap.

use zerocopy::{Immutable, IntoBytes};

macro_rules! parameters {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty,)* })*) => {
        $($(#[$doc])* #[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
        #[repr(C)]
        pub(super) struct $name { $(pub $field: $type,)* })*
    };
}

parameters! {
    /// A matrix.
    Matrix { numbers: u64, scales: u64, factors: u64, form: u32, inputs: u32, outputs: u32, blocks: u32, parts: u32, zero: f32, }
    /// A product with a matrix.
    Product { matrix: Matrix, input: u64, output: u64, tokens: u32, unused: u32, }
    /// Rows of a table.
    Embed { matrix: Matrix, tokens: u64, output: u64, scale: f32, unused: u32, }
    /// A root mean square norm.
    RmsNorm { from: u64, to: u64, weight: u64, size: u32, offset: f32, epsilon: f32, unused: u32, }
    /// A sum.
    Add { to: u64, from: u64, count: u64, width: u32, scale: f32, }
    /// Columns of some rows.
    Take { from: u64, to: u64, rows: u64, from_width: u32, from_column: u32, width: u32, count: u32, }
    /// Rows that are added to others.
    Spread { to: u64, from: u64, rows: u64, shares: u64, width: u32, unused: u32, }
    /// An activation.
    Gate { gate: u64, up: u64, count: u64, gelu: u32, unused: u32, }
    /// A factor and a soft limit.
    Cap { numbers: u64, count: u64, scale: f32, cap: f32, }
    /// A rotation.
    Turn { rows: u64, cosines: u64, sines: u64, heads: u32, size: u32, half: u32, scale: f32, }
    /// Where keys and values are in a page.
    Cache { kept: u32, layers: u32, heads: u32, size: u32, blocks: u32, layer: u32, }
    /// Keys and values on their way to pages.
    Keep { cache: Cache, keys: u64, values: u64, pages: u64, slots: u64, }
    /// Attention to stretches of slots.
    Attend {
        cache: Cache, queries: u64, tokens: u64, pages: u64, bits: u64, parts: u64, heads: u32, stretches: u32, first_token: u32,
        cap: f32,
    }
    /// Stretches on their way to one result.
    Combine { parts: u64, output: u64, tokens: u64, heads: u32, size: u32, stretches: u32, first_token: u32, }
}
