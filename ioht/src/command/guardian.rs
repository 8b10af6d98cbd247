//! A guardian as a court's order names it.

use super::args::{NewKey, coded, digest};
use super::output::Told;
use super::when::time_ms;
use super::{CommandError, committed};
use clap::Args;
use ioht::Actor;
use ioht_contract::{
    AcceptDelegation, AcceptDelegationPrivate, DelegationKind, Guardianship, Period, Power,
    ProposeDelegation, ProposeDelegationPrivate, SubjectId,
};
use serde_json::json;
use std::path::PathBuf;

/// What the order says. Who proposes the guardian and who countersigns it read the same one.
#[derive(Args)]
pub(crate) struct CourtOrder {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    #[command(flatten)]
    key: NewKey,
    /// What for: view, consent, devices, control, erasure; may be given several times.
    #[arg(long, required = true, value_parser = coded::<Power>)]
    power: Vec<Power>,
    /// The order itself; its digest goes to the ledger, the document stays here.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// From when, such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    from: i64,
    /// Until when: of a minor, the day it comes of age.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: i64,
}

impl CourtOrder {
    fn guardianship(&self, actor: &Actor) -> Result<Guardianship, CommandError> {
        let bearer = self.key.bearer(actor)?;
        Ok(Guardianship {
            delegate: bearer.pid,
            key_hash: bearer.key_hash,
            powers: self.power.iter().copied().collect(),
            period: Period { start: self.from, end: Some(self.until) },
            evidence: digest(&self.evidence)?,
        })
    }

    /// As a registrar of the patient's organisation.
    pub(super) async fn propose(self, actor: &Actor) -> Result<Told, CommandError> {
        let Guardianship { delegate, key_hash, powers, period, evidence } =
            self.guardianship(actor)?;
        let private = ProposeDelegationPrivate {
            sid: self.sid,
            delegate,
            key_hash,
            kind: DelegationKind::Guardian,
            powers,
            period,
            evidence: Some(evidence),
        };
        actor.submit_private(&ProposeDelegation {}, &private).await?;
        Ok(Told::new(delegate.to_string(), &json!({"delegate": delegate})))
    }

    /// As a privacy officer of another custodian.
    pub(super) async fn countersign(self, actor: &Actor) -> Result<Told, CommandError> {
        let guardian = Some(self.guardianship(actor)?);
        let private = AcceptDelegationPrivate { sid: self.sid, guardian };
        let done = actor.submit_private(&AcceptDelegation {}, &private).await?;
        Ok(committed("agreed", &done))
    }
}
