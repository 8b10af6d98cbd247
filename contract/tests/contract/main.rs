//! The contract on a ledger: every transaction with its refusals.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod access;
mod acts;
mod attacks;
mod budget;
mod commands;
mod consent;
mod consented;
mod corrections;
mod delegations;
mod descriptions;
mod devices;
mod errors;
mod every;
mod explained;
mod fhir;
mod hierarchy;
mod histories;
mod invariants;
mod matrix;
mod organizations;
mod patients;
mod reading;
mod rebinding;
mod secrecy;
mod several;
mod status;
mod summaries;
mod transfers;
mod world;
