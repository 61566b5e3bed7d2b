//! What is recorded of an instance: what it does, and what it prints, line by line.

use super::limits::LimitExceeded;
use super::wasi::{Output, Stream, Utf8Chunks};
use crate::ids::InstanceId;
use crate::trace::{Event, Limit, Recorder};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A line that reaches this many bytes without an end goes out in pieces.
const LINE_BYTES: usize = 4096;
/// How much of the standard error output is kept to explain a trap.
const TAIL_BYTES: usize = 4096;

/// The way of one instance to the trace. Clones share it.
///
/// Lines are put together from what is printed, because programs print them in pieces: each argument of `eprintln!` is a write of its own, and
/// followed by a flush that nobody asked for. So a flush says nothing. The beginning of a line goes out before the instance does anything else
/// that is recorded, and whenever it waits or gives way: whoever watches sees text in time that comes token by token, and in its place.
#[derive(Clone)]
pub struct Journal {
    entries: Arc<Mutex<Entries>>,
}

struct Entries {
    instance: InstanceId,
    recorder: Recorder,
    trace_bytes: u64,
    output_bytes: u64,
    /// Bytes of output so far.
    put_out: u64,
    stdout: Utf8Chunks,
    stderr: Utf8Chunks,
    tail: String,
}

impl Journal {
    /// The journal of an instance that may have so many bytes of events recorded and put so many bytes out. `recorder` counts its events and no
    /// others.
    pub fn new(instance: InstanceId, recorder: Recorder, trace_bytes: u64, output_bytes: u64) -> Self {
        let entries = Entries {
            instance,
            recorder,
            trace_bytes,
            output_bytes,
            put_out: 0,
            stdout: Utf8Chunks::by_line(LINE_BYTES),
            stderr: Utf8Chunks::by_line(LINE_BYTES),
            tail: String::new(),
        };
        Journal { entries: Arc::new(Mutex::new(entries)) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records something that the instance did.
    pub fn record(&self, event: impl FnOnce(InstanceId) -> Event) -> Result<(), LimitExceeded> {
        let mut entries = self.lock();
        entries.flush();
        let event = event(entries.instance);
        entries.add(event)
    }

    /// Counts bytes that are about to be put out otherwise than by printing.
    pub fn put_out(&self, bytes: usize) -> Result<(), LimitExceeded> {
        self.lock().put_out(bytes)
    }

    /// To be called before others record something for the instance.
    pub fn check(&self) -> Result<(), LimitExceeded> {
        let mut entries = self.lock();
        entries.flush();
        entries.check(0)
    }

    /// Lets the beginnings of lines go out, up to the last whole character.
    pub fn flush(&self) {
        self.lock().flush();
    }

    /// Lets everything go out: nothing more will be printed. Gives the last of what the instance wrote to its standard error output.
    pub fn finish(&self) -> String {
        let mut entries = self.lock();
        entries.finish();
        entries.tail.clone()
    }
}

impl Output for Journal {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LimitExceeded> {
        let mut entries = self.lock();
        entries.put_out(bytes.len())?;
        let Some(text) = entries.chunks(stream).push(bytes) else { return Ok(()) };
        // The beginning of a line on the other stream was there first.
        let other = match stream {
            Stream::Stdout => Stream::Stderr,
            Stream::Stderr => Stream::Stdout,
        };
        entries.flush_stream(other);
        entries.print(stream, text)
    }
}

impl Entries {
    fn chunks(&mut self, stream: Stream) -> &mut Utf8Chunks {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    fn put_out(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        self.put_out = self.put_out.saturating_add(bytes as u64);
        let (wanted, allowed) = (self.put_out, self.output_bytes);
        if wanted > allowed { Err(LimitExceeded { limit: Limit::Output, wanted, allowed }) } else { Ok(()) }
    }

    /// Whether so many bytes more may be recorded.
    fn check(&self, bytes: u64) -> Result<(), LimitExceeded> {
        let (wanted, allowed) = (self.recorder.recorded_bytes().saturating_add(bytes), self.trace_bytes);
        if wanted > allowed { Err(LimitExceeded { limit: Limit::Trace, wanted, allowed }) } else { Ok(()) }
    }

    fn add(&mut self, event: Event) -> Result<(), LimitExceeded> {
        self.check(event.bytes())?;
        self.recorder.record(event);
        Ok(())
    }

    fn print(&mut self, stream: Stream, text: String) -> Result<(), LimitExceeded> {
        let event = self.printed(stream, text);
        self.add(event)
    }

    fn printed(&mut self, stream: Stream, text: String) -> Event {
        let instance = self.instance;
        match stream {
            Stream::Stdout => Event::Stdout { instance, text: text.into() },
            Stream::Stderr => {
                keep_tail(&mut self.tail, &text);
                Event::Stderr { instance, text: text.into() }
            }
        }
    }

    fn flush(&mut self) {
        self.flush_stream(Stream::Stdout);
        self.flush_stream(Stream::Stderr);
    }

    /// What is kept back is short, so it goes out also when the limit has been reached; what comes after it does not.
    fn flush_stream(&mut self, stream: Stream) {
        if let Some(text) = self.chunks(stream).flush() {
            let event = self.printed(stream, text);
            self.recorder.record(event);
        }
    }

    fn finish(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if let Some(text) = self.chunks(stream).finish() {
                let event = self.printed(stream, text);
                self.recorder.record(event);
            }
        }
    }
}

/// The instance may end without having been asked, as when it is cancelled.
impl Drop for Entries {
    fn drop(&mut self) {
        self.finish();
    }
}

fn keep_tail(tail: &mut String, text: &str) {
    tail.push_str(text);
    if tail.len() > TAIL_BYTES {
        let cut = tail.ceil_char_boundary(tail.len() - TAIL_BYTES);
        tail.drain(..cut);
    }
}
