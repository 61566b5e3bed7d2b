//! The bytes that the spelling of a token in a vocabulary stands for.

/// How a vocabulary writes the bytes of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// Each character is one byte, by the table that GPT-2 introduced.
    ByteLevel,
    /// Plain text with another character for spaces, and `<0xNN>` for bytes that are no text.
    Metaspace {
        /// What stands for a space, usually `▁`.
        space: char,
    },
    /// Plain text.
    Text,
}

impl Spelling {
    /// The bytes of a token of the model's vocabulary.
    pub(super) fn bytes(self, piece: &str) -> Vec<u8> {
        match self {
            Spelling::ByteLevel => {
                let bytes: Option<Vec<u8>> = piece.chars().map(byte_of).collect();
                bytes.unwrap_or_else(|| piece.as_bytes().to_vec())
            }
            Spelling::Metaspace { space } => match fallback_byte(piece) {
                Some(byte) => vec![byte],
                None => piece.replace(space, " ").into_bytes(),
            },
            Spelling::Text => {
                fallback_byte(piece).map_or_else(|| piece.as_bytes().to_vec(), |byte| vec![byte])
            }
        }
    }

    /// The bytes of a token that was added to the vocabulary, and is written as it is.
    pub(super) fn added_bytes(self, content: &str) -> Vec<u8> {
        match self {
            Spelling::Metaspace { space } if content.chars().all(|c| c == space) => {
                " ".repeat(content.chars().count()).into_bytes()
            }
            _ => content.as_bytes().to_vec(),
        }
    }
}

/// The byte that a character of the byte-level alphabet stands for. Printable Latin-1 stands for itself; the other 68 bytes, in
/// ascending order, are the characters from U+0100 on.
fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// The character that stands for a byte: the inverse of [`byte_of`].
pub(crate) fn char_of(byte: u8) -> char {
    let code = u32::from(byte);
    let code = match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => code,
        0..=0x20 => 0x100 + code,
        0x7f..=0xa0 => 0x121 + code - 0x7f,
        0xad => 0x143,
    };
    char::from_u32(code).expect("all codes up to U+0143 are characters")
}

/// The byte of a token like `<0x0A>`.
fn fallback_byte(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_byte = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_byte { u8::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    #[test]
    fn the_alphabet_has_one_character_for_each_byte() {
        let mut bytes: Vec<u8> = ByteLevel::alphabet().into_iter().filter_map(byte_of).collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert!((0..=255).all(|byte| byte_of(char_of(byte)) == Some(byte)));
        assert_eq!(
            [byte_of('Ġ'), byte_of('Ċ'), byte_of('é'), byte_of('€')],
            [Some(b' '), Some(b'\n'), Some(0xe9), None]
        );
    }

    #[test]
    fn a_byte_token_is_one_byte_and_anything_else_in_brackets_is_text() {
        let spelling = Spelling::Metaspace { space: '▁' };
        assert_eq!(spelling.bytes("<0xE2>"), [0xe2]);
        assert_eq!(spelling.bytes("<0x+1>"), b"<0x+1>");
        assert_eq!(spelling.bytes("▁a▁"), b" a ");
    }

    #[test]
    fn an_added_token_is_not_spelled_in_the_alphabet() {
        assert_eq!(Spelling::ByteLevel.added_bytes("<é>"), "<é>".as_bytes());
        assert_eq!(Spelling::Metaspace { space: '▁' }.added_bytes("▁▁"), b"  ");
        assert_eq!(
            Spelling::Metaspace { space: '▁' }.added_bytes("<｜tool▁sep｜>"),
            "<｜tool▁sep｜>".as_bytes()
        );
    }
}
