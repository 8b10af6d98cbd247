//! Why a transaction is refused.

use crate::consent::Finding;
use crate::no_raw::RawRule;
use fabric_contract_rs::{LedgerError, TxError};

/// What is not active where it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inactive {
    /// The caller's organisation.
    Organization,
    /// The caller's unit or one above it.
    Unit,
    /// The caller's staff entry.
    Staff,
    /// The period of the caller's staff entry does not contain the transaction's time.
    Period,
    /// The patient.
    Patient,
    /// The device.
    Device,
    /// The patient lets no device submit for now.
    Collection,
}

impl Inactive {
    fn sentence(self) -> &'static str {
        match self {
            Self::Organization => "the caller's organisation is not active",
            Self::Unit => "the caller's unit, or one above it, is not active",
            Self::Staff => "the caller's staff entry is not active",
            Self::Period => "the caller's staff entry is not in its period",
            Self::Patient => "the patient is not active",
            Self::Device => "the device is not active",
            Self::Collection => "the patient has paused the collection of data",
        }
    }
}

/// What directives exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentBound {
    /// How many there can be.
    Directives,
    /// How many bytes they can have.
    Bytes,
}

impl ConsentBound {
    fn sentence(self) -> &'static str {
        match self {
            Self::Directives => "64 directives in force; end one first",
            Self::Bytes => "65536 bytes of directives as they are stored; end or shorten one first",
        }
    }
}

