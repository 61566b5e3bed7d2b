//! The command line of bakery: knows projects, toolchains and terminals. Everything that runs an inferlet is in `pie-engine`.
//!
//! Reading order: [`cli`] turns arguments into a command and its result into an exit code; [`commands`] has one file for each
//! subcommand; the other modules do the work, know nothing of the terminal, and return values or [`error::Error`]s.

pub mod build;
pub mod cli;
pub mod commands;
mod crash;
pub mod dependencies;
pub mod documents;
pub mod environment;
pub mod error;
pub mod interrupt;
pub mod models;
pub mod outside;
pub mod process;
pub mod progress;
pub mod project;
pub mod report;
pub mod requests;
pub mod scaffold;
pub mod snapshot;
pub mod store;
pub mod suggest;
pub mod toolchain;
pub mod ui;
pub mod watch;
