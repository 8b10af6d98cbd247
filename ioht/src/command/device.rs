//! What a device does, or the gateway that its patient named.

use super::args::{RecordKey, Window, from_json};
use super::order::{Handle, update};
use super::output::{Told, commands};
use super::own_device::expiring;
use super::records::{Correction, verify};
use super::{CommandError, committed};
use clap::{Args, Subcommand, ValueEnum};
use ioht::Actor;
use ioht_contract::{
    CommandStatus, ConfirmDevice, ConfirmDevicePrivate, CorrectSummary, CorrectSummaryPrivate,
    ParticipantId, RawDigest, SubjectId, Submission, SubmitSummaries, SubmitSummariesPrivate,
    WhoAmI, WhoAmIPrivate,
};
use serde_json::json;
use std::path::PathBuf;

/// Acts as a device, or as its gateway.
#[derive(Args)]
pub(crate) struct DeviceArgs {
    /// The device, when you are its gateway.
    #[arg(long, global = true)]
    device: Option<ParticipantId>,
    #[command(subcommand)]
    command: DeviceCommand,
}

/// What a device does.
#[derive(Subcommand)]
pub(crate) enum DeviceCommand {
    /// Confirms the patient that registered it.
    #[command(after_help = "Example: ioht device confirm 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Confirm {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
    },
    /// Submits summaries: a JSON array of records. Raw data stays on the device.
    #[command(after_help = "Example: ioht device submit summaries.json")]
    Submit {
        /// The file.
        file: PathBuf,
    },
    /// Corrects a record that the device submitted; the version before is kept.
    #[command(
        after_help = "Example: ioht device correct window.json --version 1 --reason late-data"
    )]
    Correct {
        /// The record as JSON, with its new status.
        file: PathBuf,
        #[command(flatten)]
        correction: Correction,
    },
    /// Tells whether raw data is what a record was made from, by its digest.
    #[command(after_help = "Example: ioht device verify --start 2026-01-31T08:00:00Z \
                      9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    Verify {
        #[command(flatten)]
        window: Window,
        /// SHA-256 of the raw data and its salt, computed anew on the device.
        digest: RawDigest,
    },
    /// Shows the open commands.
    #[command(after_help = "Example: ioht device commands")]
    Commands {
        /// Also those that expired in the last days.
        #[arg(long, default_value_t = 0)]
        days: u16,
    },
    /// Accepts a command: the device will do it.
    #[command(after_help = "Example: ioht device accept \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff")]
    Accept {
        /// The command, as `commands` printed it.
        command: Handle,
    },
    /// Rejects a command: the device will not.
    #[command(after_help = "Example: ioht device reject \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff")]
    Reject {
        /// The command, as `commands` printed it.
        command: Handle,
    },
    /// Reports how an accepted command ended.
    #[command(after_help = "Example: ioht device report \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff \
                      completed")]
    Report {
        /// The command, as `commands` printed it.
        command: Handle,
        /// How.
        #[arg(value_enum)]
        outcome: Outcome,
    },
}

/// How a command ended.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Outcome {
    /// The device has done it.
    Completed,
    /// The device could not.
    Failed,
}

/// The device, as the ledger knows it.
struct Known {
    device: ParticipantId,
    /// The device, when its gateway acts.
    named: Option<ParticipantId>,
    submission: Submission,
}

impl DeviceArgs {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        let named = self.device;
        match self.command {
            DeviceCommand::Confirm { sid } => {
                let private = ConfirmDevicePrivate { sid };
                let done = actor.submit_private(&ConfirmDevice {}, &private).await?;
                Ok(committed("confirmed", &done))
            }
            DeviceCommand::Submit { file } => {
                Known::find(actor, named).await?.submit(actor, file).await
            }
            DeviceCommand::Correct { file, correction } => {
                let known = Known::find(actor, named).await?;
                let private = CorrectSummaryPrivate {
                    sid: known.submission.sid,
                    rk: known.submission.rk,
                    device: known.named,
                    version: correction.version,
                    reason: correction.reason,
                    record: from_json(&file)?,
                };
                let done = actor.submit_private(&CorrectSummary {}, &private).await?;
                Ok(committed("corrected", &done))
            }
            DeviceCommand::Verify { window, digest } => {
                let device = named.unwrap_or_else(|| actor.pid());
                verify(actor, &RecordKey { window, device }, digest).await
            }
            DeviceCommand::Commands { days } => {
                let known = Known::find(actor, named).await?;
                let (from, until) = expiring(days);
                let sid = known.submission.sid;
                let found = actor.commands(sid, known.device, from, until).await?;
                Ok(commands(known.device, &found))
            }
            DeviceCommand::Accept { command } => {
                answer(actor, named, command, CommandStatus::Accepted).await
            }
            DeviceCommand::Reject { command } => {
                answer(actor, named, command, CommandStatus::Rejected).await
            }
            DeviceCommand::Report { command, outcome } => {
                let status = match outcome {
                    Outcome::Completed => CommandStatus::Completed,
                    Outcome::Failed => CommandStatus::Failed,
                };
                answer(actor, named, command, status).await
            }
        }
    }
}

async fn answer(
    actor: &Actor,
    named: Option<ParticipantId>,
    command: Handle,
    status: CommandStatus,
) -> Result<Told, CommandError> {
    let sid = Known::find(actor, named).await?.submission.sid;
    update(actor, sid, command, status).await
}

impl Known {
    async fn find(actor: &Actor, named: Option<ParticipantId>) -> Result<Self, CommandError> {
        let device = named.unwrap_or_else(|| actor.pid());
        let asked = WhoAmIPrivate { devices: named.into_iter().collect(), patients: Vec::new() };
        let myself = actor.evaluate_private(&WhoAmI {}, &asked).await?;
        let found = myself.devices.into_iter().find(|it| it.device == device);
        let submission = found.and_then(|it| it.submits).ok_or_else(|| {
            let reason = "the ledger knows no such device of yours: it has to be registered by its \
                          patient, confirmed, and active";
            CommandError::Form(reason.to_owned())
        })?;
        Ok(Self { device, named, submission })
    }

    async fn submit(self, actor: &Actor, file: PathBuf) -> Result<Told, CommandError> {
        let Submission { sid, rk, .. } = self.submission;
        let records = from_json(&file)?;
        let private = SubmitSummariesPrivate { sid, rk, device: self.named, records };
        let done = actor.submit_private(&SubmitSummaries {}, &private).await?;
        let (created, existing) = (done.answer.created, done.answer.existing);
        let text = format!("{created} new, {existing} there already");
        Ok(Told::new(text, &json!({"created": created, "existing": existing})))
    }
}
