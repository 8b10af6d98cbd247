//! The care team: whom a patient means when it shares with those who treat it.

use crate::act::Act;
use crate::answer::Receipt;
use crate::consent::Actor;
use crate::delegation::Power;
use crate::error::ContractError;
use crate::ids::SubjectId;
use crate::policies::Policies;
use crate::private;
use crate::role::Role;
use crate::state::HEADS;
use fabric_contract_rs::{Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Members of a care team: a person or a whole unit each.
pub const CARE_TEAM_MAX: usize = 32;

/// Adds members to the patient's care team and removes others. Removing is never refused for its
/// time or the patient's status.
///
/// It says what changes instead of the whole team, so that two changes at once lose nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCareTeam {}

/// The private part of [`PutCareTeam`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCareTeamPrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// Participants and units that join.
    #[serde(default)]
    pub add: BTreeSet<Actor>,
    /// Those that leave.
    #[serde(default)]
    pub remove: BTreeSet<Actor>,
}

impl Submit for PutCareTeam {
    const NAME: &'static str = "PutCareTeam";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
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
        let private: PutCareTeamPrivate = private::take(cx)?;
        private.check()?;
        let act = Act::of::<Self>(policies, cx)?;
        let key = (private.sid,);
        let head = HEADS.get(ledger, &key).await?;
        let patient = act.patient((private.sid, head), Power::Consent, ledger).await?;
        let mut team = patient.head.care_team.clone();
        team.retain(|it| !private.remove.contains(it));
        if !private.add.is_subset(&team) {
            patient.widening(&act.tx)?;
            team.extend(private.add);
            if team.len() > CARE_TEAM_MAX {
                return Err(ContractError::CareTeamFull);
            }
        }
        let mut head = patient.head;
        if head.care_team != team {
            head.care_team = team;
            head.meta.changed(&act.tx);
            act.note(&head, patient.roles, None, writes)?;
            HEADS.put(writes, &key, &head)?;
        }
        Ok(act.done::<Self>(writes))
    }
}

impl PutCareTeamPrivate {
    fn check(&self) -> Result<(), ContractError> {
        let member = |it: &Actor| matches!(it, Actor::Participant(_) | Actor::Unit { .. });
        if !self.add.iter().all(member) || !self.add.is_disjoint(&self.remove) {
            return Err(ContractError::ArgumentInvalid(
                "a care team is of participants and units, each added or removed",
            ));
        }
        Ok(())
    }
}
