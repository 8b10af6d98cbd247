use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader};
use fabric_protos::protos::{ChaincodeAction, ChaincodeActionPayload, Transaction};
use fabric_protos::protos::{ChaincodeEvent, ProposalResponsePayload};
use prost::Message as _;

use crate::time::Timestamp;

/// What can be read of an envelope in a block, whether it is valid or not: for filtered blocks,
/// event streams and explorers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// Transaction id as the header says; some have none.
    pub tx_id: String,
    /// `HeaderType` as a number.
    pub header_type: i32,
    /// The client's time.
    pub timestamp: Option<Timestamp>,
    /// A marshalled `SerializedIdentity`; empty where nothing can be read.
    pub creator: Bytes,
    /// Events of the transaction's actions, as endorsed.
    pub events: Vec<ChaincodeEvent>,
}

/// Reads an envelope as far as it goes; `None` without a channel header.
pub fn inspect(envelope: Bytes) -> Option<Inspection> {
    let payload =
        Envelope::decode(envelope).and_then(|envelope| Payload::decode(envelope.payload)).ok()?;
    let header = payload.header?;
    let channel = ChannelHeader::decode(header.channel_header).ok()?;
    let mut out = Inspection {
        tx_id: channel.tx_id,
        header_type: channel.r#type,
        timestamp: channel
            .timestamp
            .map(|stamp| Timestamp { seconds: stamp.seconds, nanos: stamp.nanos }),
        ..Inspection::default()
    };
    if let Ok(signature) = SignatureHeader::decode(header.signature_header) {
        out.creator = signature.creator;
    }
    if out.header_type != i32::from(HeaderType::EndorserTransaction) {
        return Some(out);
    }
    let actions = Transaction::decode(payload.data).map(|transaction| transaction.actions);
    let events = actions.unwrap_or_default().into_iter().filter_map(|action| event(action.payload));
    out.events.extend(events);
    Some(out)
}

fn event(action: Bytes) -> Option<ChaincodeEvent> {
    let action = ChaincodeActionPayload::decode(action).ok()?.action?;
    let response = ProposalResponsePayload::decode(action.proposal_response_payload).ok()?;
    let action = ChaincodeAction::decode(response.extension).ok()?;
    if action.events.is_empty() {
        return None;
    }
    ChaincodeEvent::decode(action.events).ok()
}
