//! Statuses and their changes.

use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether something on the ledger is in force.
///
/// pending → active ⇄ suspended → deactivated, which is final and can be reached from each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Status {
    /// Waits for the patient's own confirmation.
    #[n(0)]
    Pending,
    /// In force.
    #[n(1)]
    Active,
    /// Out of force for now.
    #[n(2)]
    Suspended,
    /// Out of force for good.
    #[n(3)]
    Deactivated,
}

/// A status that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewStatus {
    /// Lift a suspension.
    Active,
    /// Suspend.
    Suspended,
    /// End for good.
    Deactivated,
}

/// Who imposed a suspension, and so may lift it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Holder {
    /// Whoever ordinarily manages it: an organisation's own administrator, a device's owner.
    #[n(0)]
    Manager,
    /// A supervisor: a custodian's privacy officer, a regulator.
    #[n(1)]
    Supervisor,
}

/// Why a status does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is final, or not one that can be left this way.
    Conflict,
    /// A supervisor's suspension.
    Held,
}

/// What asking for `new` makes of `status` and of the suspension's `holder`; `None` when it is so
/// already.
///
/// Suspending and ending are never refused except after the end.
pub(crate) fn change(
    status: Status,
    holder: Option<Holder>,
    new: NewStatus,
    by: Holder,
) -> Result<Option<(Status, Option<Holder>)>, Refusal> {
    match (status, new) {
        (Status::Deactivated, NewStatus::Deactivated) | (Status::Active, NewStatus::Active) => {
            Ok(None)
        }
        (Status::Deactivated | Status::Pending, NewStatus::Active | NewStatus::Suspended) => {
            Err(Refusal::Conflict)
        }
        (_, NewStatus::Deactivated) => Ok(Some((Status::Deactivated, None))),
        (Status::Active, NewStatus::Suspended) => Ok(Some((Status::Suspended, Some(by)))),
        // A supervisor takes over a manager's suspension, so that the manager cannot lift it.
        (Status::Suspended, NewStatus::Suspended) if Some(by) > holder => {
            Ok(Some((Status::Suspended, Some(by))))
        }
        (Status::Suspended, NewStatus::Suspended) => Ok(None),
        (Status::Suspended, NewStatus::Active) if Some(by) < holder => Err(Refusal::Held),
        (Status::Suspended, NewStatus::Active) => Ok(Some((Status::Active, None))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Holder::{Manager, Supervisor};

    type Row = (Status, Option<Holder>, NewStatus, Holder);
    type Changed = Result<Option<(Status, Option<Holder>)>, Refusal>;

    fn check((status, holder, new, by): Row, expected: Changed) {
        assert_eq!(
            change(status, holder, new, by),
            expected,
            "{status:?} {holder:?} {new:?} {by:?}"
        );
    }

    #[test]
    fn suspension_and_its_lifting() {
        use Status::{Active, Suspended};
        check((Active, None, NewStatus::Active, Manager), Ok(None));
        check((Active, None, NewStatus::Suspended, Manager), Ok(Some((Suspended, Some(Manager)))));
        check((Suspended, Some(Manager), NewStatus::Suspended, Manager), Ok(None));
        check((Suspended, Some(Manager), NewStatus::Active, Manager), Ok(Some((Active, None))));
        check((Suspended, Some(Manager), NewStatus::Active, Supervisor), Ok(Some((Active, None))));
    }

    #[test]
    fn a_supervisors_suspension_is_only_the_supervisors_to_lift() {
        use Status::{Active, Suspended};
        let held = Some(Supervisor);
        check(
            (Suspended, Some(Manager), NewStatus::Suspended, Supervisor),
            Ok(Some((Suspended, held))),
        );
        check((Suspended, held, NewStatus::Suspended, Manager), Ok(None));
        check((Suspended, held, NewStatus::Active, Manager), Err(Refusal::Held));
        check((Suspended, held, NewStatus::Active, Supervisor), Ok(Some((Active, None))));
    }

    #[test]
    fn the_end_is_final_and_always_near() {
        use Status::{Active, Deactivated, Pending, Suspended};
        for status in [Pending, Active, Suspended] {
            check((status, None, NewStatus::Deactivated, Manager), Ok(Some((Deactivated, None))));
        }
        check((Deactivated, None, NewStatus::Deactivated, Manager), Ok(None));
        check((Deactivated, None, NewStatus::Active, Supervisor), Err(Refusal::Conflict));
        check((Deactivated, None, NewStatus::Suspended, Supervisor), Err(Refusal::Conflict));
        check((Pending, None, NewStatus::Active, Manager), Err(Refusal::Conflict));
        check((Pending, None, NewStatus::Suspended, Manager), Err(Refusal::Conflict));
    }
}
