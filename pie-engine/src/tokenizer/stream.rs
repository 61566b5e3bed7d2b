//! Text from a stream of tokens, never half a character.

use super::{Tokenizer, UnknownToken};
use std::sync::Arc;

/// Turns tokens into text as they come. A character whose bytes are spread over several tokens is kept back until it is complete;
/// bytes that can no longer become one are U+FFFD.
///
/// All pieces and the [`flush`](Self::flush) together are what [`Tokenizer::decode`] gives for all tokens at once.
#[derive(Clone, Debug)]
pub struct StreamDecoder {
    tokenizer: Arc<Tokenizer>,
    /// The beginning of a character: at most three bytes.
    pending: Vec<u8>,
    at_start: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a text.
    pub fn new(tokenizer: Arc<Tokenizer>) -> StreamDecoder {
        StreamDecoder { tokenizer, pending: Vec::new(), at_start: true }
    }

    /// The tokenizer it decodes with.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// Takes the next token and appends the text that is complete with it. An unknown id changes nothing.
    pub fn push(&mut self, token: u32, text: &mut String) -> Result<(), UnknownToken> {
        let mut bytes = self.tokenizer.bytes_of(token)?;
        if self.at_start && !bytes.is_empty() {
            self.at_start = false;
            if self.tokenizer.strips_first_space {
                bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
            }
        }
        self.pending.extend_from_slice(bytes);
        let complete = complete_len(&self.pending);
        text.push_str(&String::from_utf8_lossy(&self.pending[..complete]));
        self.pending.drain(..complete);
        Ok(())
    }

    /// Ends the text: gives U+FFFD if a character was left incomplete. The next token continues the text.
    pub fn flush(&mut self) -> &'static str {
        let broken = !self.pending.is_empty();
        self.pending.clear();
        if broken { "\u{fffd}" } else { "" }
    }

    /// Back to the start of a text.
    pub fn reset(&mut self) {
        self.pending.clear();
        self.at_start = true;
    }
}

/// How many bytes remain after leaving out the incomplete character at the end, if there is one.
fn complete_len(bytes: &[u8]) -> usize {
    let mut done = 0;
    loop {
        match std::str::from_utf8(&bytes[done..]) {
            Ok(_) => return bytes.len(),
            Err(error) => match error.error_len() {
                None => return done + error.valid_up_to(),
                Some(broken) => done += error.valid_up_to() + broken,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    #[test]
    fn only_an_incomplete_character_at_the_end_is_kept_back() {
        let cases: [(&[u8], usize); 6] = [
            (b"", 0),
            (b"ab", 2),
            ("é".as_bytes(), 2),
            (b"a\xe2\x82", 1),
            (b"\xff\xe2", 1),
            (b"\xe2\x82a", 3),
        ];
        for (bytes, expected) in cases {
            assert_eq!(complete_len(bytes), expected, "{bytes:?}");
        }
    }

    static TOKENIZER: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| Arc::new(Tokenizer::dummy()));

    proptest! {
        #[test]
        fn a_stream_gives_the_text_of_the_whole(tokens in prop::collection::vec(0u32..1024, 0..60)) {
            let tokenizer = Arc::clone(&TOKENIZER);
            let mut decoder = StreamDecoder::new(Arc::clone(&tokenizer));
            let mut text = String::new();
            for &token in &tokens {
                decoder.push(token, &mut text).unwrap();
            }
            text.push_str(decoder.flush());
            prop_assert_eq!(text, tokenizer.decode(&tokens).unwrap());
        }
    }
}
