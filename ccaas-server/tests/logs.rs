//! What the server writes to its log, and what it never does. One process: the panic hook and the
//! log are global.

#![cfg(test)]

#[path = "server/probe.rs"]
mod probe;

use ccaas_server::testing::{Call, Offer, ScriptedPeer};
use ccaas_server::{Config, Server, log_place_of_panics};
use fabric_contract_rs::testing::TestIdentity;
use fabric_protos::protos::chaincode_message::Type;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// Stands for personal data wherever some could be.
const SECRET: &str = "patient-4711";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Every way a transaction can end, with the secret in each place a client or a peer can put it.
async fn session(peer: &mut ScriptedPeer) {
    peer.handshake(Offer::everything()).await.unwrap();
    peer.ledger.put("", SECRET, SECRET);
    let client = TestIdentity::new("Org1MSP", SECRET).attribute(SECRET, SECRET);
    let json = |text: &str| text.replace("SECRET", SECRET);
    for (function, argument) in [
        ("Get", r#"{"key":"SECRET"}"#),
        ("GetMany", r#"{"keys":["SECRET"]}"#),
        ("Scan", r#"{"start":"SECRET","limit":9}"#),
        ("Hash", r#"{"key":"SECRET"}"#),
        ("Write", r#"{"put":{"SECRET":"SECRET"},"event":"SECRET"}"#),
        ("Write", r#"{"SECRET":"SECRET"}"#),
        ("Panic", r#"{"secret":"SECRET"}"#),
        ("Fail", r#"{"status":409}"#),
        ("Fail", r#"{"status":500}"#),
        ("SECRET", "SECRET"),
        ("Hang", "{}"),
        ("Who", "{}"),
    ] {
        let call = Call::new("1f", &json(function), json(argument)).creator(&client);
        peer.invoke(&call.transient(SECRET, SECRET)).await.unwrap();
    }
    let stranger = Call::new("1f", "Who", "").creator_pem(SECRET, SECRET);
    peer.invoke(&stranger).await.unwrap();
    let get = Call::new("1f", "Get", json(r#"{"key":"SECRET"}"#)).creator(&client);
    for kind in [Type::Error, Type::Response] {
        peer.send(get.message()).await.unwrap();
        let request = peer.expect(Type::GetState).await.unwrap();
        peer.respond(&request, kind, SECRET).await.unwrap();
        peer.respond(&request, kind, SECRET).await.unwrap();
        peer.ending(&get).await.unwrap();
    }
}

#[tokio::test]
async fn logs_tell_operators_what_to_do_and_nothing_of_patients() {
    let log = Log::default();
    // Everything of this crate, and what an operator who asks for more than the default gets.
    let filter = "debug,ccaas_server=trace";
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(log.clone())
        .init();
    log_place_of_panics();
    let mut config = Config::new("127.0.0.1:0", "probe:1f");
    config.limits.deadline = Duration::from_millis(500);
    config.limits.handshake_timeout = Duration::from_millis(500);
    let server = Server::bind(config).await.unwrap();
    let address = server.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let probe = probe::Probe::default();
    let dropped = probe.dropped.clone();
    let serving = tokio::spawn(server.serve(probe, async {
        let _ = stopped.await;
    }));

    let mut peer = ScriptedPeer::dial(address).await.unwrap();
    session(&mut peer).await;
    let mut wrong_id = ScriptedPeer::dial(address).await.unwrap();
    wrong_id.expect(Type::Register).await.unwrap();
    assert!(wrong_id.receive().await.is_err());
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();

    assert_eq!(dropped.count(), 1, "the deadline has ended what hung");
    let text = log.text();
    assert!(!text.contains(SECRET), "{text}");
    for told in [
        "serving",
        "does not answer REGISTER of chaincode id \"probe:1f\"",
        "queryinstalled",
        "CONTRACT_PANICKED",
        "DEADLINE_EXCEEDED",
        "probe.rs:",
        "a reply that nobody waits for",
        "stopped",
    ] {
        assert!(text.contains(told), "{told:?} is missing in:\n{text}");
    }
}
