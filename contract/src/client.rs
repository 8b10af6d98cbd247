//! What a client sends and gets: one [`Call`] a transaction.
//!
//! ```
//! use ioht_contract::client::Invocation;
//! use ioht_contract::{RegisterOrganization, OrganizationKind, WhoAmI};
//!
//! let call = Invocation::new(&RegisterOrganization { kind: OrganizationKind::Custodian });
//! assert_eq!(call.function, "ioht:RegisterOrganization");
//! assert_eq!(call.arguments, r#"{"kind":"custodian"}"#);
//! assert!(call.transient.is_empty());
//! ```

use crate::access::{
    AccountingPage, DisclosedPage, GetAccess, GetAccessPrivate, GetAccountingOfDisclosures,
    GetAccountingOfDisclosuresPrivate, OpenDisclosure, OpenDisclosurePrivate, ReadSummaries,
    ReadSummariesPrivate, RequestAccess, RequestAccessPrivate, TicketsReceipt,
};
use crate::decision::Explanation;
use crate::{
    AcceptDelegation, AcceptDelegationPrivate, AcceptDevice, AcceptDevicePrivate, Accesses,
    ChangeStaff, ChoosePreset, ChoosePresetPrivate, CommandPage, CommandReference, CommandView,
    ConfirmDevice, ConfirmDevicePrivate, ConfirmRegistration, ConfirmRegistrationPrivate,
    ConsentView, CorrectSummary, CorrectSummaryPrivate, DeviceStatusPrivate, Devices, EndConsent,
    EndConsentPrivate, EndDelegation, EndDelegationPrivate, ExplainDecision,
    ExplainDecisionPrivate, ExportConsent, ExportConsentPrivate, Exported, Findings, GetCommand,
    GetConsent, GetConsentPrivate, IohtContract, IssueCommand, IssueCommandPrivate, JournalPage,
    ListCommands, ListCommandsPrivate, ListDelegations, ListDevices, Myself, OfPatientPrivate,
    OfferDevice, OfferDevicePrivate, PRIVATE, PatientStatusPrivate, ProposeDelegation,
    ProposeDelegationPrivate, PutCareTeam, PutCareTeamPrivate, PutConsent, PutConsentPrivate,
    PutControl, PutControlPrivate, PutGateway, PutGatewayPrivate, PutUnit, RawVerdict, ReadJournal,
    ReadJournalPrivate, ReadOwnSummaries, ReadOwnSummariesPrivate, ReadVersions,
    ReadVersionsPrivate, RebindKey, RebindKeyPrivate, Receipt, RegisterDevice,
    RegisterDevicePrivate, RegisterOrganization, RegisterPatient, RegisterPatientPrivate,
    RegisterStaff, RegisterStaffPrivate, Relations, RevokeConsent, RevokeConsentPrivate,
    SetCollection, SetCollectionPrivate, SetSharing, SetSharingPrivate, SetStatus, SimulateConsent,
    SimulateConsentPrivate, Simulation, StaffReceipt, SubmitSummaries, SubmitSummariesPrivate,
    SummariesReceipt, SummaryPage, UpdateCommand, UpdateCommandPrivate, ValidateConsent,
    ValidateConsentPrivate, VerifyRaw, VerifyRawPrivate, Versions, WhoAmI, WhoAmIPrivate,
    WhoCanAccess, WhoCanAccessPrivate,
};
use fabric_contract_rs::{Contract, Evaluate, Kind, Submit};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// A transaction, seen from a client: its arguments are the type itself.
pub trait Call: Serialize {
    /// The function's name, without the contract's.
    const FUNCTION: &'static str;
    /// Whether it is submitted or evaluated.
    const KIND: Kind;
    /// What goes into the transient map.
    type Private: Serialize + JsonSchema;
    /// What comes back.
    type Answer: DeserializeOwned + JsonSchema;
}

/// The private part of a transaction that has none: no value of it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum NoPrivate {}

/// The private part of [`SetStatus`] for patients and devices; other targets have none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusPrivate {
    /// With [`SetStatus::Patient`].
    Patient(PatientStatusPrivate),
    /// With [`SetStatus::Device`].
    Device(DeviceStatusPrivate),
}

macro_rules! calls {
    ($($trait:ident $transaction:ident, $private:ty, $answer:ty;)*) => {$(
        impl Call for $transaction {
            const FUNCTION: &'static str = <$transaction as $trait>::NAME;
            const KIND: Kind = Kind::$trait;
            type Private = $private;
            type Answer = $answer;
        }
    )*

    /// Every transaction with its schemas, for clients that are not written in Rust.
    pub fn descriptions() -> Vec<Description> {
        vec![$(Description {
            function: <$transaction as $trait>::NAME,
            kind: match Kind::$trait {
                Kind::Submit => "submit",
                Kind::Evaluate => "evaluate",
            },
            roles: <$transaction as $trait>::ROLES,
            arguments: schema_for!($transaction),
            private: schema_for!($private),
            answer: schema_for!($answer),
        }),*]
    }};
}

