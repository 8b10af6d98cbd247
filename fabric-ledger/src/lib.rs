//! Hyperledger Fabric's ledger rules as a pure library.
