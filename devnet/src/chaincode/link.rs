use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use fabric_ledger::{CollectionAccess, InvocationKind, SimulationError, Simulator, Store};
use fabric_protos::protos::chaincode_client::ChaincodeClient;
use fabric_protos::protos::chaincode_message::Type;
use fabric_protos::protos::{ChaincodeAdditionalParams, ChaincodeId, ChaincodeMessage};
use prost::Message as _;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::connection::{Connection, ExecuteError, Executed, Invocation};
use crate::channel::{ChannelSimulator, Channels};
use crate::config::{Chaincode, ConfigError, ReadyMode};

/// Bytes of a message in either direction: not configurable on a peer.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Time to reach a chaincode server: the default of `dial_timeout`.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// Time a chaincode has to register: `chaincode.startuptimeout`.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(300);
/// Idle time after which a peer pings a chaincode server.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);
/// Time for the answer to such a ping.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Messages that wait for the chaincode to read them, at most. A chaincode that asks one thing at
/// a time has one waiting for each call under way, and gateways limit those.
const WAITING_MAX: usize = 8192;
/// Records of a write batch and keys of a multi-get that a READY offers.
const BATCH_ENTRIES_MAX: u32 = 1000;

/// The streams of one logical peer, by chaincode name: those of all channels it has joined share
/// them.
#[derive(Debug)]
pub(crate) struct Links {
    links: BTreeMap<String, Link>,
    msp_id: Arc<str>,
    channels: Arc<Channels>,
    execute_timeout: Duration,
}

/// What all streams of a logical peer have in common.
#[derive(Clone, Debug)]
pub(crate) struct LinkSettings {
    /// The peer's organisation, for its log.
    pub(crate) msp_id: Arc<str>,
    pub(crate) ready: ReadyMode,
    pub(crate) execute_timeout: Duration,
    /// Turns true when the peer stops.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Links {
    pub(crate) fn new(
        chaincodes: &[Chaincode],
        settings: &LinkSettings,
        channels: &Arc<Channels>,
    ) -> Result<Arc<Self>, ConfigError> {
        let endpoints = chaincodes
            .iter()
            .map(|chaincode| Ok((chaincode, endpoint(chaincode)?)))
            .collect::<Result<Vec<_>, ConfigError>>()?;
        Ok(Arc::new_cyclic(|links| {
            let link = |chaincode: &Chaincode, endpoint| Link {
                version: chaincode.version.clone(),
                init_required: chaincode.init_required,
                dialer: Arc::new(Dialer {
                    namespace: chaincode.name.as_str().into(),
                    ccid: chaincode.package_id.clone(),
                    address: chaincode.address.clone(),
                    endpoint,
                    settings: settings.clone(),
                    links: Weak::clone(links),
                    state: Mutex::new(State::Idle),
                }),
            };
            let links = (endpoints.into_iter())
                .map(|(chaincode, endpoint)| (chaincode.name.clone(), link(chaincode, endpoint)))
                .collect();
            Self {
                links,
                msp_id: Arc::clone(&settings.msp_id),
                channels: Arc::clone(channels),
                execute_timeout: settings.execute_timeout,
            }
        }))
    }

    pub(crate) fn get(&self, chaincode: &str) -> Option<&Link> {
        self.links.get(chaincode)
    }

    /// The stream of a chaincode that is defined on a channel.
    pub(super) fn defined(&self, chaincode: &str, channel: &str) -> Option<&Link> {
        self.channels.get(channel)?.channel.definition(chaincode)?;
        self.get(chaincode)
    }

    /// A simulation on another channel than a transaction's own, for a chaincode that is asked there
    /// by one at work here, if the transaction's creator may write to that channel.
    pub(super) fn ask(
        &self,
        channel: &str,
        creator: &[u8],
        tx_id: &str,
    ) -> Result<ChannelSimulator, String> {
        let other = self.channels.get(channel);
        let other =
            other.ok_or_else(|| format!("Failed to get policy manager for channel [{channel}]"))?;
        Ok(other.simulator(&self.msp_id, other.caller(creator)?, tx_id))
    }

