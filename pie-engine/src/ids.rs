//! Names of things by number. Every number is given out in order, so a run's numbers are the same each time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty), $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A running inferlet, numbered from 1 within a trace in the order of launch.
    InstanceId(u64), "i"
);
id!(
    /// A context, numbered from 1 within its instance in the order of creation.
    ContextId(u64), "c"
);
id!(
    /// A forward pass, numbered from 1 within its instance in the order of `execute`.
    PassId(u64), "p"
);
id!(
    /// A question to the outside, numbered from 1 within a trace in the order of asking.
    QuestionId(u64), "q"
);
id!(
    /// A page of the KV store: an index from 0 up to the store's capacity.
    PageId(u32), "page "
);
id!(
    /// The content of a page that is kept outside of the KV store while its table is suspended, numbered from 1.
    SwapId(u64), "swap "
);

/// The number of a model among those of an engine; the default one is number 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelNumber(pub u32);
