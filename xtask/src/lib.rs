//! Repository checks and code generation.
