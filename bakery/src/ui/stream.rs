//! One output stream that several writers share.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::MultiProgress;

use super::Theme;

/// A standard stream, or memory in tests. Clones write to the same place; each `write_all` stays in one piece and goes out at once.
#[derive(Clone)]
pub struct Stream {
    raw: Arc<Mutex<Box<dyn Write + Send>>>,
    terminal: bool,
    theme: Theme,
    bars: Option<MultiProgress>,
}

impl Stream {
    pub(super) fn new(
        raw: Box<dyn Write + Send>,
        terminal: bool,
        theme: Theme,
        bars: Option<MultiProgress>,
    ) -> Stream {
        Stream { raw: Arc::new(Mutex::new(raw)), terminal, theme, bars }
    }

    /// A stream to memory, and the memory.
    pub fn captured(theme: Theme) -> (Stream, Captured) {
        let captured = Captured::default();
        (Stream::new(Box::new(captured.clone()), false, theme, None), captured)
    }

    /// Whether a person looks at it directly.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The styles to write with.
    pub fn theme(&self) -> Theme {
        self.theme
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = || {
            let mut raw = self.raw.lock().unwrap_or_else(PoisonError::into_inner);
            raw.write_all(bytes)?;
            raw.flush()
        };
        // Bars are taken off the screen while something is written beside them.
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    fn write_fmt(&mut self, arguments: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(arguments.to_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was written to a [`Stream`] in a test.
#[derive(Clone, Debug, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The text so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
