//! `use inferlet::prelude::*;` brings what most inferlets use.

pub use crate::{
    Adapter, Context, Forward, ForwardPassExt, FutureStringExt, GenStep, Generator, Model, Output, Probe,
    ProbeHandle, Result, SampleHandle, Sampler, Schema, Speculator, SubscriptionExt, chat, main, messaging,
    reasoning, runtime, tools,
};
