//! Patients: the head that every decision reads, registration and its confirmation.

use crate::answer::{Receipt, announce};
use crate::error::{ContractError, Inactive};
use crate::ids::{KeyHash, MspId, ParticipantId, RecordsKey, Salt, Secret, SubjectId};
use crate::meta::{Meta, Salts, Tx};
use crate::participant::{Authority, Participant};
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet, StaffRole};
use crate::staff::check_enrolment_id;
use crate::state::{HEADS, ORGANIZATIONS, PATIENTS, RECORDS_KEYS, STAFF};
use crate::status::Status;
use fabric_contract_rs::{Batch, Reader, Space, Submit, TxContext, Writes};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A patient: the one key that every decision about it reads, so that a change committed first
/// invalidates every transaction simulated against the old one.
///
/// It needs no salt, because it holds the secret that salts are derived from. Numbers 8 to 15 are
/// kept for collection, sharing, epoch, care team, delegations, active directives and a pending
/// re-binding.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Its history.
    #[n(0)]
    pub meta: Meta<1>,
    /// The patient's pseudonym.
    #[n(1)]
    pub pid: ParticipantId,
    /// The key that the patient is pinned to, so that its hospital's certificate authority cannot
    /// mint it.
    #[n(2)]
    pub key_hash: KeyHash,
    /// The organisation that registered the patient.
    #[n(3)]
    pub home: MspId,
    /// The registrar.
    #[n(4)]
    pub registered_by: ParticipantId,
    /// Pending until the patient's own confirmation.
    #[n(5)]
    pub status: Status,
    /// What salts are derived from: the registrar's until the patient sets its own.
    #[n(6)]
    pub secret: Secret,
    /// What record keys start with; set by the patient.
    #[n(7)]
    pub rk: Option<RecordsKey>,
}

impl Head {
    /// Whether the caller is this patient, by the key registered for it.
    pub(crate) fn is_bound_to(&self, caller: &Participant) -> Result<bool, ContractError> {
        if self.pid != caller.pid {
            return Ok(false);
        }
        if self.key_hash == caller.key_hash { Ok(true) } else { Err(ContractError::KeyNotBound) }
    }

    /// The role `subject`, if the caller has it.
    pub(crate) fn roles_of(&self, caller: &Participant) -> Result<RoleSet, ContractError> {
        let subject = RoleSet::NONE.with(Role::Subject);
        Ok(if self.is_bound_to(caller)? { subject } else { RoleSet::NONE })
    }

    /// The records key of an active patient.
    pub(crate) fn active(&self) -> Result<RecordsKey, ContractError> {
        match (self.status, self.rk) {
            (Status::Active, Some(rk)) => Ok(rk),
            _ => Err(ContractError::Inactive(Inactive::Patient)),
        }
    }
}

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
        let tx = Tx::of(cx)?;
        check_enrolment_id(&private.enrolment_id)?;
        let caller = Participant::calling(cx)?;
        let mut batch = Batch::new(Space::Public);
        let organization = batch.want(&ORGANIZATIONS, &(caller.msp.clone(),))?;
        let staff = batch.want(&STAFF, &(caller.pid,))?;
        let loaded = batch.load(ledger).await?;
        let organization = loaded.get(&organization)?;
        let staff = loaded.get(&staff)?;
        let authority = Authority::of(&caller, organization.as_ref(), staff.as_ref(), &tx)?
            .organization_active()?;
        policies.require(Self::NAME, authority.roles)?;
        authority.not_before(&tx)?;

        // Nobody registers into another organisation: the id is computed with the caller's own.
        let pid = ParticipantId::of(caller.msp.as_str(), &private.enrolment_id);
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(private.sid,))?;
        let patient = batch.want(&PATIENTS, &(pid,))?;
        let loaded = batch.load(ledger).await?;
        if loaded.get(&head)?.is_some() || loaded.get(&patient)?.is_some() {
            return Err(ContractError::PatientExists);
        }
        let head = Head {
            meta: Meta::created(&tx),
            pid,
            key_hash: private.key_hash,
            home: caller.msp,
            registered_by: caller.pid,
            status: Status::Pending,
            secret: private.secret,
            rk: None,
        };
        let salt = Salts::of_subject(&private.secret, cx).at(0);
        let patient = Patient { meta: Meta::created(&tx), sid: private.sid, salt };
        HEADS.put(writes, &(private.sid,), &head)?;
        PATIENTS.put(writes, &(pid,), &patient)?;
        announce::<Self>(writes, &tx);
        Ok(Receipt::new(policies))
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
        let tx = Tx::of(cx)?;
        let caller = Participant::calling(cx)?;
        let (key, claim_key) = ((private.sid,), (private.rk,));
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &key)?;
        let claim = batch.want(&RECORDS_KEYS, &claim_key)?;
        let loaded = batch.load(ledger).await?;
        let Some(mut head) = loaded.get(&head)? else {
            return Err(absent(&HEADS, ledger, &key, ContractError::SubjectUnknown).await);
        };
        policies.require(Self::NAME, head.roles_of(&caller)?)?;
        if head.status != Status::Pending {
            return Err(ContractError::NotPending);
        }
        private.check(&head)?;
        if loaded.get(&claim)?.is_some() {
            return Err(ContractError::RecordsKeyTaken);
        }
        head.meta.not_before(&tx)?;
        head.status = Status::Active;
        head.rk = Some(private.rk);
        head.secret = private.secret;
        head.meta.changed(&tx);
        let salt = Salts::of_subject(&private.secret, cx).at(0);
        HEADS.put(writes, &key, &head)?;
        RECORDS_KEYS.put(writes, &claim_key, &Claim { meta: Meta::created(&tx), salt })?;
        announce::<Self>(writes, &tx);
        Ok(Receipt::new(policies))
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
