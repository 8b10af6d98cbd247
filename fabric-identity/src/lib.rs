//! Fabric's signing rules: low-S ECDSA over P-256, keys and signers.
