//! What a contract said, inside what a peer said.

use std::fmt;

/// What a peer writes before the status of a response that the chaincode gave.
const RESPONSE: &str = "chaincode response ";

/// What a peer writes before the text of a chaincode that failed instead of responding.
const FAULT: &str = "transaction returned with failure: ";

/// Status of a fault, which carries none of its own.
const FAULT_STATUS: i32 = 500;

/// Why the contract did not do what was asked.
///
/// Contracts that follow the convention answer `CODE: sentence`, with a code in capitals on which a program can
/// depend; of others the whole text is the sentence.
///
/// A status of 400 to 499 is the contract's refusal. A fault, where the chaincode failed to answer, has 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractError {
    /// The response's status.
    pub status: i32,
    /// The stable code, such as `CONSENT_UNKNOWN`.
    pub code: Option<String>,
    /// The text, without the code.
    pub sentence: String,
}

impl ContractError {
    /// Reads `… chaincode response 404, CODE: sentence`.
    pub(crate) fn of_response(text: &str) -> Option<Self> {
        let (_, answer) = text.split_once(RESPONSE)?;
        let (status, message) = answer.split_once(", ")?;
        let status = status.parse().ok()?;
        Some(match code_and_sentence(message) {
            Some((code, sentence)) => Self::new(status, Some(code), sentence),
            None => Self::new(status, None, message),
        })
    }

    /// Reads a fault's text if it starts with a code, where the peer's words end or at once.
    pub(crate) fn of_fault(text: &str) -> Option<Self> {
        let message = text.split_once(FAULT).map_or(text, |(_, message)| message);
        let (code, sentence) = code_and_sentence(message)?;
        Some(Self::new(FAULT_STATUS, Some(code), sentence))
    }

    fn new(status: i32, code: Option<&str>, sentence: &str) -> Self {
        Self { status, code: code.map(str::to_owned), sentence: sentence.to_owned() }
    }
}

impl fmt::Display for ContractError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{code}: {}", self.sentence),
            None => f.write_str(&self.sentence),
        }
    }
}

impl std::error::Error for ContractError {}

fn code_and_sentence(text: &str) -> Option<(&str, &str)> {
    let (code, sentence) = text.split_once(": ")?;
    let starts = code.starts_with(|first: char| first.is_ascii_uppercase());
    let goes_on = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (starts && code.chars().all(goes_on)).then_some((code, sentence))
}

#[cfg(test)]
mod tests {
    use super::ContractError;

    fn check(text: &str, expected: Option<(i32, Option<&str>, &str)>) {
        let read = ContractError::of_response(text).or_else(|| ContractError::of_fault(text));
        let expected =
            expected.map(|(status, code, sentence)| ContractError::new(status, code, sentence));
        assert_eq!(read, expected, "{text}");
    }

    #[test]
    fn responses_and_faults_are_read() {
        check(
            "evaluate call to endorser returned error: chaincode response 404, DEVICE_UNKNOWN: no such device",
            Some((404, Some("DEVICE_UNKNOWN"), "no such device")),
        );
        check("chaincode response 409, BUSY_2: a: b, c", Some((409, Some("BUSY_2"), "a: b, c")));
        check("chaincode response 500, asset a1 exists", Some((500, None, "asset a1 exists")));
        check("chaincode response 500, Error: lower case", Some((500, None, "Error: lower case")));
        check("chaincode response 400, ", Some((400, None, "")));
        check(
            "error in simulation: transaction returned with failure: LEDGER_ERROR: the peer refused",
            Some((500, Some("LEDGER_ERROR"), "the peer refused")),
        );
        check("OVERLOADED: try later", Some((500, Some("OVERLOADED"), "try later")));
    }

    #[test]
    fn other_texts_are_not_the_contract() {
        check("ProposalResponsePayloads do not match", None);
        check("error in simulation: transaction returned with failure: boom", None);
        check("error validating proposal: access denied", None);
        check("chaincode response many, A: b", None);
        check(": nothing", None);
        check("", None);
    }
}
