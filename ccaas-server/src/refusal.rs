//! What a peer's ERROR text means.

use fabric_contract_rs::LedgerError;

/// How much of a peer's text is passed on.
///
/// 200 characters hold every fixed sentence of the peer; what is longer quotes something.
const TEXT_CHARS_MAX: usize = 200;

/// For a call of another chaincode the peer puts it differently.
const ENDED: [&str; 2] = ["no ledger context", "could not get valid transaction"];
const NOT_RECONCILED: &str = "private data matching public hash version is not available";
const NOT_ADMITTED: [&str; 2] =
    ["does not have read access permission", "does not have write access permission"];
const NOT_OFFERED: [(&str, &str); 3] = [
    ("private data APIs are not allowed in chaincode Init", "private data in INIT"),
    ("unsuppored transaction", "private or paginated queries together with writes"),
    ("purge private data is not enabled", "purge (needs the channel capability V2_5)"),
];

/// Whether the peer says that it has given the transaction up.
pub(crate) fn has_ended(text: &[u8]) -> bool {
    ENDED.iter().any(|part| contains(text, part))
}

/// The error that a peer's text stands for.
pub(crate) fn ledger_error(text: &[u8]) -> LedgerError {
    if has_ended(text) {
        return LedgerError::TransactionEnded;
    }
    if contains(text, NOT_RECONCILED) {
        return LedgerError::PrivateDataUnavailable;
    }
    if NOT_ADMITTED.iter().any(|part| contains(text, part)) {
        return LedgerError::AccessDenied;
    }
    match NOT_OFFERED.iter().find(|(part, _)| contains(text, part)) {
        Some((_, what)) => LedgerError::Unsupported((*what).to_owned()),
        None => LedgerError::Peer(passed_on(text)),
    }
}

/// The error that a peer's text about a call of another chaincode stands for.
pub(crate) fn call_error(error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Peer(text) | LedgerError::Unsupported(text) => LedgerError::NotCallable(text),
        other => other,
    }
}

/// The error that the fault of a called chaincode stands for.
pub(crate) fn callee_error(text: &[u8]) -> LedgerError {
    LedgerError::CalleeFailed(passed_on(text))
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

/// Peer texts may quote keys, which must reach neither clients nor logs: composite keys hold
/// control characters, raw or escaped, so the text ends where the first one stands.
fn passed_on(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let end = text.find(|c: char| c.is_control() || c == '\\').unwrap_or(text.len());
    text.get(..end).unwrap_or_default().chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: LedgerError) {
        assert_eq!(ledger_error(text.as_bytes()), expected);
    }

    #[test]
    fn texts_of_a_peer() {
        check(
            "GET_STATE failed: transaction ID: 1f: no ledger context",
            LedgerError::TransactionEnded,
        );
        check(
            "INVOKE_CHAINCODE failed: transaction ID: 1f: could not get valid transaction",
            LedgerError::TransactionEnded,
        );
        check(
            "GET_STATE failed: transaction ID: 1f: private data matching public hash version is \
             not available. Public hash version = {1,0}, Private data version = nil",
            LedgerError::PrivateDataUnavailable,
        );
        check(
            "GET_STATE failed: transaction ID: 1f: tx creator does not have read access \
             permission on privatedata in chaincodeName:cc collectionName: health",
            LedgerError::AccessDenied,
        );
        check(
            "PUT_STATE failed: transaction ID: 1f: tx creator does not have write access \
             permission on privatedata in chaincodeName:cc collectionName: health",
            LedgerError::AccessDenied,
        );
        check(
            "txid [1f]: unsuppored transaction. Queries on pvt data is supported only in a \
             read-only transaction",
            LedgerError::Unsupported("private or paginated queries together with writes".into()),
        );
        check(
            "private data APIs are not allowed in chaincode Init()",
            LedgerError::Unsupported("private data in INIT".into()),
        );
        check(
            "collection cc.x could not be found",
            LedgerError::Peer("collection cc.x could not be found".into()),
        );
    }

    #[test]
    fn texts_about_calls() {
        let text = "execute failed: invalid invocation: chaincode cc not found";
        let error = call_error(ledger_error(text.as_bytes()));
        assert_eq!(error, LedgerError::NotCallable(text.to_owned()));
        let ended = LedgerError::TransactionEnded;
        assert_eq!(call_error(ended.clone()), ended);
        let error = callee_error(b"CODE: no \0sid\0secret");
        assert_eq!(error, LedgerError::CalleeFailed("CODE: no ".to_owned()));
    }

    #[test]
    fn quoted_keys_stay_here() {
        check("bad key: \0sid\0secret", LedgerError::Peer("bad key: ".into()));
        check("bad key: \"\\x00sid\\x00secret\"", LedgerError::Peer("bad key: \"".into()));
    }

    #[test]
    fn long_texts_are_cut_and_bytes_need_not_be_text() {
        let LedgerError::Peer(text) = ledger_error("é".repeat(999).as_bytes()) else { panic!() };
        assert_eq!(text.chars().count(), TEXT_CHARS_MAX);
        check("", LedgerError::Peer(String::new()));
        assert_eq!(ledger_error(&[b'x', 0xff]), LedgerError::Peer("x\u{fffd}".into()));
    }
}
