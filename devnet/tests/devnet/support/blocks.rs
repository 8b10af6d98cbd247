//! Requests for blocks, and what comes back, as one line each.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fabric_devnet::Devnet;
use fabric_protos::common::{
    Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader, Status,
};
use fabric_protos::orderer::seek_position::Type as Position;
use fabric_protos::orderer::{
    SeekInfo, SeekNewest, SeekNextCommit, SeekOldest, SeekPosition, SeekSpecified,
};
use fabric_protos::protos::DeliverResponse;
use fabric_protos::protos::deliver_response::Type;
use prost::Message as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{CHANNEL, Client};

/// A request to be; tests spoil single fields before it is signed.
#[derive(Clone)]
pub(crate) struct Seek {
    pub(crate) channel: String,
    pub(crate) timestamp: Option<SystemTime>,
    pub(crate) creator: bytes::Bytes,
    pub(crate) info: SeekInfo,
}

/// `oldest`, `newest`, `next` or a number.
fn position(text: &str) -> Option<SeekPosition> {
    let position = match text {
        "oldest" => Position::Oldest(SeekOldest {}),
        "newest" => Position::Newest(SeekNewest {}),
        "next" => Position::NextCommit(SeekNextCommit {}),
        number => Position::Specified(SeekSpecified { number: number.parse().unwrap() }),
    };
    Some(SeekPosition { r#type: Some(position) })
}

impl Seek {
    pub(crate) fn new(client: &Client, start: &str, stop: &str) -> Self {
        Self {
            channel: CHANNEL.to_owned(),
            timestamp: Some(SystemTime::now()),
            creator: client.identity.clone(),
            info: SeekInfo { start: position(start), stop: position(stop), ..Default::default() },
        }
    }

    pub(crate) fn signed(&self, client: &Client) -> Envelope {
        let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap();
        let header = ChannelHeader {
            r#type: HeaderType::DeliverSeekInfo.into(),
            timestamp: self.timestamp.map(since).map(|since: Duration| prost_types::Timestamp {
                seconds: since.as_secs().try_into().unwrap(),
                nanos: since.subsec_nanos().try_into().unwrap(),
            }),
            channel_id: self.channel.clone(),
            ..Default::default()
        };
        let signature = SignatureHeader { creator: self.creator.clone(), ..Default::default() };
        let payload = Payload {
            header: Some(Header {
                channel_header: header.encode_to_vec().into(),
                signature_header: signature.encode_to_vec().into(),
            }),
            data: self.info.encode_to_vec().into(),
        };
        let payload = payload.encode_to_vec();
        let signature = client.key.sign(&payload).unwrap().into();
        Envelope { payload: payload.into(), signature }
    }
}

/// A connection to the orderer.
pub(crate) async fn orderer(devnet: &Devnet) -> Channel {
    let endpoint = devnet.orderer();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&endpoint.tls_root_pem))
        .domain_name(&endpoint.host_name);
    let address = format!("https://{}", endpoint.address);
    Endpoint::from_shared(address).unwrap().tls_config(tls).unwrap().connect().await.unwrap()
}

pub(crate) fn status(code: i32) -> String {
    Status::try_from(code).unwrap().as_str_name().to_owned()
}

/// An answer of a peer: a status, or the number of a block with what is special about it.
pub(crate) fn told(answer: &DeliverResponse) -> String {
    match answer.r#type.as_ref().unwrap() {
        Type::Status(code) => status(*code),
        Type::Block(block) => whole(block),
        Type::FilteredBlock(block) => {
            let codes: Vec<String> = (block.filtered_transactions.iter())
                .map(|one| one.tx_validation_code().as_str_name().to_owned())
                .collect();
            format!("{} {} {}", block.channel_id, block.number, codes.join(" "))
        }
        Type::BlockAndPrivateData(both) => whole(both.block.as_ref().unwrap()),
    }
}

pub(crate) fn whole(block: &Block) -> String {
    let data = if block.data.is_some() { "" } else { " without data" };
    format!("{}{data}", block.header.as_ref().unwrap().number)
}
