//! The model that is part of bakery: `tiny`, a small one of our own, so that real kernels run with nothing to fetch. `bakery/models/tiny` makes it and says what it can do.

use pie_engine::model::source::{Limits, Source, SourceError};

/// What it is called.
pub const TINY: &str = "tiny";

/// What messages call the file.
const FILE: &str = "tiny.gguf";

/// Bytes that begin where numbers of any type can be read in place, so that loading copies nothing.
#[repr(C, align(64))]
struct Aligned<B: ?Sized>(B);

/// The file. It lies in the executable's read-only part, of which the system reads what is used.
static BYTES: &Aligned<[u8]> = &Aligned(*include_bytes!("../../models/tiny/tiny.gguf"));

/// Its size in bytes.
pub fn bytes() -> u64 {
    BYTES.0.len() as u64
}

/// Opens it.
///
/// # Errors
/// It does not fit into memory.
pub fn open(limits: &Limits) -> Result<Source, SourceError> {
    Source::from_gguf(&BYTES.0, FILE, TINY, limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_in_the_executable_is_whole_and_lies_where_it_can_be_read_in_place() {
        assert!(BYTES.0.as_ptr().addr().is_multiple_of(64));
        let source = open(&Limits::default()).unwrap();
        assert_eq!(source.name, TINY);
        assert!(source.chat.check_reasoning().is_ok() && source.chat.check_tools().is_ok());
        let (name, tensor) = source.weights.iter().next().unwrap();
        assert!(BYTES.0.as_ptr_range().contains(&tensor.bytes.as_ptr()), "`{name}` was copied");
        assert!(bytes() < 6_000_000, "an executable is no place for more");
    }
}
