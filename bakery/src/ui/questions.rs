//! Questions, only ever asked of a person at a terminal.

use dialoguer::console::truncate_str;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use unicode_width::UnicodeWidthStr;

use super::{DEFAULT_WIDTH, Ui};
use crate::error::{Error, Kind, Result};

impl Ui {
    /// Whether anybody is there to answer. A command asks only then, and only for what was not given.
    pub fn can_ask(&self) -> bool {
        self.questions
    }

    /// Asks for a line of text; `check` says what is wrong with an answer, which is then asked for again.
    ///
    /// # Errors
    /// Ctrl-C, or the terminal went away.
    pub fn ask(
        &self,
        question: &str,
        default: Option<&str>,
        check: impl Fn(&str) -> Result<()>,
    ) -> Result<String> {
        let theme = self.question_theme();
        let mut input = dialoguer::Input::<String>::with_theme(&*theme).with_prompt(question);
        if let Some(default) = default {
            input = input.default(default.to_owned());
        }
        let width = self.question_width();
        let complaint = |answer: &String| check(answer).map_err(|error| wrapped(&error.to_string(), width));
        input.validate_with(complaint).interact_text().map_err(question_error)
    }

    /// Asks to pick one of `choices`; answers its index.
    ///
    /// # Errors
    /// Ctrl-C or Escape, or the terminal went away.
    pub fn choose(&self, question: &str, choices: &[String]) -> Result<usize> {
        let theme = self.question_theme();
        // One line for each, behind the mark of the one that is chosen: the list is redrawn in place.
        let width = self.question_width();
        let choices = choices.iter().map(|choice| truncate_str(choice, width, "…"));
        dialoguer::Select::with_theme(&*theme)
            .with_prompt(question)
            .items(choices)
            .default(0)
            .interact_opt()
            .map_err(question_error)?
            .ok_or_else(|| Error::new(Kind::Interrupted, "interrupted"))
    }

    /// Columns beside the mark in front of a choice or a complaint.
    fn question_width(&self) -> usize {
        self.width.unwrap_or(DEFAULT_WIDTH).saturating_sub("❯ ".width())
    }

    fn question_theme(&self) -> Box<dyn Theme> {
        if self.stderr.theme().colour { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) }
    }
}

/// The text in lines of at most `width` columns, as far as its words allow. What is taken off the screen again has to be counted in lines.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let word_width = word.width();
        if column > 0 && column + 1 + word_width > width {
            lines.push('\n');
            column = 0;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += word_width;
    }
    lines
}

fn question_error(error: dialoguer::Error) -> Error {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        // Ctrl-C in a list leaves the cursor hidden. If it cannot be shown again there is no terminal to miss it.
        let _ = dialoguer::console::Term::stderr().show_cursor();
        Error::new(Kind::Interrupted, "interrupted")
    } else {
        Error::environment("cannot ask on this terminal").caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        assert_eq!(wrapped("a bc  def", 4), "a bc\ndef");
        assert_eq!(wrapped("a bc def", 8), "a bc def");
        assert_eq!(wrapped("longer a", 3), "longer\na", "a long word keeps its line");
        assert_eq!(wrapped("面包 面包", 8), "面包\n面包", "columns count, not characters");
        assert_eq!(wrapped("", 0), "");
    }
}
