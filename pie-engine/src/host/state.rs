//! What the host keeps for one instance.

use super::budget::{HeldBudget, Limits};
use super::inference::Abandoned;
use super::journal::Journal;
use super::limits::{LimitExceeded, Limiter};
use super::matcher::Walks;
use super::preload::Preload;
use super::wasi::{Wasi, WasiRef, WasiView};
use super::ways_out::WaysOut;
use super::work::WorkBudget;
use crate::adapter::Adapters;
use crate::child::{Children, LaunchRequest};
use crate::control::{Cancellation, Session};
use crate::engine::bus::Bus;
use crate::engine::operation::{Operation, Port, Reply};
use crate::ids::InstanceId;
use crate::loaded::Models;
use crate::outside::outbox::Outbox;
use crate::outside::{Outside, Permit};
use crate::respond::Responded;
use crate::trace::Event;
use crate::uses::Uses;
use std::sync::Arc;
use tokio::sync::mpsc;
use wasmtime::component::ResourceTable;

/// The state of one instance on the host's side.
pub struct State {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Wasi,
    pub(crate) limiter: Limiter,
    pub(crate) port: Port,
    pub(crate) models: Models,
    pub(crate) journal: Journal,
    pub(crate) held: HeldBudget,
    pub(crate) work: WorkBudget,
    pub(crate) abandoned: Abandoned,
    pub(crate) walks: Walks,
    pub(crate) ways_out: WaysOut,
    pub(crate) session: Session,
    pub(crate) bus: Bus,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) outbox: Outbox,
    pub(crate) permit: Permit,
    /// Where its response goes, if it was launched with a request.
    pub(crate) responded: Option<Responded>,
    pub(crate) launches: mpsc::UnboundedSender<LaunchRequest>,
    pub(crate) children: Children,
    /// Those of each model.
    pub(crate) adapters: Vec<Adapters>,
    pub(crate) cancellation: Cancellation,
    pub(crate) user: Arc<str>,
    pub(crate) page_size: u32,
    /// Who wants to know what it makes use of.
    pub(crate) uses: Option<Uses>,
    /// Who takes its state when it has answered.
    pub(crate) preload: Option<Arc<Preload>>,
}

impl State {
    /// Records an event of this instance.
    pub(crate) fn record(&self, event: impl FnOnce(InstanceId) -> Event) -> Result<(), LimitExceeded> {
        self.journal.record(event)
    }

    /// Counts a call of a function of the interface.
    pub(crate) fn called(&self, function: &'static str) {
        if let Some(uses) = &self.uses {
            uses.called(function);
        }
    }

    /// The same, in passing.
    pub(crate) fn calling(&mut self, function: &'static str) -> &mut Self {
        self.called(function);
        self
    }

    /// Does what a function of the interface does, where the inferlet has called another one.
    pub(crate) fn uncounted<T>(&mut self, does: impl FnOnce(&mut Self) -> T) -> T {
        let uses = self.uses.take();
        let done = does(self);
        self.uses = uses;
        done
    }

    /// Asks the engine for something, which records what it does. The inner error is for the inferlet to read.
    pub(crate) async fn ask<T>(
        &mut self,
        operation: impl FnOnce(Reply<T>) -> Operation,
    ) -> wasmtime::Result<Result<T, String>> {
        self.journal.check()?;
        Ok(self.port.call(operation).await)
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
