//! How long operations say how far they are, without knowing who listens. `ui` draws it on a terminal.

/// What a task counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes, shown as sizes.
    Bytes,
    /// Things: files, packages, crates.
    Items,
}

/// Receives the progress of long operations.
pub trait Progress: Send + Sync {
    /// Starts a task, for example "downloading rustc-web 1.96.0". Without a total its end is unknown.
    fn start(&self, what: &str, total: Option<u64>, unit: Unit) -> Box<dyn Task>;
    /// A line worth keeping once the task is over, for example "built the standard library in 41 s".
    fn note(&self, line: &str);
}

/// One running task; it ends when dropped.
pub trait Task: Send {
    /// `done` units so far, in total.
    fn reached(&self, done: u64);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: Option<u64>, _unit: Unit) -> Box<dyn Task> {
        Box::new(Silent)
    }

    fn note(&self, _line: &str) {}
}

impl Task for Silent {
    fn reached(&self, _done: u64) {}
}
