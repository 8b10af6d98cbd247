//! Those who read what is another's, and command another's device.

use super::CommandError;
use super::args::{coded, digest};
use super::order::{Handle, Order, update};
use super::output::{Told, commands, disclosed, reading, word};
use super::when::{When, time_ms};
use clap::{Args, Subcommand};
use ioht::Actor;
use ioht_contract::access::{AccessReference, Scope, TicketId};
use ioht_contract::{
    Action, Actor as Whom, CommandStatus, GetCommand, LoincCode, Period, PurposeCode, SubjectId,
};
use serde_json::json;
use std::path::PathBuf;

/// What somebody reads.
#[derive(Args)]
pub(crate) struct Scoped {
    /// What was measured, by its LOINC code; may be given several times.
    #[arg(long, value_name = "LOINC", default_value = "8867-4")]
    code: Vec<LoincCode>,
    /// The length of the windows, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    grid: u32,
    /// What for, by its HL7 code; your role's usual purpose, unless given.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Option<PurposeCode>,
    /// What you do with it, as directives name it: access, use or disclose.
    #[arg(long, value_name = "ACTION", default_value = "access", value_parser = coded::<Action>)]
    action: Action,
    /// The document that says why; its digest goes on record, the document stays here.
    #[arg(long, value_name = "FILE")]
    why: Option<PathBuf>,
    /// When you no longer need the access; at the latest, and unless given, it ends in thirty days.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    needed_until: Option<i64>,
    #[command(flatten)]
    when: When,
}

/// What somebody reads of whom.
#[derive(Args)]
pub(crate) struct Asked {
    /// The patient's subject id, from its card or your organisation's index.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    #[command(flatten)]
    scoped: Scoped,
}

/// An access of a patient.
#[derive(Args)]
pub(crate) struct Which {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    /// The access, as `request` printed it.
    #[arg(value_name = "ACCESS")]
    access: TicketId,
}

/// Reads what patients share.
#[derive(Subcommand)]
pub(crate) enum ReaderCommand {
    /// Requests, opens and reads in one step. The patient sees that you did, and why.
    #[command(
        after_help = "Example: ioht clinician read 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 --days 7"
    )]
    Read(Asked),
    /// Requests access only: to data of up to 50 patients at once, each decided by itself.
    #[command(after_help = "Example: ioht clinician request 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Request {
        /// The patients' subject ids.
        #[arg(value_name = "SUBJECT", required = true)]
        subjects: Vec<SubjectId>,
        #[command(flatten)]
        scoped: Scoped,
    },
    /// Tells what became of a request.
    #[command(after_help = "Example: ioht clinician status 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      8295932799999.00112233445566778899aabbccddeeff")]
    Status(Which),
    /// Opens an access, so that it can be read for some minutes.
    #[command(after_help = "Example: ioht clinician open 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      8295932799999.00112233445566778899aabbccddeeff")]
    Open {
        #[command(flatten)]
        which: Which,
        /// For how many minutes, up to 60; 15, unless given.
        #[arg(long)]
        minutes: Option<u8>,
    },
    /// Reads by a disclosure that `open` printed.
    #[command(after_help = "Example: ioht clinician records 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      8295932799999.00112233445566778899aabbccddeeff --code 8867-4")]
    Records {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
        /// The disclosure.
        disclosure: TicketId,
        /// What was measured, by its LOINC code.
        #[arg(long, value_name = "LOINC", default_value = "8867-4")]
        code: LoincCode,
        /// The length of the windows, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grid: u32,
        #[command(flatten)]
        when: When,
    },
}

/// Reads, and commands devices.
#[derive(Subcommand)]
pub(crate) enum ClinicianCommand {
    #[command(flatten)]
    Reader(ReaderCommand),
    /// Commands to a patient's device, as the patient has authorized them.
    #[command(subcommand)]
    Command(ClinicianOrder),
}

