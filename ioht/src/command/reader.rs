//! Those who read what is another's.

use super::CommandError;
use super::output::{Told, accounting, reading, word};
use super::when::When;
use clap::{Args, Subcommand};
use ioht::Actor;
use ioht_contract::access::{AccessReference, Scope, TicketId};
use ioht_contract::{Action, LoincCode, Period, PurposeCode, SubjectId};
use serde_json::json;

/// What somebody reads.
#[derive(Args)]
pub(crate) struct Asked {
    /// The patient's subject id, from its card or your organisation's index.
    #[arg(value_name = "SUBJECT", value_parser = subject)]
    sid: SubjectId,
    /// What was measured, by its LOINC code; may be given several times.
    #[arg(long, value_name = "LOINC", default_value = "8867-4", value_parser = code)]
    code: Vec<LoincCode>,
    /// The length of the windows, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    grid: u32,
    /// What for, by its HL7 code; your role's usual purpose, unless given.
    #[arg(long, value_name = "PURPOSE", value_parser = purpose)]
    purpose: Option<PurposeCode>,
    #[command(flatten)]
    when: When,
}

/// An access of a patient.
#[derive(Args)]
pub(crate) struct Which {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT", value_parser = subject)]
    sid: SubjectId,
    /// The access, as `request` printed it.
    #[arg(value_name = "ACCESS", value_parser = ticket)]
    access: TicketId,
}

/// Reads what patients share.
#[derive(Subcommand)]
pub(crate) enum ReaderCommand {
    /// Requests, opens and reads in one step. The patient sees that you did, and why.
    Read(Asked),
    /// Requests access only.
    Request(Asked),
    /// Tells what became of a request.
    Status(Which),
    /// Opens an access, so that it can be read for some minutes.
    Open(Which),
}

/// Acts for a patient.
#[derive(Subcommand)]
pub(crate) enum DelegateCommand {
    /// Requests, opens and reads in one step. The patient sees that you did.
    Read(Asked),
    /// Tells who asked for the patient's data and who looked at it.
    WhoLooked {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT", value_parser = subject)]
        sid: SubjectId,
        #[command(flatten)]
        when: When,
    },
}

impl Asked {
    fn scope(&self, usual: &str) -> Result<Scope, CommandError> {
        let usual = usual.parse().map_err(|_| CommandError::Form("no purpose".to_owned()));
        let (start, end) = self.when.range();
        Ok(Scope {
            purpose: self.purpose.clone().map_or(usual, Ok)?,
            action: Action::Access,
            codes: self.code.iter().copied().collect(),
            data_period: Period { start, end: Some(end) },
            min_grid_s: Some(self.grid),
        })
    }

    async fn read(&self, actor: &Actor, usual: &str) -> Result<Told, CommandError> {
        Ok(reading(&actor.read(self.sid, self.scope(usual)?, self.grid).await?))
    }
}

impl Which {
    fn reference(&self) -> AccessReference {
        AccessReference { sid: self.sid, access: self.access }
    }
}

impl ReaderCommand {
    pub(super) async fn run(self, actor: &Actor, usual: &str) -> Result<Told, CommandError> {
        match self {
            Self::Read(asked) => asked.read(actor, usual).await,
            Self::Request(asked) => {
                let access = actor.request_access(asked.sid, asked.scope(usual)?).await?.access;
                Ok(Told::new(access.to_string(), &json!({"access": access})))
            }
            Self::Status(which) => {
                let view = actor.access(which.reference()).await?;
                let text = format!("{}: {}", word(&view.outcome), word(&view.reason));
                Ok(Told::new(text, &view))
            }
            Self::Open(which) => {
                let disclosure = actor.open(which.reference()).await?;
                Ok(Told::new(disclosure.to_string(), &json!({"disclosure": disclosure})))
            }
        }
    }
}

impl DelegateCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Read(asked) => asked.read(actor, "PATRQT").await,
            Self::WhoLooked { sid, when } => {
                let (from, until) = when.range();
                Ok(accounting(&actor.who_looked(Some(sid), from, until).await?))
            }
        }
    }
}

pub(super) fn subject(text: &str) -> Result<SubjectId, String> {
    text.parse().map_err(|_| "a subject id has 32 lower-case hexadecimal digits".to_owned())
}

pub(super) fn code(text: &str) -> Result<LoincCode, String> {
    text.parse().map_err(|_| "give a LOINC code, such as 8867-4 for heart rate".to_owned())
}

fn purpose(text: &str) -> Result<PurposeCode, String> {
    text.parse().map_err(|_| "give an HL7 purpose of use, such as TREAT".to_owned())
}

fn ticket(text: &str) -> Result<TicketId, String> {
    text.parse().map_err(|_| "give the access as `request` printed it".to_owned())
}
