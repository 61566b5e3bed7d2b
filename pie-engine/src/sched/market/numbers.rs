//! Maps from numbers that are looked up several times for each context and step.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from the number of a table or an instance. Nobody goes through it, so its order shows nowhere.
pub type Numbers<V> = HashMap<u64, V, BuildHasherDefault<Mix>>;

/// Spreads a number over all bits of its hash. The numbers are given out by the engine, so nobody can choose those that meet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio in 64 bits, as in Fibonacci hashing (Knuth, volume 3, 6.4); the upper half comes down to the bits that choose the place.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
