use bytes::Bytes;
use fabric_contract_rs::{ClientIdentity, TimestampMs, TxContext, TxError, TxParts};
use fabric_protos::common::{ChannelHeader, Header, HeaderType, SignatureHeader};
use fabric_protos::msp::SerializedIdentity;
use fabric_protos::protos::{ChaincodeProposalPayload, Proposal, SignedProposal};
use prost::Message;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A signed proposal, opened as far as its creator. What is inside shares the received buffer.
///
/// The signature is not checked here: the peer has done so, and it is the peer one trusts.
#[derive(Debug)]
pub(crate) struct OpenProposal {
    channel_header: Bytes,
    payload: Bytes,
    creator: Bytes,
}

impl OpenProposal {
    pub(crate) fn open(proposal: Option<SignedProposal>) -> Result<Self, TxError> {
        let proposal = proposal.ok_or_else(|| malformed("there is no proposal"))?;
        let Proposal { header, payload, .. } = decode(proposal.proposal_bytes, "proposal")?;
        if header.is_empty() {
            return Err(malformed("the proposal has no header"));
        }
        let Header { channel_header, signature_header } = decode(header, "header")?;
        let SignatureHeader { creator, .. } = decode(signature_header, "signature header")?;
        Ok(Self { channel_header, payload, creator })
    }

    /// The creator as it travels: what identities are remembered by.
    pub(crate) fn creator(&self) -> &Bytes {
        &self.creator
    }

    /// The identity of the creator.
    pub(crate) fn client(&self) -> Result<ClientIdentity, TxError> {
        let creator: SerializedIdentity = decode(self.creator.clone(), "creator")?;
        ClientIdentity::from_pem(&creator.mspid, &creator.id_bytes).map_err(|error| {
            let text = format!("the creator's certificate is not usable: {error}");
            TxError::new(403, "BAD_CREATOR", text)
        })
    }

    /// What the transaction knows of itself.
    pub(crate) fn context(
        self,
        channel_id: &str,
        tx_id: &str,
        client: ClientIdentity,
    ) -> Result<TxContext, TxError> {
        let header: ChannelHeader = decode(self.channel_header, "channel header")?;
        let kinds = [HeaderType::EndorserTransaction, HeaderType::Config];
        if !kinds.map(i32::from).contains(&header.r#type) {
            return Err(malformed("the proposal is for something else than a transaction"));
        }
        let timestamp = header.timestamp.ok_or_else(|| malformed("there is no timestamp"))?;
        let payload: ChaincodeProposalPayload = decode(self.payload, "payload")?;
        Ok(TxContext::new(TxParts {
            channel_id: channel_id.to_owned(),
            tx_id: tx_id.to_owned(),
            timestamp_ms: milliseconds(timestamp.seconds, timestamp.nanos)?,
            client,
            transient: payload.transient_map,
        }))
    }
}

fn milliseconds(seconds: i64, nanos: i32) -> Result<TimestampMs, TxError> {
    if !(0..1_000_000_000).contains(&nanos) {
        return Err(malformed("the timestamp is not one"));
    }
    seconds
        .checked_mul(1000)
        .and_then(|ms| ms.checked_add(i64::from(nanos / 1_000_000)))
        .ok_or_else(|| malformed("the timestamp is not one"))
}

/// Refuses a transaction whose client's clock is far from this server's.
///
/// # Errors
/// `TIMESTAMP_OUT_OF_WINDOW`.
pub(crate) fn check_skew(
    timestamp_ms: TimestampMs,
    now: SystemTime,
    skew_max: Option<Duration>,
) -> Result<(), TxError> {
    let Some(skew_max) = skew_max else {
        return Ok(());
    };
    let now_ms = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_millis()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_millis()).unwrap_or(i128::MAX),
    };
    let skew_ms = now_ms.abs_diff(i128::from(timestamp_ms));
    if skew_ms <= skew_max.as_millis() {
        return Ok(());
    }
    let text = format!(
        "the transaction's timestamp is {} s away from this endorser's clock, {} s are allowed; \
         set the client's clock and propose anew",
        skew_ms / 1000,
        skew_max.as_secs()
    );
    Err(TxError::new(400, "TIMESTAMP_OUT_OF_WINDOW", text))
}

fn decode<M: Message + Default>(bytes: Bytes, what: &str) -> Result<M, TxError> {
    M::decode(bytes).map_err(|_| malformed(&format!("the {what} cannot be decoded")))
}

