//! The care team, who acts for a patient, and what others did.

use super::args::{NewKey, Term, coded, digest};
use super::output::{Told, accounting, journal, relations};
use super::side::Side;
use super::when::When;
use super::{CommandError, committed};
use clap::{Args, Subcommand};
use ioht::Actor;
use ioht_contract::{
    Actor as Whom, DelegationKind, EndDelegation, EndDelegationPrivate, ListDelegations,
    OfPatientPrivate, ParticipantId, Power, ProposeDelegation, ProposeDelegationPrivate,
    PutCareTeam, PutCareTeamPrivate, SubjectId,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The care team and what others did.
#[derive(Subcommand)]
pub(crate) enum CareCommand {
    /// The care team: who is in it, who joins, who leaves.
    #[command(subcommand)]
    CareTeam(CareTeamCommand),
    /// Tells who asked for the data and who looked at it, refusals included.
    #[command(after_help = "Example: ioht patient who-looked --days 30")]
    WhoLooked(When),
    /// Tells what others did to the patient's side of the ledger or in its name.
    #[command(after_help = "Example: ioht patient journal --days 30")]
    Journal(When),
}

/// The care team.
#[derive(Subcommand)]
pub(crate) enum CareTeamCommand {
    /// Shows the care team, and who acts for the patient.
    #[command(after_help = "Example: ioht patient care-team list")]
    List,
    /// Adds members.
    #[command(after_help = "Example: ioht patient care-team add unit:ward@Org1MSP")]
    Add {
        /// A participant (`pid:…`) or a unit (`unit:ward@Org1MSP`); may be given several times.
        #[arg(value_name = "ACTOR", required = true)]
        members: Vec<Whom>,
    },
    /// Removes members.
    #[command(after_help = "Example: ioht patient care-team remove unit:ward@Org1MSP")]
    Remove {
        /// As they were added.
        #[arg(value_name = "ACTOR", required = true)]
        members: Vec<Whom>,
    },
}

/// Who acts for the patient.
#[derive(Subcommand)]
pub(crate) enum OwnDelegateCommand {
    /// Shows who acts for you, and your care team.
    #[command(after_help = "Example: ioht patient delegate list")]
    List,
    /// Proposes somebody who acts for you. It accepts with `ioht delegate accept`.
    #[command(after_help = "Example: ioht patient delegate add --certificate aunt.pem \
                      --kind caregiver --power view --power devices --days 365")]
    Add {
        /// Why it acts: caregiver, proxy, or healthcare_poa (needs `--evidence`).
        #[arg(long, value_parser = coded::<DelegationKind>)]
        kind: DelegationKind,
        #[command(flatten)]
        proposal: Proposal,
    },
    /// Ends somebody's acting for you, at once.
    #[command(after_help = "Example: ioht patient delegate end 00112233445566778899aabbccddeeff")]
    End {
        /// Who.
        delegate: ParticipantId,
    },
}

/// Somebody who is to act for a patient.
#[derive(Args)]
pub(crate) struct Proposal {
    #[command(flatten)]
    key: NewKey,
    /// What for: view, consent, devices, control, erasure; may be given several times.
    #[arg(long, required = true, value_parser = coded::<Power>)]
    power: Vec<Power>,
    /// What it rests on; its digest goes to the ledger, the document stays here.
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    #[command(flatten)]
    term: Term,
}

impl CareCommand {
    pub(super) async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        match self {
            Self::CareTeam(command) => command.run(side).await,
            Self::WhoLooked(when) => {
                let (from, until) = when.range_of_entries();
                Ok(accounting(&side.actor.who_looked(side.patient, from, until).await?))
            }
            Self::Journal(when) => {
                let (from, until) = when.range_of_entries();
                Ok(journal(&side.actor.journal(side.patient, from, until).await?))
            }
        }
    }
}

impl CareTeamCommand {
    async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let (add, remove) = match self {
            Self::List => return list(side).await,
            Self::Add { members } => (members, Vec::new()),
            Self::Remove { members } => (Vec::new(), members),
        };
        let sid = side.sid().await?;
        let (add, remove): (BTreeSet<_>, _) =
            (add.into_iter().collect(), remove.into_iter().collect());
        let private = PutCareTeamPrivate { sid, add, remove };
        let done = side.actor.submit_private(&PutCareTeam {}, &private).await?;
        Ok(committed("done", &done))
    }
}

async fn list(side: &Side<'_>) -> Result<Told, CommandError> {
    let private = OfPatientPrivate { sid: side.patient };
    Ok(relations(&side.actor.evaluate_private(&ListDelegations {}, &private).await?))
}

impl OwnDelegateCommand {
    pub(super) async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        match self {
            Self::List => list(side).await,
            Self::Add { kind, proposal } => {
                proposal.submit(side.actor, side.sid().await?, kind).await
            }
            Self::End { delegate } => end(side.actor, side.sid().await?, Some(delegate)).await,
        }
    }
}

impl Proposal {
    async fn submit(
        self,
        actor: &Actor,
        sid: SubjectId,
        kind: DelegationKind,
    ) -> Result<Told, CommandError> {
        let bearer = self.key.bearer(actor)?;
        let private = ProposeDelegationPrivate {
            sid,
            delegate: bearer.pid,
            key_hash: bearer.key_hash,
            kind,
            powers: self.power.into_iter().collect(),
            period: self.term.period(),
            evidence: self.evidence.as_deref().map(digest).transpose()?,
        };
        actor.submit_private(&ProposeDelegation {}, &private).await?;
        Ok(Told::new(bearer.pid.to_string(), &json!({"delegate": bearer.pid})))
    }
}

/// Ends a delegation: the caller's own, unless a delegate is given.
pub(super) async fn end(
    actor: &Actor,
    sid: SubjectId,
    delegate: Option<ParticipantId>,
) -> Result<Told, CommandError> {
    let private = EndDelegationPrivate { sid, delegate };
    let done = actor.submit_private(&EndDelegation {}, &private).await?;
    Ok(committed("ended", &done))
}
