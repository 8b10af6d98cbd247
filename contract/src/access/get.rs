//! What became of requests.

use super::asker::{Asker, READERS};
use super::{AccessReference, SUBJECTS_MAX, Scope, TicketId, ToldReason};
use crate::decision::Outcome;
use crate::error::ContractError;
use crate::ids::{LoincCode, ObligationCode};
use crate::meta::Tx;
use crate::participant::{Participant, Standing};
use crate::policies::Policies;
use crate::private;
use crate::state::{ACCESSES, HEADS};
use fabric_contract_rs::{Evaluate, QueryReader, TimestampMs, TxContext};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Tells a requester what became of its requests, as they were decided. What can be read now is
/// decided when it is opened, and again when it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAccess {}

/// The private part of [`GetAccess`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetAccessPrivate {
    /// The accesses: 1 to 50.
    pub accesses: Vec<AccessReference>,
}

/// The answer of [`GetAccess`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accesses {
    /// One for each asked about, in that order.
    pub accesses: Vec<AccessView>,
}

/// An access as its requester sees it. Which directives decided is the patient's to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessView {
    /// Its name.
    pub access: TicketId,
    /// What was asked for.
    pub scope: Scope,
    /// Whether data may be read.
    pub outcome: Outcome,
    /// Why, as far as the requester is told.
    pub reason: ToldReason,
    /// The codes that may be read.
    pub codes: BTreeSet<LoincCode>,
    /// What the reader is obliged to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub obligations: BTreeSet<ObligationCode>,
    /// Since when it holds.
    pub not_before: TimestampMs,
    /// The first moment at which it has expired.
    pub until: TimestampMs,
    /// Disclosures that it led to.
    pub uses: u32,
    /// How many it may.
    pub max_uses: u32,
}

impl Evaluate for GetAccess {
    const NAME: &'static str = "GetAccess";
    const ROLES: &'static [&'static str] = READERS;
    type State = Policies;
    type Output = Accesses;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Accesses, ContractError> {
        let private: GetAccessPrivate = private::take(cx)?;
        if private.accesses.is_empty() || private.accesses.len() > SUBJECTS_MAX {
            return Err(ContractError::ArgumentInvalid("ask about 1 to 50 accesses"));
        }
        let (tx, caller) = (Tx::of(cx)?, Participant::calling(cx)?);
        let standing = Standing::load(&caller, ledger).await?;
        let asker = Asker::new(Self::NAME, policies, (&caller, &tx), &standing);
        let mut accesses = Vec::with_capacity(private.accesses.len());
        for (AccessReference { sid, access: name }, position) in
            private.accesses.iter().zip(0_u32..)
        {
            let head = HEADS.get(ledger, &(*sid,)).await?;
            asker.may_ask(head.as_ref())?;
            let head = head.ok_or(ContractError::SubjectUnknownAt { position })?;
            let access = ACCESSES.get(ledger, &(*sid, *name)).await?;
            let own = access.filter(|access| access.requester == caller.pid);
            let access = own.ok_or(ContractError::TicketNotVisible)?;
            asker.acts(access.capacity, &head)?;
            accesses.push(AccessView {
                access: *name,
                outcome: access.verdict.outcome,
                reason: access.verdict.reason.into(),
                codes: access.verdict.codes,
                obligations: access.verdict.obligations,
                scope: access.scope,
                not_before: name.at(),
                until: access.until,
                uses: access.uses,
                max_uses: access.max_uses,
            });
        }
        Ok(Accesses { accesses })
    }
}
