//! The same decoder on a GPU: everything that `layers` says, computed by kernels of our own.
//!
//! What holds on the CPU holds here too, and is tested by the same checks: a row has the same bits in any batch, however its prompt was cut, and wherever its pages are.
//! Bits differ from those of the CPU, where inputs are rounded before they are multiplied with quantized matrices, and so traces of the two are not comparable.
//!
//! `kernels.c` is C and CUDA at once. On a GPU the driver's library compiles it when a model is loaded, so nothing of CUDA is needed to build this; in tests the C compiler does, and
//! blocks and threads are loops (`tests/emulated.rs`).
//!
//! Reading order: `kernels.c`, `device`, `weights`, `store`, `forward`; `driver` is CUDA.

mod device;
#[cfg(feature = "cuda")]
mod driver;
mod forward;
mod overlays;
mod parameters;
mod store;
#[cfg(test)]
mod tests;
mod weights;

use super::Cache;
use super::layers::Decoder;
use super::load::{LoadError, load};
use crate::model::source::Source;
use crate::model::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs};
use device::{Device, DeviceError};
use std::sync::Arc;
use store::DeviceStore;
use weights::Gpu;

/// A model with weights on a GPU.
pub(super) struct Cuda {
    info: ModelInfo,
    decoder: Decoder<Gpu>,
    cache: Cache,
    device: Arc<dyn Device>,
}

impl Cuda {
    /// Copies the weights of a checkpoint to a GPU.
    #[cfg(feature = "cuda")]
    pub fn load(source: &Source, cache: Cache, number: usize) -> Result<Cuda, LoadError> {
        Cuda::load_on(Arc::new(driver::Driver::open(number)?), source, cache)
    }

    fn load_on(device: Arc<dyn Device>, source: &Source, cache: Cache) -> Result<Cuda, LoadError> {
        let loaded = load(source, cache, &Gpu::new(Arc::clone(&device)), &device.name())?;
        Ok(Cuda { info: loaded.info, decoder: loaded.decoder, cache: loaded.cache, device })
    }
}

impl From<DeviceError> for LoadError {
    fn from(error: DeviceError) -> LoadError {
        LoadError::Device(error.0)
    }
}

impl Model for Cuda {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        Box::new(DeviceStore::new(&self.device, self.decoder.heads.cache, self.cache, pages, page_size))
    }

    fn slot_bytes(&self) -> u64 {
        self.cache.slot_bytes(self.decoder.heads.cache)
    }

    fn forward(
        &self,
        batch: &Batch<'_>,
        store: &mut dyn KvStore,
        outputs: &mut Outputs,
    ) -> Result<(), ModelError> {
        outputs.logits.clear();
        outputs.embeddings.clear();
        match store.as_any_mut().downcast_mut::<DeviceStore>() {
            Some(store) => forward::forward(&self.decoder, &*self.device, batch, store, outputs),
            None => Err(ModelError::Failed("the store was made by another model".to_owned())),
        }
    }
}
