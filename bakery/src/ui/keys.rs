//! Single keys, only ever read from a person at a terminal.

use dialoguer::console::{self, Term};

use super::Ui;
use crate::error::{Error, Result};

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Ctrl-C.
    Interrupt,
    /// Anything else.
    Other,
}

impl Ui {
    /// Waits for a key. Ask [`Ui::can_ask`] first.
    ///
    /// # Errors
    /// The terminal went away.
    pub fn key(&self) -> Result<Key> {
        match Term::stderr().read_key() {
            Ok(console::Key::Char(char)) => Ok(Key::Char(char)),
            Ok(console::Key::Enter) => Ok(Key::Enter),
            Ok(console::Key::Escape) => Ok(Key::Escape),
            Ok(console::Key::CtrlC) => Ok(Key::Interrupt),
            Ok(_) => Ok(Key::Other),
            Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => Ok(Key::Interrupt),
            Err(cause) => Err(Error::environment("cannot read keys from this terminal").caused_by(cause)),
        }
    }
}
