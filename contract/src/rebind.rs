//! A new key for a patient that lost its own: by two people of two organisations, in the patient's
//! sight.

use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::DelegationStatus;
use crate::error::{ContractError, Inactive};
use crate::head::{Head, OFFER_MS, Rebind};
use crate::ids::{KeyHash, SubjectId};
use crate::key_binding::{KeyBinding, bind_key};
use crate::meta::Salts;
use crate::participant::{Authority, Standing};
use crate::policies::{OrganizationKind, Policies};
use crate::private::{self, SPACE, absent};
use crate::role::{Role, RoleSet, StaffRole};
use crate::state::{HEADS, KEYS};
use crate::status::Status;
use fabric_contract_rs::{Batch, Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One step of giving a patient a new key.
///
/// | caller | what it does |
/// |---|---|
/// | a registrar of the patient's organisation | asks for the key, for seven days |
/// | a privacy officer of another custodian's root unit | agrees: the key is the patient's |
/// | the patient, by the key it has | refuses |
///
/// Two organisations, because one hospital's own staff and certificate authority together could
/// otherwise become its patient. What was proposed to or by the patient before has lapsed then;
/// devices, delegates and directives stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindKey {}

/// The private part of [`RebindKey`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RebindKeyPrivate {
    /// The patient.
    pub sid: SubjectId,
    /// SHA-256 of the new public key in its SubjectPublicKeyInfo DER form.
    pub key_hash: KeyHash,
}

const REGISTRAR: Role = Role::Staff(StaffRole::Registrar);
const OFFICER: Role = Role::Staff(StaffRole::PrivacyOfficer);

impl Submit for RebindKey {
    const NAME: &'static str = "RebindKey";
    const ROLES: &'static [&'static str] =
        &[Role::Subject.name(), REGISTRAR.name(), OFFICER.name()];
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
        let private: RebindKeyPrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        let standing = Standing::load(&act.caller, ledger).await?;
        let key = (private.sid,);
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &key)?;
        let bound = batch.want(&KEYS, &(private.key_hash,))?;
        let loaded = batch.load(ledger).await?;
        let (head, bound) = (loaded.get(&head)?, loaded.get(&bound)?);
        let head = match head {
            Some(head) if head.pid == act.caller.pid => {
                return refuse(&act, head, &private, writes);
            }
            found => {
                let authority = standing.authority(&act.caller, &act.tx)?.organization_active()?;
                let roles = act.require(authority.roles)?;
                authority.not_before(&act.tx)?;
                let found = (private.sid, found);
                let mut head = of_two_organisations(&act, &authority, found, ledger).await?;
                step(&act, roles, &mut head, &private, bound.as_ref(), writes)?;
                head.changed_as(roles, &act.tx);
                act.note(&head, roles, None, writes)?;
                head
            }
        };
        HEADS.put(writes, &key, &head)?;
        Ok(act.done::<Self>(writes))
    }
}

/// The patient's own refusal: never for its time or status.
fn refuse(
    act: &Act<'_>,
    mut head: Head,
    private: &RebindKeyPrivate,
    writes: &mut Writes,
) -> Result<Receipt, ContractError> {
    act.require(head.roles_of(&act.caller)?)?;
    proposed(&head, private)?;
    head.pending_rebind = None;
    head.meta.changed(&act.tx);
    HEADS.put(writes, &(private.sid,), &head)?;
    Ok(act.done::<RebindKey>(writes))
}

fn proposed<'a>(head: &'a Head, private: &RebindKeyPrivate) -> Result<&'a Rebind, ContractError> {
    let pending = head.pending_rebind.as_ref();
    pending.filter(|it| it.key_hash == private.key_hash).ok_or(ContractError::NotProposed)
}

fn step(
    act: &Act<'_>,
    roles: RoleSet,
    head: &mut Head,
    private: &RebindKeyPrivate,
    bound: Option<&KeyBinding>,
    writes: &mut Writes,
) -> Result<(), ContractError> {
    if head.status == Status::Deactivated {
        return Err(ContractError::Inactive(Inactive::Patient));
    }
    if roles.contains(REGISTRAR) {
        if bound.is_some_and(|bound| bound.pid != head.pid) {
            return Err(ContractError::KeyTaken);
        }
        if head.key_hash == private.key_hash {
            return Err(ContractError::ArgumentInvalid("the patient has this key already"));
        }
        let until = act.tx.at.saturating_add(OFFER_MS);
        let (key_hash, by) = (private.key_hash, act.caller.pid);
        head.pending_rebind = Some(Rebind { key_hash, by, until });
        return Ok(());
    }
    let until = proposed(head, private)?.until;
    head.meta.not_before(&act.tx)?;
    if act.tx.at >= until {
        return Err(ContractError::OfferLapsed);
    }
    let salt = Salts::of_subject(&head.secret, act.cx).at(0);
    bind_key((private.key_hash, head.pid), bound, salt, &act.tx, writes)?;
    head.key_hash = private.key_hash;
    head.epoch = head.epoch.saturating_add(1);
    head.pending_rebind = None;
    head.claims.clear();
    head.delegations.retain(|it| it.status == DelegationStatus::Active);
    Ok(())
}

/// The patient, for those who decide together who takes its place: a registrar of its organisation
/// asks, a privacy officer of the whole of another custodian agrees.
///
/// To every other organisation's registrar or officer a patient that is there is as unknown as none.
pub(crate) async fn of_two_organisations(
    act: &Act<'_>,
    authority: &Authority<'_>,
    (sid, head): (SubjectId, Option<Head>),
    ledger: &impl Reader,
) -> Result<Head, ContractError> {
    let asks = act.require(authority.roles)?.contains(REGISTRAR);
    if !asks && !authority.is_of_root(act, OrganizationKind::Custodian) {
        return Err(ContractError::OutsideAuthority);
    }
    let unknown = ContractError::SubjectUnknown;
    let Some(head) = head else { return Err(absent(&HEADS, ledger, &(sid,), unknown).await) };
    match (asks, head.home == act.caller.msp) {
        (true, true) | (false, false) => Ok(head),
        (true, false) => Err(unknown),
        (false, true) => Err(ContractError::OutsideAuthority),
    }
}
