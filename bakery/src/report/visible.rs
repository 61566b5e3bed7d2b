//! Text from an inferlet, made safe to show.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

/// Lets through what a program may do to a terminal it prints on, which is colours (SGR sequences), line feeds, carriage returns and tabs;
/// shows every other control character as its escape.
pub fn on_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|char| char.is_control() && char != '\n') {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let colour = colour_sequence(rest);
        if colour > 0 {
            shown.push_str(&rest[..colour]);
            rest = &rest[colour..];
            continue;
        }
        match char {
            '\n' | '\r' | '\t' => shown.push(char),
            _ if char.is_control() => shown.extend(char.escape_default()),
            _ => shown.push(char),
        }
        rest = &rest[char.len_utf8()..];
    }
    Cow::Owned(shown)
}

/// The length of the SGR sequence that `text` begins with, or 0.
fn colour_sequence(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = parameters.find(|char: char| !(char.is_ascii_digit() || char == ';' || char == ':'));
    match end {
        Some(end) if parameters[end..].starts_with('m') => 2 + end + 1,
        _ => 0,
    }
}

/// On one line, with control characters shown as escapes.
pub fn on_one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, char| {
        match char {
            _ if char.is_control() => line.extend(char.escape_default()),
            _ => line.push(char),
        }
        line
    })
}

/// Cuts a line to `width` columns, with an ellipsis where something is missing.
pub fn cut(line: &str, width: usize) -> Cow<'_, str> {
    let mut columns = 0;
    let mut fits = 0;
    for (at, char) in line.char_indices() {
        let next = columns + char.width().unwrap_or(0);
        if next > width {
            return Cow::Owned(format!("{}…", &line[..fits]));
        }
        columns = next;
        if columns < width {
            fits = at + char.len_utf8();
        }
    }
    Cow::Borrowed(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_colours_and_lines_and_no_other_control() {
        let kept = "plain \u{1b}[1;31mred\u{1b}[0m\ttab\r\n";
        assert_eq!(on_terminal(kept), kept);
        assert_eq!(on_terminal("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(on_terminal("\u{1b}]52;c;aGk=\u{7}"), "\\u{1b}]52;c;aGk=\\u{7}");
        assert_eq!(on_terminal("\u{9b}31m\u{1b}["), "\\u{9b}31m\\u{1b}[");
    }

    #[test]
    fn a_cut_line_is_as_wide_as_asked() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
    }
}
