//! Organisations, registrars and devices.

use super::output::Told;
use super::reader::subject;
use super::{CommandError, committed, read_file};
use clap::{Subcommand, ValueEnum};
use fabric_contract_rs::ClientIdentity;
use ioht::{Actor, secrets};
use ioht_contract::{
    ConfirmDevice, ConfirmDevicePrivate, KeyHash, NewStatus, OrganizationKind, ParticipantId,
    Period, PutUnit, RegisterOrganization, RegisterPatient, RegisterPatientPrivate, RegisterStaff,
    RegisterStaffPrivate, SetStatus, StaffRole, SubjectId, SubmitSummaries, SubmitSummariesPrivate,
    Summary, UnitId,
};
use serde_json::json;
use std::path::PathBuf;

/// Registers patients.
#[derive(Subcommand)]
pub(crate) enum RegistrarCommand {
    /// Registers a patient by its certificate, and prints the subject id for the patient's card.
    Register {
        /// The patient's certificate, PEM, issued by your organisation. Its private key stays with
        /// the patient.
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
    },
}

/// Administers an organisation.
#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Registers the organisation.
    Register {
        /// As what.
        #[arg(value_enum)]
        kind: Kind,
    },
    /// Adds a unit to the organisation's tree.
    AddUnit {
        /// Its id.
        #[arg(value_parser = unit)]
        unit: UnitId,
        /// The unit above it.
        #[arg(long, default_value = "root", value_parser = unit)]
        parent: UnitId,
        /// Its name, for people.
        #[arg(long)]
        name: Option<String>,
    },
    /// Adds a member of staff.
    AddStaff {
        /// Under which the organisation's certificate authority enrols it.
        enrolment_id: String,
        /// The unit it joins.
        #[arg(long, default_value = "root", value_parser = unit)]
        unit: UnitId,
        /// What it may do; may be given several times.
        #[arg(long, value_name = "ROLE", required = true, value_parser = role)]
        role: Vec<StaffRole>,
    },
    /// Suspends a member of staff, by its participant id.
    Suspend {
        /// Who.
        #[arg(value_parser = participant)]
        staff: ParticipantId,
    },
    /// Lets a suspended member of staff act again.
    Reactivate {
        /// Who.
        #[arg(value_parser = participant)]
        staff: ParticipantId,
    },
}

/// What an organisation registers as.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Keeps health data on its peers.
    Custodian,
    /// Treats or researches.
    Provider,
    /// Supervises.
    Regulator,
}

/// What a device does.
#[derive(Subcommand)]
pub(crate) enum DeviceCommand {
    /// Confirms the patient that registered it.
    Confirm {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT", value_parser = subject)]
        sid: SubjectId,
    },
    /// Submits summaries: a JSON array, as `docs` describes them. Raw data stays on the device.
    Submit {
        /// The file.
        file: PathBuf,
    },
}

impl RegistrarCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        let Self::Register { certificate } = self;
        let pem = read_file(&certificate)?;
        let client = ClientIdentity::from_pem(&actor.identity().msp_id, pem.as_bytes())
            .map_err(|error| CommandError::Form(error.to_string()))?;
        let enrolment_id =
            client.enrolment_id().map_err(|error| CommandError::Form(error.to_string()))?;
        let sid = secrets::subject_id()?;
        let private = RegisterPatientPrivate {
            sid,
            secret: secrets::secret()?,
            enrolment_id: enrolment_id.to_owned(),
            key_hash: KeyHash::new(client.public_key_hash()),
        };
        actor.submit_private(&RegisterPatient {}, &private).await?;
        let text = format!(
            "{}\nfor the patient's card; it waits for `ioht patient confirm`",
            sid.to_hex()
        );
        Ok(Told::new(text, &json!({"sid": sid})))
    }
}

impl AdminCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Register { kind } => {
                let kind = match kind {
                    Kind::Custodian => OrganizationKind::Custodian,
                    Kind::Provider => OrganizationKind::Provider,
                    Kind::Regulator => OrganizationKind::Regulator,
                };
                let done = actor.submit(&RegisterOrganization { kind }).await?;
                Ok(committed("registered", &done))
            }
            Self::AddUnit { unit, parent, name } => {
                let name = name.unwrap_or_else(|| unit.to_string());
                let done = actor.submit(&PutUnit { unit, parent, name }).await?;
                Ok(committed("added", &done))
            }
            Self::AddStaff { enrolment_id, unit, role } => {
                let period = Period { start: 0, end: None };
                let call = RegisterStaff { unit, roles: role.into_iter().collect(), period };
                let private = RegisterStaffPrivate { enrolment_id };
                let done = actor.submit_private(&call, &private).await?;
                let staff = done.answer.staff;
                Ok(Told::new(staff.to_string(), &json!({"staff": staff})))
            }
            Self::Suspend { staff } => set(actor, staff, NewStatus::Suspended).await,
            Self::Reactivate { staff } => set(actor, staff, NewStatus::Active).await,
        }
    }
}

async fn set(actor: &Actor, staff: ParticipantId, status: NewStatus) -> Result<Told, CommandError> {
    let done = actor.submit(&SetStatus::Staff { staff, status }).await?;
    Ok(committed("done", &done))
}

impl DeviceCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Confirm { sid } => {
                let private = ConfirmDevicePrivate { sid };
                let done = actor.submit_private(&ConfirmDevice {}, &private).await?;
                Ok(committed("confirmed", &done))
            }
            Self::Submit { file } => {
                let records: Vec<Summary> = serde_json::from_str(&read_file(&file)?)
                    .map_err(|error| CommandError::Form(format!("{}: {error}", file.display())))?;
                let myself = actor.who_am_i().await?;
                let own = myself.devices.into_iter().find(|it| it.device == myself.pid);
                let submits = own.and_then(|device| device.submits).ok_or_else(|| {
                    let reason = "the ledger takes no summaries of this device: it has to be \
                                  registered by its patient, confirmed, and active";
                    CommandError::Form(reason.to_owned())
                })?;
                let (sid, rk) = (submits.sid, submits.rk);
                let private = SubmitSummariesPrivate { sid, rk, device: None, records };
                let done = actor.submit_private(&SubmitSummaries {}, &private).await?;
                let (created, existing) = (done.answer.created, done.answer.existing);
                let text = format!("{created} new, {existing} there already");
                Ok(Told::new(text, &json!({"created": created, "existing": existing})))
            }
        }
    }
}

fn unit(text: &str) -> Result<UnitId, String> {
    text.parse().map_err(|error: ioht_contract::IdError| error.to_string())
}

fn participant(text: &str) -> Result<ParticipantId, String> {
    text.parse().map_err(|_| "a participant id has 32 lower-case hexadecimal digits".to_owned())
}

fn role(text: &str) -> Result<StaffRole, String> {
    serde_json::from_value(json!(text)).map_err(|_| {
        "one of org_admin, privacy_officer, registrar, practitioner, researcher, service, auditor"
            .to_owned()
    })
}
