//! `cscc`: the channels of a peer and their configuration.

use fabric_protos::common::{Block, ConfigEnvelope, Envelope, Payload};
use fabric_protos::protos::{ChannelInfo, ChannelQueryResponse};
use prost::Message as _;

use super::{Answer, Query, error, success};
use crate::channel_config::CONFIG_BLOCK;

pub(super) fn run(query: &Query<'_>) -> Answer {
    let count = query.args.len();
    let function = query.text(0);
    if count < 1 || (function != "GetChannels" && count < 2) {
        return Err(error(format!("Incorrect number of arguments, {count}")));
    }
    match function.as_str() {
        "GetChannels" => channels(query),
        "GetConfigBlock" | "GetChannelConfig" => config(query, &function),
        "JoinChain" | "JoinChainBySnapshot" => join(query, &function),
        _ => Err(error(format!("Requested function {function} not found."))),
    }
}

fn channels(query: &Query<'_>) -> Answer {
    query
        .is_local("Members")
        .map_err(|reason| error(format!("access denied for [GetChannels]: {reason}")))?;
    let names = query.channels.keys().cloned();
    let channels = names.map(|channel_id| ChannelInfo { channel_id }).collect();
    Ok(success(ChannelQueryResponse { channels }.encode_to_vec()))
}

fn config(query: &Query<'_>, function: &str) -> Answer {
    let channel = query.text(1);
    let denied =
        |reason: String| error(format!("access denied for [{function}][{channel}]: {reason}"));
    let Some(shared) = query.channel(1) else {
        // Without a channel there is nobody who may ask for it.
        return Err(denied(format!("Failed to get policy manager for channel [{channel}]")));
    };
    query.authorize(shared, &format!("cscc/{function}")).map_err(denied)?;
    let failed = |reason: String| error(format!("the configuration cannot be read: {reason}"));
    let block = shared.database.snapshot().block(CONFIG_BLOCK);
    let block = block.map_err(|err| failed(err.to_string()))?;
    let block = block.ok_or_else(|| failed("its block is not there".to_owned()))?;
    if function == "GetConfigBlock" {
        return Ok(success(block));
    }
    let config = Block::decode(block)
        .and_then(|block| {
            let envelope = block.data.unwrap_or_default().data.into_iter().next();
            let envelope = Envelope::decode(envelope.unwrap_or_default())?;
            ConfigEnvelope::decode(Payload::decode(envelope.payload)?.data)
        })
        .map_err(|err| failed(err.to_string()))?;
    Ok(success(config.config.unwrap_or_default().encode_to_vec()))
}

fn join(query: &Query<'_>, function: &str) -> Answer {
    query
        .is_local("Admins")
        .map_err(|reason| error(format!("access denied for [{function}]: [{reason}]")))?;
    Err(error(format!(
        "{function}: a devnet has the channels that it was started with; start it with another one"
    )))
}
