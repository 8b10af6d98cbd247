//! One text of samples, compiled against both crates.

use prost::Message;

/// A message in bytes, and how its crate reads it and writes it again.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reencode: fn(&[u8]) -> Vec<u8>,
}

fn sample<M: Message + Default>(message: &M) -> Sample {
    Sample { name: name::<M>(), bytes: message.encode_to_vec(), reencode: reencode::<M> }
}

fn reencode<M: Message + Default>(bytes: &[u8]) -> Vec<u8> {
    M::decode(bytes).unwrap().encode_to_vec()
}

/// The type's name without the path, which differs.
fn name<T>() -> &'static str {
    std::any::type_name::<T>().rsplit("::").next().unwrap()
}

/// Each value that an enum has, with its published name.
macro_rules! enums {
    ($($enumeration:ty),+ $(,)?) => {
        vec![$((
            stringify!($enumeration),
            (-1..1000)
                .filter_map(|number| <$enumeration>::try_from(number).ok())
                .map(|value| (i32::from(value), value.as_str_name()))
                .collect(),
        )),+]
    };
}

macro_rules! samples {
    ($crate_module:ident, $common:path, $msp:path, $protos:path, $queryresult:path) => {
        pub(crate) mod $crate_module {
            use $common as common;
            use $msp as msp;
            use $protos as protos;
            use $queryresult as queryresult;

            use super::{Sample, sample};
            use crate::values::Values;

            pub(crate) fn samples(v: &mut Values) -> Vec<Sample> {
                let mut all = envelope_and_block(v);
                all.extend(policies(v));
                all.extend(proposal(v));
                all.extend(chaincode(v));
                all.extend(stream(v));
                all.extend(state(v));
                all.extend(queries(v));
                all
            }

            pub(crate) fn enums() -> Vec<(&'static str, Vec<(i32, &'static str)>)> {
                enums![
                    common::Status,
                    common::HeaderType,
                    common::BlockMetadataIndex,
                    common::policy::PolicyType,
                    common::implicit_meta_policy::Rule,
                    common::msp_principal::Classification,
                    common::msp_role::MspRoleType,
                    protos::chaincode_spec::Type,
                    protos::chaincode_message::Type,
                    protos::write_record::Type,
                ]
            }

            fn envelope_and_block(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&common::Envelope { payload: v.bytes(), signature: v.bytes() }),
                    sample(&common::Payload { header: v.maybe(header), data: v.bytes() }),
                    sample(&header(v)),
                    sample(&common::ChannelHeader {
                        r#type: v.i32(),
                        version: v.i32(),
                        timestamp: v.time(),
                        channel_id: v.text(),
                        tx_id: v.text(),
                        epoch: v.u64(),
                        extension: v.bytes(),
                        tls_cert_hash: v.bytes(),
                    }),
                    sample(&common::SignatureHeader { creator: v.bytes(), nonce: v.bytes() }),
                    sample(&common::Block {
                        header: v.maybe(|v| common::BlockHeader {
                            number: v.u64(),
                            previous_hash: v.bytes(),
                            data_hash: v.bytes(),
                        }),
                        data: v.maybe(|v| common::BlockData { data: v.list(Values::bytes) }),
                        metadata: v
                            .maybe(|v| common::BlockMetadata { metadata: v.list(Values::bytes) }),
                    }),
                    sample(&common::Metadata {
                        value: v.bytes(),
                        signatures: v.list(|v| common::MetadataSignature {
                            signature_header: v.bytes(),
                            signature: v.bytes(),
                            identifier_header: v.bytes(),
                        }),
                    }),
                    sample(&common::IdentifierHeader { identifier: v.u32(), nonce: v.bytes() }),
                    sample(&common::OrdererBlockMetadata {
                        last_config: v.maybe(|v| common::LastConfig { index: v.u64() }),
                        consenter_metadata: v.bytes(),
                    }),
                    sample(&msp::SerializedIdentity { mspid: v.text(), id_bytes: v.bytes() }),
                ]
            }

            fn header(v: &mut Values) -> common::Header {
                common::Header { channel_header: v.bytes(), signature_header: v.bytes() }
            }

            fn policies(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&common::Policy { r#type: v.i32(), value: v.bytes() }),
                    sample(&common::ImplicitMetaPolicy { sub_policy: v.text(), rule: v.i32() }),
                    sample(&signature_policy(v)),
                    sample(&common::MspRole { msp_identifier: v.text(), role: v.i32() }),
                    sample(&common::OrganizationUnit {
                        msp_identifier: v.text(),
                        organizational_unit_identifier: v.text(),
                        certifiers_identifier: v.bytes(),
                    }),
                ]
            }

            fn signature_policy(v: &mut Values) -> common::SignaturePolicyEnvelope {
                common::SignaturePolicyEnvelope {
                    version: v.i32(),
                    rule: v.maybe(|v| rule(v, 3)),
                    identities: v.list(|v| common::MspPrincipal {
                        principal_classification: v.i32(),
                        principal: v.bytes(),
                    }),
                }
            }

            fn rule(v: &mut Values, depth_max: usize) -> common::SignaturePolicy {
                use common::signature_policy::{NOutOf, Type};
                let inner = depth_max > 0 && v.bool();
                let kind = if inner {
                    Type::NOutOf(NOutOf { n: v.i32(), rules: v.list(|v| rule(v, depth_max - 1)) })
                } else {
                    Type::SignedBy(v.i32())
                };
                common::SignaturePolicy { r#type: Some(kind) }
            }

            fn proposal(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&signed_proposal(v)),
                    sample(&protos::Proposal {
                        header: v.bytes(),
                        payload: v.bytes(),
                        extension: v.bytes(),
                    }),
                    sample(&protos::ChaincodeHeaderExtension {
                        chaincode_id: v.maybe(chaincode_id),
                    }),
                    sample(&protos::ChaincodeProposalPayload {
                        input: v.bytes(),
                        transient_map: v.map(),
                    }),
                    sample(&protos::ChaincodeAction {
                        results: v.bytes(),
                        events: v.bytes(),
                        response: v.maybe(response),
                        chaincode_id: v.maybe(chaincode_id),
                    }),
                    sample(&protos::ProposalResponse {
                        version: v.i32(),
                        timestamp: v.time(),
                        response: v.maybe(response),
                        payload: v.bytes(),
                        endorsement: v.maybe(|v| protos::Endorsement {
                            endorser: v.bytes(),
                            signature: v.bytes(),
                        }),
                        interest: v.maybe(|v| protos::ChaincodeInterest {
                            chaincodes: v.list(chaincode_call),
                        }),
                    }),
                    sample(&protos::ProposalResponsePayload {
                        proposal_hash: v.bytes(),
                        extension: v.bytes(),
                    }),
                ]
            }

            fn signed_proposal(v: &mut Values) -> protos::SignedProposal {
                protos::SignedProposal { proposal_bytes: v.bytes(), signature: v.bytes() }
            }

            fn chaincode_id(v: &mut Values) -> protos::ChaincodeId {
                protos::ChaincodeId { path: v.text(), name: v.text(), version: v.text() }
            }

            fn response(v: &mut Values) -> protos::Response {
                protos::Response { status: v.i32(), message: v.text(), payload: v.bytes() }
            }

            fn chaincode_call(v: &mut Values) -> protos::ChaincodeCall {
                protos::ChaincodeCall {
                    name: v.text(),
                    collection_names: v.list(Values::text),
                    no_private_reads: v.bool(),
                    no_public_writes: v.bool(),
                    key_policies: v.list(signature_policy),
                    disregard_namespace_policy: v.bool(),
                }
            }

            fn chaincode(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&protos::ChaincodeInvocationSpec {
                        chaincode_spec: v.maybe(|v| protos::ChaincodeSpec {
                            r#type: v.i32(),
                            chaincode_id: v.maybe(chaincode_id),
                            input: v.maybe(chaincode_input),
                            timeout: v.i32(),
                        }),
                    }),
                    sample(&chaincode_input(v)),
                    sample(&protos::ChaincodeAdditionalParams {
                        use_write_batch: v.bool(),
                        max_size_write_batch: v.u32(),
                        use_get_multiple_keys: v.bool(),
                        max_size_get_multiple_keys: v.u32(),
                    }),
                ]
            }

            fn chaincode_input(v: &mut Values) -> protos::ChaincodeInput {
                protos::ChaincodeInput {
                    args: v.list(Values::bytes),
                    decorations: v.map(),
                    is_init: v.bool(),
                }
            }

            fn stream(v: &mut Values) -> Vec<Sample> {
                vec![sample(&protos::ChaincodeMessage {
                    r#type: v.i32(),
                    timestamp: v.time(),
                    payload: v.bytes(),
                    txid: v.text(),
                    proposal: v.maybe(signed_proposal),
                    chaincode_event: v.maybe(|v| protos::ChaincodeEvent {
                        chaincode_id: v.text(),
                        tx_id: v.text(),
                        event_name: v.text(),
                        payload: v.bytes(),
                    }),
                    channel_id: v.text(),
                })]
            }

            fn state(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&protos::GetState { key: v.text(), collection: v.text() }),
                    sample(&protos::GetStateMetadata { key: v.text(), collection: v.text() }),
                    sample(&protos::GetStateMultiple {
                        keys: v.list(Values::text),
                        collection: v.text(),
                    }),
                    sample(&protos::GetStateMultipleResult { values: v.list(Values::bytes) }),
                    sample(&protos::PutState {
                        key: v.text(),
                        value: v.bytes(),
                        collection: v.text(),
                    }),
                    sample(&protos::PutStateMetadata {
                        key: v.text(),
                        collection: v.text(),
                        metadata: v.maybe(state_metadata),
                    }),
                    sample(&protos::WriteBatchState {
                        rec: v.list(|v| protos::WriteRecord {
                            key: v.text(),
                            value: v.bytes(),
                            collection: v.text(),
                            metadata: v.maybe(state_metadata),
                            r#type: v.i32(),
                        }),
                    }),
                    sample(&protos::DelState { key: v.text(), collection: v.text() }),
                    sample(&protos::PurgePrivateState { key: v.text(), collection: v.text() }),
                    sample(&protos::StateMetadataResult { entries: v.list(state_metadata) }),
                ]
            }

            fn state_metadata(v: &mut Values) -> protos::StateMetadata {
                protos::StateMetadata { metakey: v.text(), value: v.bytes() }
            }

            fn queries(v: &mut Values) -> Vec<Sample> {
                vec![
                    sample(&protos::GetStateByRange {
                        start_key: v.text(),
                        end_key: v.text(),
                        collection: v.text(),
                        metadata: v.bytes(),
                    }),
                    sample(&protos::GetQueryResult {
                        query: v.text(),
                        collection: v.text(),
                        metadata: v.bytes(),
                    }),
                    sample(&protos::QueryMetadata { page_size: v.i32(), bookmark: v.text() }),
                    sample(&protos::GetHistoryForKey { key: v.text() }),
                    sample(&protos::QueryStateNext { id: v.text() }),
                    sample(&protos::QueryStateClose { id: v.text() }),
                    sample(&protos::QueryResponse {
                        results: v.list(|v| protos::QueryResultBytes { result_bytes: v.bytes() }),
                        has_more: v.bool(),
                        id: v.text(),
                        metadata: v.bytes(),
                    }),
                    sample(&protos::QueryResponseMetadata {
                        fetched_records_count: v.i32(),
                        bookmark: v.text(),
                    }),
                    sample(&queryresult::Kv {
                        namespace: v.text(),
                        key: v.text(),
                        value: v.bytes(),
                    }),
                    sample(&queryresult::KeyModification {
                        tx_id: v.text(),
                        value: v.bytes(),
                        timestamp: v.time(),
                        is_delete: v.bool(),
                    }),
                ]
            }
        }
    };
}

samples!(
    ours,
    fabric_protos::common,
    fabric_protos::msp,
    fabric_protos::protos,
    fabric_protos::queryresult
);
samples!(
    theirs,
    fabric_shim_protos::common,
    fabric_shim_protos::msp,
    fabric_shim_protos::peer,
    fabric_shim_protos::queryresult
);
