//! Models with weights: one decoder that is described by data, attention over pages, and products with quantized matrices; on the CPU, and in `cuda` on GPUs.
//!
//! What a row answers has the same bits whatever it is computed with: alone or in a batch, at once or in chunks, after a fork or on pages that others have written, and
//! with any number of threads. Each number is one sum in an order of its own (`numeric`, `matrix`, `attention`), and nothing is divided among threads below that.
//!
//! Reading order: `layers`, what a model is; `decoder`, how it is computed, on one page; `plan`, what a pass is; `attention` and `store`; `matrix`; `simd`, the vector instructions; and `load`, from a checkpoint to a decoder.

mod attention;
#[cfg(any(test, feature = "cuda"))]
mod cuda;
mod decoder;
mod feed_forward;
mod layers;
mod load;
mod matrix;
mod numeric;
mod plan;
mod pool;
mod rope;
mod scratch;
mod simd;
mod slots;
mod store;
#[cfg(test)]
mod tests;

pub use load::LoadError;
pub use pool::use_threads;

use super::source::Source;
use super::{Batch, KvStore, Model, ModelError, ModelInfo, Outputs};
use layers::Decoder;
use load::{Cpu, Loaded, load};
use std::sync::Arc;
use store::{Byte, CacheShape, Half, PagedStore};

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// As the weights are: 32 bits beside weights of 32 bits, and 16 otherwise.
    #[default]
    AsWeights,
    /// 32 bits (IEEE 754 binary32).
    F32,
    /// 16 bits (IEEE 754 binary16).
    F16,
    /// Whole numbers of 8 bits, with a scale of 32 bits for each key and each value.
    Int8,
}

impl Cache {
    /// Bytes that a token takes.
    fn slot_bytes(self, shape: CacheShape) -> u64 {
        let numbers = shape.numbers() as u64;
        match self {
            Cache::F32 => 4 * numbers,
            Cache::F16 | Cache::AsWeights => 2 * numbers,
            Cache::Int8 => numbers + 4 * numbers / shape.head_size as u64,
        }
    }
}

/// What computes a model with weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// This machine's processors.
    #[default]
    Cpu,
    /// One of NVIDIA's GPUs, by its number. Needs the feature `cuda`.
    Cuda(usize),
}

/// Makes a model of a checkpoint, on the device that is going to compute it.
///
/// # Errors
/// The checkpoint cannot be computed with; or the device is not there, or has no room for it.
pub fn load_on(device: Device, source: &Source, cache: Cache) -> Result<Arc<dyn Model>, LoadError> {
    match device {
        Device::Cpu => Ok(Arc::new(Candle::load(source, cache)?)),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => Ok(Arc::new(cuda::Cuda::load(source, cache, number)?)),
        #[cfg(not(feature = "cuda"))]
        Device::Cuda(_) => {
            let message = "this build has no code for NVIDIA's GPUs: build it with `--features cuda`";
            Err(LoadError::Device(message.to_owned()))
        }
    }
}

/// A model with weights, on the CPU.
pub struct Candle {
    info: ModelInfo,
    decoder: Decoder<Cpu>,
    cache: Cache,
}

impl Candle {
    /// Makes a model of a checkpoint. Dense weights stay where they are mapped; quantized ones are packed for vector instructions.
    pub fn load(source: &Source, cache: Cache) -> Result<Candle, LoadError> {
        // The same bits on any processor.
        let Loaded { info, decoder, cache } = load(source, cache, &Cpu::default(), "cpu any")?;
        Ok(Candle { info, decoder, cache })
    }
}

impl Model for Candle {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn new_store(&self, pages: u32, page_size: u32) -> Box<dyn KvStore> {
        let shape = self.decoder.heads.cache;
        match self.cache {
            Cache::F32 => Box::new(PagedStore::<f32>::new(shape, pages, page_size)),
            Cache::Int8 => Box::new(PagedStore::<Byte>::new(shape, pages, page_size)),
            Cache::F16 | Cache::AsWeights => Box::new(PagedStore::<Half>::new(shape, pages, page_size)),
        }
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
        let store = store.as_any_mut();
        if let Some(store) = store.downcast_mut::<PagedStore<f32>>() {
            return self.decoder.forward(batch, store, outputs);
        }
        if let Some(store) = store.downcast_mut::<PagedStore<Byte>>() {
            return self.decoder.forward(batch, store, outputs);
        }
        if let Some(store) = store.downcast_mut::<PagedStore<Half>>() {
            return self.decoder.forward(batch, store, outputs);
        }
        Err(ModelError::Failed("the store was made by another model".to_owned()))
    }
}
