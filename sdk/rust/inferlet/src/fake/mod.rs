//! Stands in for `bindings.rs` in unit tests: the same items, over a small engine in memory.
//!
//! It keeps to the contract of the interface (claims slots on `execute`, checks lengths and capacity, drops drafts that do
//! not hold), and its model's choice depends on exactly what a token sees. So a mistake in positions, masks, pages or
//! rollback changes what the SDK's tests generate. Interfaces that the SDK only passes through are not here: their wrappers
//! are compiled against the real bindings whenever the crate itself is.

mod clock;
mod engine;
mod inference;
mod instruct;

pub use clock::elapsed;
pub use engine::{END, VOCABULARY, token_of};
pub use inference::PASS;

pub mod pie {
    pub mod core {
        pub mod types {
            pub use crate::bindings::clock::{FutureBlob, FutureString, Pollable};
            pub type Blob = Vec<u8>;
        }
        pub mod model {
            pub use crate::bindings::engine::{FakeModel as Model, FakeTokenizer as Tokenizer};
        }
        pub mod context {
            pub use crate::bindings::engine::FakeContext as Context;
        }
        pub mod inference {
            pub use crate::bindings::inference::{
                ForwardPass, FutureOutput, Grammar, Matcher, Output, Sampler, SlotOutput,
            };
        }
        pub mod adapter {
            pub use crate::bindings::engine::FakeAdapter as Adapter;
        }
        pub mod session {}
        pub mod messaging {
            pub use crate::bindings::clock::Subscription;
        }
        pub mod runtime {
            pub use crate::bindings::clock::Child;

            /// Answers with its input, a moment later.
            pub fn launch(_program: &str, input: &str) -> Result<Child, String> {
                Ok(Child::after(1, Ok(input.to_owned())))
            }
        }
        pub mod scheduling {
            use crate::bindings::engine::{FakeContext, FakeModel};
            use std::cell::Cell;

            thread_local! {
                /// Whether somebody waits for pages, so that rents are paid.
                pub static SHORT: Cell<bool> = const { Cell::new(false) };
            }

            pub fn price() -> f64 {
                1.0
            }
            pub fn rent(_ctx: &FakeContext) -> f64 {
                0.0
            }
            pub fn dividend(_model: &FakeModel) -> f64 {
                if SHORT.get() { 0.5 } else { 0.0 }
            }
            pub fn latency(_ctx: &FakeContext) -> f64 {
                0.01
            }
            pub fn balance(_model: &FakeModel) -> f64 {
                100.0
            }
        }
    }
    pub mod instruct {
        pub use crate::bindings::instruct::{chat, reasoning, tool_use};
    }
    pub mod mcp {
        pub use crate::bindings::instruct::{mcp_client as client, mcp_types as types};
    }
    pub mod zo {
        pub use crate::bindings::instruct::zo;
    }
}

pub mod wasi {
    pub mod io {
        pub mod poll {
            pub use crate::bindings::clock::poll;
        }
    }
    pub mod clocks {
        pub mod monotonic_clock {
            pub use crate::bindings::clock::subscribe_duration;
        }
    }
}
