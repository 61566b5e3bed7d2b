//! `wasi:random`: numbers that look random and follow from a seed.
//!
//! The generator is ChaCha with 12 rounds (D. J. Bernstein, 2008), whose output the crate `rand_chacha` keeps the same for all versions. The
//! three interfaces draw from three streams of one key, so how much a guest takes from one does not change what it gets from another.

use super::bindings::wasi::random::{insecure, insecure_seed, random};
use super::{Wasi, WasiRef};
use crate::ids::InstanceId;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The most bytes that one call gives. WASI has no error for it, so asking for more is a trap.
const MAX_BYTES: u64 = 1 << 20;

/// The seed of an instance of a run: different for every pair, so no two instances draw the same numbers.
pub fn instance_seed(run: u64, instance: InstanceId) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&run.to_le_bytes());
    seed[8..16].copy_from_slice(&instance.0.to_le_bytes());
    seed
}

pub(super) struct Generators {
    secure: ChaCha12Rng,
    insecure: ChaCha12Rng,
    seed: (u64, u64),
}

impl Generators {
    fn new(seed: [u8; 32]) -> Self {
        let stream = |number| {
            let mut generator = ChaCha12Rng::from_seed(seed);
            generator.set_stream(number);
            generator
        };
        let mut seeds = stream(2);
        Generators { secure: stream(0), insecure: stream(1), seed: (seeds.next_u64(), seeds.next_u64()) }
    }
}

impl Wasi {
    fn generators(&mut self) -> &mut Generators {
        self.generators.get_or_insert_with(|| Box::new(Generators::new(self.seed)))
    }
}

fn bytes(generator: &mut ChaCha12Rng, length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > MAX_BYTES {
        return Err(wasmtime::format_err!(
            "`wasi:random` gives at most {MAX_BYTES} bytes at a time, and {length} were wanted"
        ));
    }
    let mut bytes = vec![0; length as usize];
    generator.fill_bytes(&mut bytes);
    Ok(bytes)
}

impl random::Host for WasiRef<'_> {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(&mut self.wasi.generators().secure, length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.generators().secure.next_u64())
    }
}

impl insecure::Host for WasiRef<'_> {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(&mut self.wasi.generators().insecure, length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.generators().insecure.next_u64())
    }
}

impl insecure_seed::Host for WasiRef<'_> {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok(self.wasi.generators().seed)
    }
}