    pub(crate) const fn execute_timeout(&self) -> Duration {
        self.execute_timeout
    }
}

/// The stream of one logical peer to one chaincode: dialled at the next use whenever it is down.
#[derive(Debug)]
pub(crate) struct Link {
    version: String,
    init_required: bool,
    dialer: Arc<Dialer>,
}

type Dialled = Result<Arc<Connection>, String>;

#[derive(Debug)]
enum State {
    Idle,
    Dialling(watch::Receiver<Option<Dialled>>),
    Ready(Arc<Connection>),
}

#[derive(Debug)]
struct Dialer {
    namespace: Arc<str>,
    ccid: String,
    address: String,
    endpoint: Endpoint,
    settings: LinkSettings,
    links: Weak<Links>,
    state: Mutex<State>,
}

impl Link {
    /// What is settled before the chaincode runs: whether it is initialised, or has to be.
    pub(crate) fn begin<S: Store, P: Store, A: CollectionAccess>(
        &self,
        simulator: &mut Simulator<S, P, A>,
        is_init: bool,
    ) -> Result<InvocationKind, SimulationError> {
        simulator.begin(&self.dialer.namespace, &self.version, self.init_required, is_init)
    }

    /// Has the chaincode execute a transaction, over a new stream if there is none.
    pub(crate) async fn execute(&self, invocation: Invocation) -> Executed {
        match self.dialer.connection().await {
            Ok(connection) => connection.execute(invocation).await,
            Err(reason) => {
                let ccid = self.dialer.ccid.clone();
                let err = ExecuteError::Launch { ccid, reason };
                Executed::failed(err, invocation.simulation)
            }
        }
    }

    /// The same for a chaincode that is called by another one: calls may be nested.
    pub(super) fn execute_boxed(
        &self,
        invocation: Invocation,
    ) -> Pin<Box<dyn Future<Output = Executed> + Send + '_>> {
        Box::pin(self.execute(invocation))
    }
}

