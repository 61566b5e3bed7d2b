//! `wasi:clocks`: the clock of the run, to the nanosecond.

use super::WasiRef;
use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::clock::{Clock, NEVER, WallTime};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use wasmtime::component::Resource;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

impl From<WallTime> for wall_clock::Datetime {
    fn from(time: WallTime) -> Self {
        wall_clock::Datetime { seconds: time.seconds, nanoseconds: time.nanoseconds }
    }
}

impl wall_clock::Host for WasiRef<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(self.wasi.clock.wall().into())
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1 })
    }
}

impl monotonic_clock::Host for WasiRef<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.clock.now())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let clock = self.wasi.clock.clone();
        // What is due already still lets the others have a turn, once: a guest may use it to look at its pollables without waiting, in a loop,
        // and whatever it looks for is done by others.
        let gives_way = when <= clock.now();
        // The alarm is owned by its pollable, so the guest has one handle to drop.
        let alarm = self.table.push(Alarm { clock, deadline: when, gives_way })?;
        subscribe(self.table, alarm)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let deadline = self.wasi.clock.now().checked_add(duration).unwrap_or(NEVER);
        self.subscribe_instant(deadline)
    }
}

/// Ready from its deadline on, in nanoseconds since the start of the run.
struct Alarm {
    clock: Arc<dyn Clock>,
    deadline: u64,
    gives_way: bool,
}

#[async_trait]
impl Pollable for Alarm {
    async fn ready(&mut self) {
        if std::mem::take(&mut self.gives_way) {
            give_way().await;
        }
        self.clock.sleep_until(self.deadline).await;
    }
}

/// Is pending once and wakes itself.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
