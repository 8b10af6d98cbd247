//! What a client does about a refusal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client does about a refusal, by its code.
///
/// ```
/// use ioht_contract::Retry;
///
/// assert_eq!(Retry::of("TICKET_NOT_VISIBLE", 404), Retry::Same);
/// assert_eq!(Retry::of("ROLE_NOT_PERMITTED", 403), Retry::Never);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// Send the same again, a moment later or to another custodian: the asked peer was not able to,
    /// or has not received everything yet.
    Same,
    /// Send again under a new timestamp, once this machine's clock is right.
    Clock,
    /// Draw new random values and send again.
    Redraw,
    /// Mend what is sent: it is malformed, or outside a bound.
    Mend,
    /// Read the ledger first: it has moved on, or what was done is done already.
    Reread,
    /// Do not send again: somebody has to give the caller a role, a key or a consent first, or to
    /// repair the platform.
    Never,
}

impl Retry {
    /// What to do about a code. One that this release does not know goes by its status.
    pub fn of(code: &str, status: u16) -> Self {
        match (code, status) {
            ("PRIVATE_DATA_UNAVAILABLE" | "TICKET_NOT_VISIBLE", _) => Self::Same,
            ("BACK_DATED" | "PROPOSAL_UNUSABLE", _) => Self::Clock,
            ("RECORDS_KEY_TAKEN" | "KEY_TAKEN", _) => Self::Redraw,
            ("TRANSACTION_ENDED" | "LEDGER_ERROR", _) => Self::Same,
            (_, 400 | 404 | 413) => Self::Mend,
            (_, 409) => Self::Reread,
            _ => Self::Never,
        }
    }

    /// The rule in a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Same => "send the same again, a moment later or to another custodian",
            Self::Clock => "set the clock, then send again",
            Self::Redraw => "draw new random values or a new key, then send again",
            Self::Mend => "mend what is sent",
            Self::Reread => "read the ledger first: it has moved on, or it is done already",
            Self::Never => "do not send again; ask who can change that",
        }
    }
}
