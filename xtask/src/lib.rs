//! Repository checks and code generation.

pub mod codegen;
