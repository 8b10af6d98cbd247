//! The networks that the workload runs on, seen alike: peers with gateways, identities in files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fabric_devnet::parts::Membership;
use fabric_identity::SigningKey;
use fabric_ledger::proposal::tx_id;
use fabric_protos::common::{Block, ChannelHeader, Header, HeaderType, SignatureHeader};
use fabric_protos::gateway::gateway_client::GatewayClient;
use fabric_protos::protos::endorser_client::EndorserClient;
use fabric_protos::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ChaincodeSpec, Proposal, SignedProposal,
};
use prost::Message as _;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::JudgeError;
use crate::envelope::Signer;
use crate::plan::MSP_IDS;

/// The channel of every network here.
pub const CHANNEL: &str = "mychannel";
/// Domains of the organisations, in the order of [`MSP_IDS`].
pub const DOMAINS: [&str; 2] = ["org1.example.com", "org2.example.com"];
/// The organisation that orders.
const ORDERER: (&str, &str) = ("OrdererMSP", "example.com");
/// Bytes of an answer: blocks of real peers.
const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// A network with both of its peers.
#[derive(Debug)]
pub struct Network {
    /// Clients, one an organisation.
    pub clients: Vec<Signer>,
    /// The identities of the peers themselves.
    pub peers: Vec<Signer>,
    /// Administrators, one an organisation: they may have blocks.
    admins: Vec<Signer>,
    /// Certificate authorities by MSP id, PEM.
    pub roots: BTreeMap<String, String>,
    channels: Vec<Channel>,
}

impl Network {
    /// Reads the identities below `organizations` and connects with the peers at these addresses,
    /// in the order of [`MSP_IDS`].
    pub async fn connect(organizations: &Path, addresses: &[String]) -> Result<Self, JudgeError> {
        let (mut clients, mut peers) = (Vec::new(), Vec::new());
        let (mut admins, mut channels) = (Vec::new(), Vec::new());
        for ((msp_id, domain), address) in MSP_IDS.iter().zip(DOMAINS).zip(addresses) {
            let own = organizations.join("peerOrganizations").join(domain);
            let peer = own.join("peers").join(format!("peer0.{domain}"));
            clients.push(signer(msp_id, &own.join(format!("users/User1@{domain}/msp")))?);
            admins.push(signer(msp_id, &own.join(format!("users/Admin@{domain}/msp")))?);
            peers.push(signer(msp_id, &peer.join("msp"))?);
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(read(&peer.join("tls/ca.crt"))?))
                .domain_name(format!("peer0.{domain}"));
            let channel = Endpoint::from_shared(format!("https://{address}"))
                .and_then(|endpoint| endpoint.tls_config(tls))
                .map_err(|err| JudgeError::Network(format!("{address}: {err}")))?;
            let failed = |err| JudgeError::Network(format!("{address}: {err:?}"));
            channels.push(channel.connect().await.map_err(failed)?);
        }
        let roots = roots(organizations)?;
        Ok(Self { clients, peers, admins, roots, channels })
    }

    /// The gateway of an organisation's peer.
    pub fn gateway(&self, peer: usize) -> Result<GatewayClient<Channel>, JudgeError> {
        let channel = self.channels.get(peer).cloned().ok_or(JudgeError::NoPeer(peer))?;
        Ok(GatewayClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// A client of an organisation.
    pub fn client(&self, organization: usize) -> Result<&Signer, JudgeError> {
        self.clients.get(organization).ok_or(JudgeError::NoPeer(organization))
    }

    /// Who may sign on this network.
    pub fn membership(&self) -> Result<Membership, JudgeError> {
        membership(&self.roots)
    }

    /// A block as the first peer keeps it, by its system chaincode; `None` where the chain ends.
    pub async fn block(&self, number: u64) -> Result<Option<Bytes>, JudgeError> {
        let channel = self.channels.first().cloned().ok_or(JudgeError::NoPeer(0))?;
        let args = vec!["GetBlockByNumber".into(), CHANNEL.into(), number.to_string().into()];
        let nonce = Bytes::from(format!("block {number}"));
        let client = self.admins.first().ok_or(JudgeError::NoPeer(0))?;
        let call = Call { chaincode: "qscc", args, transient: BTreeMap::new(), nonce, at: now() };
        let proposal = call.sign(client)?.0;
        let mut endorser =
            EndorserClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let answer = endorser.process_proposal(proposal).await;
        let response = match answer {
            Ok(answer) => answer.into_inner().response.unwrap_or_default(),
            Err(status) => return Err(JudgeError::call("qscc", &status)),
        };
        if response.status == 200 {
            return Ok(Some(response.payload));
        }
        Ok(None)
    }

    /// All blocks from the first one on.
    pub async fn blocks(&self) -> Result<Vec<Bytes>, JudgeError> {
        let mut blocks = Vec::new();
        for number in 0.. {
            let Some(block) = self.block(number).await? else { break };
            Block::decode(block.clone())?;
            blocks.push(block);
        }
        Ok(blocks)
    }
}

/// Who may sign where these are the certificate authorities.
pub fn membership(roots: &BTreeMap<String, String>) -> Result<Membership, JudgeError> {
    let roots = roots.iter().map(|(msp_id, pem)| (msp_id.as_str(), pem.as_str()));
    Membership::new(roots).map_err(|err| JudgeError::Network(err.to_string()))
}

/// A call of a chaincode.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The chaincode.
    pub chaincode: &'a str,
    /// Its arguments.
    pub args: Vec<Bytes>,
    /// What only endorsers see.
    pub transient: BTreeMap<String, Bytes>,
    /// Makes the transaction id.
    pub nonce: Bytes,
    /// The client's time.
    pub at: prost_types::Timestamp,
}

