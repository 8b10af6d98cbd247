//! The codes that clients meet below the contract: of the ledger, of the chaincode server, of gateways.
//!
//! `docs/platform-errors.md` is what this makes of them. What a client does is asked of the contract's
//! [`Retry`], what the client library does of itself; a code without a line here fails the test.

use fabric_gateway_client::{
    CallError, Code, CommitError, ErrorDetail, GatewayError, Obstacle, RetryPolicy,
    TxValidationCode,
};
use ioht::ClientError;
use ioht_contract::Retry;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// Codes of the chaincode server and of the contract library with their status, and what each says.
const SERVER: &[(&str, u16, &str)] = &[
    (
        "TIMESTAMP_OUT_OF_WINDOW",
        400,
        "the client's clock is too far from the server's (15 minutes, unless set)",
    ),
    ("BAD_CREATOR", 403, "the creator's certificate cannot be read"),
    (
        "INVOCATION_TOO_LARGE",
        413,
        "arguments, private part and proposal are more than the server takes",
    ),
    ("OVERLOADED", 500, "too many transactions run on this server"),
    ("DRAINING", 500, "the server is stopping"),
    ("DEADLINE_EXCEEDED", 500, "the transaction took longer than the server allows"),
    ("TRANSACTION_ENDED", 500, "the peer has given the transaction up"),
    ("LEDGER_ERROR", 500, "the peer could not read or write; its words follow"),
    ("BAD_PROPOSAL", 500, "the peer passed on what is no proposal"),
    ("BAD_INPUT", 500, "the peer passed on what are no arguments"),
    ("NO_RANDOMNESS", 500, "the server's machine gives no random numbers"),
    ("MESSAGE_TOO_LARGE", 500, "a value or answer is more than one message to the peer carries"),
    ("COLLECTION_ACCESS_DENIED", 500, "the collection as approved does not admit the caller"),
    ("UNSUPPORTED_BY_PEER", 500, "the channel's capabilities lack what the contract needs"),
    ("CONTRACT_PANICKED", 500, "a defect of the contract"),
    ("BAD_KEY", 500, "a defect of the contract"),
    ("EMPTY_VALUE", 500, "a defect of the contract"),
    ("BAD_PAGE_SIZE", 500, "a defect of the contract"),
    ("BAD_BOOKMARK", 500, "a defect of the contract"),
    ("EVENT_WITHOUT_NAME", 500, "a defect of the contract"),
    ("ANSWER_NOT_SERIALISABLE", 500, "a defect of the contract"),
    ("NO_METADATA", 500, "a defect of the contract"),
    ("CHAINCODE_NOT_CALLABLE", 500, "for contracts that call others; this one calls none"),
    ("CALLEE_FAILED", 500, "for contracts that call others; this one calls none"),
];

/// What a validation code says of a transaction.
fn said(code: TxValidationCode) -> Option<&'static str> {
    use TxValidationCode as Is;
    Some(match code {
        Is::Valid | Is::NotValidated => return None,
        Is::MvccReadConflict => {
            "another transaction changed first what this one had read: consent, an access, the chaincode's definition"
        }
        Is::PhantomReadConflict => {
            "another transaction changed first a range that this one had read"
        }
        Is::DuplicateTxid => "an envelope of this id is in a block already",
        Is::EndorsementPolicyFailure => {
            "too few custodians endorsed, or the channel's policies, members or revocations have changed since"
        }
        Is::ExpiredChaincode | Is::ChaincodeVersionConflict => {
            "the chaincode was upgraded meanwhile (channels without the capability V2_0)"
        }
        Is::InvalidChaincode => {
            "the chaincode's definition cannot be read, or the envelope names another"
        }
        Is::InvalidOtherReason => "the peers' validation could not be carried out",
        Is::BadCreatorSignature => {
            "the client's certificate is no member's, or no longer (revoked, its authority gone), or it did not sign"
        }
        Is::TargetChainNotFound => "the envelope is for another channel",
        Is::IllegalWriteset | Is::InvalidWriteset => "the writes are none that a ledger takes",
        Is::InvalidConfigTransaction => "a change of the channel's configuration was refused",
        Is::NilEnvelope
        | Is::BadPayload
        | Is::BadCommonHeader
        | Is::InvalidEndorserTransaction
        | Is::UnsupportedTxPayload
        | Is::BadProposalTxid
        | Is::UnknownTxType
        | Is::MarshalTxError
        | Is::NilTxaction
        | Is::BadHeaderExtension
        | Is::BadChannelHeader
        | Is::BadResponsePayload
        | Is::BadRwset => "the envelope is malformed: a defect of whoever made it",
    })
}

/// What stood in the way where no code is told.
fn stood_in_the_way(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Contract => "the contract, or the chaincode server, refused: see its code",
        Obstacle::Client => {
            "the peers refuse the client's identity, signature or clock, or know no such channel"
        }
        Obstacle::Overload => "the gateway has as many calls as it takes",
        Obstacle::NoPeers => {
            "the gateway knows too few peers to endorse, for an instant or since they are down"
        }
        Obstacle::Dissemination => "a peer knows no other custodian to hand private data to",
        Obstacle::Unavailable => {
            "gateway, peer or server unreachable, late or failed; or endorsers disagreed"
        }
    }
}

