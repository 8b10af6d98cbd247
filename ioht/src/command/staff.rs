//! Registrars, privacy officers and administrators.

use super::args::{Bearer, coded};
use super::care::end;
use super::guardian::CourtOrder;
use super::output::Told;
use super::when::time_ms;
use super::{CommandError, committed};
use clap::{Args, Subcommand, ValueEnum};
use ioht::{Actor, secrets};
use ioht_contract::client::StatusPrivate;
use ioht_contract::{
    ChangeStaff, DeviceStatus, DeviceStatusPrivate, DirectiveId, MspId, NewStatus,
    OrganizationKind, ParticipantId, PatientStatusPrivate, Period, PutUnit, RebindKey,
    RebindKeyPrivate, RegisterOrganization, RegisterPatient, RegisterPatientPrivate, RegisterStaff,
    RegisterStaffPrivate, RevocationReason, RevokeConsent, RevokeConsentPrivate, SetStatus,
    StaffRole, SubjectId, UnitId,
};
use serde_json::json;
use std::path::PathBuf;

/// Registers patients and those who act for them.
#[derive(Subcommand)]
pub(crate) enum RegistrarCommand {
    /// Registers a patient by its certificate, and prints the subject id for the patient's card. It waits
    /// for `ioht patient confirm`.
    #[command(after_help = "Example: ioht registrar register --certificate patient.pem")]
    Register {
        /// The patient's certificate, PEM, issued by your organisation. Its private key stays with
        /// the patient.
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
    },
    /// Ends a registration that the patient has not confirmed.
    #[command(after_help = "Example: ioht registrar cancel 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Cancel {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
    },
    /// Suspends a patient of your organisation: its devices, and what widens access. The patient still
    /// reads, pauses and withdraws.
    #[command(after_help = "Example: ioht registrar suspend 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Suspend {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
    },
    /// Lifts such a suspension.
    #[command(after_help = "Example: ioht registrar reactivate 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Reactivate {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
    },
    /// Asks for a new key in the place of one that a patient has lost. A privacy officer of another
    /// custodian has to agree.
    #[command(after_help = "Example: ioht registrar rebind-key 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      --certificate patient-new.pem")]
    RebindKey(Rebinding),
    /// Proposes a guardian. A privacy officer of another custodian countersigns, and it accepts.
    #[command(
        after_help = "Example: ioht registrar propose-guardian 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      --certificate parent.pem --power view --power consent --evidence court.pdf \
                      --from 2026-05-04T00:00:00Z --until 2036-05-04T00:00:00Z"
    )]
    ProposeGuardian(CourtOrder),
    /// Ends a guardian's delegation.
    #[command(
        after_help = "Example: ioht registrar end-guardian 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      00112233445566778899aabbccddeeff"
    )]
    EndGuardian(Guardian),
}

/// Watches over other organisations.
#[derive(Subcommand)]
pub(crate) enum OfficerCommand {
    /// Agrees to a new key that a registrar of another custodian asked for.
    #[command(
        after_help = "Example: ioht privacy-officer agree-key 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 \
                      --certificate patient-new.pem"
    )]
    AgreeKey(Rebinding),
    /// Countersigns a guardian that a registrar of another custodian proposed, if it is as the same
    /// court's order names it.
    #[command(after_help = "Example: ioht privacy-officer agree-guardian \
                      9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 --certificate parent.pem --msp Org1MSP \
                      --power view --power consent --evidence court.pdf \
                      --from 2026-05-04T00:00:00Z --until 2036-05-04T00:00:00Z")]
    AgreeGuardian(CourtOrder),
    /// Ends a guardian's delegation.
    #[command(after_help = "Example: ioht privacy-officer end-guardian \
                      9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 00112233445566778899aabbccddeeff")]
    EndGuardian(Guardian),
    /// Revokes a directive of a patient, for a regulator. The patient reads why.
    #[command(after_help = "Example: ioht privacy-officer revoke-consent \
                      9c1f07d2a45e4b6f8d3a1b2c3d4e5f60 ward --reason court_order")]
    RevokeConsent {
        /// The patient's subject id.
        #[arg(value_name = "SUBJECT")]
        sid: SubjectId,
        /// Which.
        directive: DirectiveId,
        /// Why: court_order, unlawfully_obtained, no_authority or unlawful_use.
        #[arg(long, value_parser = coded::<RevocationReason>)]
        reason: RevocationReason,
    },
    /// Suspends another organisation, or for a regulator a device.
    #[command(after_help = "Example: ioht privacy-officer suspend --organization Org3MSP")]
    Suspend(Supervised),
    /// Lifts such a suspension.
    #[command(after_help = "Example: ioht privacy-officer reactivate --organization Org3MSP")]
    Reactivate(Supervised),
}

