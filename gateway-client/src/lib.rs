//! Hyperledger Fabric Gateway client.