/// Every way the contract refuses a transaction.
///
/// Each has a code that never changes and a status: 400 malformed, 403 not allowed, 404 absent, 409
/// in conflict with the ledger, 413 too large, 500 a fault of the platform. The sentences hold no
/// personal data: they name rules and positions, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// The transaction's id or timestamp.
    #[error("the proposal's transaction id or timestamp is not usable")]
    ProposalUnusable,
    /// The creator's certificate.
    #[error("the caller's certificate does not say who it is: {0}")]
    IdentityUnusable(String),
    /// No transient entry `private`.
    #[error("this transaction takes its private part in the transient entry `private`")]
    PrivateMissing,
    /// A transient map of another shape.
    #[error("the transient map does not hold this transaction's private part: {0}")]
    PrivateMalformed(String),
    /// An argument outside its bounds.
    #[error("{0}")]
    ArgumentInvalid(&'static str),
    /// Too many or too few records.
    #[error("a batch holds 1 to 100 records")]
    BatchSize,
    /// Too many bytes.
    #[error("the private part exceeds 262144 bytes; send smaller batches")]
    PrivateTooLarge,
    /// Two records of one batch for one window.
    #[error("records {first} and {second} of the batch are for the same code, grid and start")]
    BatchDuplicate {
        /// Position of the one, from 0.
        first: usize,
        /// Position of the other.
        second: usize,
    },
    /// A record that looks like raw data.
    #[error("record {position} breaks rule {}: {rule}", rule.number())]
    RawDataRejected {
        /// Position in the batch, from 0.
        position: usize,
        /// The rule.
        rule: RawRule,
    },
    /// Roles that one person must not hold together.
    #[error("auditors and privacy officers must not hold a role that they would review")]
    RolesIncompatible,
    /// None of the caller's roles is served.
    #[error("no role of the caller may call {transaction}")]
    RoleNotPermitted {
        /// The transaction.
        transaction: &'static str,
    },
    /// Nobody knows the caller in a role that the transaction needs.
    #[error("the caller is not registered; ask an administrator of its organisation")]
    IdentityUnknown,
    /// The caller's key is not the one registered.
    #[error("the caller's key is not the one it was registered with")]
    KeyNotBound,
    /// Something that must be active is not.
    #[error("{}", .0.sentence())]
    Inactive(Inactive),
    /// A purpose that neither the caller's role nor its organisation may ask for.
    #[error("the caller's role, or its organisation, may not ask for this purpose")]
    PurposeNotAssertable,
    /// What the disclosure does not let its recipient read, or no longer.
    #[error("the disclosure does not let the caller read this, or no longer; ask GetAccess")]
    NotDisclosed,
    /// A kind that the policies do not give the organisation.
    #[error("the policies do not let the organisation register as this kind")]
    KindNotAllowed,
    /// A target outside the caller's authority.
    #[error("the target is not below the caller's unit, or not of its organisation")]
    OutsideAuthority,
    /// A device of another patient.
    #[error("the device is not this patient's")]
    DeviceNotOfSubject,
    /// A suspension by a supervisor, lifted by somebody else.
    #[error("the suspension was imposed by a supervisor, who alone can lift it")]
    SuspensionHeld,
    /// No such organisation.
    #[error("the organisation is not registered")]
    OrganizationUnknown,
    /// No such unit.
    #[error("the organisation has no such unit")]
    UnitUnknown,
    /// No such staff entry.
    #[error("no such staff entry")]
    StaffUnknown,
    /// No such patient.
    #[error("no such patient; check the subject id")]
    SubjectUnknown,
    /// No such patient, in a batch.
    #[error("no such patient; check the subject id at position {position}")]
    SubjectUnknownAt {
        /// Position in the batch, from 0.
        position: u32,
    },
    /// No such device.
    #[error("no such device")]
    DeviceUnknown,
    /// No such record.
    #[error("no such record")]
    RecordUnknown,
    /// An access or a disclosure that is not there, not there yet, or not the caller's.
    #[error("no such access or disclosure of the caller is visible here yet; try again")]
    TicketNotVisible,
    /// The organisation is there already.
    #[error("the organisation is registered already")]
    OrganizationExists,
    /// The unit is there already.
    #[error("the organisation has a unit of this id already")]
    UnitExists,
    /// The tree would grow too large or too deep.
    #[error("a tree has at most 256 units and 8 levels")]
    UnitTreeFull,
    /// The staff entry is there already.
    #[error("the person is registered as staff already")]
    StaffExists,
    /// The patient is there already, or the subject id is taken.
    #[error("the patient is registered already, or the subject id is taken; draw another")]
    PatientExists,
    /// The registration is not waiting.
    #[error("the registration is not waiting for confirmation")]
    NotPending,
    /// The device is there already.
    #[error("the device is registered already")]
    DeviceExists,
    /// An offer that was not taken up in time.
    #[error("the offer has lapsed; ask for another")]
    OfferLapsed,
    /// A command that the caller is not authorised to give.
    #[error("no authorisation of the caller covers this command now")]
    NotAuthorised,
    /// A command that the device does not have.
    #[error("the device's profile has no such command with such parameters")]
    CommandNotInProfile,
    /// No such command.
    #[error("no such command")]
    CommandUnknown,
    /// A command of this id is there already.
    #[error("a command of this id is there already; look at it before you draw another id")]
    CommandExists,
    /// A command that nothing can come of.
    #[error("the command has expired, or what it rested on has ended")]
    CommandEnded,
    /// Too many commands.
    #[error("the device has had as many commands this hour as are allowed")]
    RateExceeded,
    /// A device without room for another authorisation.
    #[error("a device has at most 16 authorisations; end one")]
    AuthorisationsFull,
    /// Something to agree to that nobody proposed.
    #[error("nothing of this kind is proposed, or it still waits for a countersignature")]
    NotProposed,
    /// A care team without room.
    #[error("a care team has at most 32 members")]
    CareTeamFull,
    /// A patient has no room for another delegate, or another guardian is proposed.
    #[error("a patient has at most 8 delegations and one guardian that is proposed; end one")]
    DelegationsFull,
    /// Somebody is the patient's delegate already.
    #[error("the participant is the patient's delegate already; end that first")]
    DelegationExists,
    /// A patient has no room for another device.
    #[error("a patient has at most 256 devices; revoke one")]
    DevicesFull,
    /// Too many of a patient's devices have to confirm still.
    #[error("32 devices have to confirm first, or their claims to lapse")]
    ClaimsFull,
    /// A key that is another participant's.
    #[error("the key is another participant's; make a new one")]
    KeyTaken,
    /// A records key that is another patient's.
    #[error("the records key is taken; draw another")]
    RecordsKeyTaken,
    /// A records key that is not the patient's.
    #[error("the records key is not this patient's; ask WhoAmI")]
    RecordsKeyMismatch,
    /// Other content under the same code, grid, start and device.
    #[error("record {position} differs from the one on the ledger; send a correction")]
    RecordConflict {
        /// Position in the batch, from 0.
        position: usize,
    },
    /// A correction of a version that is not the one on the ledger.
    #[error("the record has another version on the ledger; read it again")]
    RecordVersion,
    /// Too many corrections of one record.
    #[error("a record has at most 16 versions; it can only be marked as entered in error")]
    RecordVersionsFull,
    /// A status that the object's present status cannot change to.
    #[error("this status cannot follow the present one")]
    StatusConflict,
    /// The disclosure's minutes are over.
    #[error("the disclosure has expired; open the access again")]
    TicketExpired,
    /// A transaction dated before what it builds on.
    #[error("the transaction is dated before the state it builds on; check the client's clock")]
    BackDated,
    /// A directive that cannot be written.
    #[error("the directive is not sound at {}: {}", .0.path, .0.code.sentence())]
    ConsentInvalid(Finding),
    /// A directive that has changed since, or an id that was used before.
    #[error("the directive is in force in another version, or its id was used before; get it anew")]
    ConsentConflict,
    /// More directives than a head holds.
    #[error("a patient has at most {}", .0.sentence())]
    ConsentTooLarge(ConsentBound),
    /// No such preset.
    #[error("the policies have no preset of this name")]
    PresetUnknown,
    /// The platform's faults.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl ContractError {
    /// The stable code and the status.
    fn code_and_status(&self) -> (&'static str, u16) {
        match self {
            Self::ProposalUnusable => ("PROPOSAL_UNUSABLE", 400),
            Self::PrivateMissing => ("PRIVATE_MISSING", 400),
            Self::PrivateMalformed(_) => ("PRIVATE_MALFORMED", 400),
            Self::ArgumentInvalid(_) => ("ARGUMENT_INVALID", 400),
            Self::BatchSize => ("BATCH_SIZE", 400),
            Self::BatchDuplicate { .. } => ("BATCH_DUPLICATE", 400),
            Self::RawDataRejected { .. } => ("RAW_DATA_REJECTED", 400),
            Self::RolesIncompatible => ("ROLES_INCOMPATIBLE", 400),
            Self::IdentityUnusable(_) => ("IDENTITY_UNUSABLE", 403),
            Self::RoleNotPermitted { .. } => ("ROLE_NOT_PERMITTED", 403),
            Self::IdentityUnknown => ("IDENTITY_UNKNOWN", 403),
            Self::KeyNotBound => ("KEY_NOT_BOUND", 403),
            Self::Inactive(_) => ("INACTIVE", 403),
            Self::PurposeNotAssertable => ("PURPOSE_NOT_ASSERTABLE", 403),
            Self::NotDisclosed => ("NOT_DISCLOSED", 403),
            Self::KindNotAllowed => ("KIND_NOT_ALLOWED", 403),
            Self::OutsideAuthority => ("OUTSIDE_AUTHORITY", 403),
            Self::DeviceNotOfSubject => ("DEVICE_NOT_OF_SUBJECT", 403),
            Self::SuspensionHeld => ("SUSPENSION_HELD", 403),
            Self::OrganizationUnknown => ("ORGANIZATION_UNKNOWN", 404),
            Self::UnitUnknown => ("UNIT_UNKNOWN", 404),
            Self::StaffUnknown => ("STAFF_UNKNOWN", 404),
            Self::SubjectUnknown => ("SUBJECT_UNKNOWN", 404),
            Self::SubjectUnknownAt { .. } => ("SUBJECT_UNKNOWN", 404),
            Self::TicketNotVisible => ("TICKET_NOT_VISIBLE", 404),
            Self::DeviceUnknown => ("DEVICE_UNKNOWN", 404),
            Self::RecordUnknown => ("RECORD_UNKNOWN", 404),
            Self::OrganizationExists => ("ORGANIZATION_EXISTS", 409),
            Self::UnitExists => ("UNIT_EXISTS", 409),
            Self::UnitTreeFull => ("UNIT_TREE_FULL", 409),
            Self::StaffExists => ("STAFF_EXISTS", 409),
            Self::PatientExists => ("PATIENT_EXISTS", 409),
            Self::NotPending => ("NOT_PENDING", 409),
            Self::DeviceExists => ("DEVICE_EXISTS", 409),
            Self::OfferLapsed => ("OFFER_LAPSED", 409),
            Self::NotAuthorised => ("NOT_AUTHORISED", 403),
            Self::CommandNotInProfile => ("COMMAND_NOT_IN_PROFILE", 400),
            Self::CommandUnknown => ("COMMAND_UNKNOWN", 404),
            Self::CommandExists => ("COMMAND_EXISTS", 409),
            Self::CommandEnded => ("COMMAND_ENDED", 409),
            Self::RateExceeded => ("RATE_EXCEEDED", 409),
            Self::AuthorisationsFull => ("AUTHORISATIONS_FULL", 409),
            Self::NotProposed => ("NOT_PROPOSED", 409),
            Self::CareTeamFull => ("CARE_TEAM_FULL", 409),
            Self::DelegationsFull => ("DELEGATIONS_FULL", 409),
            Self::DelegationExists => ("DELEGATION_EXISTS", 409),
            Self::DevicesFull => ("DEVICES_FULL", 409),
            Self::ClaimsFull => ("CLAIMS_FULL", 409),
            Self::KeyTaken => ("KEY_TAKEN", 409),
            Self::RecordsKeyTaken => ("RECORDS_KEY_TAKEN", 409),
            Self::RecordsKeyMismatch => ("RECORDS_KEY_MISMATCH", 409),
            Self::RecordConflict { .. } => ("RECORD_CONFLICT", 409),
            Self::RecordVersion => ("RECORD_VERSION", 409),
            Self::RecordVersionsFull => ("RECORD_VERSIONS_FULL", 409),
            Self::StatusConflict => ("STATUS_CONFLICT", 409),
            Self::TicketExpired => ("TICKET_EXPIRED", 409),
            Self::BackDated => ("BACK_DATED", 409),
            Self::PrivateTooLarge => ("PRIVATE_TOO_LARGE", 413),
            Self::ConsentInvalid(_) => ("CONSENT_INVALID", 400),
            Self::ConsentConflict => ("CONSENT_CONFLICT", 409),
            Self::ConsentTooLarge(_) => ("CONSENT_TOO_LARGE", 413),
            Self::PresetUnknown => ("PRESET_UNKNOWN", 404),
            Self::Ledger(_) => ("LEDGER_ERROR", 500),
        }
    }
}

impl From<ContractError> for TxError {
    fn from(error: ContractError) -> Self {
        if let ContractError::Ledger(error) = error {
            return error.into();
        }
        let (code, status) = error.code_and_status();
        Self::new(status, code, error.to_string())
    }
}