fn call(code: Code, message: &str, detail: &str) -> Box<CallError> {
    let detail = ErrorDetail {
        address: "peer0.org1.example.com:7051".to_owned(),
        msp_id: "Org1MSP".to_owned(),
        message: detail.to_owned(),
    };
    let (transaction_id, message) = ("1f".to_owned(), message.to_owned());
    Box::new(CallError { transaction_id, code, message, details: vec![detail] })
}

/// How a gateway passes on what the chaincode says.
fn chaincode_says(code: &str, status: u16) -> Box<CallError> {
    let detail = if status < 500 {
        format!("chaincode response {status}, {code}: sentence")
    } else {
        format!("error in simulation: transaction returned with failure: {code}: sentence")
    };
    call(
        Code::Aborted,
        "failed to endorse transaction, see attached details for more info",
        &detail,
    )
}

/// What the client library does, and with it `ioht`, when it submits.
fn by_itself(error: &GatewayError) -> String {
    match (error.is_retryable(), error.outcome_unknown()) {
        (true, false) => {
            format!("proposes anew, {} times in all", RetryPolicy::default().proposals_max)
        }
        (false, false) => "gives up".to_owned(),
        (_, true) => "asks what became of the first envelope; proposes nothing".to_owned(),
    }
}

/// String literals in capitals that a source makes an error with.
fn codes_in(source: &str) -> BTreeSet<String> {
    let (source, _) = source.split_once("#[cfg(test)]").unwrap_or((source, ""));
    let code: Vec<&str> =
        source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let parts: Vec<&str> = code.split('"').collect();
    let literals = parts.windows(2).filter(|pair| {
        let capital = |it: char| it.is_ascii_uppercase() || it == '_';
        let status = |it: char| it.is_ascii_digit() || it == ',' || it.is_whitespace();
        let before = pair[0].trim_end_matches(status);
        let makes = before.ends_with("::new(") || pair[0].trim_end().ends_with("=>");
        makes && pair[1].len() > 3 && pair[1].chars().all(capital)
    });
    literals.map(|pair| pair[1].to_owned()).collect()
}

