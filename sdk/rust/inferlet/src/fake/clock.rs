//! Time that only moves when the program waits.

use std::cell::Cell;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// The time on this thread's clock.
pub fn elapsed() -> u64 {
    NOW.get()
}

/// Ready once the clock has reached a time.
#[derive(Debug)]
pub struct Pollable {
    due: u64,
}

impl Pollable {
    pub fn ready(&self) -> bool {
        elapsed() >= self.due
    }

    pub fn block(&self) {
        NOW.set(elapsed().max(self.due));
    }
}

pub fn at(due: u64) -> Pollable {
    Pollable { due }
}

pub fn poll(list: &[&Pollable]) -> Vec<u32> {
    let next = list.iter().map(|p| p.due).min().expect("a list of pollables is not empty");
    NOW.set(elapsed().max(next));
    (0..).zip(list).filter(|(_, p)| p.ready()).map(|(i, _)| i).collect()
}

pub fn subscribe_duration(nanoseconds: u64) -> Pollable {
    at(elapsed() + nanoseconds)
}

/// A value that arrives at a time.
macro_rules! arrival {
    ($name:ident, $value:ty) => {
        pub struct $name {
            due: u64,
            value: Cell<Option<$value>>,
        }

        impl $name {
            #[allow(dead_code)]
            pub fn after(delay: u64, value: $value) -> Self {
                $name { due: elapsed() + delay, value: Cell::new(Some(value)) }
            }

            pub fn pollable(&self) -> Pollable {
                at(self.due)
            }

            pub fn get(&self) -> Option<$value> {
                if elapsed() < self.due { None } else { self.value.take() }
            }
        }
    };
}

arrival!(FutureString, String);
arrival!(FutureBlob, Vec<u8>);
arrival!(Subscription, String);
arrival!(Child, Result<String, String>);
