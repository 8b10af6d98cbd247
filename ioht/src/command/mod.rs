//! What each role does from a shell.

mod output;
mod patient;
mod reader;
mod staff;
mod when;

pub(crate) use output::Told;

use clap::{Args, Subcommand};
use ioht::{Actor, ClientError, Profile, ProfileError};
use ioht_contract::SubjectId;
use serde_json::json;
use std::path::PathBuf;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// No profile.
    #[error("say which gateway and as whom: --profile FILE, or IOHT_PROFILE=FILE")]
    NoProfile,
    /// The profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The call.
    #[error("{0}{hint}", hint = hint(.0))]
    Client(#[from] ClientError),
    /// A file.
    #[error("{path} cannot be read: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file's content.
    #[error("{0}")]
    Form(String),
    /// Random values.
    #[error(transparent)]
    Random(#[from] ioht::secrets::NoRandom),
}

/// What to do about a code, where its sentence does not say so.
fn hint(error: &ClientError) -> &'static str {
    match error.code().as_deref() {
        Some("IDENTITY_UNKNOWN") => " (`ioht whoami` shows who you are to the ledger)",
        Some("ROLE_NOT_PERMITTED") => " (`ioht whoami` shows your roles)",
        Some("BACK_DATED") => " (compare this machine's clock)",
        Some("PRIVATE_DATA_UNAVAILABLE") => " (or name another custodian's gateway in the profile)",
        _ => "",
    }
}

/// Where and how every command works.
#[derive(Args)]
pub(crate) struct Common {
    /// The profile: which gateway, and as whom.
    #[arg(long, global = true, env = "IOHT_PROFILE", value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Prints JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl Common {
    async fn connect(&self) -> Result<Actor, CommandError> {
        let path = self.profile.as_deref().ok_or(CommandError::NoProfile)?;
        Ok(Profile::load(path)?.connect().await?)
    }
}

/// What each role can do.
#[derive(Subcommand)]
pub(crate) enum RoleCommand {
    /// Tells who you are to the ledger.
    Whoami,
    /// As a patient: confirm, share, pause, withdraw, and see who looked.
    #[command(subcommand)]
    Patient(patient::PatientCommand),
    /// As a clinician: read what patients share with you.
    #[command(subcommand)]
    Clinician(reader::ReaderCommand),
    /// As a researcher: read what patients share for research.
    #[command(subcommand)]
    Researcher(reader::ReaderCommand),
    /// As somebody who acts for a patient.
    #[command(subcommand)]
    Delegate(reader::DelegateCommand),
    /// As a registrar: register patients.
    #[command(subcommand)]
    Registrar(staff::RegistrarCommand),
    /// As an organisation's administrator: register it, its units and its staff.
    #[command(subcommand)]
    Admin(staff::AdminCommand),
    /// As a device: confirm whose it is, and submit summaries.
    #[command(subcommand)]
    Device(staff::DeviceCommand),
}

impl RoleCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<Told, CommandError> {
        let actor = common.connect().await?;
        match self {
            Self::Whoami => {
                let myself = actor.who_am_i().await?;
                let mut text = format!("{} of {}", myself.pid, myself.msp);
                if let Some(staff) = &myself.staff {
                    text.push_str(&format!("\nstaff of {}: {:?}", staff.unit, staff.roles));
                }
                if let Some(patient) = &myself.patient {
                    text.push_str(&format!("\npatient: {:?}", patient.status));
                }
                for device in &myself.devices {
                    text.push_str(&format!("\ndevice {}: {:?}", device.device, device.status));
                }
                Ok(Told::new(text, &myself))
            }
            Self::Patient(command) => command.run(&actor).await,
            Self::Clinician(command) => command.run(&actor, "TREAT").await,
            Self::Researcher(command) => command.run(&actor, "HRESCH").await,
            Self::Delegate(command) => command.run(&actor).await,
            Self::Registrar(command) => command.run(&actor).await,
            Self::Admin(command) => command.run(&actor).await,
            Self::Device(command) => command.run(&actor).await,
        }
    }
}

/// A submitted transaction, told.
fn committed<A>(what: &str, committed: &ioht::Committed<A>) -> Told {
    let (tx, block) = (&committed.transaction_id, committed.block_number);
    let told = json!({"transaction": tx, "block": block});
    Told::new(format!("{what}: block {block}, transaction {tx}"), &told)
}

/// The caller's own subject id.
async fn own_sid(actor: &Actor) -> Result<SubjectId, CommandError> {
    let patient = actor.who_am_i().await?.patient;
    patient.and_then(|patient| patient.sid).ok_or_else(|| {
        CommandError::Form("the ledger knows you as no patient; ask your registrar".to_owned())
    })
}

fn read_file(path: &std::path::Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path)
        .map_err(|source| CommandError::File { path: path.to_owned(), source })
}
