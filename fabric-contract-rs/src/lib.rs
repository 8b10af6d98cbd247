//! A Rust API for Hyperledger Fabric chaincode.
