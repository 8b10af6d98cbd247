use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fabric_devnet::{Devnet, GatewayEndpoint};
use fabric_identity::SigningKey;
use fabric_ledger::proposal::tx_id;
use fabric_protos::common::{ChannelHeader, Envelope, Header, HeaderType, SignatureHeader};
use fabric_protos::gateway::gateway_client::GatewayClient;
use fabric_protos::gateway::{
    CommitStatusRequest, CommitStatusResponse, EndorseRequest, ErrorDetail, EvaluateRequest,
    SignedCommitStatusRequest, SubmitRequest,
};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::protos::{
    ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec,
    ChaincodeProposalPayload, ChaincodeSpec, Proposal, Response, SignedProposal, TxValidationCode,
};
use fabric_protos::rpc;
use prost::Message as _;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::{CHAINCODE, CHANNEL};

/// One identity at one gateway.
pub(crate) struct Client {
    pub(crate) channel: Channel,
    pub(crate) gateway: GatewayClient<Channel>,
    pub(crate) identity: Bytes,
    pub(crate) key: SigningKey,
}

/// A proposal to be; tests spoil single fields before it is built.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) channel: String,
    pub(crate) chaincode: String,
    pub(crate) args: Vec<String>,
    /// Arguments after those, which are no text.
    pub(crate) more: Vec<Bytes>,
    pub(crate) transient: BTreeMap<String, Bytes>,
    pub(crate) nonce: Vec<u8>,
    pub(crate) creator: Bytes,
    pub(crate) timestamp: Option<SystemTime>,
    pub(crate) header_type: i32,
    pub(crate) epoch: u64,
    pub(crate) tx_id: Option<String>,
    pub(crate) is_init: bool,
    pub(crate) endorsers: Vec<String>,
}

impl Draft {
    /// The id the transaction will have.
    pub(crate) fn id(&self) -> String {
        self.tx_id.clone().unwrap_or_else(|| tx_id(&self.nonce, &self.creator))
    }

    pub(crate) fn proposal(&self) -> Proposal {
        let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap();
        let id = ChaincodeId { name: self.chaincode.clone(), ..Default::default() };
        let extension = ChaincodeHeaderExtension { chaincode_id: Some(id.clone()) };
        let channel_header = ChannelHeader {
            r#type: self.header_type,
            timestamp: self.timestamp.map(since).map(|since| prost_types::Timestamp {
                seconds: since.as_secs().try_into().unwrap(),
                nanos: since.subsec_nanos().try_into().unwrap(),
            }),
            channel_id: self.channel.clone(),
            tx_id: self.id(),
            epoch: self.epoch,
            extension: extension.encode_to_vec().into(),
            ..Default::default()
        };
        let signature_header =
            SignatureHeader { creator: self.creator.clone(), nonce: self.nonce.clone().into() };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let input = ChaincodeInput {
            args: (self.args.iter().map(|arg| arg.clone().into()))
                .chain(self.more.iter().cloned())
                .collect(),
            is_init: self.is_init,
            ..Default::default()
        };
        let spec =
            ChaincodeSpec { chaincode_id: Some(id), input: Some(input), ..Default::default() };
        let payload = ChaincodeProposalPayload {
            input: ChaincodeInvocationSpec { chaincode_spec: Some(spec) }.encode_to_vec().into(),
            transient_map: self.transient.clone(),
        };
        Proposal {
            header: header.encode_to_vec().into(),
            payload: payload.encode_to_vec().into(),
            extension: Bytes::new(),
        }
    }

    pub(crate) fn signed(&self, key: &SigningKey) -> SignedProposal {
        let proposal_bytes = self.proposal().encode_to_vec();
        let signature = key.sign(&proposal_bytes).unwrap().into();
        SignedProposal { proposal_bytes: proposal_bytes.into(), signature }
    }

    pub(crate) fn transient(mut self, name: &str, value: &'static str) -> Self {
        self.transient.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn endorsers(mut self, msp_ids: &[&str]) -> Self {
        self.endorsers = msp_ids.iter().map(|msp_id| (*msp_id).to_owned()).collect();
        self
    }
}

impl Client {
    pub(crate) async fn user(devnet: &Devnet, msp_id: &str, name: &str) -> Self {
        let msp = devnet.user_msp_dir(msp_id, name).unwrap();
        let certificate = std::fs::read_to_string(msp.join("signcerts/cert.pem")).unwrap();
        let key = std::fs::read_to_string(msp.join("keystore/priv_sk")).unwrap();
        Self::connect(devnet, msp_id, &certificate, &key).await
    }

    pub(crate) async fn connect(
        devnet: &Devnet,
        msp_id: &str,
        certificate_pem: &str,
        key_pem: &str,
    ) -> Self {
        Self::at(&devnet.gateway(msp_id).unwrap(), certificate_pem, key_pem).await
    }

