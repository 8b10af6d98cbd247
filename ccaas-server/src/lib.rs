//! Serves a contract to Hyperledger Fabric peers as chaincode-as-a-service.