/// Only a broken peer sends such a thing, so this is a fault: another peer may do better.
fn malformed(sentence: &str) -> TxError {
    TxError::new(500, "BAD_PROPOSAL", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_skew_of(seconds: i64, window: Option<u64>, refused: bool) {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let timestamp_ms = (1_000_000 + seconds) * 1000;
        let result = check_skew(timestamp_ms, now, window.map(Duration::from_secs));
        assert_eq!(result.map_err(|error| error.code()).is_err(), refused, "{seconds} {window:?}");
    }

    #[test]
    fn window_is_inclusive_on_both_sides() {
        check_skew_of(0, Some(0), false);
        check_skew_of(900, Some(900), false);
        check_skew_of(-900, Some(900), false);
        check_skew_of(901, Some(900), true);
        check_skew_of(-901, Some(900), true);
        check_skew_of(901, None, false);
    }

    #[test]
    fn skew_is_a_refusal_with_a_code() {
        let error = check_skew(i64::MAX, UNIX_EPOCH, Some(Duration::from_secs(1))).unwrap_err();
        assert_eq!((error.status(), error.code()), (400, "TIMESTAMP_OUT_OF_WINDOW"));
        assert!(check_skew(i64::MIN, UNIX_EPOCH, Some(Duration::MAX)).is_ok());
        let before_1970 = UNIX_EPOCH - Duration::from_secs(10);
        assert!(check_skew(-10_000, before_1970, Some(Duration::ZERO)).is_ok());
    }

    #[test]
    fn timestamps_round_down_to_milliseconds() {
        assert_eq!(milliseconds(1, 999_999), Ok(1000));
        assert_eq!(milliseconds(-1, 1_000_000), Ok(-999));
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(milliseconds(seconds, nanos).unwrap_err().code(), "BAD_PROPOSAL");
        }
    }

    fn refused(proposal: Option<SignedProposal>) -> String {
        OpenProposal::open(proposal).unwrap_err().to_string()
    }

    #[test]
    fn broken_proposals_are_refused() {
        assert!(refused(None).contains("no proposal"));
        let of = |proposal_bytes| Some(SignedProposal { proposal_bytes, ..Default::default() });
        assert!(refused(of(Bytes::new())).contains("no header"));
        assert!(refused(of(Bytes::from_static(&[0xff]))).contains("cannot be decoded"));
        let with_header = |header: &'static [u8]| {
            let proposal = Proposal { header: header.into(), ..Default::default() };
            of(proposal.encode_to_vec().into())
        };
        assert!(refused(with_header(&[0xff])).contains("header cannot be decoded"));
    }

    fn context(header: ChannelHeader) -> Result<TxContext, TxError> {
        let open = OpenProposal {
            channel_header: header.encode_to_vec().into(),
            payload: Bytes::new(),
            creator: Bytes::new(),
        };
        let client = fabric_contract_rs::testing::TestIdentity::new("Org1MSP", "u").client();
        open.context("ch", "tx", client)
    }

    #[test]
    fn only_transactions_with_a_timestamp_have_a_context() {
        let timestamp = Some(prost_types::Timestamp { seconds: 7, nanos: 5_000_000 });
        for kind in [HeaderType::EndorserTransaction, HeaderType::Config] {
            let header = ChannelHeader { r#type: kind.into(), timestamp, ..Default::default() };
            let cx = context(header).unwrap();
            assert_eq!((cx.channel_id(), cx.tx_id(), cx.timestamp_ms()), ("ch", "tx", 7005));
        }
        let header = ChannelHeader { timestamp, ..Default::default() };
        assert!(context(header).unwrap_err().to_string().contains("something else"));
        let r#type = HeaderType::EndorserTransaction.into();
        let header = ChannelHeader { r#type, ..Default::default() };
        assert!(context(header).unwrap_err().to_string().contains("no timestamp"));
    }

    #[test]
    fn creator_without_certificate_is_refused_for_good() {
        let open = OpenProposal {
            channel_header: Bytes::new(),
            payload: Bytes::new(),
            creator: SerializedIdentity { mspid: "Org1MSP".into(), id_bytes: "no".into() }
                .encode_to_vec()
                .into(),
        };
        let error = open.client().unwrap_err();
        assert_eq!((error.status(), error.code()), (403, "BAD_CREATOR"));
    }
}
