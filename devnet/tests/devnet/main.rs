//! A whole devnet, seen from its clients and its chaincode.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod channels;
mod command;
mod commit_status;
mod conflicts;
mod crash;
mod creators;
mod delivering;
mod endorsing;
mod evaluating;
mod events;
mod floods;
mod happy;
mod identities;
mod init;
mod private_data;
mod proposing;
mod restart;
mod rust_events;
mod rust_stack;
mod stream;
mod submitting;
mod support;
