//! Prints the story, a line a step.

use crate::actor::Committed;
use ioht_contract::StoredSummary;
use std::io::{self, Write};
use time::OffsetDateTime;

pub(super) struct Narrator<'a> {
    output: &'a mut (dyn Write + Send),
    steps: u32,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(output: &'a mut (dyn Write + Send)) -> Self {
        Self { output, steps: 0 }
    }

    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }

    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{text}")
    }

    /// A step that was committed.
    pub(super) fn committed<A>(
        &mut self,
        who: &str,
        what: &str,
        committed: &Committed<A>,
    ) -> io::Result<()> {
        let tx = committed.transaction_id.get(..12).unwrap_or(&committed.transaction_id);
        self.step(who, what, &format!("block {}, transaction {tx}…", committed.block_number))
    }

    /// A step that left no transaction.
    pub(super) fn step(&mut self, who: &str, what: &str, outcome: &str) -> io::Result<()> {
        self.steps += 1;
        writeln!(self.output, "  {:>2}  {who:<18} {what:<49} {outcome}", self.steps)
    }

    pub(super) fn table(&mut self, records: &[StoredSummary]) -> io::Result<()> {
        writeln!(self.output, "The patient's record (heart rate, LOINC 8867-4, beats a minute)")?;
        write!(self.output, "  {:<22}", "window (UTC)")?;
        let columns: Vec<String> = records
            .first()
            .map(|record| record.summary.statistics.iter().map(|it| name(&it.stat)).collect())
            .unwrap_or_default();
        for column in &columns {
            write!(self.output, " {column:>9}")?;
        }
        writeln!(self.output, " {:>6} {:>8}", "beats", "samples")?;
        for record in records {
            let summary = &record.summary;
            write!(self.output, "  {:<22}", window(summary.start, summary.grid_s))?;
            for statistic in &summary.statistics {
                write!(self.output, " {:>9}", statistic.value.to_string())?;
            }
            writeln!(self.output, " {:>6} {:>8}", summary.count, summary.raw.sample_count)?;
        }
        Ok(())
    }
}

fn name(stat: &impl serde::Serialize) -> String {
    match serde_json::to_value(stat) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    }
}

/// A window as `2026-01-31 12:05-12:10`.
fn window(start_ms: i64, grid_s: u32) -> String {
    let minute = |ms: i64| {
        OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    let start = minute(start_ms);
    let end = minute(start_ms.saturating_add(i64::from(grid_s).saturating_mul(1000)));
    let clock = |at: OffsetDateTime| format!("{:02}:{:02}", at.hour(), at.minute());
    format!("{} {}-{}", start.date(), clock(start), clock(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_shown_by_the_calendar() {
        assert_eq!(window(0, 300), "1970-01-01 00:00-00:05");
        assert_eq!(window(951_782_400_000, 300), "2000-02-29 00:00-00:05");
        assert_eq!(window(1_767_225_300_000, 300), "2025-12-31 23:55-00:00");
    }
}
