//! What a client does about a refusal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client does about a refusal or a fault, by its code.
///
/// ```
/// use ioht_contract::Retry;
///
/// assert_eq!(Retry::of("TICKET_NOT_VISIBLE", 404), Retry::Same);
/// assert_eq!(Retry::of("ROLE_NOT_PERMITTED", 403), Retry::Never);
/// assert_eq!(Retry::of_invalid("MVCC_READ_CONFLICT"), Retry::Same);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Send the same again, in a new proposal, a moment later or to another custodian: the asked peer
    /// was not able to, or has not received everything yet, or somebody else was faster.
    Same,
    /// Send the same again once the hour of the client's clock is over.
    NextHour,
    /// Send again under a new timestamp, once this machine's clock is right.
    Clock,
    /// Draw new random values and send again.
    Redraw,
    /// Mend what is sent: it is malformed, or outside a bound.
    Mend,
    /// End or withdraw something first: there is no room for more.
    MakeRoom,
    /// Get anew what it rests on, which has run out: open the access, have the device offered, order
    /// the command again.
    Renew,
    /// Read the ledger first: it has moved on, or what was done is done already.
    Reread,
    /// Do not send again: somebody has to give the caller a role, a key or a consent first, or to
    /// repair the platform.
    Never,
}

impl Retry {
    /// What to do about a code of the contract or of the chaincode server. One that this release does
    /// not know goes by its status.
    pub fn of(code: &str, status: u16) -> Self {
        match (code, status) {
            ("PRIVATE_DATA_UNAVAILABLE" | "TICKET_NOT_VISIBLE", _) => Self::Same,
            ("TRANSACTION_ENDED" | "LEDGER_ERROR", _) => Self::Same,
            ("OVERLOADED" | "DRAINING" | "DEADLINE_EXCEEDED", _) => Self::Same,
            ("BAD_PROPOSAL" | "BAD_INPUT" | "NO_RANDOMNESS", _) => Self::Same,
            ("RATE_EXCEEDED", _) => Self::NextHour,
            ("BACK_DATED" | "PROPOSAL_UNUSABLE" | "TIMESTAMP_OUT_OF_WINDOW", _) => Self::Clock,
            ("RECORDS_KEY_TAKEN" | "KEY_TAKEN", _) => Self::Redraw,
            ("MESSAGE_TOO_LARGE" | "RECORD_VERSIONS_FULL", _) => Self::Mend,
            ("CONSENT_TOO_LARGE" | "AUTHORISATIONS_FULL" | "CARE_TEAM_FULL", _) => Self::MakeRoom,
            ("DELEGATIONS_FULL" | "DELEGATION_EXISTS", _) => Self::MakeRoom,
            ("DEVICES_FULL" | "CLAIMS_FULL", _) => Self::MakeRoom,
            ("TICKET_EXPIRED" | "OFFER_LAPSED" | "COMMAND_ENDED", _) => Self::Renew,
            // Nothing makes room in a tree: units stay.
            ("UNIT_TREE_FULL", _) => Self::Never,
            ("NOT_DISCLOSED", _) => Self::Reread,
            (_, 400 | 404 | 413) => Self::Mend,
            (_, 409) => Self::Reread,
            _ => Self::Never,
        }
    }

    /// What to do about a transaction that is in a block, marked invalid, by Fabric's name of the
    /// validation code. It changed nothing.
    pub fn of_invalid(validation_code: &str) -> Self {
        match validation_code {
            "MVCC_READ_CONFLICT" | "PHANTOM_READ_CONFLICT" => Self::Same,
            // The chaincode was upgraded in between.
            "EXPIRED_CHAINCODE" | "CHAINCODE_VERSION_CONFLICT" => Self::Same,
            // The first envelope of this id decides, and it may be committed.
            "DUPLICATE_TXID" => Self::Reread,
            _ => Self::Never,
        }
    }

    /// The rule in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Same => "send the same again, a moment later or to another custodian",
            Self::NextHour => "send the same again when the hour (UTC) is over",
            Self::Clock => "set the clock, then send again",
            Self::Redraw => "draw new random values or a new key, then send again",
            Self::Mend => "mend what is sent",
            Self::MakeRoom => "end something first, as the sentence says, then send the same again",
            Self::Renew => "get anew what it rests on, which has run out",
            Self::Reread => "read the ledger first: it has moved on, or it is done already",
            Self::Never => "do not send again; ask who can change that",
        }
    }
}
