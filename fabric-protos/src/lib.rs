//! Hyperledger Fabric wire messages.
