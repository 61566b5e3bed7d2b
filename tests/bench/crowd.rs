//! What the benches of interpreters share: when an instance first does something, and how much memory many of them have for themselves.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use pie_engine::trace::{Event, Header, Record, Sink};

/// Notes when the first thing comes that an instance does.
#[derive(Clone, Default)]
pub struct FirstCall(Arc<Mutex<Option<Instant>>>);

impl FirstCall {
    pub fn at(&self) -> Instant {
        self.0.lock().expect("nobody panics with it").expect("it does something")
    }
}

impl Sink for FirstCall {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, record: &Arc<Record>) {
        if !matches!(record.event, Event::Launched { .. }) {
            let mut first = self.0.lock().expect("nobody panics with it");
            first.get_or_insert_with(Instant::now);
        }
    }
}

/// Notes how much memory the process has for itself when the first, and when all instances have said that they are there.
#[derive(Clone)]
pub struct Crowd(Arc<Mutex<Present>>);

struct Present {
    expected: usize,
    count: usize,
    first_bytes: u64,
    last_bytes: u64,
}

impl Crowd {
    pub fn of(expected: usize) -> Crowd {
        Crowd(Arc::new(Mutex::new(Present { expected, count: 0, first_bytes: 0, last_bytes: 0 })))
    }

    /// What each after the first has for itself.
    pub fn each_bytes(&self) -> u64 {
        let present = self.0.lock().expect("nobody panics with it");
        assert_eq!(present.count, present.expected, "each says once that it is there");
        present.last_bytes.saturating_sub(present.first_bytes) / (present.expected as u64 - 1)
    }
}

impl Sink for Crowd {
    fn begin(&mut self, _header: &Header) {}

    fn record(&mut self, record: &Arc<Record>) {
        if let Event::Message { .. } = record.event {
            let mut present = self.0.lock().expect("nobody panics with it");
            present.count += 1;
            if present.count == 1 {
                present.first_bytes = private_bytes();
            }
            if present.count == present.expected {
                present.last_bytes = private_bytes();
            }
        }
    }
}

/// Memory that only this process has, in bytes, as Linux tells it. What an image maps and nobody has written to is not part of it.
fn private_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("this is Linux");
    let lines = text.lines().filter_map(|line| line.strip_prefix("Private_Dirty:"));
    let kibibytes = lines.filter_map(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kibibytes.sum::<u64>() << 10
}
