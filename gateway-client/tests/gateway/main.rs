//! The client against a scripted Gateway service that verifies what it receives.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests; a panic is the failure")]

mod blocks;
mod calls;
mod checkpoints;
mod events;
mod offline;
mod peer;
mod retry;
mod stages;
mod streams;
mod tampered;
mod transport;
