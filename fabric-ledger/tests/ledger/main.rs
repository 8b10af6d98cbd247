//! The ledger rules through the public interface.

mod harness;
mod mvcc;
mod private_data;
mod queries;
mod simulator;