/// Administers an organisation.
#[derive(Subcommand)]
pub(crate) enum AdminCommand {
    /// Registers the organisation.
    #[command(after_help = "Example: ioht admin register custodian")]
    Register {
        /// As what.
        #[arg(value_enum)]
        kind: Kind,
    },
    /// Adds a unit to the organisation's tree, or gives one a new name.
    #[command(after_help = "Example: ioht admin add-unit ward --parent root --name Cardiology")]
    AddUnit {
        /// Its id.
        unit: UnitId,
        /// The unit above it.
        #[arg(long, default_value = "root")]
        parent: UnitId,
        /// Its name, for people; its id, unless given.
        #[arg(long)]
        name: Option<String>,
    },
    /// Adds a member of staff, and prints its participant id.
    #[command(after_help = "Example: ioht admin add-staff c-71f3 --unit ward --role practitioner")]
    AddStaff {
        /// Under which the organisation's certificate authority enrols it.
        enrolment_id: String,
        /// The unit it joins.
        #[arg(long, default_value = "root")]
        unit: UnitId,
        /// What it may do: org_admin, privacy_officer, registrar, practitioner, researcher, service
        /// or auditor; may be given several times.
        #[arg(long, value_name = "ROLE", required = true, value_parser = coded::<StaffRole>)]
        role: Vec<StaffRole>,
        /// Until when.
        #[arg(long, value_name = "TIME", value_parser = time_ms)]
        until: Option<i64>,
    },
    /// Gives a member of staff another unit, other roles or another end: all three anew.
    #[command(after_help = "Example: ioht admin change-staff 00112233445566778899aabbccddeeff \
                      --unit ward --role researcher")]
    ChangeStaff {
        /// Who, by its participant id.
        staff: ParticipantId,
        /// The unit it stands in from now on.
        #[arg(long, default_value = "root")]
        unit: UnitId,
        /// What it may do from now on; may be given several times.
        #[arg(long, value_name = "ROLE", required = true, value_parser = coded::<StaffRole>)]
        role: Vec<StaffRole>,
        /// Until when.
        #[arg(long, value_name = "TIME", value_parser = time_ms)]
        until: Option<i64>,
    },
    /// Suspends a member of staff, a unit with everyone below it, or the organisation.
    #[command(after_help = "Example: ioht admin suspend --unit ward")]
    Suspend(Managed),
    /// Lets them act again.
    #[command(after_help = "Example: ioht admin reactivate --unit ward")]
    Reactivate(Managed),
    /// Ends them for good.
    #[command(
        after_help = "Example: ioht admin deactivate --staff 00112233445566778899aabbccddeeff"
    )]
    Deactivate(Managed),
}

/// A new key for a patient.
#[derive(Args)]
pub(crate) struct Rebinding {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    /// The patient's new certificate, PEM.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
}

/// A guardian of a patient.
#[derive(Args)]
pub(crate) struct Guardian {
    /// The patient's subject id.
    #[arg(value_name = "SUBJECT")]
    sid: SubjectId,
    /// The guardian's participant id.
    guardian: ParticipantId,
}

/// Something of the own organisation.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Managed {
    /// A member of staff, by its participant id.
    #[arg(long)]
    staff: Option<ParticipantId>,
    /// A unit.
    #[arg(long)]
    unit: Option<UnitId>,
    /// The organisation itself.
    #[arg(long)]
    organization: bool,
}

/// Something of others.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Supervised {
    /// An organisation.
    #[arg(long, value_name = "MSP")]
    organization: Option<MspId>,
    /// A device.
    #[arg(long)]
    device: Option<ParticipantId>,
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

impl RegistrarCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Register { certificate } => register(actor, &certificate).await,
            Self::Cancel { sid } => put(actor, sid, NewStatus::Deactivated, "ended").await,
            Self::Suspend { sid } => put(actor, sid, NewStatus::Suspended, "suspended").await,
            Self::Reactivate { sid } => put(actor, sid, NewStatus::Active, "reactivated").await,
            Self::RebindKey(new) => new.submit(actor, "asked for").await,
            Self::ProposeGuardian(order) => order.propose(actor).await,
            Self::EndGuardian(Guardian { sid, guardian }) => end(actor, sid, Some(guardian)).await,
        }
    }
}

