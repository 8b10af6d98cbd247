//! Who calls: from the creator's certificate alone, then by what the ledger says of it.

use crate::act::Act;
use crate::consent::Actor;
use crate::error::{ContractError, Inactive};
use crate::head::Head;
use crate::ids::{KeyHash, MspId, ParticipantId, UnitId};
use crate::meta::{Tx, halves};
use crate::organization::Organization;
use crate::policies::OrganizationKind;
use crate::role::{Role, RoleSet, StaffRole};
use crate::staff::Staff;
use crate::state::{ORGANIZATIONS, STAFF};
use crate::status::Status;
use fabric_contract_rs::{
    Batch, ClientIdentity, Loaded, NodeOu, Reader, Slot, Space, TimestampMs, TxContext,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Separates participant ids from other hashes.
const PID_DOMAIN: &[u8] = b"pid/1\0";

impl ParticipantId {
    /// The id of whoever `msp` has enrolled under `enrolment_id`: the first 16 bytes of
    /// SHA-256(`pid/1` ‖ 0 ‖ MSP id ‖ 0 ‖ enrolment id).
    ///
    /// It survives renewal of the certificate and of the key. Enrolment ids must be random texts:
    /// the certificates that carry them stand in every block.
    pub fn of(msp: &str, enrolment_id: &str) -> Self {
        let hash = Sha256::new_with_prefix(PID_DOMAIN)
            .chain_update(msp)
            .chain_update([0])
            .chain_update(enrolment_id);
        let [first, _] = halves(hash.finalize().into());
        Self::new(first)
    }
}

/// Who signed the proposal.
///
/// ```
/// use fabric_contract_rs::testing::TestIdentity;
/// use ioht_contract::{Participant, ParticipantId};
///
/// let caller = Participant::of(&TestIdentity::new("Org1MSP", "p-5f0c").client()).unwrap();
/// assert_eq!(caller.pid, ParticipantId::of("Org1MSP", "p-5f0c"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Its pseudonym.
    pub pid: ParticipantId,
    /// Its organisation.
    pub msp: MspId,
    /// The hash of its public key, which patients, devices and gateways are pinned to.
    pub key_hash: KeyHash,
    /// Whether its certificate makes it an administrator of its organisation: of the units `client`,
    /// `admin`, `peer` and `orderer` it has `admin` alone. The MSP must have NodeOUs enabled, so that
    /// peers hold certificates to that.
    pub is_msp_admin: bool,
}

impl Participant {
    /// Reads the creator's certificate.
    ///
    /// # Errors
    /// [`ContractError::IdentityUnusable`] without exactly one enrolment id, or with an MSP id that
    /// is no [`MspId`].
    pub fn of(client: &ClientIdentity) -> Result<Self, ContractError> {
        let unusable = |reason: String| ContractError::IdentityUnusable(reason);
        let enrolment_id = client.enrolment_id().map_err(|error| unusable(error.to_string()))?;
        let msp = client.msp_id().parse().map_err(|_| unusable("its MSP id is no name".into()))?;
        Ok(Self {
            pid: ParticipantId::of(client.msp_id(), enrolment_id),
            msp,
            key_hash: KeyHash::new(client.public_key_hash()),
            is_msp_admin: client.node_ou() == Some(NodeOu::Admin),
        })
    }

    pub(crate) fn calling(cx: &TxContext) -> Result<Self, ContractError> {
        Self::of(cx.client())
    }

    /// Somebody, as if it called: by the key that this patient knows it by, and by no administrator's
    /// certificate. Of who is no staff the organisation is unknown, and counts for nothing.
    pub(crate) fn supposed(pid: ParticipantId, staff: Option<&Staff>, head: &Head) -> Self {
        let own = head.delegations.iter().find(|it| it.delegate == pid);
        let key_hash = own.map_or(head.key_hash, |it| it.key_hash);
        let msp = staff.map_or(&head.home, |it| &it.msp).clone();
        Self { pid, msp, key_hash, is_msp_admin: false }
    }
}

/// What public state says of a caller.
#[derive(Debug)]
pub(crate) struct Standing {
    organization: Option<Organization>,
    staff: Option<Staff>,
}

/// Where a [`Standing`] will be in a batch over public state.
#[derive(Debug)]
pub(crate) struct StandingSlots {
    organization: Slot<Organization>,
    staff: Slot<Staff>,
}

impl Standing {
    /// What is known of somebody.
    pub(crate) fn of(organization: Option<Organization>, staff: Option<Staff>) -> Self {
        Self { organization, staff }
    }
}

impl StandingSlots {
    /// Adds the caller's organisation and staff entry to what is read.
    pub(crate) fn want(batch: &mut Batch, caller: &Participant) -> Result<Self, ContractError> {
        let organization = batch.want(&ORGANIZATIONS, &(caller.msp.clone(),))?;
        let staff = batch.want(&STAFF, &(caller.pid,))?;
        Ok(Self { organization, staff })
    }

    /// What was found.
    pub(crate) fn found(&self, loaded: &Loaded) -> Result<Standing, ContractError> {
        let (organization, staff) = (loaded.get(&self.organization)?, loaded.get(&self.staff)?);
        Ok(Standing { organization, staff })
    }
}

impl Standing {
    /// Reads nothing else.
    pub(crate) async fn load(
        caller: &Participant,
        ledger: &impl Reader,
    ) -> Result<Self, ContractError> {
        let mut batch = Batch::new(Space::Public);
        let slots = StandingSlots::want(&mut batch, caller)?;
        slots.found(&batch.load(ledger).await?)
    }

