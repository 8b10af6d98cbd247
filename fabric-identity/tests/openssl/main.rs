//! Keys and signatures as openssl writes them, and our own.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "helpers of tests may fail")]

mod keys;
mod signatures;
mod vectors;
