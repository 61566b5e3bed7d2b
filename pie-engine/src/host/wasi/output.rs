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

/// Makes text of bytes that come in pieces. No character is ever cut, and what is not UTF-8 becomes U+FFFD, as in
/// [`String::from_utf8_lossy`]: the text of all chunks does not depend on how the bytes were cut into pieces.
///
/// One of these belongs to one stream: a character does not continue from standard output on standard error.
#[derive(Clone, Debug)]
pub struct Utf8Chunks {
    pending: Vec<u8>,
    cut: Cut,
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    /// Everything goes out up to the last whole character.
    Characters,
    /// Everything goes out up to the last whole line, and longer lines when they reach this many bytes.
    Lines { max_bytes: usize },
}

impl Utf8Chunks {
    /// Chunks that end with whole characters; at most three bytes are kept back.
    pub fn by_character() -> Self {
        Utf8Chunks { pending: Vec::new(), cut: Cut::Characters }
    }

    /// Chunks that end with whole lines, so that text which is written word by word comes as lines. A line that reaches `max_bytes` without
    /// an end goes out as it is.
    pub fn by_line(max_bytes: usize) -> Self {
        Utf8Chunks { pending: Vec::new(), cut: Cut::Lines { max_bytes } }
    }

    /// Takes the bytes of one write and gives the text that is complete now, if there is any.
    pub fn push(&mut self, bytes: &[u8]) -> Option<String> {
        self.pending.extend_from_slice(bytes);
        let whole = self.whole();
        self.take(whole)
    }

    /// Gives what is left at the end; a character that never became whole is one U+FFFD.
    pub fn flush(&mut self) -> Option<String> {
        self.take(self.pending.len())
    }

    /// How many of the pending bytes may go out.
    fn whole(&self) -> usize {
        let characters = self.pending.len() - unfinished(&self.pending);
        match self.cut {
            Cut::Characters => characters,
            Cut::Lines { max_bytes } if self.pending.len() >= max_bytes => characters,
            Cut::Lines { .. } => {
                self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1)
            }
        }
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

    fn all(mut chunks: Utf8Chunks, pieces: &[&[u8]]) -> Vec<String> {
        let mut texts: Vec<String> = pieces.iter().filter_map(|piece| chunks.push(piece)).collect();
        texts.extend(chunks.flush());
        assert_eq!(chunks.flush(), None);
        texts
    }

    #[test]
    fn a_character_cut_in_two_comes_whole() {
        let pieces: [&[u8]; 4] = [b"na\xc3", b"\xafve \xf0\x9f", b"\xa6", b"\x80!"];
        assert_eq!(all(Utf8Chunks::by_character(), &pieces), ["na", "ïve ", "🦀!"]);
    }

    #[test]
    fn what_never_becomes_a_character_is_replaced() {
        assert_eq!(
            all(Utf8Chunks::by_character(), &[b"a\xff", b"b\xe2\x82", b"c"]),
            ["a\u{fffd}", "b", "\u{fffd}c"]
        );
        assert_eq!(all(Utf8Chunks::by_character(), &[b"\xe2\x82"]), ["\u{fffd}"]);
    }

    #[test]
    fn lines_come_whole_and_the_rest_at_the_end() {
        let pieces: [&[u8]; 4] = [b"one", b" line\ntwo", b"", b"\nthr\xc3\xa9"];
        assert_eq!(all(Utf8Chunks::by_line(100), &pieces), ["one line\n", "two\n", "thr\u{e9}"]);
    }

    #[test]
    fn a_line_without_an_end_does_not_stay_forever() {
        assert_eq!(all(Utf8Chunks::by_line(4), &[b"abc", b"d", b"ef\xc3", b"\xa9"]), ["abcd", "ef\u{e9}"]);
    }

    proptest! {
        #[test]
        fn the_text_does_not_depend_on_how_the_bytes_were_cut(
            text in "[aé🦀\\n]{0,12}",
            noise in prop::collection::vec(prop_oneof![Just(0xc3u8), Just(0xf0), Just(0x80), Just(0xe2), Just(b'x'), any::<u8>()], 0..6),
            cuts in prop::collection::vec(0..40usize, 0..6),
            by_line in any::<bool>(),
        ) {
            let bytes = [text.as_bytes(), &noise, text.as_bytes()].concat();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let chunks = if by_line { Utf8Chunks::by_line(7) } else { Utf8Chunks::by_character() };
            prop_assert_eq!(all(chunks, &pieces).concat(), String::from_utf8_lossy(&bytes));
        }
    }
}
