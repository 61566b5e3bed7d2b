//! A difference side by side: what was accepted to the left, what was found to the right.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::report::visible;
use crate::snapshot::diff::Changed;
use crate::ui::Theme;

/// Writes the lines in two columns.
///
/// # Errors
/// Writing failed.
pub fn write(out: &mut dyn Write, lines: &[Changed], theme: Theme, width: usize) -> io::Result<()> {
    let column = (width.saturating_sub(3) / 2).max(20);
    let Theme { good, error, dim, .. } = theme;
    for (left, right) in pairs(lines) {
        let (left_style, right_style) = match (left, right) {
            (Some(one), Some(other)) if one == other => (dim, dim),
            _ => (error, good),
        };
        let left = fitted(left.unwrap_or_default(), column);
        let right = fitted(right.unwrap_or_default(), column);
        let space = " ".repeat(column.saturating_sub(left.width()));
        writeln!(out, "{left_style}{left}{left_style:#}{space} │ {right_style}{right}{right_style:#}")?;
    }
    Ok(())
}

/// Lines that stand beside each other. Of lines that are gone and new ones behind them, the first stands beside the first.
fn pairs(lines: &[Changed]) -> Vec<(Option<&str>, Option<&str>)> {
    let (mut pairs, mut gone, mut new) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        match line {
            Changed::Gone(text) => gone.push(text.as_str()),
            Changed::New(text) => new.push(text.as_str()),
            Changed::Same(text) => {
                flush(&mut pairs, &mut gone, &mut new);
                pairs.push((Some(text.as_str()), Some(text.as_str())));
            }
            Changed::Gap(_) => {
                flush(&mut pairs, &mut gone, &mut new);
                pairs.push((Some("…"), Some("…")));
            }
        }
    }
    flush(&mut pairs, &mut gone, &mut new);
    pairs
}

fn flush<'a>(
    pairs: &mut Vec<(Option<&'a str>, Option<&'a str>)>,
    gone: &mut Vec<&'a str>,
    new: &mut Vec<&'a str>,
) {
    for at in 0..gone.len().max(new.len()) {
        pairs.push((gone.get(at).copied(), new.get(at).copied()));
    }
    gone.clear();
    new.clear();
}

fn fitted(line: &str, width: usize) -> String {
    let line = visible::on_one_line(line);
    visible::cut(&line, width).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_replaces_a_line_stands_beside_it() {
        let line = |text: &str| text.to_owned();
        let lines = [
            Changed::Same(line("a")),
            Changed::Gone(line("b")),
            Changed::Gone(line("c")),
            Changed::New(line("日本")),
            Changed::Gap(7),
        ];
        let mut text = Vec::new();
        write(&mut text, &lines, Theme::new(false), 43).unwrap();
        let rows = [("a", "a"), ("b", "日本"), ("c", ""), ("…", "…")];
        let rows = rows.map(|(left, right)| format!("{left:20} │ {right}\n"));
        assert_eq!(String::from_utf8(text).unwrap(), rows.concat());
    }
}
