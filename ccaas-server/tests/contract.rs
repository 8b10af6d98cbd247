//! The health-IoT contract over a peer's stream: what each transaction costs, however the peer
//! negotiates.

#![cfg(test)]

use ccaas_server::testing::{Call, Offer, ScriptedPeer};
use ccaas_server::{Config, Server};
use fabric_contract_rs::testing::TestIdentity;
use fabric_contract_rs::{NodeOu, TimestampMs};
use fabric_protos::protos::Response;
use ioht_contract::client::Invocation;
use ioht_contract::{IohtContract, ParticipantId, Policies};
use serde_json::{Value, json};
use std::time::SystemTime;

const SID: &str = "5a000000000000000000000000000001";
const RK: &str = "5b000000000000000000000000000002";
const GRID_S: i64 = 300;

/// A custodian's peer in front of a server of the contract, with a patient's device registered.
struct Ledger {
    peer: ScriptedPeer,
    transactions: u64,
    now: TimestampMs,
}

fn admin() -> TestIdentity {
    TestIdentity::new("Org1MSP", "admin").node_ou(NodeOu::Admin)
}

fn registrar() -> TestIdentity {
    TestIdentity::new("Org1MSP", "registrar")
}

fn patient() -> TestIdentity {
    TestIdentity::new("Org1MSP", "patient")
}

fn device() -> TestIdentity {
    TestIdentity::new("Org1MSP", "device")
}

fn key_hash(identity: &TestIdentity) -> String {
    hex::encode(identity.client().public_key_hash())
}

impl Ledger {
    async fn new(offer: Offer) -> Self {
        let server = Server::bind(Config::new("127.0.0.1:0", "ioht:1f")).await.unwrap();
        let mut peer = {
            let address = server.local_addr();
            let contract = IohtContract::new(Policies::default());
            tokio::spawn(server.serve(contract, std::future::pending()));
            ScriptedPeer::dial(address).await.unwrap()
        };
        peer.handshake(offer).await.unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_millis()).unwrap();
        let mut ledger = Self { peer, transactions: 0, now };
        ledger.populate().await;
        ledger.peer.ledger.reset_counts();
        ledger
    }

    async fn invoke(
        &mut self,
        by: &TestIdentity,
        function: &str,
        arguments: Value,
        private: Option<Value>,
    ) -> Response {
        self.transactions += 1;
        let tx_id = format!("{:064x}", self.transactions);
        let arguments = arguments.to_string();
        let mut call = Call::new(&tx_id, function, arguments).creator(by).at(self.now);
        if let Some(private) = private {
            call = call.transient(ioht_contract::PRIVATE, private.to_string());
        }
        let ending = self.peer.invoke(&call).await.unwrap();
        ending.response().unwrap_or_else(|| panic!("{function}: {ending:?}")).clone()
    }

    async fn submit(
        &mut self,
        by: &TestIdentity,
        function: &str,
        arguments: Value,
        private: Option<Value>,
    ) -> Value {
        let response = self.invoke(by, function, arguments, private).await;
        assert_eq!(response.status, 200, "{function}: {}", response.message);
        assert_eq!(response.message, "", "a submit answers the same everywhere");
        serde_json::from_slice(&response.payload).unwrap()
    }

    async fn populate(&mut self) {
        let since = self.now - 40 * 86_400_000;
        let none = json!({});
        self.submit(&admin(), "RegisterOrganization", json!({"kind": "custodian"}), None).await;
        let staff = json!({"unit": "root", "roles": ["registrar"], "period": {"start": since}});
        let enrolment = Some(json!({"enrolment_id": "registrar"}));
        self.submit(&admin(), "RegisterStaff", staff, enrolment).await;
        let registration = json!({
            "sid": SID,
            "secret": "11".repeat(32),
            "enrolment_id": "patient",
            "key_hash": key_hash(&patient()),
        });
        self.submit(&registrar(), "RegisterPatient", none.clone(), Some(registration)).await;
        let confirmation = json!({"sid": SID, "rk": RK, "secret": "22".repeat(32)});
        self.submit(&patient(), "ConfirmRegistration", none.clone(), Some(confirmation)).await;
        let registration = json!({
            "sid": SID,
            "device": ParticipantId::of("Org1MSP", "device").to_hex(),
            "key_hash": key_hash(&device()),
            "profile": "wrist-ppg",
            "active_from": since,
        });
        self.submit(&patient(), "RegisterDevice", none.clone(), Some(registration)).await;
        self.submit(&device(), "ConfirmDevice", none, Some(json!({"sid": SID}))).await;
    }

    /// `count` windows of heart rate, the latest just over.
    fn summaries(&self, count: i64) -> Value {
        let grid_ms = GRID_S * 1000;
        let last = self.now / grid_ms - 1;
        let summary = |back: i64| {
            json!({
                "code": "8867-4",
                "grid_s": GRID_S,
                "start": (last - back) * grid_ms,
                "statistics": [{"stat": "average", "value": "72.4"}],
                "unit": "/min",
                "count": 300,
                "total_count": 310,
                "raw": {
                    "alg": "sha-256",
                    "digest": hex::encode(ring::digest::digest(
                        &ring::digest::SHA256,
                        &back.to_be_bytes(),
                    )),
                    "sample_count": 9000,
                    "format": "ioht-raw/1",
                    "locator": "batch-1",
                },
                "modality": "sensed",
                "status": "final",
            })
        };
        let records: Vec<_> = (0..count).map(summary).collect();
        json!({"sid": SID, "rk": RK, "records": records})
    }

    async fn submit_summaries(&mut self, count: i64) -> Value {
        let batch = self.summaries(count);
        self.submit(&device(), "SubmitSummaries", json!({}), Some(batch)).await
    }

    fn counts(&mut self) -> String {
        let counts = self.peer.ledger.counts();
        self.peer.ledger.reset_counts();
        counts
    }
}

