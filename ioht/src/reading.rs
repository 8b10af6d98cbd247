//! What a reader does in one step: request, open, read.

use crate::actor::Actor;
use crate::error::ClientError;
use ioht_contract::access::{
    AccessReference, AccessView, AccountingEntry, ErroneousRecord, GetAccess, GetAccessPrivate,
    GetAccountingOfDisclosures, GetAccountingOfDisclosuresPrivate, OpenDisclosure,
    OpenDisclosurePrivate, ReadSummaries, ReadSummariesPrivate, RequestAccess,
    RequestAccessPrivate, Scope, TicketId,
};
use ioht_contract::client::Call;
use ioht_contract::decision::Outcome;
use ioht_contract::{DocumentDigest, LoincCode, ObligationCode, StoredSummary, SubjectId};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// How often something that is committed, but not on every asked peer yet, is asked for.
const TRIES_MAX: u32 = 8;
/// The first pause between two tries; each next one is twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// What a reading brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The request and what became of it.
    pub access: AccessView,
    /// The opening; none where the request was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<TicketId>,
    /// What was disclosed by it.
    #[serde(flatten)]
    pub disclosed: Disclosed,
}

/// What is disclosed to a reader.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Disclosed {
    /// The records, by code, start and device.
    pub records: Vec<StoredSummary>,
    /// Windows whose records were entered in error: whoever has read one before must not rely on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entered_in_error: Vec<Erroneous>,
    /// HL7 obligation and refrain codes that whoever has the records keeps to.
    pub obligations: BTreeSet<ObligationCode>,
}

/// A record that was entered in error, and what it was said to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erroneous {
    /// The code that was asked for.
    pub code: LoincCode,
    /// The window, and when it was marked.
    #[serde(flatten)]
    pub record: ErroneousRecord,
}

impl Disclosed {
    fn extend(&mut self, more: Self) {
        self.records.extend(more.records);
        self.entered_in_error.extend(more.entered_in_error);
        self.obligations.extend(more.obligations);
    }
}

