//! An error as text: the message, the place in the user's file, the causes, the hints.

use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::Theme;
use crate::error::{Error, Place};

/// The error as it is printed, with a line feed at the end.
pub(super) fn render(error: &Error, theme: Theme, width: usize) -> String {
    let mut text = match &error.place {
        Some(place) => with_place(&error.message, place, theme, width),
        None => {
            let red = theme.error;
            format!("{red}error{red:#}: {}", indented(&error.message))
        }
    };
    text.push('\n');
    for cause in error.causes() {
        let dim = theme.dim;
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(text, "{dim}  cause:{dim:#} {}", indented(&cause));
    }
    for hint in &error.hints {
        let cyan = theme.hint;
        let _ = writeln!(text, "{cyan}   hint{cyan:#}: {}", indented(hint));
    }
    text
}

/// Further lines of a message stand under its first.
fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n         ")
}

fn with_place(message: &str, place: &Place, theme: Theme, width: usize) -> String {
    let renderer = if theme.colour { Renderer::styled() } else { Renderer::plain() };
    let annotation = AnnotationKind::Primary.span(valid_span(place)).label(place.label.as_str());
    let snippet = Snippet::source(place.text.as_str()).path(place.file.as_str()).annotation(annotation);
    renderer.term_width(width).render(&[Level::ERROR.primary_title(message).element(snippet)])
}

/// The span, cut to the text and to whole characters, so that a wrong span costs a caret and not a panic.
fn valid_span(place: &Place) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(place.text.len());
        while !place.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(place.span.start);
    start..floor(place.span.end).max(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapbox::{assert_data_eq, str};

    fn place(span: Range<usize>) -> Place {
        let text = "[package]\nnam = \"hello\"\nversion = \"0.1.0\"\n".to_owned();
        Place { file: "Pie.toml".into(), text, span, label: "did you mean `name`?".into() }
    }

    #[test]
    fn a_place_is_shown_with_line_and_caret() {
        let error =
            Error::usage("unknown key `nam` in `[package]`").at(place(10..13)).hint("bakery help manifest");
        assert_data_eq!(
            render(&error, Theme::new(false), 100),
            str![[r#"
error: unknown key `nam` in `[package]`
 --> Pie.toml:2:1
  |
2 | nam = "hello"
  | ^^^ did you mean `name`?
   hint: bakery help manifest

"#]]
        );
    }

    #[test]
    fn causes_and_hints_stand_below_the_message() {
        let error = Error::environment("cannot read `trace.jsonl`")
            .caused_by(std::io::Error::other("first line\nsecond line"))
            .hint("ls")
            .hint("bakery run . --trace trace.jsonl");
        assert_data_eq!(
            render(&error, Theme::new(false), 100),
            str![[r#"
error: cannot read `trace.jsonl`
  cause: first line
         second line
   hint: ls
   hint: bakery run . --trace trace.jsonl

"#]]
        );
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let error = Error::usage("unknown key").at(place(10..13)).hint("type something").caused_by("a cause");
        let coloured = render(&error, Theme::new(true), 100);
        assert!(coloured.contains("\u{1b}["), "{coloured:?}");
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            render(&error, Theme::new(false), 100)
        );
    }

    #[test]
    fn a_wrong_span_is_no_panic() {
        for span in [0..0, 43..43, 1000..2000, Range { start: 20, end: 3 }] {
            let error = Error::usage("message").at(place(span));
            assert!(render(&error, Theme::new(false), 100).starts_with("error: message"));
        }
        let wide = Place { file: "f".into(), text: "é".into(), span: 1..1, label: "here".into() };
        render(&Error::usage("message").at(wide), Theme::new(false), 100);
    }
}
