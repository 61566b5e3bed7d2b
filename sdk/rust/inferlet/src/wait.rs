//! Waiting for what the interface hands out as futures: extension traits on its resources, and time.

use crate::Result;
use crate::executor;
use crate::pie::core::inference::{ForwardPass, Output as RawOutput};
use crate::pie::core::messaging::Subscription;
use crate::pie::core::runtime::{self, Child};
use crate::pie::core::types::{Blob, FutureBlob, FutureString};
use crate::pie_wasi::clocks::monotonic_clock;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::time::Duration;

/// Executes a raw pass and waits for its output.
pub trait ForwardPassExt {
    /// Fails at once if the pass is not right, as `execute` does.
    fn execute_async(&self) -> impl Future<Output = Result<RawOutput>>;
}

impl ForwardPassExt for ForwardPass {
    async fn execute_async(&self) -> Result<RawOutput> {
        let pending = self.execute()?;
        executor::wait(pending.pollable()).await;
        pending.get().ok_or_else(|| "the engine gave no output for this pass".to_owned())
    }
}

/// Waits for a text or a blob. Implemented for the future itself and for a reference to it, which can be waited for again
/// if the wait was given up.
pub trait FutureStringExt {
    /// What arrives.
    type Value;

    /// `None` if the sender is gone, or the value was taken before.
    fn wait_async(self) -> impl Future<Output = Option<Self::Value>>;
}

impl FutureStringExt for &FutureString {
    type Value = String;

    async fn wait_async(self) -> Option<String> {
        executor::wait(self.pollable()).await;
        self.get()
    }
}

impl FutureStringExt for FutureString {
    type Value = String;

    async fn wait_async(self) -> Option<String> {
        (&self).wait_async().await
    }
}

impl FutureStringExt for &FutureBlob {
    type Value = Blob;

    async fn wait_async(self) -> Option<Blob> {
        executor::wait(self.pollable()).await;
        self.get()
    }
}

impl FutureStringExt for FutureBlob {
    type Value = Blob;

    async fn wait_async(self) -> Option<Blob> {
        (&self).wait_async().await
    }
}

/// Waits for the messages of a subscription.
pub trait SubscriptionExt {
    /// The next message; `None` once it is unsubscribed.
    fn get_async(&self) -> impl Future<Output = Option<String>>;
}

impl SubscriptionExt for Subscription {
    async fn get_async(&self) -> Option<String> {
        // A message that is there is taken without asking for a pollable.
        if let Some(message) = self.get() {
            return Some(message);
        }
        executor::wait(self.pollable()).await;
        self.get()
    }
}

/// Launches another inferlet, `name` or `name@version` of the dependencies in `Pie.toml`, with a value that becomes its input.
///
/// ```no_run
/// # async fn example() -> inferlet::Result<()> {
/// use inferlet::{ChildExt, launch};
///
/// let child = launch("worker", &serde_json::json!({ "part": 1 }))?;
/// let answer: String = child.answer_async().await?;
/// # Ok(())
/// # }
/// ```
///
/// Whoever drops the child lets it run on by itself; `child.cancel()` ends it.
pub fn launch(program: &str, input: &impl Serialize) -> Result<Child> {
    let input = serde_json::to_string(input)
        .map_err(|error| format!("the input of `{program}` cannot become JSON: {error}"))?;
    runtime::launch(program, &input)
}

/// Waits for an inferlet launched by this one.
pub trait ChildExt {
    /// The child's output as JSON, or why it failed.
    fn wait_async(&self) -> impl Future<Output = Result<String>>;

    /// The child's output as a value, or why it failed.
    fn answer_async<T: DeserializeOwned>(&self) -> impl Future<Output = Result<T>>;
}

impl ChildExt for Child {
    async fn wait_async(&self) -> Result<String> {
        executor::wait(self.pollable()).await;
        self.get().unwrap_or_else(|| Err("the result of this child was taken before".to_owned()))
    }

    async fn answer_async<T: DeserializeOwned>(&self) -> Result<T> {
        let answer = self.wait_async().await?;
        serde_json::from_str(&answer)
            .map_err(|error| format!("the child's answer is not what was expected: {error}"))
    }
}

/// Waits for a time. Other parts of the program run meanwhile. Time is virtual in test runs.
pub async fn sleep(duration: Duration) {
    let nanoseconds = duration.as_nanos().try_into().unwrap_or(u64::MAX);
    executor::wait(monotonic_clock::subscribe_duration(nanoseconds)).await;
}