/// Commands to a patient's device.
#[derive(Subcommand)]
pub(crate) enum ClinicianOrder {
    /// Commands a device, and prints what the command is called.
    #[command(
        after_help = "Example: ioht clinician command issue 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      00112233445566778899aabbccddeeff set-reporting-interval seconds=900 \
                      --under unit:ward@Org1MSP"
    )]
    Issue {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
        #[command(flatten)]
        order: Order,
        /// Whom the patient authorized; you yourself, unless given.
        #[arg(long, value_name = "ACTOR")]
        under: Option<Whom>,
    },
    /// Tells what became of a command of yours.
    #[command(
        after_help = "Example: ioht clinician command status 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff"
    )]
    Status(Given),
    /// Takes a command of yours back that no device has accepted.
    #[command(
        after_help = "Example: ioht clinician command cancel 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff"
    )]
    Cancel(Given),
}

/// A command that was given.
#[derive(Args)]
pub(crate) struct Given {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    /// The command, as it was printed.
    command: Handle,
}

impl Scoped {
    fn scope(&self, usual: &str) -> Result<Scope, CommandError> {
        let usual = usual.parse().map_err(|_| CommandError::Form("no purpose".to_owned()));
        let (start, end) = self.when.range();
        Ok(Scope {
            purpose: self.purpose.clone().map_or(usual, Ok)?,
            action: self.action,
            codes: self.code.iter().copied().collect(),
            data_period: Period { start, end: Some(end) },
            min_grid_s: Some(self.grid),
        })
    }

    pub(super) async fn read(
        &self,
        actor: &Actor,
        sid: SubjectId,
        usual: &str,
    ) -> Result<Told, CommandError> {
        let access = self.request(actor, vec![sid], usual).await?.pop();
        let access = access.ok_or_else(|| CommandError::Form("no access was named".to_owned()))?;
        Ok(reading(&actor.read_access(access, self.grid).await?))
    }

    async fn request(
        &self,
        actor: &Actor,
        subjects: Vec<SubjectId>,
        usual: &str,
    ) -> Result<Vec<AccessReference>, CommandError> {
        let why = self.why.as_deref().map(digest).transpose()?;
        let scope = self.scope(usual)?;
        Ok(actor.request_accesses(subjects, scope, why, self.needed_until).await?)
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
            Self::Read(asked) => asked.scoped.read(actor, asked.sid, usual).await,
            Self::Request { subjects, scoped } => {
                let accesses = scoped.request(actor, subjects, usual).await?;
                let ids: Vec<String> = accesses.iter().map(|it| it.access.to_string()).collect();
                Ok(Told::new(ids.join("\n"), &accesses))
            }
            Self::Status(which) => {
                let view = actor.access(which.reference()).await?;
                let text = format!("{}: {}", word(&view.outcome), word(&view.reason));
                Ok(Told::new(text, &view))
            }
            Self::Open { which, minutes } => {
                let disclosure = actor.open(which.reference(), minutes).await?;
                Ok(Told::new(disclosure.to_string(), &json!({"disclosure": disclosure})))
            }
            Self::Records { sid, disclosure, code, grid, when } => {
                let (from, until) = when.range();
                let found = actor.disclosed(sid, disclosure, code, grid, from, until).await?;
                Ok(Told::new(disclosed(&found), &found))
            }
        }
    }
}

impl ClinicianCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Reader(command) => command.run(actor, "TREAT").await,
            Self::Command(command) => command.run(actor).await,
        }
    }
}

impl ClinicianOrder {
    async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Issue { sid, order, under } => {
                let under = under.unwrap_or(Whom::Participant(actor.pid()));
                order.issue(actor, sid, Some(under)).await
            }
            Self::Status(Given { sid, command }) => {
                let reference = command.reference(sid);
                let found = actor.evaluate_private(&GetCommand {}, &reference).await?;
                Ok(commands(reference.device, &[found]))
            }
            Self::Cancel(Given { sid, command }) => {
                update(actor, sid, command, CommandStatus::Cancelled).await
            }
        }
    }
}
