use bytes::Bytes;
use fabric_protos::gateway::ErrorDetail;
use fabric_protos::protos::{ProposalResponse, Response};
use fabric_protos::rpc;
use prost::Message as _;
use tonic::{Code, Status};

use crate::endorser::{Peer, Refusal};

/// Type of the details, by which clients know them.
const DETAIL_TYPE: &str = "type.googleapis.com/gateway.ErrorDetail";
/// Characters of a text in a status, at most. Statuses travel in headers, which clients limit,
/// Java's to 8 KiB; the longest text of a peer's own has about 1700.
const TEXT_MAX: usize = 2000;
/// Status of what the peer itself refuses.
const INTERNAL_ERROR: i32 = 500;

/// An endorser that did not succeed, as the gateway sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) message: String,
    /// Whether another peer might do better.
    pub(super) retry: bool,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Filter(message) => Self { code: Code::Unavailable, message, retry: true },
            Refusal::Check(message) => {
                Self { code: Code::FailedPrecondition, message, retry: false }
            }
            Refusal::Response(message) => Self { code: Code::Aborted, message, retry: true },
        }
    }
}

/// Tells success from failure in an endorser's answer.
pub(super) fn judge(answer: ProposalResponse) -> Result<(ProposalResponse, Response), Failure> {
    let response = answer.response.clone().unwrap_or_default();
    if (200..400).contains(&response.status) {
        return Ok((answer, response));
    }
    if answer.payload.is_empty() && response.status == INTERNAL_ERROR {
        // The peer's own words, not the contract's.
        return Err(Failure { code: Code::Aborted, message: response.message, retry: true });
    }
    let message = format!("chaincode response {}, {}", response.status, response.message);
    Err(Failure { code: Code::Unknown, message, retry: false })
}

/// What one peer answered.
pub(super) fn detail(peer: &Peer, message: &str) -> ErrorDetail {
    ErrorDetail {
        address: peer.address.clone(),
        msp_id: peer.msp_id.to_string(),
        message: shortened(message),
    }
}

/// A status with details, in the form that all of Fabric's clients read.
pub(super) fn status(code: Code, message: &str, details: &[ErrorDetail]) -> Status {
    let message = shortened(message);
    if details.is_empty() {
        return Status::new(code, message);
    }
    let details = details
        .iter()
        .map(|detail| prost_types::Any {
            type_url: DETAIL_TYPE.to_owned(),
            value: detail.encode_to_vec(),
        })
        .collect();
    let status = rpc::Status { code: code.into(), message: message.clone(), details };
    Status::with_details(code, message, Bytes::from(status.encode_to_vec()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_MAX) {
        None => text.to_owned(),
        Some((end, _)) => {
            let mut short = text.get(..end).unwrap_or_default().to_owned();
            short.push('…');
            short
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: i32, payload: &'static str) -> ProposalResponse {
        let response = Response { status, message: "text".to_owned(), payload: Bytes::new() };
        ProposalResponse { response: Some(response), payload: payload.into(), ..Default::default() }
    }

    #[test]
    fn success_is_200_to_399() {
        for (status, success) in
            [(0, false), (199, false), (200, true), (250, true), (399, true), (400, false)]
        {
            assert_eq!(judge(answer(status, "payload")).is_ok(), success, "{status}");
        }
    }

    #[test]
    fn a_500_without_results_is_the_peers_own() {
        let failure = judge(answer(500, "")).unwrap_err();
        assert_eq!((failure.code, failure.message.as_str()), (Code::Aborted, "text"));
        assert!(failure.retry);
        let failure = judge(answer(500, "payload")).unwrap_err();
        assert_eq!(failure.message, "chaincode response 500, text");
        assert!(!failure.retry);
        let failure = judge(answer(404, "")).unwrap_err();
        assert_eq!((failure.code, failure.retry), (Code::Unknown, false));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(TEXT_MAX + 1);
        let status = status(Code::Aborted, &text, &[]);
        assert_eq!(status.message().chars().count(), TEXT_MAX + 1);
        assert!(status.message().ends_with('…'));
        assert_eq!(shortened("short"), "short");
    }
}
