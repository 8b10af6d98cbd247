//! Pages of records of which some are not shown.

use crate::error::ContractError;
use crate::ids::{LoincCode, ParticipantId, RecordsKey};
use crate::page;
use crate::record::Record;
use crate::state::{RECORDS, RecordKey};
use crate::summary::Bookmark;
use crate::time::{KeyGrid, KeyTime};
use fabric_contract_rs::{QueryReader, TimestampMs};

/// Records that one page looks at, those included that it does not show: two weeks of five-minute
/// windows.
pub const EXAMINED_MAX: usize = 4_096;
/// Records scanned at a time at least: as many as a peer sends at once.
const SCANNED_MIN: usize = 100;

/// Records of one code and one length of windows that start in a time.
pub(crate) struct Asked {
    pub(crate) rk: RecordsKey,
    pub(crate) code: LoincCode,
    pub(crate) grid_s: u32,
    pub(crate) from: TimestampMs,
    pub(crate) until: TimestampMs,
    pub(crate) limit: usize,
    pub(crate) bookmark: Option<Bookmark>,
}

/// The records that are shown, each with what showing it was found to mean.
pub(crate) struct Found<T> {
    pub(crate) records: Vec<(RecordKey, Record, T)>,
    /// Given when there may be more.
    pub(crate) bookmark: Option<Bookmark>,
}

impl Asked {
    /// One page of the records for which `shown` gives something.
    ///
    /// Where the page ends tells nobody where a record is hidden: at the last one shown, or, after
    /// looking at [`EXAMINED_MAX`], between two starts of windows.
    pub(crate) async fn page<T>(
        &self,
        ledger: &impl QueryReader,
        shown: impl Fn(&RecordKey, &Record) -> Option<T>,
    ) -> Result<Found<T>, ContractError> {
        let prefix = (self.rk, self.code, KeyGrid(self.grid_s));
        let whole = RECORDS.between(&prefix, &KeyTime(self.from), &KeyTime(self.until))?;
        let after = |start, device| {
            let key = (self.rk, self.code, KeyGrid(self.grid_s), KeyTime(start), device);
            RECORDS.key(&key).map(|key| whole.clone().after(&key))
        };
        let mut range = match self.bookmark {
            Some(mark) => after(mark.start(), mark.device())?,
            None => whole.clone(),
        };
        let to_scan = page::to_scan(self.limit).max(SCANNED_MIN);
        let mut page = Found { records: Vec::new(), bookmark: None };
        let mut examined = 0_usize;
        loop {
            let found = RECORDS.scan(ledger, &range, to_scan).await?;
            let last = found.last().map(|((.., start, device), _)| (start.0, *device));
            let complete = found.len() < to_scan;
            examined = examined.saturating_add(found.len());
            for (key, record) in found {
                let Some(meaning) = shown(&key, &record) else { continue };
                if page.records.len() == self.limit {
                    let last = page.records.last();
                    page.bookmark =
                        last.map(|((.., start, device), ..)| Bookmark::new(start.0, *device));
                    return Ok(page);
                }
                page.records.push((key, record, meaning));
            }
            let Some((start, device)) = last.filter(|_| !complete) else { return Ok(page) };
            if examined >= EXAMINED_MAX {
                // Other devices may have more of this start: all of it is left to the next page.
                page.records.retain(|((.., shown, _), ..)| shown.0 < start);
                let before = start.saturating_sub(1).max(self.from);
                page.bookmark = Some(Bookmark::new(before, ParticipantId::new([0xff; 16])));
                return Ok(page);
            }
            range = after(start, device)?;
        }
    }
}