impl Call<'_> {
    /// The proposal of a client, with its transaction id.
    pub fn sign(self, client: &Signer) -> Result<(SignedProposal, String), JudgeError> {
        let chaincode_id =
            Some(ChaincodeId { name: self.chaincode.to_owned(), ..Default::default() });
        let creator = client.serialized.clone();
        let id = tx_id(&self.nonce, &creator);
        let extension = ChaincodeHeaderExtension { chaincode_id: chaincode_id.clone() };
        let channel = ChannelHeader {
            r#type: HeaderType::EndorserTransaction.into(),
            channel_id: CHANNEL.to_owned(),
            tx_id: id.clone(),
            timestamp: Some(self.at),
            extension: extension.encode_to_vec().into(),
            ..Default::default()
        };
        let header = Header {
            channel_header: channel.encode_to_vec().into(),
            signature_header: SignatureHeader { creator, nonce: self.nonce }.encode_to_vec().into(),
        };
        let input = ChaincodeInput { args: self.args, ..Default::default() };
        let spec = ChaincodeSpec { chaincode_id, input: Some(input), ..Default::default() };
        let invocation = ChaincodeInvocationSpec { chaincode_spec: Some(spec) };
        let payload = ChaincodeProposalPayload {
            input: invocation.encode_to_vec().into(),
            transient_map: self.transient,
        };
        let proposal = Proposal {
            header: header.encode_to_vec().into(),
            payload: payload.encode_to_vec().into(),
            extension: Bytes::new(),
        };
        let proposal_bytes = Bytes::from(proposal.encode_to_vec());
        let signature = client.sign(&proposal_bytes)?;
        Ok((SignedProposal { proposal_bytes, signature }, id))
    }
}

/// The time that clients claim.
pub fn now() -> prost_types::Timestamp {
    prost_types::Timestamp::from(std::time::SystemTime::now())
}

fn roots(organizations: &Path) -> Result<BTreeMap<String, String>, JudgeError> {
    let mut roots = BTreeMap::new();
    for (msp_id, domain) in MSP_IDS.iter().zip(DOMAINS) {
        let folder = organizations.join("peerOrganizations").join(domain).join("msp/cacerts");
        roots.insert((*msp_id).to_owned(), read(&only_file(&folder)?)?);
    }
    let (msp_id, domain) = ORDERER;
    let folder = organizations.join("ordererOrganizations").join(domain).join("msp/cacerts");
    roots.insert(msp_id.to_owned(), read(&only_file(&folder)?)?);
    Ok(roots)
}

fn signer(msp_id: &str, msp: &Path) -> Result<Signer, JudgeError> {
    let certificate = read(&only_file(&msp.join("signcerts"))?)?;
    let key = SigningKey::from_pkcs8_pem(&read(&only_file(&msp.join("keystore"))?)?)?;
    Ok(Signer::new(msp_id, certificate, key))
}

fn read(path: &Path) -> Result<String, JudgeError> {
    std::fs::read_to_string(path).map_err(|error| JudgeError::File { path: path.to_owned(), error })
}

/// Whatever the file is called: tools that make identities disagree.
fn only_file(folder: &Path) -> Result<PathBuf, JudgeError> {
    let failed = |error| JudgeError::File { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        files.push(entry.map_err(failed)?.path());
    }
    files.sort();
    files.into_iter().next().ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))
}
