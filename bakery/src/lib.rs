//! bakery.
