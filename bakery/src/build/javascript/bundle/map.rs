//! Where text of a bundle comes from: source maps (<https://tc39.es/ecma426/>), put one behind the other.

use oxc_sourcemap::SourceMap;

/// The alphabet of VLQ numbers.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A place in generated text, and the one in the source that it comes from. All count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    line: u32,
    column: u32,
    source_line: u32,
    source_column: u32,
}

/// The map of one source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map {
    points: Vec<Point>,
}

impl Map {
    /// What a printer has noted.
    pub fn of(map: &SourceMap<'_>) -> Map {
        let points = map.get_tokens().filter(|token| token.get_source_id().is_some()).map(|token| Point {
            line: token.get_dst_line(),
            column: token.get_dst_col(),
            source_line: token.get_src_line(),
            source_column: token.get_src_col(),
        });
        Map { points: points.collect() }
    }
}

/// The map of a bundle, under construction: sources come in the order of their text.
#[derive(Debug, Default)]
pub struct Mappings {
    text: String,
    line: u32,
    column: u32,
    source: i64,
    source_line: i64,
    source_column: i64,
}

impl Mappings {
    /// Adds the map of the source of this number, whose text begins at the beginning of a line.
    pub fn add(&mut self, source: usize, map: &Map, first_line: u32) {
        let source = i64::try_from(source).unwrap_or_default();
        for point in &map.points {
            let line = first_line + point.line;
            if line > self.line {
                (self.line..line).for_each(|_| self.text.push(';'));
                (self.line, self.column) = (line, 0);
            } else if !self.text.is_empty() && !self.text.ends_with(';') {
                self.text.push(',');
            }
            let (source_line, source_column) = (i64::from(point.source_line), i64::from(point.source_column));
            self.number(i64::from(point.column) - i64::from(self.column));
            self.number(source - self.source);
            self.number(source_line - self.source_line);
            self.number(source_column - self.source_column);
            (self.column, self.source) = (point.column, source);
            (self.source_line, self.source_column) = (source_line, source_column);
        }
    }

    fn number(&mut self, value: i64) {
        let mut rest = value.unsigned_abs() << 1 | u64::from(value < 0);
        loop {
            let digit = usize::try_from(rest & 31).unwrap_or_default();
            rest >>= 5;
            let more = if rest > 0 { 32 } else { 0 };
            self.text.push(char::from(DIGITS[digit | more]));
            if rest == 0 {
                break;
            }
        }
    }

    /// The text of `mappings`.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_one_behind_the_other_are_one_map() {
        let point =
            |line, column, source_line, source_column| Point { line, column, source_line, source_column };
        let mut mappings = Mappings::default();
        mappings.add(0, &Map { points: vec![point(0, 0, 0, 0), point(0, 4, 0, 6), point(1, 2, 2, 0)] }, 1);
        mappings.add(1, &Map { points: vec![point(0, 0, 0, 20)] }, 5);
        let text = mappings.finish();
        assert_eq!(text, ";AAAA,IAAM;EAEN;;;ACFoB");
        let json = format!(r#"{{"version":3,"sources":["a","b"],"names":[],"mappings":"{text}"}}"#);
        let read = SourceMap::from_json_string(&json).unwrap();
        let found: Vec<_> = read
            .get_tokens()
            .map(|token| {
                (
                    token.get_dst_line(),
                    token.get_dst_col(),
                    token.get_source_id(),
                    token.get_src_line(),
                    token.get_src_col(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [(1, 0, Some(0), 0, 0), (1, 4, Some(0), 0, 6), (2, 2, Some(0), 2, 0), (5, 0, Some(1), 0, 20)]
        );
    }
}
