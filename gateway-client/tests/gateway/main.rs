//! The client against a scripted Gateway service that verifies what it receives.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a panic is the failure")]

mod calls;
mod offline;
mod peer;
mod retry;
mod stages;
mod tampered;
mod transport;
