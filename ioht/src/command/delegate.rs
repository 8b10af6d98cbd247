//! What somebody does who acts for a patient.

use super::asking::AskingCommand;
use super::care::{CareCommand, end};
use super::consent::ConsentCommand;
use super::output::Told;
use super::own_device::OwnDeviceCommand;
use super::reader::Scoped;
use super::side::Side;
use super::{CommandError, committed};
use clap::{Args, Subcommand};
use ioht::Actor;
use ioht_contract::{AcceptDelegation, AcceptDelegationPrivate, SubjectId};

/// Acts for a patient, as far as its powers go.
#[derive(Args)]
pub(crate) struct DelegateArgs {
    /// The patient's subject id, as the patient told it.
    #[arg(long = "for", global = true, value_name = "SUBJECT")]
    patient: Option<SubjectId>,
    #[command(subcommand)]
    command: DelegateCommand,
}

/// What a delegate does.
#[derive(Subcommand)]
pub(crate) enum DelegateCommand {
    /// Accepts to act for the patient.
    #[command(after_help = "Example: ioht delegate accept --for 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Accept,
    /// Ends acting for the patient, at once.
    #[command(after_help = "Example: ioht delegate end --for 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    End,
    /// Requests, opens and reads in one step (power: view). The patient sees that you did.
    #[command(
        after_help = "Example: ioht delegate read --for 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 --days 7"
    )]
    Read(Scoped),
    #[command(flatten)]
    Consent(ConsentCommand),
    #[command(flatten)]
    Asking(AskingCommand),
    #[command(flatten)]
    Care(CareCommand),
    /// The patient's devices (power: devices), and who commands them (power: control).
    #[command(subcommand)]
    Device(OwnDeviceCommand),
}

impl DelegateArgs {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        let sid = self.patient.ok_or(CommandError::NoPatient)?;
        let side = Side { actor, patient: Some(sid) };
        match self.command {
            DelegateCommand::Accept => {
                let private = AcceptDelegationPrivate { sid, guardian: None };
                let done = actor.submit_private(&AcceptDelegation {}, &private).await?;
                Ok(committed("accepted", &done))
            }
            DelegateCommand::End => end(actor, sid, None).await,
            DelegateCommand::Read(scoped) => scoped.read(actor, sid, "PATRQT").await,
            DelegateCommand::Consent(command) => command.run(&side).await,
            DelegateCommand::Asking(command) => command.run(&side).await,
            DelegateCommand::Care(command) => command.run(&side).await,
            DelegateCommand::Device(command) => command.run(&side).await,
        }
    }
}
