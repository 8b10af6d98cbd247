//! From a connection to a contract on it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fabric_identity::{Identity, SignError, Signer};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::protos::{ChaincodeHeaderExtension, ChaincodeId};
use prost::Message;

use crate::call::{Call, Evaluate, Submit};
use crate::commit::Commit;
use crate::connection::Connection;
use crate::error::{GatewayError, SignedMessage};
use crate::options::{ConnectError, ConnectOptions};

/// How long each stage may take, until its call fails with [`Code::DeadlineExceeded`](tonic::Code::DeadlineExceeded).
///
/// The time also travels with the call, so that the peer stops working for a client that no longer waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A query; 5 s.
    pub evaluate: Duration,
    /// Running the chaincode on all endorsers; 15 s.
    pub endorse: Duration,
    /// Handing the transaction to the orderer; 5 s.
    pub submit: Duration,
    /// Waiting for the block; 60 s.
    pub commit_status: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            evaluate: Duration::from_secs(5),
            endorse: Duration::from_secs(15),
            submit: Duration::from_secs(5),
            commit_status: Duration::from_secs(60),
        }
    }
}

/// One identity on a connection to a peer's Gateway service.
///
/// Cloning is cheap, and clones can be used at the same time.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    connection: Connection,
    /// The serialized identity, as every message carries it.
    creator: Bytes,
    signer: Option<Arc<dyn Signer>>,
    timeouts: Timeouts,
    clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Gateway {
    /// Connects to a peer and acts there as `identity`, whose signatures `signer` makes.
    ///
    /// For several identities on one connection, see [`Connection::connect`] and [`Gateway::new`].
    ///
    /// # Errors
    /// When the options cannot be used or no connection is established.
    pub async fn connect(
        options: &ConnectOptions,
        identity: &Identity,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, ConnectError> {
        Ok(Self::new(Connection::connect(options).await?, identity, signer))
    }

    /// Acts as `identity` on a connection.
    ///
    /// Signing happens in place: a signer that takes its time (a hardware module, another machine) holds up the task, and
    /// is better used off-line ([`Gateway::without_signer`]).
    #[must_use]
    pub fn new(connection: Connection, identity: &Identity, signer: Arc<dyn Signer>) -> Self {
        Self::with(connection, identity, Some(signer))
    }

    /// Acts as `identity` on a connection where signatures are made elsewhere: proposals, transactions and commit
    /// requests give the bytes to sign and take the signature, and are refused unsigned.
    #[must_use]
    pub fn without_signer(connection: Connection, identity: &Identity) -> Self {
        Self::with(connection, identity, None)
    }

    fn with(connection: Connection, identity: &Identity, signer: Option<Arc<dyn Signer>>) -> Self {
        let creator = SerializedIdentity {
            mspid: identity.msp_id.clone(),
            id_bytes: Bytes::copy_from_slice(identity.certificate_pem.as_bytes()),
        };
        let inner = Inner {
            connection,
            creator: creator.encode_to_vec().into(),
            signer,
            timeouts: Timeouts::default(),
            clock: Arc::new(SystemTime::now),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same gateway with other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        Arc::make_mut(&mut self.inner).timeouts = timeouts;
        self
    }

    /// The same gateway with another clock than the system's. It makes the proposals' timestamps, which contracts take for
    /// the time and which peers compare with their own.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.inner).clock = Arc::new(clock);
        self
    }

    /// A channel that the peer has joined.
    #[must_use]
    pub fn network(&self, channel: &str) -> Network {
        Network { gateway: self.clone(), channel: channel.into() }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.inner.connection
    }

    pub(crate) fn creator(&self) -> &Bytes {
        &self.inner.creator
    }

    pub(crate) fn timeouts(&self) -> &Timeouts {
        &self.inner.timeouts
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.inner.clock)()
    }

    /// Signs a message, or leaves it unsigned (empty) where signatures are made elsewhere.
    pub(crate) fn sign(
        &self,
        transaction_id: &str,
        message: SignedMessage,
        bytes: &[u8],
    ) -> Result<Bytes, GatewayError> {
        self.sign_bytes(bytes).map_err(|source| GatewayError::Sign {
            transaction_id: transaction_id.to_owned(),
            message,
            source,
        })
    }

    fn sign_bytes(&self, bytes: &[u8]) -> Result<Bytes, SignError> {
        match &self.inner.signer {
            None => Ok(Bytes::new()),
            Some(signer) => signer.sign(bytes).map(Bytes::from),
        }
    }
}

/// Refuses a signature that is still missing.
pub(crate) fn require_signature(
    transaction_id: &str,
    message: SignedMessage,
    signature: &Bytes,
) -> Result<(), GatewayError> {
    supplied(signature).map_err(|source| GatewayError::Sign {
        transaction_id: transaction_id.to_owned(),
        message,
        source,
    })
}

/// The signature that was supplied, or else the signer's.
pub(crate) fn signature_or_sign(
    gateway: &Gateway,
    given: &Bytes,
    bytes: &[u8],
) -> Result<Bytes, SignError> {
    let signature = if given.is_empty() { gateway.sign_bytes(bytes)? } else { given.clone() };
    supplied(&signature)?;
    Ok(signature)
}

fn supplied(signature: &Bytes) -> Result<(), SignError> {
    if signature.is_empty() {
        return Err(SignError::new("there is no signer here, and no signature was supplied"));
    }
    Ok(())
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("signs", &self.inner.signer.is_some())
            .field("timeouts", &self.inner.timeouts)
            .finish_non_exhaustive()
    }
}

/// A channel, seen through a gateway.
#[derive(Debug, Clone)]
pub struct Network {
    gateway: Gateway,
    channel: Arc<str>,
}

impl Network {
    /// The channel's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.channel
    }

    /// A chaincode deployed on the channel.
    #[must_use]
    pub fn contract(&self, chaincode: &str) -> Contract {
        let name = ChaincodeId { name: chaincode.to_owned(), ..Default::default() };
        let extension = ChaincodeHeaderExtension { chaincode_id: Some(name) };
        Contract {
            gateway: self.gateway.clone(),
            channel: self.channel.clone(),
            chaincode: chaincode.into(),
            extension: extension.encode_to_vec().into(),
        }
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// A transaction submitted earlier, by this process or another, whose commit status is asked for.
    #[must_use]
    pub fn commit(&self, transaction_id: &str) -> Commit {
        Commit::new(self.gateway.clone(), &self.channel, transaction_id)
    }
}

/// A chaincode on a channel, seen through a gateway.
#[derive(Debug, Clone)]
pub struct Contract {
    gateway: Gateway,
    channel: Arc<str>,
    chaincode: Arc<str>,
    /// The header extension that names the chaincode.
    extension: Bytes,
}

impl Contract {
    /// The chaincode's name.
    #[must_use]
    pub fn chaincode(&self) -> &str {
        &self.chaincode
    }

    /// Starts a query: the chaincode runs on one peer, and nothing is written. `function` goes to the chaincode as it is;
    /// where a chaincode holds several contracts it is `Contract:Function`.
    pub fn evaluate(&self, function: &str) -> Call<Evaluate> {
        Call::new(self.clone(), function)
    }

    /// Starts a transaction: the chaincode runs on the endorsing peers, and its writes are committed. `function` as for
    /// [`evaluate`](Self::evaluate).
    pub fn submit(&self, function: &str) -> Call<Submit> {
        Call::new(self.clone(), function)
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    pub(crate) fn channel(&self) -> &Arc<str> {
        &self.channel
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.chaincode
    }

    pub(crate) fn extension(&self) -> &Bytes {
        &self.extension
    }
}
