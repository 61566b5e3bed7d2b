//! Questions, only ever asked of a person at a terminal.

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};

use super::Ui;
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
        input.validate_with(|answer: &String| check(answer)).interact_text().map_err(question_error)
    }

    /// Asks to pick one of `choices`; answers its index.
    ///
    /// # Errors
    /// Ctrl-C or Escape, or the terminal went away.
    pub fn choose(&self, question: &str, choices: &[String]) -> Result<usize> {
        let theme = self.question_theme();
        dialoguer::Select::with_theme(&*theme)
            .with_prompt(question)
            .items(choices)
            .default(0)
            .interact_opt()
            .map_err(question_error)?
            .ok_or_else(|| Error::new(Kind::Interrupted, "interrupted"))
    }

    fn question_theme(&self) -> Box<dyn Theme> {
        if self.stderr.theme().colour { Box::new(ColorfulTheme::default()) } else { Box::new(SimpleTheme) }
    }
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
