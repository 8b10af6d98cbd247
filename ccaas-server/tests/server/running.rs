//! A server under test.

use crate::probe::{Dropped, Probe};
use ccaas_server::testing::{Call, Ending, Offer, ScriptedPeer};
use ccaas_server::{Config, Server, StatsHandle};
use fabric_protos::protos::{Response, chaincode_message::Type};
use serde::Serialize;
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const ID: &str = "probe:1f";

/// A running server on a port of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) stats: StatsHandle,
    pub(crate) dropped: Dropped,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("127.0.0.1:0", ID);
        change(&mut config);
        let server = Server::bind(config).await.unwrap();
        let (address, stats) = (server.local_addr(), server.stats());
        let (stop, stopped) = oneshot::channel();
        let probe = Probe::default();
        let dropped = probe.dropped.clone();
        let serving = tokio::spawn(async move {
            let stopped = async { stopped.await.unwrap_or(()) };
            server.serve(probe, stopped).await.unwrap();
        });
        Self { address, stats, dropped, stop: Some(stop), serving }
    }

    /// A peer that has not answered REGISTER.
    pub(crate) async fn dial(&self) -> ScriptedPeer {
        ScriptedPeer::dial(self.address).await.unwrap()
    }

    /// A peer that is ready.
    pub(crate) async fn peer(&self, offer: Offer) -> ScriptedPeer {
        let mut peer = self.dial().await;
        assert_eq!(peer.handshake(offer).await.unwrap(), ID);
        peer
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Ends the server without asking it to stop.
    pub(crate) fn abort(&self) {
        self.serving.abort();
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        self.serving.await.unwrap();
    }
}

pub(crate) fn call<T: Serialize>(tx_id: &str, function: &str, argument: &T) -> Call {
    Call::new(tx_id, function, serde_json::to_vec(argument).unwrap())
}

/// The response, which must be a success.
pub(crate) fn success(ending: &Ending) -> &Response {
    let response = ending.response().unwrap_or_else(|| panic!("{ending:?}"));
    assert_eq!(response.status, 200, "{response:?}");
    response
}

/// The answer of a success, as text.
pub(crate) fn answer(ending: &Ending) -> String {
    String::from_utf8(success(ending).payload.to_vec()).unwrap()
}

/// The text of ERROR, which must start with this code.
pub(crate) fn fault(ending: &Ending, code: &str) -> String {
    let text = ending.error().unwrap_or_else(|| panic!("{ending:?}"));
    assert!(text.starts_with(&format!("{code}: ")), "{text}");
    text.to_owned()
}

/// A key of state read from a request.
pub(crate) fn key_of(request: &fabric_protos::protos::ChaincodeMessage) -> String {
    assert_eq!(request.r#type(), Type::GetState);
    prost::Message::decode(request.payload.clone())
        .map(|get: fabric_protos::protos::GetState| get.key)
        .unwrap()
}