/// A transaction as data.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// The function's name, without the contract's.
    pub function: &'static str,
    /// `submit` or `evaluate`.
    pub kind: &'static str,
    /// The roles it can serve.
    pub roles: &'static [&'static str],
    /// The schema of its argument object.
    pub arguments: Schema,
    /// The schema of its private part; one that nothing fits where there is none.
    pub private: Schema,
    /// The schema of its answer.
    pub answer: Schema,
}

calls! {
    Evaluate WhoAmI, WhoAmIPrivate, Myself;
    Submit RegisterOrganization, NoPrivate, Receipt;
    Submit PutUnit, NoPrivate, Receipt;
    Submit RegisterStaff, RegisterStaffPrivate, StaffReceipt;
    Submit ChangeStaff, NoPrivate, Receipt;
    Submit RegisterPatient, RegisterPatientPrivate, Receipt;
    Submit ConfirmRegistration, ConfirmRegistrationPrivate, Receipt;
    Submit RegisterDevice, RegisterDevicePrivate, Receipt;
    Submit ConfirmDevice, ConfirmDevicePrivate, Receipt;
    Submit PutGateway, PutGatewayPrivate, Receipt;
    Submit SetCollection, SetCollectionPrivate, Receipt;
    Submit OfferDevice, OfferDevicePrivate, Receipt;
    Submit AcceptDevice, AcceptDevicePrivate, Receipt;
    Evaluate ListDevices, OfPatientPrivate, Devices;
    Submit PutControl, PutControlPrivate, Receipt;
    Submit IssueCommand, IssueCommandPrivate, Receipt;
    Submit UpdateCommand, UpdateCommandPrivate, Receipt;
    Evaluate ListCommands, ListCommandsPrivate, CommandPage;
    Evaluate GetCommand, CommandReference, CommandView;
    Submit SetStatus, StatusPrivate, Receipt;
    Submit PutCareTeam, PutCareTeamPrivate, Receipt;
    Submit RebindKey, RebindKeyPrivate, Receipt;
    Submit ProposeDelegation, ProposeDelegationPrivate, Receipt;
    Submit AcceptDelegation, AcceptDelegationPrivate, Receipt;
    Submit EndDelegation, EndDelegationPrivate, Receipt;
    Evaluate ListDelegations, OfPatientPrivate, Relations;
    Submit SubmitSummaries, SubmitSummariesPrivate, SummariesReceipt;
    Evaluate ReadOwnSummaries, ReadOwnSummariesPrivate, SummaryPage;
    Evaluate VerifyRaw, VerifyRawPrivate, RawVerdict;
    Submit CorrectSummary, CorrectSummaryPrivate, Receipt;
    Evaluate ReadVersions, ReadVersionsPrivate, Versions;
    Evaluate ReadJournal, ReadJournalPrivate, JournalPage;
    Submit PutConsent, PutConsentPrivate, Receipt;
    Submit EndConsent, EndConsentPrivate, Receipt;
    Submit RevokeConsent, RevokeConsentPrivate, Receipt;
    Submit SetSharing, SetSharingPrivate, Receipt;
    Submit ChoosePreset, ChoosePresetPrivate, Receipt;
    Evaluate GetConsent, GetConsentPrivate, ConsentView;
    Evaluate ValidateConsent, ValidateConsentPrivate, Findings;
    Evaluate SimulateConsent, SimulateConsentPrivate, Simulation;
    Evaluate WhoCanAccess, WhoCanAccessPrivate, Accesses;
    Evaluate ExplainDecision, ExplainDecisionPrivate, Explanation;
    Evaluate ExportConsent, ExportConsentPrivate, Exported;
    Submit RequestAccess, RequestAccessPrivate, TicketsReceipt;
    Evaluate GetAccess, GetAccessPrivate, crate::access::Accesses;
    Submit OpenDisclosure, OpenDisclosurePrivate, TicketsReceipt;
    Evaluate ReadSummaries, ReadSummariesPrivate, DisclosedPage;
    Evaluate GetAccountingOfDisclosures, GetAccountingOfDisclosuresPrivate, AccountingPage;
}

/// One invocation, ready for a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// `Contract:Function`, the first argument of the chaincode.
    pub function: String,
    /// One JSON object, the second argument. It stands on the chain in clear.
    pub arguments: String,
    /// The transient map: not part of the transaction, sent to the endorsers only.
    pub transient: BTreeMap<String, Vec<u8>>,
}

impl Invocation {
    /// Without a private part.
    pub fn new<C: Call>(arguments: &C) -> Self {
        Self {
            function: format!("{}:{}", IohtContract::NAME, C::FUNCTION),
            arguments: json(arguments),
            transient: BTreeMap::new(),
        }
    }

    /// With a private part.
    pub fn with_private<C: Call>(arguments: &C, private: &C::Private) -> Self {
        let transient = BTreeMap::from([(PRIVATE.to_owned(), json(private).into_bytes())]);
        Self { transient, ..Self::new(arguments) }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the contract's types have text keys only: no JSON is lacking"
)]
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a value of the contract's own types")
}
