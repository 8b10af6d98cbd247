//! What comes in pages, whole.

use crate::actor::Actor;
use crate::error::ClientError;
use ioht_contract::{
    CommandView, JournalEntry, ListCommands, ListCommandsPrivate, LoincCode, ParticipantId,
    ReadJournal, ReadJournalPrivate, ReadOwnSummaries, ReadOwnSummariesPrivate, StoredSummary,
    SubjectId,
};

impl Actor {
    /// The calling patient's own records that start in a stretch of time, by start and device.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn own_records(
        &self,
        code: LoincCode,
        grid_s: u32,
        from: i64,
        until: i64,
    ) -> Result<Vec<StoredSummary>, ClientError> {
        let mut asked =
            ReadOwnSummariesPrivate { code, grid_s, from, until, limit: None, bookmark: None };
        let mut found = Vec::new();
        loop {
            let page = self.evaluate_private(&ReadOwnSummaries {}, &asked).await?;
            found.extend(page.records);
            asked.bookmark = page.bookmark;
            if asked.bookmark.is_none() {
                return Ok(found);
            }
        }
    }

    /// What others did to a patient or in its name, newest first: to the caller, or to the patient
    /// that it acts for.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn journal(
        &self,
        sid: Option<SubjectId>,
        from: i64,
        until: i64,
    ) -> Result<Vec<JournalEntry>, ClientError> {
        let mut asked = ReadJournalPrivate { sid, from, until, limit: None, after: None };
        let mut found: Vec<JournalEntry> = Vec::new();
        loop {
            let page = self.evaluate_private(&ReadJournal {}, &asked).await?;
            found.extend(page.entries);
            asked.after = found.last().map(|entry| entry.place);
            if !page.more {
                return Ok(found);
            }
        }
    }

    /// The commands to a device that expire in a stretch of time, soonest first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn commands(
        &self,
        sid: SubjectId,
        device: ParticipantId,
        from: i64,
        until: i64,
    ) -> Result<Vec<CommandView>, ClientError> {
        let mut asked = ListCommandsPrivate { sid, device, from, until, limit: None, after: None };
        let mut found: Vec<CommandView> = Vec::new();
        loop {
            let page = self.evaluate_private(&ListCommands {}, &asked).await?;
            found.extend(page.commands);
            asked.after = found.last().map(|command| command.place);
            if !page.more {
                return Ok(found);
            }
        }
    }
}
