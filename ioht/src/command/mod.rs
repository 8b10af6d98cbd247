//! What each role does from a shell.

mod args;
mod asking;
mod care;
mod consent;
mod delegate;
mod device;
mod guardian;
mod order;
mod output;
mod own_device;
mod patient;
mod reader;
mod recording;
mod records;
mod side;
mod staff;
mod when;

pub(crate) use output::{Told, warning};
pub(crate) use recording::RecordingCommand;

use clap::{Args, Subcommand};
use ioht::{Actor, ClientError, Profile, ProfileError};
use ioht_contract::{Findings, ParticipantId, Retry, SubjectId, WhoAmI, WhoAmIPrivate};
use serde_json::json;
use std::path::PathBuf;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// No profile.
    #[error("say which gateway and as whom: --profile FILE, or IOHT_PROFILE=FILE")]
    NoProfile,
    /// A delegate that does not say for whom.
    #[error("say for which patient: --for SUBJECT")]
    NoPatient,
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
    /// A directive that cannot be written.
    #[error("the directive is not sound, and nothing was written: {}", output::unsound(.0))]
    Unsound(Findings),
    /// Random values.
    #[error(transparent)]
    Random(#[from] ioht::secrets::NoRandom),
}

impl CommandError {
    /// The stable code that the contract has for it, where the command refuses what the contract would.
    pub(crate) fn code(&self) -> Option<&'static str> {
        matches!(self, Self::Unsound(_)).then_some("CONSENT_INVALID")
    }

    /// What can be done about it, where a code says so.
    pub(crate) fn retry(&self) -> Option<Retry> {
        match self {
            Self::Unsound(_) => Some(Retry::Mend),
            Self::Client(error) => error.retry(),
            _ => None,
        }
    }

    /// All that is wrong with a directive.
    pub(crate) fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Unsound(findings) => Some(findings),
            _ => None,
        }
    }
}

/// What to do about a code, where its sentence does not say so.
fn hint(error: &ClientError) -> &'static str {
    match error.code().as_deref() {
        Some("IDENTITY_UNKNOWN") => " (`ioht whoami` shows who you are to the ledger)",
        Some("ROLE_NOT_PERMITTED") => " (`ioht whoami` shows your roles)",
        Some("MVCC_READ_CONFLICT" | "PHANTOM_READ_CONFLICT") => " (others were faster; try again)",
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
    /// Prints JSON instead of text; `demo` has none.
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
    #[command(after_help = "Example: ioht whoami --for 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Whoami(Whoami),
    /// As a patient: decide who sees what and who commands your devices, and see who did.
    #[command(subcommand)]
    Patient(patient::PatientCommand),
    /// As somebody who acts for a patient.
    Delegate(delegate::DelegateArgs),
    /// As a device, or its gateway: submit summaries, and answer commands.
    Device(device::DeviceArgs),
    /// As a clinician or a service: read what patients share with you, and command their devices.
    #[command(subcommand, visible_alias = "service")]
    Clinician(reader::ClinicianCommand),
    /// As a researcher: read what patients share for research.
    #[command(subcommand)]
    Researcher(reader::ReaderCommand),
    /// As a registrar: register patients, guardians and new keys.
    #[command(subcommand)]
    Registrar(staff::RegistrarCommand),
    /// As a privacy officer: countersign, revoke and supervise.
    #[command(subcommand)]
    PrivacyOfficer(staff::OfficerCommand),
    /// As an organisation's administrator: register it, its units and its staff.
    #[command(subcommand)]
    Admin(staff::AdminCommand),
}

/// As what else you are to be told about.
#[derive(Args)]
pub(crate) struct Whoami {
    /// Also what you may do for this patient; may be given several times.
    #[arg(long = "for", value_name = "SUBJECT")]
    patients: Vec<SubjectId>,
    /// Also a device that you are the gateway of; may be given several times.
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<ParticipantId>,
}

impl RoleCommand {
    pub(crate) async fn run(self, common: &Common) -> Result<Told, CommandError> {
        let actor = common.connect().await?;
        match self {
            Self::Whoami(Whoami { patients, devices }) => {
                let asked = WhoAmIPrivate { devices, patients };
                Ok(output::myself(&actor.evaluate_private(&WhoAmI {}, &asked).await?))
            }
            Self::Patient(command) => command.run(&actor).await,
            Self::Delegate(arguments) => arguments.run(&actor).await,
            Self::Device(arguments) => arguments.run(&actor).await,
            Self::Clinician(command) => command.run(&actor).await,
            Self::Researcher(command) => command.run(&actor, "HRESCH").await,
            Self::Registrar(command) => command.run(&actor).await,
            Self::PrivacyOfficer(command) => command.run(&actor).await,
            Self::Admin(command) => command.run(&actor).await,
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
