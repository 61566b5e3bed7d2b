//! What a run of a case is compared with: what it is expected to be in so many words, and what was accepted before.
//!
//! [`project`], which is the engine's, makes the three layers of a run out of its events, [`expectations`] holds a run to what a case says, [`store`] keeps layers as files,
//! [`diff`] says how two of them differ and why, [`judge`] puts these together, and [`review`] decides what becomes of differences. [`verdict`] is what comes of a case. Nothing here
//! runs anything, asks anybody or prints.
//!
//! Invariants: a layer is a function of the events of a run and of the case; reading a snapshot loses nothing that was there, and nothing is written
//! but by [`store`].

pub mod coverage;
pub mod diff;
pub mod expectations;
pub mod judge;
pub mod review;
pub mod store;
pub mod verdict;

pub use pie_engine::testing::{KINDS, Kept, Observed, layers as project};
