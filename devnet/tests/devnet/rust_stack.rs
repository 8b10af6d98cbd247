//! The project's own chaincode server behind, its own client in front.

use std::sync::Arc;

use ccaas_server::Server;
use fabric_contract_rs::{
    Contract, Evaluate, QueryReader, Reader, Route, Space, StateKey, Submit, TxContext, TxError,
    Writes,
};
use fabric_devnet::{Chaincode, Config, Devnet, EnrollRequest};
use fabric_gateway_client::{ConnectOptions, Gateway, Identity, SigningKey, TxValidationCode};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::support::COLLECTIONS;

const HEALTH: Space = Space::Private("health");

fn key(name: &str) -> Result<StateKey, TxError> {
    StateKey::simple(name).map_err(|err| TxError::new(400, "BAD_KEY", err.to_string()))
}

/// Adds to a public sum, and keeps who did in private.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Add {
    name: String,
    amount: u64,
}

impl Submit for Add {
    const NAME: &'static str = "Add";
    const ROLES: &'static [&'static str] = &["anyone"];
    type State = ();
    type Output = u64;
    type Error = TxError;

    async fn run(
        self,
        (): &(),
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<u64, TxError> {
        let key = key(&self.name)?;
        let [found] = &ledger.get_many(Space::Public, std::slice::from_ref(&key)).await?[..] else {
            return Err(TxError::new(500, "NOT_ONE", "one key has one value"));
        };
        let before = found
            .as_ref()
            .map_or(0, |value| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap());
        let after = before + self.amount;
        writes.put(Space::Public, key.clone(), after.to_string().into())?;
        writes.put(HEALTH, key, format!("by {}", cx.client().msp_id()).into())?;
        writes.set_event("Added", self.name);
        Ok(after)
    }
}

/// Who added last.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct LastBy {
    name: String,
}

impl Evaluate for LastBy {
    const NAME: &'static str = "LastBy";
    const ROLES: &'static [&'static str] = &["anyone"];
    type State = ();
    type Output = String;
    type Error = TxError;

    async fn run(
        self,
        (): &(),
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<String, TxError> {
        match ledger.get(HEALTH, &key(&self.name)?).await? {
            Some(value) => Ok(String::from_utf8(value.to_vec()).unwrap()),
            None => Err(TxError::new(404, "NOBODY", "nobody added yet")),
        }
    }
}

struct Sums;

impl Contract for Sums {
    const NAME: &'static str = "sums";
    const VERSION: &'static str = "1.0";
    type State = ();

    fn state(&self) -> &() {
        &()
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
        const { &[fabric_contract_rs::submit::<Add, R>(), fabric_contract_rs::evaluate::<LastBy, R>()] }
    }
}

async fn gateway(devnet: &Devnet, msp_id: &str) -> Gateway {
    let enrolled = devnet.enroll(&EnrollRequest::client(msp_id, "adder")).unwrap();
    let endpoint = devnet.gateway(msp_id).unwrap();
    let options = ConnectOptions::tls(endpoint.address.to_string(), endpoint.tls_root_pem)
        .server_name(endpoint.host_name);
    let identity =
        Identity { msp_id: msp_id.to_owned(), certificate_pem: enrolled.certificate_pem };
    let key = SigningKey::from_pkcs8_pem(&enrolled.private_key_pem.unwrap()).unwrap();
    Gateway::connect(&options, &identity, Arc::new(key)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_is_called_conflicts_are_retried_and_queries_are_not_endorsed() {
    let id = Chaincode::derived_package_id("sums", "1.0");
    let server = Server::bind(ccaas_server::Config::new("127.0.0.1:0", &id)).await.unwrap();
    let address = server.local_addr().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(Sums, async { drop(stopped.await) }));
    let dir = tempfile::tempdir().unwrap();
    let chaincode = Chaincode::new("sums", address)
        .endorsement_policy("AND('Org1MSP.peer','Org2MSP.peer')")
        .collections(COLLECTIONS);
    let config = Config::new(dir.path()).any_ports().chaincode(chaincode);
    let devnet = Devnet::start(config).await.unwrap();

    let one = gateway(&devnet, "Org1MSP").await.network("mychannel").contract("sums");
    let other = gateway(&devnet, "Org2MSP").await.network("mychannel").contract("sums");
    let nobody = one.evaluate("LastBy").argument(r#"{"name":"a"}"#).send().await.unwrap_err();
    assert_eq!(nobody.contract_error().unwrap().status, 404);

    let policy = fabric_gateway_client::RetryPolicy::default();
    let add = |contract: &fabric_gateway_client::Contract| {
        contract.submit("Add").argument(r#"{"name":"a","amount":2}"#)
    };
    // Both read the same sum: whoever is later has to try again.
    let (ours, theirs) = (add(&one), add(&other));
    let (ours, theirs) =
        tokio::join!(ours.send_with_retry(&policy), theirs.send_with_retry(&policy));
    let mut sums = [ours.unwrap().result, theirs.unwrap().result];
    sums.sort();
    assert_eq!(sums, ["2", "4"]);
    let last = one.evaluate("LastBy").argument(r#"{"name":"a"}"#).send().await.unwrap();
    assert!(last.starts_with(b"\"by Org"), "{last:?}");

    // A query answers differently on every peer, so that it never becomes a transaction.
    let query = one.submit("LastBy").argument(r#"{"name":"a"}"#).send().await.unwrap_err();
    assert!(query.to_string().contains("failed to collect enough transaction endorsements"));
    let commit = one.submit("Add").argument(r#"{"name":"b","amount":1}"#);
    let committed = commit.send().await.unwrap();
    let network = gateway(&devnet, "Org3MSP").await.network("mychannel");
    let status = network.commit(&committed.transaction_id).status().await.unwrap();
    assert_eq!(status.code(), Some(TxValidationCode::Valid));

    devnet.shutdown().await;
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
