//! The messages and services of Hyperledger Fabric that this project speaks, as they are on the wire.
//!
//! One module a protobuf package, named after it. `bytes` fields are [`Bytes`](prost::bytes::Bytes), so that decoding from a
//! received buffer shares it; maps are [`BTreeMap`](std::collections::BTreeMap), so that encoding is
//! deterministic. Unknown fields are dropped: what must stay identical byte for byte (signed payloads, hashed
//! headers) is a `bytes` field in Fabric's messages and has to be kept as such.
//!
//! Feature `grpc` (default) adds the clients and servers: `protos::chaincode_server`,
//! `gateway::gateway_client` and so on. A client is made from a connected channel with `new`; there is no
//! `connect` shorthand, whose name the chaincode service takes.
//!
//! ```
//! use fabric_protos::protos::{ChaincodeMessage, chaincode_message::Type};
//! use prost::Message;
//!
//! let ready = ChaincodeMessage { r#type: Type::Ready.into(), ..Default::default() };
//! assert_eq!(ready.encode_to_vec(), [0x08, 0x04]);
//! assert_eq!(ChaincodeMessage::decode(&[0x08, 0x04][..])?.r#type(), Type::Ready);
//! # Ok::<(), prost::DecodeError>(())
//! ```
//!
//! # Regenerating
//!
//! `proto/` holds only what is in use; numbers and names are those of Fabric's published messages. After a change
//! there, `cargo run -p xtask -- codegen` writes `src/generated/`, which is committed; neither that command nor
//! a build needs protoc. `cargo test -p xtask` fails while the committed code is stale.

#![cfg_attr(
    feature = "grpc",
    expect(
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        reason = "the service generator writes allow attributes of its own"
    )
)]

/// Includes the generated code of one protobuf package.
macro_rules! package {
    ($(#[$documentation:meta])* $module:ident, $file:literal) => {
        $(#[$documentation])*
        pub mod $module {
            include!(concat!("generated/", $file));
        }
    };
}

package!(
    /// Package `common`: envelopes, headers, blocks, channel configuration, policies and principals.
    common, "common.rs"
);
package!(
    /// Package `etcdraft`: the orderer's consensus in a channel's configuration.
    etcdraft, "etcdraft.rs"
);
package!(
    /// Package `gateway`: the service that clients call on a peer.
    gateway, "gateway.rs"
);
package!(
    /// Package `kvrwset`: reads and writes of one namespace or collection.
    kvrwset, "kvrwset.rs"
);
package!(
    /// Package `lifecycle`: queries of the system chaincode `_lifecycle`.
    lifecycle, "lifecycle.rs"
);
package!(
    /// Package `msp`: serialized identities, and how an organisation's are known.
    msp, "msp.rs"
);
package!(
    /// Package `orderer`: broadcasting transactions and seeking blocks.
    orderer, "orderer.rs"
);
package!(
    /// Package `protos`: proposals, transactions, the chaincode stream, collections, block events.
    protos, "protos.rs"
);
package!(
    /// Package `queryresult`: rows of range and history queries.
    queryresult, "queryresult.rs"
);
package!(
    /// Package `google.rpc`: the error status that carries details.
    rpc, "google.rpc.rs"
);
package!(
    /// Package `rwset`: read-write sets of a transaction.
    rwset, "rwset.rs"
);