    pub(crate) async fn at(
        endpoint: &GatewayEndpoint,
        certificate_pem: &str,
        key_pem: &str,
    ) -> Self {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&endpoint.tls_root_pem))
            .domain_name(&endpoint.host_name);
        let channel = Endpoint::from_shared(format!("https://{}", endpoint.address))
            .unwrap()
            .tls_config(tls)
            .unwrap()
            .connect()
            .await
            .unwrap();
        let id_bytes = Bytes::copy_from_slice(certificate_pem.as_bytes());
        let identity = SerializedIdentity { mspid: endpoint.msp_id.clone(), id_bytes };
        Self {
            gateway: GatewayClient::new(channel.clone()),
            channel,
            identity: identity.encode_to_vec().into(),
            key: SigningKey::from_pkcs8_pem(key_pem).unwrap(),
        }
    }

    pub(crate) fn draft(&self, steps: &[&str]) -> Draft {
        use ring::rand::SecureRandom as _;
        let mut nonce = vec![0; 24];
        ring::rand::SystemRandom::new().fill(&mut nonce).unwrap();
        Draft {
            channel: CHANNEL.to_owned(),
            chaincode: CHAINCODE.to_owned(),
            args: steps.iter().map(|step| (*step).to_owned()).collect(),
            more: Vec::new(),
            transient: BTreeMap::new(),
            nonce,
            creator: self.identity.clone(),
            timestamp: Some(SystemTime::now()),
            header_type: HeaderType::EndorserTransaction.into(),
            epoch: 0,
            tx_id: None,
            is_init: false,
            endorsers: Vec::new(),
        }
    }

    pub(crate) async fn evaluate(&self, steps: &[&str]) -> Result<Response, Status> {
        let draft = self.draft(steps);
        self.evaluate_signed(&draft, draft.signed(&self.key)).await
    }

    pub(crate) async fn evaluate_draft(&self, draft: &Draft) -> Result<Response, Status> {
        self.evaluate_signed(draft, draft.signed(&self.key)).await
    }

    pub(crate) async fn evaluate_signed(
        &self,
        draft: &Draft,
        signed: SignedProposal,
    ) -> Result<Response, Status> {
        let request = EvaluateRequest {
            transaction_id: draft.id(),
            channel_id: draft.channel.clone(),
            proposed_transaction: Some(signed),
            target_organizations: draft.endorsers.clone(),
        };
        let answer = self.gateway.clone().evaluate(request).await?;
        Ok(answer.into_inner().result.unwrap())
    }

    /// What a script answers, as text.
    pub(crate) async fn read(&self, steps: &[&str]) -> String {
        let response = self.evaluate(steps).await.unwrap();
        String::from_utf8(response.payload.to_vec()).unwrap()
    }

    pub(crate) async fn endorse(&self, draft: &Draft) -> Result<Envelope, Status> {
        self.endorse_signed(draft, draft.signed(&self.key)).await
    }

    pub(crate) async fn endorse_signed(
        &self,
        draft: &Draft,
        signed: SignedProposal,
    ) -> Result<Envelope, Status> {
        let request = EndorseRequest {
            transaction_id: draft.id(),
            channel_id: draft.channel.clone(),
            proposed_transaction: Some(signed),
            endorsing_organizations: draft.endorsers.clone(),
        };
        let answer = self.gateway.clone().endorse(request).await?;
        Ok(answer.into_inner().prepared_transaction.unwrap())
    }

    /// Endorses and signs.
    pub(crate) async fn prepare(&self, draft: &Draft) -> Envelope {
        self.sign(self.endorse(draft).await.unwrap())
    }

    pub(crate) fn sign(&self, mut envelope: Envelope) -> Envelope {
        envelope.signature = self.key.sign(&envelope.payload).unwrap().into();
        envelope
    }

    pub(crate) async fn submit(&self, draft: &Draft, envelope: Envelope) -> Result<(), Status> {
        let request = SubmitRequest {
            transaction_id: draft.id(),
            channel_id: draft.channel.clone(),
            prepared_transaction: Some(envelope),
        };
        self.gateway.clone().submit(request).await.map(drop)
    }

    pub(crate) async fn status(&self, tx_id: &str) -> Result<CommitStatusResponse, Status> {
        self.status_on(CHANNEL, tx_id).await
    }

    async fn status_on(&self, channel: &str, tx_id: &str) -> Result<CommitStatusResponse, Status> {
        let request = CommitStatusRequest {
            transaction_id: tx_id.to_owned(),
            channel_id: channel.to_owned(),
            identity: self.identity.clone(),
        };
        self.status_request(signed_status_request(&request, &self.key)).await
    }

    pub(crate) async fn status_request(
        &self,
        signed: SignedCommitStatusRequest,
    ) -> Result<CommitStatusResponse, Status> {
        let mut request = tonic::Request::new(signed);
        request.set_timeout(Duration::from_secs(60));
        Ok(self.gateway.clone().commit_status(request).await?.into_inner())
    }

    /// Endorses, submits, and waits for the validation code.
    pub(crate) async fn commit(&self, steps: &[&str]) -> TxValidationCode {
        self.commit_draft(&self.draft(steps)).await
    }

    pub(crate) async fn commit_draft(&self, draft: &Draft) -> TxValidationCode {
        let envelope = self.prepare(draft).await;
        self.submit(draft, envelope).await.unwrap();
        super::code(self.status_on(&draft.channel, &draft.id()).await.unwrap().result)
    }
}

pub(crate) fn signed_status_request(
    request: &CommitStatusRequest,
    key: &SigningKey,
) -> SignedCommitStatusRequest {
    let request = request.encode_to_vec();
    let signature = key.sign(&request).unwrap().into();
    SignedCommitStatusRequest { request: request.into(), signature }
}

/// The details of a status, read as Fabric's clients do: by their type.
pub(crate) fn details(status: &Status) -> Vec<ErrorDetail> {
    let status = rpc::Status::decode(status.details()).unwrap();
    status
        .details
        .into_iter()
        .map(|any| {
            assert_eq!(any.type_url, "type.googleapis.com/gateway.ErrorDetail");
            ErrorDetail::decode(any.value.as_slice()).unwrap()
        })
        .collect()
}
