//! Low-rank adapters: small trained changes to a model's weights, applied pass by pass.

use crate::Result;
use crate::model::Model;
use crate::pie::core::adapter as raw;
use std::ops::Deref;
use std::sync::Arc;

/// An adapter of one model. Clones are handles to the same one. It lives until it is destroyed or the engine ends.
#[derive(Debug, Clone)]
pub struct Adapter(Arc<raw::Adapter>);

impl Adapter {
    /// A new adapter, which does not change anything yet.
    ///
    /// # Errors
    ///
    /// If the name is in use, or the model takes no adapters.
    pub fn create(model: &Model, name: &str) -> Result<Adapter> {
        raw::Adapter::create(model, name).map(Self::wrap)
    }

    /// The adapter called `name`, if there is one.
    pub fn open(model: &Model, name: &str) -> Option<Adapter> {
        raw::Adapter::open(model, name).map(Self::wrap)
    }

    /// A copy under another name.
    pub fn fork(&self, new_name: &str) -> Adapter {
        Self::wrap(self.0.fork(new_name))
    }

    /// Writes the weights to a file under `/scratch`.
    pub fn save(&self, path: &str) -> Result<()> {
        self.0.save(path)
    }

    /// Reads weights from a file under `/scratch`.
    ///
    /// # Errors
    ///
    /// If there is no such file, or it does not fit the model.
    pub fn load(&self, path: &str) -> Result<()> {
        self.0.load(path)
    }

    /// Removes the adapter. Passes that use it fail from then on.
    pub fn destroy(&self) {
        self.0.destroy();
    }

    fn wrap(raw: raw::Adapter) -> Self {
        Adapter(Arc::new(raw))
    }
}

/// The handle underneath, for calls to [`crate::pie`].
impl Deref for Adapter {
    type Target = raw::Adapter;

    fn deref(&self) -> &raw::Adapter {
        &self.0
    }
}
