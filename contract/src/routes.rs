//! Every transaction there is.

use crate::access::ask::{ExplainDecision, SimulateConsent};
use crate::access::who_can::WhoCanAccess;
use crate::access::{
    GetAccess, GetAccountingOfDisclosures, OpenDisclosure, ReadSummaries, RequestAccess,
};
use crate::care_team::PutCareTeam;
use crate::command::IssueCommand;
use crate::command_list::{GetCommand, ListCommands, ListDevices};
use crate::command_update::UpdateCommand;
use crate::consent::{
    ChoosePreset, EndConsent, ExportConsent, GetConsent, PutConsent, RevokeConsent, SetSharing,
    ValidateConsent,
};
use crate::control::PutControl;
use crate::correction::{CorrectSummary, ReadVersions};
use crate::delegating::{AcceptDelegation, EndDelegation, ListDelegations, ProposeDelegation};
use crate::device_registration::{ConfirmDevice, PutGateway, RegisterDevice, SetCollection};
use crate::journal::ReadJournal;
use crate::organization::{PutUnit, RegisterOrganization};
use crate::patient::{ConfirmRegistration, RegisterPatient};
use crate::policies::{Catalogued, Policies};
use crate::rebind::RebindKey;
use crate::set_status::SetStatus;
use crate::staff::{ChangeStaff, RegisterStaff};
use crate::summary::{ReadOwnSummaries, SubmitSummaries, VerifyRaw};
use crate::transfer::{AcceptDevice, OfferDevice};
use crate::whoami::WhoAmI;
use fabric_contract_rs::{Evaluate, QueryReader, Route, Submit, evaluate, submit};

/// One table: the routes that are called, and the catalogue that policies are checked against.
macro_rules! transactions {
    ($($kind:ident $trait:ident $transaction:ident;)*) => {
        pub(crate) const fn routes<R: QueryReader + 'static>() -> &'static [Route<Policies, R>] {
            const { &[$($kind::<$transaction, R>()),*] }
        }

        pub(crate) const CATALOGUE: &[Catalogued] = &[$(Catalogued {
            name: <$transaction as $trait>::NAME,
            roles: <$transaction as $trait>::ROLES,
        }),*];
    };
}

transactions! {
    evaluate Evaluate WhoAmI;
    submit   Submit   RegisterOrganization;
    submit   Submit   PutUnit;
    submit   Submit   RegisterStaff;
    submit   Submit   ChangeStaff;
    submit   Submit   RegisterPatient;
    submit   Submit   ConfirmRegistration;
    submit   Submit   RegisterDevice;
    submit   Submit   ConfirmDevice;
    submit   Submit   PutGateway;
    submit   Submit   SetCollection;
    submit   Submit   OfferDevice;
    submit   Submit   AcceptDevice;
    evaluate Evaluate ListDevices;
    submit   Submit   PutControl;
    submit   Submit   IssueCommand;
    submit   Submit   UpdateCommand;
    evaluate Evaluate ListCommands;
    evaluate Evaluate GetCommand;
    submit   Submit   SetStatus;
    submit   Submit   PutCareTeam;
    submit   Submit   RebindKey;
    submit   Submit   ProposeDelegation;
    submit   Submit   AcceptDelegation;
    submit   Submit   EndDelegation;
    evaluate Evaluate ListDelegations;
    submit   Submit   SubmitSummaries;
    evaluate Evaluate ReadOwnSummaries;
    evaluate Evaluate VerifyRaw;
    submit   Submit   CorrectSummary;
    evaluate Evaluate ReadVersions;
    evaluate Evaluate ReadJournal;
    submit   Submit   PutConsent;
    submit   Submit   EndConsent;
    submit   Submit   RevokeConsent;
    submit   Submit   SetSharing;
    submit   Submit   ChoosePreset;
    evaluate Evaluate GetConsent;
    evaluate Evaluate ValidateConsent;
    evaluate Evaluate SimulateConsent;
    evaluate Evaluate WhoCanAccess;
    evaluate Evaluate ExplainDecision;
    evaluate Evaluate ExportConsent;
    submit   Submit   RequestAccess;
    evaluate Evaluate GetAccess;
    submit   Submit   OpenDisclosure;
    evaluate Evaluate ReadSummaries;
    evaluate Evaluate GetAccountingOfDisclosures;
}
