//! A whole devnet, seen from its clients and its chaincode.

mod happy;
mod support;
