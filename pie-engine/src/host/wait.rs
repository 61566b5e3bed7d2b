//! `pie:core/wait`: the waits of the other interfaces as component-model async functions.
//!
//! Each is what a guest does with a pollable, done for it: wait for the signal of the value, then `get` it. So one value can be waited
//! for through both faces, and taking it records the same events. Only the last moment of a call takes anything: a call that is cancelled
//! before it has returned leaves the value where it is.

use super::bindings::pie::core::inference::{HostFutureOutput, Output};
use super::bindings::pie::core::messaging::HostSubscription;
use super::bindings::pie::core::runtime::HostChild;
use super::bindings::pie::core::types::{HostFutureBlob, HostFutureString};
use super::bindings::waits::pie::core::wait::{Host, HostWithStore};
use super::inference::FutureOutput;
use super::messaging::SubscriptionHandle;
use super::runtime::ChildHandle;
use super::state::State;
use super::types::{FutureBlob, FutureString};
use wasmtime::Result;
use wasmtime::component::{Accessor, HasSelf, Resource};

impl Host for State {}

impl HostWithStore<State> for HasSelf<State> {
    async fn for_output(
        store: &Accessor<State, Self>,
        pending: Resource<FutureOutput>,
    ) -> Result<Option<Output>> {
        let ready = store.with(|mut store| store.get().calling("wait.for-output").output_ready(&pending))?;
        ready.wait().await;
        store.with(|mut store| store.get().uncounted(|state| HostFutureOutput::get(state, pending)))
    }

    async fn for_string(
        store: &Accessor<State, Self>,
        pending: Resource<FutureString>,
    ) -> Result<Option<String>> {
        let ready = store.with(|mut store| store.get().calling("wait.for-string").string_ready(&pending))?;
        ready.wait().await;
        store.with(|mut store| store.get().uncounted(|state| HostFutureString::get(state, pending)))
    }

    async fn for_blob(
        store: &Accessor<State, Self>,
        pending: Resource<FutureBlob>,
    ) -> Result<Option<Vec<u8>>> {
        let ready = store.with(|mut store| store.get().calling("wait.for-blob").blob_ready(&pending))?;
        ready.wait().await;
        store.with(|mut store| store.get().uncounted(|state| HostFutureBlob::get(state, pending)))
    }

    async fn for_child(
        store: &Accessor<State, Self>,
        child: Resource<ChildHandle>,
    ) -> Result<Option<Result<String, String>>> {
        let ended = store.with(|mut store| store.get().calling("wait.for-child").child_ended(&child))?;
        ended.wait().await;
        store.with(|mut store| store.get().uncounted(|state| HostChild::get(state, child)))
    }

    async fn for_message(
        store: &Accessor<State, Self>,
        subscription: Resource<SubscriptionHandle>,
    ) -> Result<Option<String>> {
        store.with(|mut store| store.get().called("wait.for-message"));
        loop {
            let handle = Resource::new_borrow(subscription.rep());
            let (message, ready) = store.with(|mut store| {
                let state = store.get();
                let ended = state.is_unsubscribed(&subscription)?;
                let message = state.uncounted(|state| HostSubscription::get(state, handle))?;
                let ready = state.message_ready(&subscription)?;
                Ok::<_, wasmtime::Error>((message, (!ended).then_some(ready)))
            })?;
            // Another task may have taken what this one was woken for.
            match (message, ready) {
                (None, Some(ready)) => ready.wait().await,
                (message, _) => return Ok(message),
            };
        }
    }

    async fn sleep(store: &Accessor<State, Self>, duration: u64) -> Result<()> {
        let sleep = store.with(|mut store| store.get().calling("wait.sleep").wasi.sleep(duration));
        sleep.await;
        Ok(())
    }
}
