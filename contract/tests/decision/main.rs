//! The decision engine: reviewed cases, and properties.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod cases;
mod documents;
mod generated;
#[path = "../../examples/decide.rs"]
#[expect(dead_code, reason = "its `main` is for standard input")]
mod program;
mod properties;
