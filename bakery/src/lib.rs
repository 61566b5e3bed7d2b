//! The command line of bakery: knows projects, toolchains and terminals. Everything that runs an inferlet is in `pie-engine`.

pub mod environment;
pub mod error;
pub mod progress;
pub mod project;
