//! Hyperledger Fabric in one process for development, tests and demonstrations.