impl Actor {
    /// Requests access to data of one patient.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn request_access(
        &self,
        sid: SubjectId,
        scope: Scope,
    ) -> Result<AccessReference, ClientError> {
        first(self.request_accesses(vec![sid], scope, None, None).await?)
    }

    /// Requests access to the same data of up to 50 patients in one transaction, with the digest of
    /// the document that says why, and when the accesses are no longer needed, in milliseconds since
    /// 1970; at the latest, and unless given, they end in thirty days. Each patient's consent decides
    /// by itself.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn request_accesses(
        &self,
        subjects: Vec<SubjectId>,
        scope: Scope,
        justification: Option<DocumentDigest>,
        until: Option<i64>,
    ) -> Result<Vec<AccessReference>, ClientError> {
        let private =
            RequestAccessPrivate { subjects: subjects.clone(), scope, justification, until };
        let ids = self.submit_private(&RequestAccess {}, &private).await?.answer.ids;
        let named = subjects.into_iter().zip(ids);
        Ok(named.map(|(sid, access)| AccessReference { sid, access }).collect())
    }

    /// What became of a request.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn access(&self, access: AccessReference) -> Result<AccessView, ClientError> {
        let private = GetAccessPrivate { accesses: vec![access] };
        let answer = self.evaluate_visible(&GetAccess {}, &private).await?;
        first(answer.accesses)
    }

    /// Opens an access: from then on it can be read by the answer, for so many minutes (1 to 60), or
    /// for the contract's usual fifteen. Custodians' peers that have not committed the access yet are
    /// asked again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn open(
        &self,
        access: AccessReference,
        minutes: Option<u8>,
    ) -> Result<TicketId, ClientError> {
        let private = OpenDisclosurePrivate { accesses: vec![access], minutes };
        let opening = OpenDisclosure {};
        let committed = once_visible(|| self.submit_private(&opening, &private)).await?;
        first(committed.answer.ids)
    }

    /// Requests, opens and reads all windows of `grid_s` seconds in the scope. Where the request is
    /// denied there are no records, and nothing is opened.
    ///
    /// # Errors
    /// [`ClientError`]; `NOT_DISCLOSED` when the patient has withdrawn in between.
    pub async fn read(
        &self,
        sid: SubjectId,
        scope: Scope,
        grid_s: u32,
    ) -> Result<Reading, ClientError> {
        self.read_access(self.request_access(sid, scope).await?, grid_s).await
    }

    /// Opens and reads what was requested: all windows of `grid_s` seconds in its scope. Where it was
    /// denied there are no records, and nothing is opened.
    ///
    /// # Errors
    /// [`ClientError`]; `NOT_DISCLOSED` when the patient has withdrawn in between.
    pub async fn read_access(
        &self,
        reference: AccessReference,
        grid_s: u32,
    ) -> Result<Reading, ClientError> {
        let access = self.access(reference).await?;
        let mut reading = Reading { access, disclosure: None, disclosed: Disclosed::default() };
        if reading.access.outcome == Outcome::Deny {
            return Ok(reading);
        }
        let disclosure = self.open(reference, None).await?;
        reading.disclosure = Some(disclosure);
        let scope = reading.access.scope.clone();
        let until = scope.data_period.end.unwrap_or(ioht_contract::TIME_MS_MAX);
        for code in reading.access.codes.clone() {
            let from = scope.data_period.start;
            let found =
                self.disclosed(reference.sid, disclosure, code, grid_s, from, until).await?;
            reading.disclosed.extend(found);
        }
        Ok(reading)
    }

    /// Reads by a disclosure that was opened before: the windows of `grid_s` seconds that start in a
    /// stretch of time, and what whoever has them is obliged to.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn disclosed(
        &self,
        sid: SubjectId,
        disclosure: TicketId,
        code: LoincCode,
        grid_s: u32,
        from: i64,
        until: i64,
    ) -> Result<Disclosed, ClientError> {
        let mut asked = ReadSummariesPrivate {
            sid,
            disclosure,
            code,
            grid_s,
            from,
            until,
            limit: None,
            bookmark: None,
        };
        let mut found = Disclosed::default();
        loop {
            let page = self.evaluate_visible(&ReadSummaries {}, &asked).await?;
            let marked = page.entered_in_error.into_iter();
            found.extend(Disclosed {
                records: page.records,
                entered_in_error: marked.map(|record| Erroneous { code, record }).collect(),
                obligations: page.obligations,
            });
            asked.bookmark = page.bookmark;
            if asked.bookmark.is_none() {
                return Ok(found);
            }
        }
    }

    /// Who asked for a patient's data and who looked at it, newest first: the caller's own, or those
    /// of the patient that it names as a delegate.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn who_looked(
        &self,
        sid: Option<SubjectId>,
        from: i64,
        until: i64,
    ) -> Result<Vec<AccountingEntry>, ClientError> {
        let mut asked =
            GetAccountingOfDisclosuresPrivate { sid, from, until, limit: None, bookmark: None };
        let mut entries = Vec::new();
        loop {
            let page = self.evaluate_visible(&GetAccountingOfDisclosures {}, &asked).await?;
            entries.extend(page.entries);
            asked.bookmark = page.bookmark;
            if asked.bookmark.is_none() {
                return Ok(entries);
            }
        }
    }

    async fn evaluate_visible<C: Call>(
        &self,
        call: &C,
        private: &C::Private,
    ) -> Result<C::Answer, ClientError> {
        once_visible(|| self.evaluate_private(call, private)).await
    }
}

/// Asks again what is committed, but has not reached every asked peer yet. Of what a peer refuses
/// nothing is ordered, so that nothing is done twice.
async fn once_visible<T, F>(mut ask: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let mut pause = PAUSE;
    for _ in 1..TRIES_MAX {
        match ask().await {
            Err(error) if error.may_become_visible() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause = pause.saturating_mul(2);
    }
    ask().await
}

fn first<T>(all: Vec<T>) -> Result<T, ClientError> {
    all.into_iter().next().ok_or_else(|| {
        ClientError::Answer(serde::de::Error::custom("an answer for what was asked is missing"))
    })
}
