//! What a patient does.

use super::asking::AskingCommand;
use super::care::{CareCommand, OwnDelegateCommand};
use super::consent::ConsentCommand;
use super::output::Told;
use super::own_device::OwnDeviceCommand;
use super::records::RecordsCommand;
use super::side::Side;
use super::{CommandError, committed, own_sid};
use clap::Subcommand;
use ioht::{Actor, secrets};
use ioht_contract::{ConfirmRegistration, ConfirmRegistrationPrivate, RebindKey, RebindKeyPrivate};

/// Decides about its own data.
#[derive(Subcommand)]
pub(crate) enum PatientCommand {
    /// Confirms the registration, with secrets of your own.
    #[command(after_help = "Example: ioht patient confirm")]
    Confirm,
    #[command(flatten)]
    Consent(ConsentCommand),
    #[command(flatten)]
    Asking(AskingCommand),
    #[command(flatten)]
    Care(CareCommand),
    /// Your devices, and who commands them.
    #[command(subcommand)]
    Device(OwnDeviceCommand),
    /// Those who act for you.
    #[command(subcommand)]
    Delegate(OwnDelegateCommand),
    #[command(flatten)]
    Records(RecordsCommand),
    /// Refuses the new key that somebody has asked for in your name.
    #[command(after_help = "Example: ioht patient refuse-key")]
    RefuseKey,
}

impl PatientCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        let side = Side { actor, patient: None };
        match self {
            Self::Confirm => {
                let (rk, secret) = (secrets::records_key()?, secrets::secret()?);
                let private = ConfirmRegistrationPrivate { sid: own_sid(actor).await?, rk, secret };
                let done = actor.submit_private(&ConfirmRegistration {}, &private).await?;
                Ok(committed("confirmed", &done))
            }
            Self::Consent(command) => command.run(&side).await,
            Self::Asking(command) => command.run(&side).await,
            Self::Care(command) => command.run(&side).await,
            Self::Device(command) => command.run(&side).await,
            Self::Delegate(command) => command.run(&side).await,
            Self::Records(command) => command.run(actor).await,
            Self::RefuseKey => {
                let patient = actor.who_am_i().await?.patient;
                let pending = patient.and_then(|it| Some((it.sid?, it.pending_key?)));
                let (sid, key_hash) = pending.ok_or_else(|| {
                    CommandError::Form("nobody has asked for a new key of yours".to_owned())
                })?;
                let private = RebindKeyPrivate { sid, key_hash };
                let done = actor.submit_private(&RebindKey {}, &private).await?;
                Ok(committed("refused", &done))
            }
        }
    }
}