/// The codes of every source below a folder, tests apart.
fn codes_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "testing" {
            codes_below(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.extend(codes_in(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const ERRORS: &str = include_str!("../../contract/tests/golden/errors.md");

#[test]
fn every_code_below_the_contract_is_explained() {
    let mut found = BTreeSet::new();
    for folder in ["ccaas-server/src", "fabric-contract-rs/src"] {
        codes_below(&Path::new(ROOT).join(folder), &mut found);
    }
    let listed: BTreeSet<String> = SERVER.iter().map(|(code, ..)| (*code).to_owned()).collect();
    let elsewhere = |code: &String| ERRORS.contains(&format!("| `{code}` |"));
    let missing: Vec<_> = found.difference(&listed).filter(|it| !elsewhere(it)).collect();
    assert!(missing.is_empty(), "nothing is said of {missing:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "nothing in the sources gives {gone:?}");
}

#[test]
fn codes_are_found_in_sources() {
    let source = "TxError::new(\n    403,\n    \"ONE_CODE\", text)\n// Fault::new(\"NOT_THIS\")\n\
                  Self::new(\"TWO_CODES\", \"a sentence\")\nX => \"THREE_IT_IS\",\nname(\"NOR_THIS\")\n\
                  Fault::new(\"FOUR_CODES\", \"of it\")\n#[cfg(test)]\nFault::new(\"NOR_HERE\", \"\")";
    let found: Vec<String> = codes_in(source).into_iter().collect();
    assert_eq!(found, ["FOUR_CODES", "ONE_CODE", "THREE_IT_IS", "TWO_CODES"]);
}

const HEAD: &str = "\
# Codes of the ledger and of the chaincode server

Generated. The contract's own codes are in the [error reference](../contract/tests/golden/errors.md). The last
column is what `fabric-gateway-client` does where it submits with its retry policy, as `ioht` does; another client does
what the column before says. A new proposal has the same content and another transaction id, so it is made only where
the one before can no longer be committed. What the contract refuses the library never sends again. `ioht --json` tells `code` and `retry` of an error.

Queries by `ioht` are asked once; while it opens and reads, what is committed but not on every asked peer yet
(`TICKET_NOT_VISIBLE`, `PRIVATE_DATA_UNAVAILABLE`) is asked for again, for some seconds.

## In a block, marked invalid

The transaction changed nothing. Withdrawing consent makes requests and openings that were simulated before it end as
`MVCC_READ_CONFLICT`; proposed anew they are decided under the consent as it is then.

";

/// What has the same remedy and says the same stands in one line; what can be sent again comes first.
fn invalid(text: &mut String) {
    text.push_str("| code | what it says | what a client does | by itself |\n|---|---|---|---|\n");
    let mut lines: Vec<(bool, String, Vec<String>)> = Vec::new();
    for raw_code in 0..=255 {
        let Ok(code) = TxValidationCode::try_from(raw_code) else { continue };
        let Some(said) = said(code) else { continue };
        let error = CommitError { transaction_id: "1f".to_owned(), block_number: 1, raw_code };
        let rule = Retry::of_invalid(code.as_str_name());
        let alone = by_itself(&GatewayError::Commit(error));
        let line = format!("| {said} | {} | {alone} |", rule.sentence());
        let name = format!("`{}`", code.as_str_name());
        match lines.iter_mut().find(|(_, known, _)| *known == line) {
            Some((.., names)) => names.push(name),
            None => lines.push((rule == Retry::Never, line, vec![name])),
        }
    }
    lines.sort_by_key(|(never, ..)| *never);
    for (_, line, names) in lines {
        writeln!(text, "| {} {line}", names.join(", ")).unwrap();
    }
}

fn of_the_server(text: &mut String) {
    text.push_str(
        "\n## Of the chaincode server\n\nNothing was ordered. 500 is a fault: the gateway has asked other peers where it \
         could.\n\n| code | status | what it says | what a client does | by itself |\n|---|---|---|---|---|\n",
    );
    for (code, status, said) in SERVER {
        let rule = Retry::of(code, *status).sentence();
        let alone = by_itself(&GatewayError::Endorse(chaincode_says(code, *status)));
        writeln!(text, "| `{code}` | {status} | {said} | {rule} | {alone} |").unwrap();
    }
}

fn of_gateways(text: &mut String) {
    text.push_str(
        "\n## Of gateways, without a code\n\nThe client library tells them apart by status and words (`Obstacle`), before \
         anything was ordered.\n\n| what stood in the way | by itself |\n|---|---|\n",
    );
    let refused = "chaincode response 403, ROLE_NOT_PERMITTED: no role";
    let simulated = "error in simulation: failed to distribute private collection";
    let met = [
        (Obstacle::Contract, call(Code::Aborted, "failed", refused)),
        (
            Obstacle::Client,
            call(Code::Aborted, "failed", "error validating proposal: access denied"),
        ),
        (Obstacle::Overload, call(Code::ResourceExhausted, "too many requests", "")),
        (
            Obstacle::NoPeers,
            call(
                Code::FailedPrecondition,
                "no peer combination can satisfy the endorsement policy",
                "",
            ),
        ),
        (Obstacle::Dissemination, call(Code::Aborted, "failed", simulated)),
        (Obstacle::Unavailable, call(Code::Unavailable, "connection refused", "")),
    ];
    for (obstacle, call) in met {
        assert_eq!(call.obstacle(), obstacle);
        let alone = by_itself(&GatewayError::Endorse(call));
        writeln!(text, "| {} | {alone} |", stood_in_the_way(obstacle)).unwrap();
    }
    let lost = GatewayError::Submit(call(Code::Unavailable, "connection lost", ""));
    let RetryPolicy { submissions_max, status_probe, .. } = RetryPolicy::default();
    assert!(lost.outcome_unknown());
    writeln!(
        text,
        "| the reply to an envelope sent to the orderer was lost | asks what became of it for {} s, then sends the same \
         envelope again, {submissions_max} times in all; proposes nothing |",
        status_probe.as_secs(),
    )
    .unwrap();
}

/// Programs are told the same as documents say.
#[test]
fn errors_of_the_client_tell_code_and_remedy() {
    let lost = CommitError { transaction_id: "1f".to_owned(), block_number: 1, raw_code: 11 };
    let error = ClientError::from(GatewayError::Commit(lost));
    assert_eq!(error.code().as_deref(), Some("MVCC_READ_CONFLICT"));
    assert_eq!(error.retry(), Some(Retry::Same));
    for (code, status, _) in SERVER {
        let error = ClientError::from(GatewayError::Endorse(chaincode_says(code, *status)));
        assert_eq!(error.code().as_deref(), Some(*code));
        assert_eq!(error.retry(), Some(Retry::of(code, *status)));
    }
    let gone = GatewayError::Evaluate(call(Code::Unavailable, "connection refused", ""));
    assert_eq!(ClientError::from(gone).retry(), None);
}

#[test]
fn what_is_waited_for_is_as_told() {
    for (code, status) in [("TICKET_NOT_VISIBLE", 404), ("PRIVATE_DATA_UNAVAILABLE", 500)] {
        let error = ClientError::from(GatewayError::Evaluate(chaincode_says(code, status)));
        assert!(error.may_become_visible(), "{code}");
    }
    for (code, status, _) in SERVER {
        let error = ClientError::from(GatewayError::Evaluate(chaincode_says(code, *status)));
        assert!(!error.may_become_visible(), "{code}");
    }
}

/// The document; `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_codes_are_as_reviewed() {
    let mut text = HEAD.to_owned();
    invalid(&mut text);
    of_the_server(&mut text);
    of_gateways(&mut text);
    let path = Path::new(ROOT).join("docs/platform-errors.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(reviewed, text, "review the change, then run with UPDATE_GOLDEN=1");
}
