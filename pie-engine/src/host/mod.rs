//! Everything that names the WebAssembly runtime: one file per WIT interface, which translates and asks the engine, and decides
//! nothing itself.

pub mod bindings;
pub mod budget;
pub mod complexity;
pub mod component;
pub mod instance;
pub mod interpreter;
pub mod journal;
pub mod limits;
mod marks;
mod observed;
pub mod parts;
pub mod preinit;
pub mod preload;
pub mod runtime_config;
pub mod state;
pub mod wasi;
pub mod ways_out;
pub mod work;

pub mod adapter;
pub mod chat;
pub mod client;
pub mod context;
pub mod http;
pub mod inference;
pub mod matcher;
pub mod messaging;
pub mod model;
pub mod outside;
pub mod reasoning;
pub mod runtime;
pub mod scheduling;
pub mod session;
pub mod tool_use;
pub mod types;
pub mod wait;
pub mod zo;
