//! Times of the command line.

use clap::Args;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const DAY_MS: i64 = 86_400_000;
/// How far ahead of a peer's clock a transaction may be dated: the window of Fabric's peers.
const AHEAD_MS: i64 = 900_000;

/// A stretch of time.
#[derive(Args)]
pub(crate) struct When {
    /// From this time on, such as 2026-01-31T08:00:00Z; else `--days` before the end.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    from: Option<i64>,
    /// Up to this time; now, unless given.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
    /// How many days, where `--from` is not given.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=2196))]
    days: u16,
}

impl When {
    /// From and until, in milliseconds.
    pub(super) fn range(&self) -> (i64, i64) {
        self.range_at(now_ms().saturating_add(1))
    }

    /// The same of what was written, by clocks that may run ahead: unless told otherwise it ends later
    /// than any that peers or the contract take as correct.
    pub(super) fn range_of_entries(&self) -> (i64, i64) {
        self.range_at(now_ms().saturating_add(AHEAD_MS))
    }

    fn range_at(&self, end: i64) -> (i64, i64) {
        let until = self.until.unwrap_or(end);
        let days = i64::from(self.days).saturating_mul(DAY_MS);
        let from = self.from.unwrap_or_else(|| until.saturating_sub(days).max(1));
        (from, until)
    }
}

pub(super) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Milliseconds since 1970 from a time as RFC 3339 writes it.
pub(super) fn time_ms(text: &str) -> Result<i64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| "write a time as 2026-01-31T08:00:00Z".to_owned())?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).map_err(|_| "no such time".to_owned())
}

/// A moment as people read it, in UTC.
pub(super) fn clock(at_ms: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!("{} {:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time_ms("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(time_ms("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(time_ms("yesterday").is_err());
        assert_eq!(clock(951_782_401_000), "2000-02-29 00:00:01");
    }

    #[test]
    fn a_stretch_ends_where_it_is_said() {
        let when = When { from: None, until: Some(10 * DAY_MS), days: 3 };
        assert_eq!(when.range(), (7 * DAY_MS, 10 * DAY_MS));
        let when = When { from: Some(5), until: Some(6), days: 3 };
        assert_eq!(when.range(), (5, 6));
    }
}
