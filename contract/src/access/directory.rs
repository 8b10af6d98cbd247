//! Staff and organisations that a patient asks about.

use crate::consent::Actor;
use crate::error::ContractError;
use crate::ids::{MspId, ParticipantId};
use crate::organization::Organization;
use crate::participant::Standing;
use crate::staff::Staff;
use crate::state::{ORGANIZATIONS, STAFF};
use fabric_contract_rs::{Batch, QueryReader, Space};
use std::collections::{BTreeMap, BTreeSet};

/// What public state says of some actors.
pub(super) struct Directory {
    staff: BTreeMap<ParticipantId, Staff>,
    organizations: BTreeMap<MspId, Organization>,
}

impl Directory {
    /// Looks them up: two reads, however many they are.
    pub(super) async fn of<'a>(
        actors: impl Iterator<Item = &'a Actor>,
        ledger: &impl QueryReader,
    ) -> Result<Self, ContractError> {
        let (mut people, mut places) = (BTreeSet::new(), BTreeSet::new());
        for actor in actors {
            match actor {
                Actor::Participant(pid) => drop(people.insert(*pid)),
                Actor::Unit { msp, .. } | Actor::Organization(msp) => {
                    places.insert(msp.clone());
                }
                Actor::Role(_) | Actor::Project(_) | Actor::CareTeam => (),
            }
        }
        let mut batch = Batch::new(Space::Public);
        let wanted: Result<Vec<_>, _> =
            people.iter().map(|pid| batch.want(&STAFF, &(*pid,))).collect();
        let loaded = batch.load(ledger).await?;
        let mut staff = BTreeMap::new();
        for (pid, slot) in people.iter().zip(wanted?) {
            if let Some(entry) = loaded.get(&slot)? {
                places.insert(entry.msp.clone());
                staff.insert(*pid, entry);
            }
        }
        let mut batch = Batch::new(Space::Public);
        let wanted: Result<Vec<_>, _> =
            places.iter().map(|msp| batch.want(&ORGANIZATIONS, &(msp.clone(),))).collect();
        let loaded = batch.load(ledger).await?;
        let mut organizations = BTreeMap::new();
        for (msp, slot) in places.iter().zip(wanted?) {
            if let Some(organization) = loaded.get(&slot)? {
                organizations.insert(msp.clone(), organization);
            }
        }
        Ok(Self { staff, organizations })
    }

    pub(super) fn organization(&self, msp: &MspId) -> Option<&Organization> {
        self.organizations.get(msp)
    }

    /// What is known of one, and its staff entry.
    pub(super) fn standing(&self, pid: ParticipantId) -> (Standing, Option<&Staff>) {
        let staff = self.staff.get(&pid);
        let organization = staff.and_then(|it| self.organization(&it.msp));
        (Standing::of(organization.cloned(), staff.cloned()), staff)
    }
}