    /// What the caller may do.
    pub(crate) fn authority(
        &self,
        caller: &Participant,
        tx: &Tx,
    ) -> Result<Authority<'_>, ContractError> {
        Authority::of(caller, self.organization.as_ref(), self.staff.as_ref(), tx)
    }
}

/// What a caller may do for its organisation, after everything that could end it was checked.
#[derive(Debug)]
pub(crate) struct Authority<'a> {
    pub(crate) organization: &'a Organization,
    /// Where it stands in the tree.
    pub(crate) unit: UnitId,
    pub(crate) roles: RoleSet,
    pub(crate) is_msp_admin: bool,
    staff: Option<&'a Staff>,
}

impl<'a> Authority<'a> {
    /// The caller's authority: as the organisation's own administrator, who is `org_admin` of the
    /// root unit without a staff entry, or by its staff entry.
    fn of(
        caller: &Participant,
        organization: Option<&'a Organization>,
        staff: Option<&'a Staff>,
        tx: &Tx,
    ) -> Result<Self, ContractError> {
        let organization = organization.ok_or(ContractError::IdentityUnknown)?;
        if caller.is_msp_admin {
            return Ok(Self {
                organization,
                unit: UnitId::root(),
                roles: RoleSet::NONE.with(Role::Staff(StaffRole::OrgAdmin)),
                is_msp_admin: true,
                staff: None,
            });
        }
        let staff = staff.ok_or(ContractError::IdentityUnknown)?;
        staff_is_active(organization, staff, tx).map_err(ContractError::Inactive)?;
        Ok(Self {
            organization,
            unit: staff.unit.clone(),
            roles: staff.roles.iter().map(|role| Role::Staff(*role)).collect(),
            is_msp_admin: false,
            staff: Some(staff),
        })
    }

    /// Refuses an inactive organisation. Apart from [`of`](Self::of) because its own administrator
    /// may lift the suspension that it imposed itself.
    pub(crate) fn organization_active(self) -> Result<Self, ContractError> {
        if self.organization.status == Status::Active {
            Ok(self)
        } else {
            Err(ContractError::Inactive(Inactive::Organization))
        }
    }

    /// Refuses a transaction dated before the authority it uses: before the last change of the
    /// status of the organisation, of the units up from the caller's, or of its staff entry. What
    /// else changes in the organisation ends nobody's authority.
    pub(crate) fn not_before(&self, tx: &Tx) -> Result<(), ContractError> {
        let units = self.organization.path(&self.unit).map(|unit| unit.since);
        if units.chain([self.organization.since]).any(|since| tx.at < since) {
            return Err(ContractError::BackDated);
        }
        self.staff.map_or(Ok(()), |staff| staff.meta.not_before(tx))
    }

    /// When it ends by itself.
    pub(crate) fn until(&self) -> Option<TimestampMs> {
        self.staff.and_then(|staff| staff.period.end)
    }

    /// Whether it is of the whole of an organisation that is of this kind now. Whoever administers a
    /// unit below the root appoints staff there, and must not reach other organisations through it.
    pub(crate) fn is_of_root(&self, act: &Act<'_>, kind: OrganizationKind) -> bool {
        let now = act.policies.kind_of(&act.caller.msp, self.organization.kind);
        now == kind && self.unit.is_root()
    }

    /// Whether this is who is meant: the caller itself, or staff of a unit or below it.
    pub(crate) fn is(&self, caller: &Participant, actor: &Actor) -> bool {
        match actor {
            Actor::Participant(pid) => caller.pid == *pid,
            Actor::Unit { unit, msp } => {
                let mut path = self.organization.path(&self.unit);
                caller.msp == *msp && path.any(|above| above.id == *unit)
            }
            _ => false,
        }
    }

    /// Whether it manages what belongs to `unit`: its own unit and those below.
    pub(crate) fn covers(&self, unit: &UnitId) -> bool {
        self.organization.path(unit).any(|above| above.id == self.unit)
    }

    /// Whether it manages `unit` itself, or its administrators: only those below its own, except
    /// that the organisation's administrator stands above the root.
    pub(crate) fn is_above(&self, unit: &UnitId) -> bool {
        self.is_msp_admin || (*unit != self.unit && self.covers(unit))
    }

    /// Whether it manages staff of these roles in `unit`.
    pub(crate) fn manages(&self, unit: &UnitId, roles: &BTreeSet<StaffRole>) -> bool {
        if roles.contains(&StaffRole::OrgAdmin) { self.is_above(unit) } else { self.covers(unit) }
    }
}

/// Effective status of a unit: it, all above it and the organisation are active.
pub(crate) fn unit_is_active(organization: &Organization, unit: &UnitId) -> Result<(), Inactive> {
    if organization.status != Status::Active {
        return Err(Inactive::Organization);
    }
    let mut path = organization.path(unit).peekable();
    if path.peek().is_none() || path.any(|unit| unit.status != Status::Active) {
        return Err(Inactive::Unit);
    }
    Ok(())
}

/// Effective status: organisation, unit and all above it, and the entry itself are active, and its
/// period is open.
pub(crate) fn staff_is_active(
    organization: &Organization,
    staff: &Staff,
    tx: &Tx,
) -> Result<(), Inactive> {
    unit_is_active(organization, &staff.unit)?;
    if staff.status != Status::Active {
        return Err(Inactive::Staff);
    }
    if staff.period.contains(tx.at) { Ok(()) } else { Err(Inactive::Period) }
}
