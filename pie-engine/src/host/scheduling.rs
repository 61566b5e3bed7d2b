//! `pie:core/scheduling`: what the market for pages charges and pays.

use super::bindings::pie::core::scheduling::Host;
use super::context::ContextHandle;
use super::model::ModelHandle;
use super::state::State;
use crate::engine::operation::{Operation, Quote};
use crate::ids::ContextId;
use wasmtime::Result;
use wasmtime::component::Resource;

impl State {
    async fn quote(&mut self, quote: Quote) -> Result<f64> {
        self.ask(|reply| Operation::Quote { quote, reply }).await?.map_err(wasmtime::Error::msg)
    }

    /// A context that was destroyed pays nothing and takes no time.
    async fn quote_of(
        &mut self,
        context: &Resource<ContextHandle>,
        quote: impl FnOnce(ContextId) -> Quote,
    ) -> Result<f64> {
        match self.context_id(context)? {
            Ok(context) => self.quote(quote(context)).await,
            Err(_) => Ok(0.0),
        }
    }
}

impl Host for State {
    async fn price(&mut self) -> Result<f64> {
        self.called("scheduling.price");
        self.quote(Quote::Price).await
    }

    async fn rent(&mut self, context: Resource<ContextHandle>) -> Result<f64> {
        self.called("scheduling.rent");
        self.quote_of(&context, Quote::Rent).await
    }

    async fn dividend(&mut self, _model: Resource<ModelHandle>) -> Result<f64> {
        self.called("scheduling.dividend");
        self.quote(Quote::Dividend).await
    }

    async fn latency(&mut self, context: Resource<ContextHandle>) -> Result<f64> {
        self.called("scheduling.latency");
        self.quote_of(&context, Quote::Latency).await
    }

    async fn balance(&mut self, _model: Resource<ModelHandle>) -> Result<f64> {
        self.called("scheduling.balance");
        self.quote(Quote::Balance).await
    }
}
