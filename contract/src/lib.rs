//! The patient-centric health-IoT contract.
//!
//! Devices submit *summaries* of what they measure; raw data never leaves them. A patient is pinned
//! to its own key, its health data lives in one private collection kept by custodians, and what
//! stands on the chain in clear are opaque ids.
//!
//! The contract is pure and deterministic: no I/O, clock, randomness, floats or hash maps. It is a
//! value made from [`Policies`], served by any server of [`fabric_contract_rs::Contract`]s. Here on
//! a ledger in memory, called as a client calls it:
//!
//! ```
//! use fabric_contract_rs::NodeOu;
//! use fabric_contract_rs::testing::{Call, MockCollection, MockLedger, TestIdentity};
//! use ioht_contract::client::Invocation;
//! use ioht_contract::{IohtContract, Myself, OrganizationKind, Policies, RegisterOrganization, WhoAmI};
//!
//! let contract = IohtContract::new(Policies::default());
//! let mut ledger = MockLedger::new(contract).collection(MockCollection::of_all("health"));
//! let admin = TestIdentity::new("Org1MSP", "admin").node_ou(NodeOu::Admin).client();
//! let call = |it: Invocation| Call::of_args(&admin, vec![it.function.into(), it.arguments.into()]);
//!
//! let register = Invocation::new(&RegisterOrganization { kind: OrganizationKind::Custodian });
//! ledger.submit(&call(register)).unwrap();
//! let myself: Myself = ledger.evaluate(&call(Invocation::new(&WhoAmI {}))).unwrap().answer();
//! assert_eq!(myself.organization.unwrap().kind, OrganizationKind::Custodian);
//! ```
//!
//! | where | what |
//! |---|---|
//! | [`state`] | every kind of state, its key and where it lives |
//! | [`policies`] | what an organisation reviews: roles, codes, organisations, collections |
//! | [`access`] | how somebody else than the patient comes to read, and who did |
//! | [`decision`] | whether a patient's directives let a request be met |
//! | [`no_raw`] | the rules that keep raw data off the ledger |
//! | [`client`] | what a client sends, for each transaction |
//!
//! and a file a noun: organisations, staff, patients, devices, records.

#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::float_arithmetic, clippy::arithmetic_side_effects))]

pub mod access;
mod act;
mod answer;
mod care_team;
pub mod client;
mod command;
mod command_list;
mod command_update;
mod consent;
mod control;
mod correction;
mod decimal;
pub mod decision;
mod delegating;
mod delegation;
mod device;
mod device_registration;
mod error;
mod head;
mod ids;
mod journal;
mod key_binding;
mod meta;
pub mod no_raw;
mod organization;
mod page;
mod participant;
mod patient;
pub mod policies;
mod private;
mod rebind;
mod record;
mod record_page;
mod retry;
mod role;
mod routes;
mod set_status;
mod staff;
pub mod state;
mod status;
mod summary;
mod text;
mod time;
mod transfer;
mod whoami;

