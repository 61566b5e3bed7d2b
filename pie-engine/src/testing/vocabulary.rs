//! What tokens say, where the tokenizer of a trace is at hand.

use std::sync::Arc;

use crate::tokenizer::Tokenizer;
use crate::trace::Header;

/// Turns tokens into text. The default knows none.
#[derive(Default)]
pub struct Vocabulary {
    tokenizer: Option<Arc<Tokenizer>>,
}

impl Vocabulary {
    /// The vocabulary of a trace: known when the trace was made with the dummy's tokenizer of this version.
    pub fn of(header: &Header) -> Vocabulary {
        let dummy = Tokenizer::dummy();
        let known = dummy.digest() == header.tokenizer_digest;
        Vocabulary { tokenizer: known.then(|| Arc::new(dummy)) }
    }

    /// The vocabulary of a tokenizer that is at hand.
    pub fn with(tokenizer: Arc<Tokenizer>) -> Vocabulary {
        Vocabulary { tokenizer: Some(tokenizer) }
    }

    /// The text of some tokens, without quotes; none where it is not known.
    pub fn text(&self, tokens: &[u32]) -> Option<String> {
        self.tokenizer.as_ref()?.decode(tokens).ok()
    }
}
