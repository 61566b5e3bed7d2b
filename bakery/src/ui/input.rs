//! Lines from standard input.

use std::io::{self, BufRead, BufReader, Read};

/// Reads line by line; nothing is read before a line is asked for.
pub struct Lines {
    from: Box<dyn BufRead + Send>,
}

impl Lines {
    pub(super) fn new(from: impl Read + Send + 'static) -> Lines {
        Lines { from: Box::new(BufReader::new(from)) }
    }

    pub(super) fn of_process() -> Lines {
        Lines::new(io::stdin())
    }

    /// The next line without its end; none at the end of the input, or when it cannot be read. Bytes that are no UTF-8 are replaced.
    pub fn next_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.from.read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return None;
        }
        let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        line.truncate(end);
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_nothing_else() {
        let mut lines = Lines::new(&b"one\n two \r\n\n\xff\nlast"[..]);
        let all: Vec<String> = std::iter::from_fn(|| lines.next_line()).collect();
        assert_eq!(all, ["one", " two ", "", "\u{fffd}", "last"]);
    }
}
