//! The deterministic model.
