//! Binary run-length encoding: the form of every mask at the component boundary.

/// A mask as run lengths that alternate between false and true, false first. `[2, 3]` is `00111`, `[0, 1]` is `1`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Brle(pub Vec<u32>);
