//! What a run looks like to whoever watches: one reporter for each format, each a fold over the records of a trace. The live run
//! and a file that is shown later go through the same reporter.

pub mod jsonl;
pub mod live;
pub mod terminal;
mod visible;

use std::io;

use pie_engine::trace::{Header, Record};

/// Takes a trace in order and writes it somewhere in some format. After an error it is not called again.
pub trait Reporter: Send {
    /// Called once, first.
    ///
    /// # Errors
    /// Writing failed.
    fn begin(&mut self, header: &Header) -> io::Result<()>;

    /// Called for each record, in order.
    ///
    /// # Errors
    /// Writing failed.
    fn report(&mut self, record: &Record) -> io::Result<()>;

    /// Called once, last, unless something failed before.
    ///
    /// # Errors
    /// Writing failed.
    fn finish(&mut self) -> io::Result<()>;
}
