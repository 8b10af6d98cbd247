use bytes::Bytes;
use fabric_protos::common::{ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader};
use fabric_protos::protos::{ChaincodeAction, ChaincodeActionPayload, Transaction};
use fabric_protos::protos::{ChaincodeEvent, ProposalResponsePayload};
use prost::Message as _;

use crate::proposal::tx_id;
use crate::time::Timestamp;

/// What can be read of an envelope in a block, whether it is valid or not: for filtered blocks,
/// event streams and explorers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// Transaction id; computed where the header has none, empty where nothing can be read.
    pub tx_id: String,
    /// `HeaderType` as a number; 0 where nothing can be read.
    pub header_type: i32,
    /// The client's time.
    pub timestamp: Option<Timestamp>,
    /// A marshalled `SerializedIdentity`; empty where nothing can be read.
    pub creator: Bytes,
    /// Events of the transaction's actions, as endorsed.
    pub events: Vec<ChaincodeEvent>,
}

/// Reads an envelope as far as it goes.
pub fn inspect(envelope: Bytes) -> Inspection {
    let mut out = Inspection::default();
    let header = Envelope::decode(envelope)
        .and_then(|envelope| Payload::decode(envelope.payload))
        .map(|payload| (payload.header, payload.data));
    let Ok((Some(header), data)) = header else { return out };
    if let Ok(signature) = SignatureHeader::decode(header.signature_header) {
        out.tx_id = tx_id(&signature.nonce, &signature.creator);
        out.creator = signature.creator;
    }
    if let Ok(channel) = ChannelHeader::decode(header.channel_header) {
        out.header_type = channel.r#type;
        out.timestamp =
            channel.timestamp.map(|stamp| Timestamp { seconds: stamp.seconds, nanos: stamp.nanos });
        if !channel.tx_id.is_empty() {
            out.tx_id = channel.tx_id;
        }
    }
    if out.header_type != i32::from(HeaderType::EndorserTransaction) {
        return out;
    }
    let actions = Transaction::decode(data).map(|transaction| transaction.actions);
    let events = actions.unwrap_or_default().into_iter().filter_map(|action| event(action.payload));
    out.events.extend(events);
    out
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