impl Dialer {
    /// The stream that is up, or the one that everybody who needs it waits for.
    async fn connection(self: &Arc<Self>) -> Dialled {
        let mut dialled = {
            let mut state = self.state();
            match &*state {
                State::Ready(connection) if !connection.is_closed() => {
                    return Ok(Arc::clone(connection));
                }
                State::Dialling(dialled) => dialled.clone(),
                State::Ready(_) | State::Idle => {
                    let (report, dialled) = watch::channel(None);
                    *state = State::Dialling(dialled.clone());
                    tokio::spawn(Arc::clone(self).dial(report));
                    dialled
                }
            }
        };
        let outcome = dialled.wait_for(Option::is_some).await;
        match outcome.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            _ => Err("the peer is stopping".to_owned()),
        }
    }

    async fn dial(self: Arc<Self>, report: watch::Sender<Option<Dialled>>) {
        let mut stop = self.settings.stop.clone();
        let outcome = tokio::select! {
            outcome = tokio::time::timeout(STARTUP_TIMEOUT, self.register()) => {
                outcome.unwrap_or_else(|_| {
                    let ccid = &self.ccid;
                    Err(format!(
                        "timeout expired while starting chaincode {ccid} for transaction"
                    ))
                })
            }
            _ = stop.wait_for(|stop| *stop) => Err("the peer is stopping".to_owned()),
        };
        let peer = &*self.settings.msp_id;
        match &outcome {
            Ok(_) => tracing::info!(peer, chaincode = %self.namespace, "the chaincode is ready"),
            Err(reason) => {
                tracing::warn!(peer, chaincode = %self.namespace, reason, "no chaincode stream");
            }
        }
        *self.state() = match &outcome {
            Ok(connection) => State::Ready(Arc::clone(connection)),
            Err(_) => State::Idle,
        };
        report.send_replace(Some(outcome));
    }

    /// Dials and shakes hands. Does not end if the chaincode registers with a wrong id.
    async fn register(self: &Arc<Self>) -> Dialled {
        let ccid = &self.ccid;
        let failed = |err: String| format!("connection to {ccid} failed: {err}");
        let channel: Channel = self.endpoint.connect().await.map_err(|err| {
            let address = &self.address;
            failed(format!("error creating grpc connection to {address}: {}", causes(&err)))
        })?;
        let mut client = ChaincodeClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX);
        let (outgoing, messages) = mpsc::channel(WAITING_MAX);
        let mut stream = client
            .connect(ReceiverStream::new(messages))
            .await
            .map_err(|status| failed(status.message().to_owned()))?
            .into_inner();
        self.await_register(&mut stream).await.map_err(failed)?;
        for message in self.greeting() {
            // If the stream is gone already, its receiving half says so.
            let _ = outgoing.send(message).await;
        }
        let connection = Arc::new(Connection::new(
            Arc::clone(&self.namespace),
            self.settings.ready,
            Weak::clone(&self.links),
            outgoing,
        ));
        let stop = self.settings.stop.clone();
        tokio::spawn(Arc::clone(&connection).receive(stream, stop));
        Ok(connection)
    }

    /// Waits for the REGISTER message with the right id.
    async fn await_register(&self, stream: &mut Streaming<ChaincodeMessage>) -> Result<(), String> {
        loop {
            let message = match stream.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return Err("the stream ended before REGISTER".to_owned()),
                Err(status) => return Err(status.message().to_owned()),
            };
            match message.r#type() {
                Type::Keepalive => {}
                Type::Register => match ChaincodeId::decode(message.payload) {
                    Ok(id) if id.name == self.ccid => return Ok(()),
                    Ok(id) => self.wrong_id(&id.name),
                    Err(err) => return Err(format!("REGISTER cannot be decoded: {err}")),
                },
                other => {
                    let name = other.as_str_name();
                    return Err(format!(
                        "Fabric side handler cannot handle message ({name}) while in created state"
                    ));
                }
            }
        }
    }

    /// A peer answers a wrong id with silence, which is hard to find out from the other side.
    fn wrong_id(&self, registered: &str) {
        tracing::error!(
            peer = %self.settings.msp_id,
            chaincode = %self.namespace,
            address = %self.address,
            registered,
            expected = %self.ccid,
            "the chaincode server registered with another id than the definition's: it gets no \
             answer, as from a peer. Start it with CHAINCODE_ID set to the expected one"
        );
    }

    fn greeting(&self) -> [ChaincodeMessage; 2] {
        let message = |kind: Type, payload: Vec<u8>| ChaincodeMessage {
            r#type: kind.into(),
            payload: payload.into(),
            ..Default::default()
        };
        let params = match self.settings.ready {
            ReadyMode::Batched => ChaincodeAdditionalParams {
                use_write_batch: true,
                max_size_write_batch: BATCH_ENTRIES_MAX,
                use_get_multiple_keys: true,
                max_size_get_multiple_keys: BATCH_ENTRIES_MAX,
            },
            // Encodes to the empty payload of older peers.
            ReadyMode::Plain => ChaincodeAdditionalParams::default(),
        };
        [message(Type::Registered, Vec::new()), message(Type::Ready, params.encode_to_vec())]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(chaincode: &Chaincode) -> Result<Endpoint, ConfigError> {
    let refused = |reason: String| {
        let chaincode = chaincode.name.clone();
        ConfigError::Connection { chaincode, reason }
    };
    let scheme = if chaincode.tls.is_some() { "https" } else { "http" };
    let address = &chaincode.address;
    let has_port = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if !has_port {
        return Err(refused(format!("`{address}` is not HOST:PORT")));
    }
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(|err| refused(format!("`{address}` is not HOST:PORT: {err}")))?
        .connect_timeout(DIAL_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let Some(tls) = &chaincode.tls else { return Ok(endpoint) };
    let mut config =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(tls.root_cert.as_bytes()));
    if let Some(domain) = &tls.domain {
        config = config.domain_name(domain);
    }
    if let Some((certificate, key)) = &tls.client {
        config = config.identity(Identity::from_pem(certificate, key));
    }
    endpoint.tls_config(config).map_err(|err| refused(causes(&err)))
}

/// An error with everything that caused it.
fn causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
