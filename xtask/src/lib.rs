//! Repository checks and code generation.

pub mod codegen;
pub mod tidy;
