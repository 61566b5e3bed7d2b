//! `pie:core/messaging`: queues and broadcasts between inferlets.

use super::bindings::pie::core::messaging::{Host, HostSubscription};
use super::limits::LimitExceeded;
use super::state::State;
use super::types::FutureString;
use crate::engine::bus::{Full, Subscription};
use crate::trace::{Event, Limit};
use std::sync::Arc;
use tokio::sync::SetOnce;
use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::DynPollable;

/// A subscription to a topic.
pub struct SubscriptionHandle {
    topic: Arc<str>,
    subscription: Subscription,
}

impl From<Full> for LimitExceeded {
    fn from(full: Full) -> Self {
        LimitExceeded { limit: Limit::Messages, wanted: full.wanted, allowed: full.allowed }
    }
}

impl State {
    /// The signal that there may be something to take from a subscription.
    pub(super) fn message_ready(
        &self,
        subscription: &Resource<SubscriptionHandle>,
    ) -> Result<Arc<SetOnce<()>>> {
        Ok(self.table.get(subscription)?.subscription.ready())
    }

    /// Whether a subscription has been ended by its owner.
    pub(super) fn is_unsubscribed(&self, subscription: &Resource<SubscriptionHandle>) -> Result<bool> {
        Ok(self.table.get(subscription)?.subscription.is_ended())
    }
}

impl Host for State {
    fn push(&mut self, topic: String, message: String) -> Result<()> {
        self.called("messaging.push");
        let event = |instance| Event::Pushed {
            instance,
            topic: topic.as_str().into(),
            text: message.as_str().into(),
        };
        self.record(event)?;
        self.bus.push(&self.user, &topic, message).map_err(LimitExceeded::from)?;
        Ok(())
    }

    fn pull(&mut self, topic: String) -> Result<Resource<FutureString>> {
        self.called("messaging.pull");
        let ticket = self.bus.pull(&self.user, &topic);
        Ok(self.table.push(FutureString::Pulled { ticket, topic })?)
    }

    fn broadcast(&mut self, topic: String, message: String) -> Result<()> {
        self.called("messaging.broadcast");
        let subscriptions = self.bus.broadcast(&self.user, &topic, &message);
        self.record(|instance| Event::Broadcast {
            instance,
            topic: topic.into(),
            text: message.into(),
            subscriptions: u32::try_from(subscriptions).unwrap_or(u32::MAX),
        })?;
        Ok(())
    }

    fn subscribe(&mut self, topic: String) -> Result<Resource<SubscriptionHandle>> {
        self.called("messaging.subscribe");
        let subscription = self.bus.subscribe(&self.user, &topic);
        self.record(|instance| Event::Subscribed { instance, topic: topic.as_str().into() })?;
        Ok(self.table.push(SubscriptionHandle { topic: topic.into(), subscription })?)
    }
}

impl HostSubscription for State {
    fn pollable(&mut self, subscription: Resource<SubscriptionHandle>) -> Result<Resource<DynPollable>> {
        self.called("subscription.pollable");
        let ready = self.message_ready(&subscription)?;
        self.pollable(ready)
    }

    fn get(&mut self, subscription: Resource<SubscriptionHandle>) -> Result<Option<String>> {
        self.called("subscription.get");
        let SubscriptionHandle { topic, subscription } = self.table.get(&subscription)?;
        let topic = Arc::clone(topic);
        let Some(message) = subscription.get().map_err(LimitExceeded::from)? else { return Ok(None) };
        self.record(|instance| Event::Heard {
            instance,
            topic: (*topic).into(),
            text: message.as_str().into(),
        })?;
        Ok(Some(message))
    }

    fn unsubscribe(&mut self, subscription: Resource<SubscriptionHandle>) -> Result<()> {
        self.called("subscription.unsubscribe");
        self.table.get(&subscription)?.subscription.end();
        Ok(())
    }

    fn drop(&mut self, subscription: Resource<SubscriptionHandle>) -> Result<()> {
        self.table.delete(subscription)?;
        Ok(())
    }
}