pub use access::ask::{
    Asking, Change, ExplainDecision, ExplainDecisionPrivate, QUESTIONS_MAX, SimulateConsent,
    SimulateConsentPrivate, Simulated, Simulation,
};
pub use access::who_can::{
    ACCESSES_MAX, Accesses, PermittedAccess, WhoCanAccess, WhoCanAccessPrivate,
};
pub use answer::{Announcement, Receipt};
pub use care_team::{CARE_TEAM_MAX, PutCareTeam, PutCareTeamPrivate};
pub use command::{
    COMMAND_MS_MAX, Command, CommandReference, CommandStatus, IssueCommand, IssueCommandPrivate,
    OWN_PER_HOUR_MAX, Rate,
};
pub use command_list::{
    COMMANDS_PAGE_MAX, ClaimView, CommandPage, CommandPlace, CommandView, DeviceView, Devices,
    GetCommand, ListCommands, ListCommandsPrivate, ListDevices,
};
pub use command_update::{UpdateCommand, UpdateCommandPrivate};
pub use consent::{
    ACTORS_MAX, Action, Actor, ActorError, BreakGlass, CODES_MAX, ChoosePreset,
    ChoosePresetPrivate, ConsentView, DIRECTIVES_BYTES_MAX, DIRECTIVES_MAX, Directive,
    DirectiveStatus, DirectiveVersion, Draft, EXCEPTIONS_MAX, EXPIRES_SOON_MS, Effect, EndConsent,
    EndConsentPrivate, Ending, Exception, ExportConsent, ExportConsentPrivate, Exported,
    FhirRelease, Finding, FindingCode, Findings, GetConsent, GetConsentPrivate, KeyVersion,
    Language, LanguageError, Matcher, OBLIGATIONS_MAX, PROVISIONS_MAX, PURPOSES_MAX, Provision,
    PutConsent, PutConsentPrivate, RevocationReason, RevokeConsent, RevokeConsentPrivate,
    SENSITIVITIES_MAX, SetSharing, SetSharingPrivate, Sharing, ShownText, TermsReference, Used,
    VERSIONS_PAGE_MAX, ValidateConsent, ValidateConsentPrivate, VersionView,
};
pub use control::{
    AUTHORISATION_MS_MAX, AUTHORISATIONS_MAX, AllowedCommand, Authorisation, COMMANDS_PER_HOUR_MAX,
    ControlChange, Parameter, PutControl, PutControlPrivate,
};
pub use correction::{
    CorrectSummary, CorrectSummaryPrivate, RECORD_VERSIONS_MAX, ReadVersions, ReadVersionsPrivate,
    Versions,
};
pub use decimal::{Decimal, DecimalError};
pub use delegating::{
    AcceptDelegation, AcceptDelegationPrivate, DelegationView, EndDelegation, EndDelegationPrivate,
    Guardianship, ListDelegations, OfPatientPrivate, ProposeDelegation, ProposeDelegationPrivate,
    Relations,
};
pub use delegation::{DELEGATIONS_MAX, Delegation, DelegationKind, DelegationStatus, Power};
pub use device::{Device, DeviceStatus, Gateway, Offer};
pub use device_registration::{
    ConfirmDevice, ConfirmDevicePrivate, PutGateway, PutGatewayPrivate, RegisterDevice,
    RegisterDevicePrivate, SetCollection, SetCollectionPrivate,
};
pub use error::{ConsentBound, ContractError, Inactive};
pub use head::{CLAIMS_MAX, Collection, DEVICES_MAX, DeviceClaim, Head, OFFER_MS, Rebind};
pub use ids::{
    CategoryCode, CommandId, CommandName, DirectiveId, DocumentDigest, IdError, KeyHash, LoincCode,
    MspId, ObligationCode, OfferId, ParameterName, ParticipantId, PolicyDigest, PresetId,
    ProfileId, ProjectId, PurposeCode, RawDigest, RecordsKey, Salt, Secret, SensitivityCode,
    SubjectId, TxId, UnitId,
};
pub use journal::{
    Entry, JOURNAL_PAGE_MAX, JournalEntry, JournalPage, JournalPlace, ReadJournal,
    ReadJournalPrivate,
};
pub use key_binding::KeyBinding;
pub use meta::{Meta, Tx};
pub use organization::{
    Organization, PutUnit, RegisterOrganization, UNIT_LEVELS_MAX, UNIT_NAME_BYTES_MAX, UNITS_MAX,
    Unit,
};
pub use participant::Participant;
pub use patient::{
    Claim, ConfirmRegistration, ConfirmRegistrationPrivate, Patient, RegisterPatient,
    RegisterPatientPrivate,
};
pub use policies::{OrganizationKind, Policies, PolicyError};
pub use private::{PRIVATE, PRIVATE_BYTES_MAX};
pub use rebind::{RebindKey, RebindKeyPrivate};
pub use record::{
    Component, Confidentiality, CorrectionReason, DigestAlgorithm, Labels, Modality, Raw, Record,
    RecordBody, RecordStatus, Stat, Statistic, Summary,
};
pub use retry::Retry;
pub use role::{Role, RoleSet, StaffRole};
pub use set_status::{DeviceStatusPrivate, PatientStatusPrivate, SetStatus};
pub use staff::{
    ChangeStaff, ENROLMENT_ID_BYTES_MAX, RegisterStaff, RegisterStaffPrivate, STAFF_ROLES_MAX,
    Staff, StaffReceipt,
};
pub use status::{Holder, NewStatus, Status};
pub use summary::{
    BATCH_RECORDS_MAX, Bookmark, BookmarkError, PAGE_RECORDS_MAX, RawVerdict, ReadOwnSummaries,
    ReadOwnSummariesPrivate, StoredSummary, SubmitSummaries, SubmitSummariesPrivate,
    SummariesReceipt, SummaryPage, VerifyRaw, VerifyRawPrivate,
};
pub use time::{CLOCK_SKEW_MS_MAX, KeyGrid, KeyNewest, KeyTime, Period, TIME_MS_MAX};
pub use transfer::{AcceptDevice, AcceptDevicePrivate, OfferDevice, OfferDevicePrivate};
pub use whoami::{
    DelegationSelf, DeviceSelf, GATEWAY_DEVICES_MAX, Myself, OrganizationSelf, PatientSelf,
    StaffSelf, Submission, WhoAmI, WhoAmIPrivate,
};

use fabric_contract_rs::{Contract, QueryReader, Route};

/// The contract, under its policies.
#[derive(Debug, Clone)]
pub struct IohtContract {
    policies: Policies,
}

impl IohtContract {
    /// The contract under `policies`.
    pub fn new(policies: Policies) -> Self {
        Self { policies }
    }
}

impl Contract for IohtContract {
    const NAME: &'static str = "ioht";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = Policies;

    fn state(&self) -> &Policies {
        &self.policies
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<Policies, R>] {
        routes::routes()
    }
}