async fn register(actor: &Actor, certificate: &std::path::Path) -> Result<Told, CommandError> {
    let bearer = Bearer::of(&actor.identity().msp_id, certificate)?;
    let sid = secrets::subject_id()?;
    let private = RegisterPatientPrivate {
        sid,
        secret: secrets::secret()?,
        enrolment_id: bearer.enrolment_id,
        key_hash: bearer.key_hash,
    };
    actor.submit_private(&RegisterPatient {}, &private).await?;
    Ok(Told::new(sid.to_hex(), &json!({"sid": sid})))
}

/// Gives a patient a status.
async fn put(
    actor: &Actor,
    sid: SubjectId,
    status: NewStatus,
    what: &str,
) -> Result<Told, CommandError> {
    let private = StatusPrivate::Patient(PatientStatusPrivate { sid, status });
    Ok(committed(what, &actor.submit_private(&SetStatus::Patient {}, &private).await?))
}

impl Rebinding {
    async fn submit(self, actor: &Actor, what: &str) -> Result<Told, CommandError> {
        let bearer = Bearer::of(&actor.identity().msp_id, &self.certificate)?;
        let private = RebindKeyPrivate { sid: self.sid, key_hash: bearer.key_hash };
        Ok(committed(what, &actor.submit_private(&RebindKey {}, &private).await?))
    }
}

impl OfficerCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::AgreeKey(new) => new.submit(actor, "agreed").await,
            Self::AgreeGuardian(order) => order.countersign(actor).await,
            Self::EndGuardian(Guardian { sid, guardian }) => end(actor, sid, Some(guardian)).await,
            Self::RevokeConsent { sid, directive, reason } => {
                let private = RevokeConsentPrivate { sid, directive, reason };
                let done = actor.submit_private(&RevokeConsent {}, &private).await?;
                Ok(committed("revoked", &done))
            }
            Self::Suspend(what) => {
                what.set(actor, NewStatus::Suspended, DeviceStatus::Suspended).await
            }
            Self::Reactivate(what) => {
                what.set(actor, NewStatus::Active, DeviceStatus::Active).await
            }
        }
    }
}

impl Supervised {
    async fn set(
        self,
        actor: &Actor,
        status: NewStatus,
        device_status: DeviceStatus,
    ) -> Result<Told, CommandError> {
        let done = match (self.organization, self.device) {
            (_, Some(device)) => {
                let private = DeviceStatusPrivate { sid: None, device, status: device_status };
                let private = StatusPrivate::Device(private);
                actor.submit_private(&SetStatus::Device {}, &private).await?
            }
            (Some(msp), None) => actor.submit(&SetStatus::Organization { msp, status }).await?,
            (None, None) => return Err(CommandError::Form("say what".to_owned())),
        };
        Ok(committed("done", &done))
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
            Self::AddStaff { enrolment_id, unit, role, until } => {
                let period = Period { start: 0, end: until };
                let call = RegisterStaff { unit, roles: role.into_iter().collect(), period };
                let private = RegisterStaffPrivate { enrolment_id };
                let staff = actor.submit_private(&call, &private).await?.answer.staff;
                Ok(Told::new(staff.to_string(), &json!({"staff": staff})))
            }
            Self::ChangeStaff { staff, unit, role, until } => {
                let (roles, period) = (role.into_iter().collect(), Period { start: 0, end: until });
                let done = actor.submit(&ChangeStaff { staff, unit, roles, period }).await?;
                Ok(committed("changed", &done))
            }
            Self::Suspend(what) => what.set(actor, NewStatus::Suspended).await,
            Self::Reactivate(what) => what.set(actor, NewStatus::Active).await,
            Self::Deactivate(what) => what.set(actor, NewStatus::Deactivated).await,
        }
    }
}

impl Managed {
    async fn set(self, actor: &Actor, status: NewStatus) -> Result<Told, CommandError> {
        let call = match (self.staff, self.unit) {
            (Some(staff), _) => SetStatus::Staff { staff, status },
            (None, Some(unit)) => SetStatus::Unit { unit, status },
            (None, None) => {
                let msp = actor.identity().msp_id.parse();
                let msp = msp.map_err(|error: ioht_contract::IdError| {
                    CommandError::Form(error.to_string())
                })?;
                SetStatus::Organization { msp, status }
            }
        };
        Ok(committed("done", &actor.submit(&call).await?))
    }
}
