//! `pie:core/messaging`: queues and broadcasts between inferlets.

use super::bindings::pie::core::messaging::{Host, HostSubscription};
use super::not_available_trap;
use super::state::State;
use super::types::FutureString;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

/// A subscription to a topic.
pub struct SubscriptionHandle;

pub(super) const MESSAGING: &str = "pie:core/messaging";

impl Host for State {
    fn push(&mut self, _topic: String, _message: String) -> Result<()> {
        not_available_trap(MESSAGING)
    }

    fn pull(&mut self, _topic: String) -> Result<Resource<FutureString>> {
        not_available_trap(MESSAGING)
    }

    fn broadcast(&mut self, _topic: String, _message: String) -> Result<()> {
        not_available_trap(MESSAGING)
    }

    fn subscribe(&mut self, _topic: String) -> Result<Resource<SubscriptionHandle>> {
        not_available_trap(MESSAGING)
    }
}

impl HostSubscription for State {
    fn pollable(&mut self, _subscription: Resource<SubscriptionHandle>) -> Result<Resource<DynPollable>> {
        not_available_trap(MESSAGING)
    }

    fn get(&mut self, _subscription: Resource<SubscriptionHandle>) -> Result<Option<String>> {
        not_available_trap(MESSAGING)
    }

    fn unsubscribe(&mut self, _subscription: Resource<SubscriptionHandle>) -> Result<()> {
        not_available_trap(MESSAGING)
    }

    fn drop(&mut self, subscription: Resource<SubscriptionHandle>) -> Result<()> {
        self.table.delete(subscription)?;
        Ok(())
    }
}
