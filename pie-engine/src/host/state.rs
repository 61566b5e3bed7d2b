//! What the host keeps for one instance.

use super::budget::{HeldBudget, Limits, OutputBudget};
use super::inference::Abandoned;
use super::limits::{LimitExceeded, Limiter};
use super::wasi::{Output, Stream, Utf8Chunks, Wasi, WasiRef, WasiView};
use crate::engine::inbox::Inbox;
use crate::engine::operation::Port;
use crate::ids::InstanceId;
use crate::loaded::LoadedModel;
use crate::trace::{Event, Recorder};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::ResourceTable;

/// What a client sends to an instance.
#[derive(Clone, Default)]
pub struct Session {
    /// Text messages.
    pub messages: Inbox<String>,
    /// Files.
    pub files: Inbox<Vec<u8>>,
}

impl Session {
    /// Nothing more will come.
    pub fn close(&self) {
        self.messages.close();
        self.files.close();
    }

    /// Whether the instance waits for the client.
    pub fn is_awaited(&self) -> bool {
        self.messages.is_awaited() || self.files.is_awaited()
    }
}

/// The state of one instance on the host's side.
pub struct State {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Wasi,
    pub(crate) limiter: Limiter,
    pub(crate) port: Port,
    pub(crate) model: Arc<LoadedModel>,
    pub(crate) recorder: Recorder,
    pub(crate) output: OutputBudget,
    pub(crate) held: HeldBudget,
    pub(crate) abandoned: Abandoned,
    pub(crate) session: Session,
    pub(crate) user: Arc<str>,
    pub(crate) page_size: u32,
}

impl State {
    /// Records an event of this instance.
    pub(crate) fn record(&self, event: impl FnOnce(InstanceId) -> Event) {
        self.recorder.record(event(self.port.instance()));
    }

    /// A table that holds as many handles as the limits allow.
    pub(crate) fn handles(limits: &Limits) -> ResourceTable {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        table
    }
}

impl WasiView for State {
    fn wasi(&mut self) -> WasiRef<'_> {
        WasiRef { wasi: &mut self.wasi, table: &mut self.table }
    }
}

/// How much of the standard error output is kept to explain a trap.
const TAIL: usize = 4096;

/// The last of what an instance wrote to its standard error output.
#[derive(Clone, Default)]
pub struct Tail(Arc<Mutex<String>>);

impl Tail {
    fn push(&self, text: &str) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_str(text);
        if tail.len() > TAIL {
            let cut = tail.ceil_char_boundary(tail.len() - TAIL);
            tail.drain(..cut);
        }
    }

    /// What is there.
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Standard output and standard error of an instance: counted and recorded.
pub struct Outlet {
    instance: InstanceId,
    recorder: Recorder,
    budget: OutputBudget,
    tail: Tail,
    stdout: Utf8Chunks,
    stderr: Utf8Chunks,
}

impl Outlet {
    /// The outlet of one instance.
    pub fn new(instance: InstanceId, recorder: Recorder, budget: OutputBudget, tail: Tail) -> Self {
        Outlet {
            instance,
            recorder,
            budget,
            tail,
            stdout: Utf8Chunks::by_character(),
            stderr: Utf8Chunks::by_character(),
        }
    }

    fn emit(&self, stream: Stream, text: Option<String>) {
        let Some(text) = text else { return };
        let instance = self.instance;
        if stream == Stream::Stderr {
            self.tail.push(&text);
        }
        self.recorder.record(match stream {
            Stream::Stdout => Event::Stdout { instance, text: text.into() },
            Stream::Stderr => Event::Stderr { instance, text: text.into() },
        });
    }
}

impl Output for Outlet {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), LimitExceeded> {
        self.budget.spend(bytes.len())?;
        let text = match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        };
        self.emit(stream, text);
        Ok(())
    }
}

/// The instance has ended: what was kept back goes out.
impl Drop for Outlet {
    fn drop(&mut self) {
        let (stdout, stderr) = (self.stdout.flush(), self.stderr.flush());
        self.emit(Stream::Stdout, stdout);
        self.emit(Stream::Stderr, stderr);
    }
}
