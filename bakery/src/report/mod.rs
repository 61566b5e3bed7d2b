//! What a run looks like to whoever watches: one reporter for each format, each a fold over the records of a trace. A live run and a
//! trace file that is shown later go through the same reporter.
//!
//! | reporter | writes |
//! |---|---|
//! | [`live::Live`] | what the inferlet prints and sends, as it comes |
//! | [`terminal::Timeline`] | every event, a line each |
//! | [`lanes::Lanes`] | contexts as lanes beside each other, with their tokens |
//! | [`html::Page`] | the same and more as a page for a browser |
//! | [`otel::Spans`] | spans of OpenTelemetry |
//! | [`jsonl::JsonLines`] | every event, a document each |
//! | [`trace_file::TraceFile`] | the trace, to be read again |
//! | [`request_log::RequestLog`] | a line for each HTTP request that was answered |
//! | [`received_files::ReceivedFiles`] | the files that the inferlet sends |
//! | [`cases`] | what came of tests: text, documents, JUnit, annotations |
//!
//! [`audience::Audience`] lets several of them watch one run.

pub mod audience;
pub mod behind;
pub mod cases;
mod entry;
pub mod follow;
pub mod html;
pub mod jsonl;
pub mod lanes;
pub mod live;
pub mod otel;
mod outside;
pub mod received_files;
pub mod recorded;
pub mod request_log;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod trace_file;
pub mod visible;
pub mod vocabulary;

use std::io;
use std::sync::Arc;

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

    /// The same for a record that others have too: who keeps it needs no copy.
    ///
    /// # Errors
    /// Writing failed.
    fn share(&mut self, record: &Arc<Record>) -> io::Result<()> {
        self.report(record)
    }

    /// Called once, last, unless something failed before.
    ///
    /// # Errors
    /// Writing failed.
    fn finish(&mut self) -> io::Result<()>;
}
