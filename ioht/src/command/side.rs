//! A patient's side of the ledger: the patient itself, or a delegate that acts for it.

use super::{CommandError, own_sid};
use ioht::Actor;
use ioht_contract::SubjectId;

/// Who acts, and for whom.
pub(crate) struct Side<'a> {
    pub(super) actor: &'a Actor,
    /// The patient, when a delegate acts.
    pub(super) patient: Option<SubjectId>,
}

impl Side<'_> {
    /// The patient's subject id.
    pub(super) async fn sid(&self) -> Result<SubjectId, CommandError> {
        match self.patient {
            Some(sid) => Ok(sid),
            None => own_sid(self.actor).await,
        }
    }
}
