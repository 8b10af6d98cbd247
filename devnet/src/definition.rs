//! Channels as configured: organisations, chaincode definitions, collections.

use std::collections::BTreeMap;
use std::sync::Arc;

use fabric_ledger::channel::{Channel, Definition, ENDORSEMENT};
use fabric_ledger::{CollectionAccess, Permission};
use fabric_protos::lifecycle::QueryChaincodeDefinitionResult;
use fabric_protos::protos::CollectionConfigPackage;
use prost::Message as _;

use crate::config::{self, Chaincode, Config, ConfigError};
use crate::msp::Member;

/// How often a chaincode was defined. A changed configuration replaces the definition.
const SEQUENCE: i64 = 1;

/// The first channel with all its definitions committed.
pub fn channel(config: &Config) -> Result<Channel, ConfigError> {
    let first = config.channels.first().ok_or(ConfigError::NoChannel)?;
    committed(config, first).map(|(channel, _)| channel)
}

/// A channel with all its definitions committed, and the definitions as `_lifecycle` tells them, by
/// name.
pub(crate) fn committed(
    config: &Config,
    settings: &config::Channel,
) -> Result<(Channel, Definitions), ConfigError> {
    let msp_ids = settings.members(config).map(|one| one.msp_id.clone());
    let mut channel = Channel::new(&settings.name, msp_ids);
    let mut definitions = Definitions::new();
    for chaincode in settings.defined(config) {
        let (definition, committed) = definition(chaincode, &channel)?;
        channel.define(&chaincode.name, definition);
        definitions.insert(chaincode.name.clone(), committed);
    }
    Ok((channel, definitions))
}

/// Committed definitions by the chaincode's name.
pub(crate) type Definitions = BTreeMap<String, QueryChaincodeDefinitionResult>;

fn definition(
    chaincode: &Chaincode,
    channel: &Channel,
) -> Result<(Definition, QueryChaincodeDefinitionResult), ConfigError> {
    let Chaincode { name, version, .. } = chaincode;
    let of_policy = |reason| ConfigError::Policy { chaincode: name.clone(), reason };
    let of_collections = |reason| ConfigError::Collections { chaincode: name.clone(), reason };
    let parameter = match &chaincode.endorsement_policy {
        None => channel.refer(ENDORSEMENT),
        Some(text) => channel.read_endorsement_policy(text),
    };
    let parameter = parameter.map_err(|err| of_policy(err.to_string()))?;
    let policy = channel.resolve(Some(&parameter)).map_err(|err| of_policy(err.to_string()))?;
    let configs = match &chaincode.collections {
        None => Ok(Vec::new()),
        Some(text) => channel.read_collections(text),
    };
    let configs = configs.map_err(|err| of_collections(err.to_string()))?;
    let collections = channel.resolve_collections(&configs);
    let collections = collections.map_err(|err| of_collections(err.to_string()))?;
    let committed = QueryChaincodeDefinitionResult {
        sequence: SEQUENCE,
        version: version.clone(),
        endorsement_plugin: "escc".to_owned(),
        validation_plugin: "vscc".to_owned(),
        validation_parameter: parameter.encode_to_vec().into(),
        collections: Some(CollectionConfigPackage { config: configs }),
        init_required: chaincode.init_required,
        approvals: channel.organisations().iter().map(|msp_id| (msp_id.clone(), true)).collect(),
    };
    Ok((Definition { version: version.clone(), policy, collections }, committed))
}

/// What the creator of a transaction may do with collections.
#[derive(Clone, Debug)]
pub(crate) struct CreatorAccess {
    channel: Arc<Channel>,
    creator: Arc<Member>,
}

impl CreatorAccess {
    pub(crate) fn new(channel: Arc<Channel>, creator: Arc<Member>) -> Self {
        Self { channel, creator }
    }
}

impl CollectionAccess for CreatorAccess {
    fn permission(&self, namespace: &str, collection: &str) -> Option<Permission> {
        self.channel
            .permission(namespace, collection, |principal| self.creator.satisfies(principal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn define(policy: Option<&str>, collections: Option<&str>) -> Result<Definition, ConfigError> {
        let mut chaincode = Chaincode::new("cc", "localhost:1");
        chaincode.endorsement_policy = policy.map(str::to_owned);
        chaincode.collections = collections.map(str::to_owned);
        let msp_ids = ["Org1MSP", "Org2MSP", "Org3MSP"].map(str::to_owned);
        definition(&chaincode, &Channel::new("mychannel", msp_ids)).map(|(defined, _)| defined)
    }

    #[test]
    fn what_fabric_would_refuse_is_refused() {
        let check = |policy: Option<&str>, collections: Option<&str>, text: &str| {
            let refusal = define(policy, collections).unwrap_err().to_string();
            assert!(refusal.contains(text), "{refusal}");
        };
        check(Some("AND('Org1MSP.peer'"), None, "endorsement policy of chaincode `cc`: at char");
        check(Some("OR('Org9MSP.peer')"), None, "channel mychannel has no organisation `Org9MSP`");
        check(None, Some("{}"), "collections of chaincode `cc`: invalid JSON");
        let both = r#"[{"name": "c", "policy": "AND('Org1MSP.member', 'Org2MSP.member')"}]"#;
        check(None, Some(both), "collections of chaincode `cc`: `c`: only OR");
        let counts = r#"[{"name": "c", "policy": "OR('Org1MSP.member')", "maxPeerCount": -1}]"#;
        check(None, Some(counts), "`c`: requiredPeerCount must be between 0 and maxPeerCount");
    }
}
