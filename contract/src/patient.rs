//! Patients: registration and its confirmation.

use crate::act::Act;
use crate::answer::Receipt;
use crate::error::ContractError;
use crate::head::Head;
use crate::ids::{KeyHash, ParticipantId, RecordsKey, Salt, Secret, SubjectId};
use crate::key_binding::bind;
use crate::meta::{Meta, Salts};
use crate::participant::Standing;
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::role::{Role, StaffRole};
use crate::staff::check_enrolment_id;
use crate::state::{HEADS, KEYS, PATIENTS, RECORDS_KEYS};
use crate::status::Status;
use fabric_contract_rs::{Batch, Reader, Submit, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Leads a patient from its own pseudonym to its subject id.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Patient {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Its subject id.
    #[n(1)]
    pub sid: SubjectId,
    /// Makes the value's hash unguessable.
    #[n(2)]
    pub salt: Salt,
}

/// Keeps a records key to one patient, for ever.
///
/// Devices and gateways know their patient's records key, also after they were revoked. One that is
/// a patient itself could otherwise confirm with that key and read under it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Claim {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
}

/// Registers a patient of the caller's organisation. It stays pending until the patient's own
/// [`ConfirmRegistration`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterPatient {}

/// The private part of [`RegisterPatient`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterPatientPrivate {
    /// 128 random bits: the name by which others will refer to the patient.
    pub sid: SubjectId,
    /// 256 random bits, until the patient sets its own.
    pub secret: Secret,
    /// Under which the organisation's certificate authority enrols the patient.
    pub enrolment_id: String,
    /// SHA-256 of the patient's public key in its SubjectPublicKeyInfo DER form.
    pub key_hash: KeyHash,
}

impl Submit for RegisterPatient {
    const NAME: &'static str = "RegisterPatient";
    const ROLES: &'static [&'static str] = &[Role::Staff(StaffRole::Registrar).name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: RegisterPatientPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        check_enrolment_id(&private.enrolment_id)?;
        let standing = Standing::load(&act.caller, ledger).await?;
        let authority = standing.authority(&act.caller, &act.tx)?;
        act.staff(authority, Role::Staff(StaffRole::Registrar))?;

        // Nobody registers into another organisation: the id is computed with the caller's own.
        let pid = ParticipantId::of(act.caller.msp.as_str(), &private.enrolment_id);
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(private.sid,))?;
        let patient = batch.want(&PATIENTS, &(pid,))?;
        let loaded = batch.load(ledger).await?;
        if loaded.get(&head)?.is_some() || loaded.get(&patient)?.is_some() {
            return Err(ContractError::PatientExists);
        }
        let head = Head::registered(pid, private.key_hash, &act.caller, private.secret, &act.tx);
        let salt = Salts::of_subject(&private.secret, cx).at(0);
        let patient = Patient { meta: Meta::created(&act.tx), sid: private.sid, salt };
        HEADS.put(writes, &(private.sid,), &head)?;
        PATIENTS.put(writes, &(pid,), &patient)?;
        Ok(act.done::<Self>(writes))
    }
}

/// The patient's own word that the registration and the key are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRegistration {}

/// The private part of [`ConfirmRegistration`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRegistrationPrivate {
    /// The subject id, as `WhoAmI` told it.
    pub sid: SubjectId,
    /// 128 random bits: what record keys will start with. No other patient's, and not the subject id.
    pub rk: RecordsKey,
    /// 256 random bits of the patient's own, in place of the registrar's.
    pub secret: Secret,
}

impl Submit for ConfirmRegistration {
    const NAME: &'static str = "ConfirmRegistration";
    const ROLES: &'static [&'static str] = &[Role::Subject.name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: ConfirmRegistrationPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let (key, claim_key) = ((private.sid,), (private.rk,));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &key)?;
        let claim = batch.want(&RECORDS_KEYS, &claim_key)?;
        let key_slot = batch.want(&KEYS, &(act.caller.key_hash,))?;
        let loaded = batch.load(ledger).await?;
        let Some(mut head) = loaded.get(&head)? else {
            // As for somebody else's registration: which subject ids there are is told to nobody.
            return Err(absent(&HEADS, ledger, &key, act.refusal()).await);
        };
        act.require(head.roles_of(&act.caller)?)?;
        if head.status != Status::Pending {
            return Err(ContractError::NotPending);
        }
        private.check(&head)?;
        if loaded.get(&claim)?.is_some() {
            return Err(ContractError::RecordsKeyTaken);
        }
        let salts = Salts::of_subject(&private.secret, cx);
        let bound = loaded.get(&key_slot)?;
        bind(&act.caller, bound.as_ref(), salts.at(1), &act.tx, writes)?;
        head.meta.not_before(&act.tx)?;
        head.status = Status::Active;
        head.rk = Some(private.rk);
        head.secret = private.secret;
        head.meta.changed(&act.tx);
        HEADS.put(writes, &key, &head)?;
        let claim = Claim { meta: Meta::created(&act.tx), salt: salts.at(0) };
        RECORDS_KEYS.put(writes, &claim_key, &claim)?;
        Ok(act.done::<Self>(writes))
    }
}

impl ConfirmRegistrationPrivate {
    /// What others know already protects nothing.
    fn check(&self, head: &Head) -> Result<(), ContractError> {
        if self.rk.as_bytes() == self.sid.as_bytes() || self.secret == head.secret {
            return Err(ContractError::ArgumentInvalid(
                "draw `rk` and `secret` anew: neither the subject id nor the registrar's secret",
            ));
        }
        Ok(())
    }
}
