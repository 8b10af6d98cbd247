//! `_lifecycle`: the definitions of the channel's chaincodes.

use bytes::Bytes;
use fabric_protos::lifecycle::query_chaincode_definitions_result::ChaincodeDefinition;
use fabric_protos::lifecycle::{
    QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsArgs,
    QueryChaincodeDefinitionsResult,
};
use fabric_protos::protos::Response;
use prost::Message as _;

use super::{Answer, NOT_FOUND, Query, error, success};
use crate::channel::Shared;

/// What changes definitions and packages on a peer.
const CHANGES: [&str; 8] = [
    "ApproveChaincodeDefinitionForMyOrg",
    "CheckCommitReadiness",
    "CommitChaincodeDefinition",
    "GetInstalledChaincodePackage",
    "InstallChaincode",
    "QueryApprovedChaincodeDefinition",
    "QueryInstalledChaincode",
    "QueryInstalledChaincodes",
];

pub(super) fn run(query: &Query<'_>) -> Answer {
    let [function, argument] = query.args else {
        let count = query.args.len();
        return Err(error(format!(
            "lifecycle scc operations require exactly two arguments but received {count}"
        )));
    };
    let function = String::from_utf8_lossy(function);
    if CHANGES.contains(&&*function) {
        return Err(error(format!(
            "{function}: a devnet has the chaincodes that it was started with; change its options \
             or its configuration file instead"
        )));
    }
    let refused =
        |reason| error(format!("Failed to authorize invocation due to failed ACL check: {reason}"));
    let channel = query.on.ok_or_else(|| refused("a channel is required".to_owned()))?;
    query.authorize(channel, &format!("_lifecycle/{function}")).map_err(refused)?;
    match &*function {
        "QueryChaincodeDefinition" => one(channel, argument),
        _ => all(channel, argument),
    }
}

fn one(channel: &Shared, argument: &Bytes) -> Answer {
    let asked = QueryChaincodeDefinitionArgs::decode(argument.clone())
        .map_err(|err| undecodable("QueryChaincodeDefinition", &err))?;
    let name = asked.name;
    match channel.definitions.get(&name) {
        Some(definition) => Ok(success(definition.encode_to_vec())),
        None => Err(Response {
            status: NOT_FOUND,
            message: format!("namespace {name} is not defined"),
            payload: Bytes::new(),
        }),
    }
}

fn all(channel: &Shared, argument: &Bytes) -> Answer {
    QueryChaincodeDefinitionsArgs::decode(argument.clone())
        .map_err(|err| undecodable("QueryChaincodeDefinitions", &err))?;
    let chaincode_definitions = (channel.definitions.iter())
        .map(|(name, definition)| listed(name.clone(), definition.clone()))
        .collect();
    Ok(success(QueryChaincodeDefinitionsResult { chaincode_definitions }.encode_to_vec()))
}

fn listed(name: String, definition: QueryChaincodeDefinitionResult) -> ChaincodeDefinition {
    ChaincodeDefinition {
        name,
        sequence: definition.sequence,
        version: definition.version,
        endorsement_plugin: definition.endorsement_plugin,
        validation_plugin: definition.validation_plugin,
        validation_parameter: definition.validation_parameter,
        collections: definition.collections,
        init_required: definition.init_required,
    }
}

fn undecodable(function: &str, err: &prost::DecodeError) -> Response {
    error(format!(
        "failed to invoke backing implementation of '{function}': could not decode input arg for \
         {function}: {err}"
    ))
}
