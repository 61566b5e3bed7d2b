//! Where standard output and standard error go, and how bytes become text on the way.

use crate::host::limits::LimitExceeded;

/// Which of the two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes what an instance prints, as it prints it.
pub trait Output: Send {
    /// Takes the bytes of one write, which may end in the middle of a character ([`Utf8Chunks`] puts characters together again).
    ///
    /// # Errors
    /// When the instance has printed more than it may; that ends the instance.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LimitExceeded>;
}

/// Makes lines of bytes that come in pieces. No character is ever cut, and what is not UTF-8 becomes U+FFFD, as in
/// [`String::from_utf8_lossy`]: the text of all chunks does not depend on how the bytes were cut into pieces.
///
/// One of these belongs to one stream: a character does not continue from standard output on standard error.
#[derive(Clone, Debug)]
pub struct Utf8Chunks {
    pending: Vec<u8>,
    max_bytes: usize,
}

impl Utf8Chunks {
    /// Chunks that end with whole lines, so that text which is written word by word comes as lines. A line that reaches `max_bytes` without
    /// an end goes out as it is.
    pub fn by_line(max_bytes: usize) -> Self {
        Utf8Chunks { pending: Vec::new(), max_bytes }
    }

    /// Takes the bytes of one write and gives the text that is complete now, if there is any.
    pub fn push(&mut self, bytes: &[u8]) -> Option<String> {
        let searched = self.pending.len();
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= self.max_bytes {
            return self.flush();
        }
        let last = self.pending[searched..].iter().rposition(|byte| *byte == b'\n')?;
        self.take(searched + last + 1)
    }

    /// Gives the beginning of a line, up to the last whole character; at most three bytes are kept back.
    pub fn flush(&mut self) -> Option<String> {
        self.take(self.pending.len() - unfinished(&self.pending))
    }

    /// Gives what is left at the end; a character that never became whole is one U+FFFD.
    pub fn finish(&mut self) -> Option<String> {
        self.take(self.pending.len())
    }

    fn take(&mut self, length: usize) -> Option<String> {
        if length == 0 {
            return None;
        }
        let rest = self.pending.split_off(length);
        let whole = std::mem::replace(&mut self.pending, rest);
        Some(
            String::from_utf8(whole)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        )
    }
}

/// How many bytes at the end are the beginning of a character that may still become whole.
fn unfinished(bytes: &[u8]) -> usize {
    // A character has at most four bytes, so an unfinished one at most three, and it begins with its only lead byte.
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(lead) = tail.iter().rposition(|byte| byte & 0b1100_0000 == 0b1100_0000) else { return 0 };
    let tail = &tail[lead..];
    match std::str::from_utf8(tail) {
        Err(error) if error.error_len().is_none() => tail.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The texts of some pieces, each flushed or not.
    fn all(mut chunks: Utf8Chunks, pieces: &[(&[u8], bool)]) -> Vec<String> {
        let mut texts = Vec::new();
        for (piece, flushed) in pieces {
            texts.extend(chunks.push(piece));
            if *flushed {
                texts.extend(chunks.flush());
            }
        }
        texts.extend(chunks.finish());
        assert_eq!(chunks.finish(), None);
        texts
    }

    fn flushed(pieces: &[&[u8]]) -> Vec<String> {
        let pieces: Vec<_> = pieces.iter().map(|piece| (*piece, true)).collect();
        all(Utf8Chunks::by_line(100), &pieces)
    }

    fn by_line(max_bytes: usize, pieces: &[&[u8]]) -> Vec<String> {
        let pieces: Vec<_> = pieces.iter().map(|piece| (*piece, false)).collect();
        all(Utf8Chunks::by_line(max_bytes), &pieces)
    }

    #[test]
    fn a_character_cut_in_two_comes_whole() {
        assert_eq!(flushed(&[b"na\xc3", b"\xafve \xf0\x9f", b"\xa6", b"\x80!"]), ["na", "ïve ", "🦀!"]);
    }

    #[test]
    fn what_never_becomes_a_character_is_replaced() {
        assert_eq!(flushed(&[b"a\xff", b"b\xe2\x82", b"c"]), ["a\u{fffd}", "b", "\u{fffd}c"]);
        assert_eq!(flushed(&[b"\xe2\x82"]), ["\u{fffd}"]);
    }

    #[test]
    fn lines_come_whole_and_the_rest_at_the_end() {
        let pieces: [&[u8]; 4] = [b"one", b" line\ntwo", b"", b"\nthr\xc3\xa9"];
        assert_eq!(by_line(100, &pieces), ["one line\n", "two\n", "thr\u{e9}"]);
    }

    #[test]
    fn a_line_without_an_end_does_not_stay_forever() {
        assert_eq!(by_line(4, &[b"abc", b"d", b"ef\xc3", b"\xa9"]), ["abcd", "ef\u{e9}"]);
    }

    proptest! {
        #[test]
        fn the_text_does_not_depend_on_how_the_bytes_were_cut(
            text in "[aé🦀\\n]{0,12}",
            noise in prop::collection::vec(prop_oneof![Just(0xc3u8), Just(0xf0), Just(0x80), Just(0xe2), Just(b'x'), any::<u8>()], 0..6),
            cuts in prop::collection::vec((0..40usize, any::<bool>()), 0..6),
        ) {
            let bytes = [text.as_bytes(), &noise, text.as_bytes()].concat();
            let mut cuts: Vec<_> = cuts.into_iter().map(|(cut, flushed)| (cut.min(bytes.len()), flushed)).collect();
            cuts.extend([(0, false), (bytes.len(), false)]);
            cuts.sort_unstable();
            let pieces: Vec<(&[u8], bool)> =
                cuts.windows(2).map(|cut| (&bytes[cut[0].0..cut[1].0], cut[1].1)).collect();
            prop_assert_eq!(all(Utf8Chunks::by_line(7), &pieces).concat(), String::from_utf8_lossy(&bytes));
        }
    }
}