#[tokio::test]
async fn any_number_of_summaries_costs_one_read_and_one_write() {
    for count in [1, 50, 100] {
        let mut ledger = Ledger::new(Offer::everything()).await;
        let receipt = ledger.submit_summaries(count).await;
        assert_eq!((&receipt["created"], &receipt["existing"]), (&json!(count), &json!(0)));
        assert_eq!(ledger.counts(), "WRITE_BATCH_STATE 1\nGET_STATE_MULTIPLE 1\n", "{count}");
        // Again: nothing is written, and the answer says why.
        let receipt = ledger.submit_summaries(count).await;
        assert_eq!((&receipt["created"], &receipt["existing"]), (&json!(0), &json!(count)));
        assert_eq!(ledger.counts(), "GET_STATE_MULTIPLE 1\n", "{count}");
    }
}

#[tokio::test]
async fn a_peer_that_offers_nothing_gets_the_same_in_more_trips() {
    let mut states = Vec::new();
    for offer in [
        Offer::everything(),
        Offer::nothing().multi_get(1000),
        Offer::nothing().write_batch(1000),
        Offer::nothing(),
    ] {
        let mut ledger = Ledger::new(offer).await;
        // Times are part of what is written.
        let receipt = ledger.submit_summaries(50).await;
        assert_eq!(receipt["created"], json!(50));
        let entries = ledger.peer.ledger.entries().count();
        states.push((ledger.counts(), entries));
    }
    // 52 keys are read: the patient's, the device's and one for each record.
    let trips: Vec<_> = states.iter().map(|(counts, _)| counts.as_str()).collect();
    assert_eq!(
        trips,
        [
            "WRITE_BATCH_STATE 1\nGET_STATE_MULTIPLE 1\n",
            "PUT_STATE 50\nGET_STATE_MULTIPLE 1\n",
            "GET_STATE 52\nWRITE_BATCH_STATE 1\n",
            "GET_STATE 52\nPUT_STATE 50\n",
        ]
    );
    assert!(states.iter().all(|(_, entries)| *entries == states[0].1), "{states:?}");
}

#[tokio::test]
async fn what_was_submitted_can_be_read_by_the_patient_only() {
    let mut ledger = Ledger::new(Offer::everything()).await;
    ledger.submit_summaries(100).await;
    ledger.counts();
    let query = json!({
        "code": "8867-4",
        "grid_s": GRID_S,
        "from": ledger.now - 40 * 86_400_000,
        "until": ledger.now,
    });
    let response =
        ledger.invoke(&patient(), "ReadOwnSummaries", json!({}), Some(query.clone())).await;
    assert_eq!(response.status, 200, "{}", response.message);
    assert_eq!(response.message.len(), 32, "endorsements of a query never agree");
    let page: Value = serde_json::from_slice(&response.payload).unwrap();
    assert_eq!(page["records"].as_array().unwrap().len(), 100);
    let response = ledger.invoke(&device(), "ReadOwnSummaries", json!({}), Some(query)).await;
    assert!((400..500).contains(&response.status), "{response:?}");
    assert!(response.payload.is_empty());
}

#[tokio::test]
async fn a_client_names_the_contract_or_not() {
    let mut ledger = Ledger::new(Offer::everything()).await;
    let who = Invocation::new(&ioht_contract::WhoAmI {});
    let response = ledger.invoke(&patient(), &who.function, json!({}), None).await;
    assert_eq!(response.status, 200, "{}", response.message);
    let myself: Value = serde_json::from_slice(&response.payload).unwrap();
    assert_eq!(myself["patient"]["sid"], json!(SID));
    let response = ledger.invoke(&patient(), "Other:WhoAmI", json!({}), None).await;
    assert_eq!(response.status, 404);
    let function = "org.hyperledger.fabric:GetMetadata";
    let response = ledger.invoke(&patient(), function, json!({}), None).await;
    assert_eq!(response.status, 200, "{}", response.message);
}
