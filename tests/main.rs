//! Tests from outside: the built programs as a person or a script runs them, and rules about the source as a whole.
//!
//! One test program, because linking is what takes time. Each module is a subject; [`support`] gives it a world of its own.

mod book;
mod build;
mod cargo_insta;
mod cases;
mod children;
mod cli;
mod collector;
mod constraints;
mod coverage;
mod documents;
mod examples;
mod javascript;
mod javascript_engines;
mod javascript_packages;
mod javascript_platform;
mod javascript_sdk;
mod layering;
mod library;
#[cfg(unix)]
mod listings;
mod mcp;
mod messages;
mod models;
mod network;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod page;
mod python;
mod python_absent;
#[cfg(unix)]
mod python_hosts;
mod python_packages;
mod races;
mod recorded;
mod runners;
mod sdk;
mod support;
mod templates;
#[cfg(unix)]
mod terminal;
mod waits;
mod wasi;
mod watch;
#[cfg(unix)]
mod workflow;
