//! Runs inferlets against a model and records what they did.
//!
//! Reading order: [`trace`] is what comes out, [`model`] is what goes in, `engine` is the loop between them.

pub mod bitset;
pub mod brle;
pub mod chat;
pub mod clock;
pub mod ids;
pub mod kv;
pub mod model;
pub mod sample;
mod splitmix;
pub mod tokenizer;
pub mod sched;
pub mod trace;
