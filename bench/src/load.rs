//! Keeps a fixed number of transactions in flight and counts what becomes of them.

use crate::people::Patient;
use ioht::ClientError;
use ioht_contract::{
    ReadOwnSummaries, ReadOwnSummariesPrivate, SubmitSummaries, SubmitSummariesPrivate, Summary,
};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const GRID_S: u32 = 300;
const GRID_MS: i64 = 300_000;
/// Records that a query reads.
const PAGE: u16 = 12;

/// What a round came to.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) done: u32,
    pub(crate) failed: u32,
    pub(crate) elapsed: Duration,
    pub(crate) first_error: Option<String>,
    latencies: Vec<Duration>,
}

impl Figures {
    pub(crate) fn mean(&self) -> Duration {
        let sum: Duration = self.latencies.iter().sum();
        sum / u32::try_from(self.latencies.len().max(1)).unwrap_or(u32::MAX)
    }

    /// The latency that this share of transactions, in per cent, stayed within.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// Submits `count` transactions of `batch` summaries each.
pub(crate) async fn create(
    patients: &[Patient],
    count: u32,
    batch: u32,
    in_flight: u32,
) -> Figures {
    run(count, in_flight, |number| {
        let share = u32::try_from(patients.len()).unwrap_or(1).max(1);
        let patient = patients.get((number % share) as usize);
        let first = i64::from(number / share) * i64::from(batch);
        async move {
            let Some(patient) = patient else { return Ok(()) };
            let private = SubmitSummariesPrivate {
                sid: patient.sid,
                rk: patient.rk,
                device: None,
                records: (first..first + i64::from(batch)).filter_map(summary).collect(),
            };
            patient.device.submit_private(&SubmitSummaries {}, &private).await.map(drop)
        }
    })
    .await
}

/// Reads a page of summaries, `count` times.
pub(crate) async fn query(patients: &[Patient], count: u32, in_flight: u32) -> Figures {
    let Ok(code) = "8867-4".parse() else { return Figures::default() };
    run(count, in_flight, |number| {
        let share = u32::try_from(patients.len()).unwrap_or(1).max(1);
        let patient = patients.get((number % share) as usize);
        async move {
            let Some(patient) = patient else { return Ok(()) };
            let question = ReadOwnSummariesPrivate {
                code,
                grid_s: GRID_S,
                from: 0,
                until: i64::from(PAGE) * GRID_MS,
                limit: Some(PAGE),
                bookmark: None,
            };
            patient.actor.evaluate_private(&ReadOwnSummaries {}, &question).await.map(drop)
        }
    })
    .await
}

async fn run<F, T>(count: u32, in_flight: u32, transaction: F) -> Figures
where
    F: Fn(u32) -> T,
    T: Future<Output = Result<(), ClientError>>,
{
    let next = AtomicU32::new(0);
    let start = Instant::now();
    let workers = (0..in_flight).map(|_| async {
        let mut figures = Figures::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return figures;
            }
            let begun = Instant::now();
            match transaction(number).await {
                Ok(()) => {
                    figures.done += 1;
                    figures.latencies.push(begun.elapsed());
                }
                Err(error) => {
                    figures.failed += 1;
                    figures.first_error.get_or_insert_with(|| error.to_string());
                }
            }
        }
    });
    let mut total = Figures::default();
    for figures in futures_util::future::join_all(workers).await {
        total.done += figures.done;
        total.failed += figures.failed;
        total.latencies.extend(figures.latencies);
        total.first_error = total.first_error.or(figures.first_error);
    }
    total.elapsed = start.elapsed();
    total.latencies.sort_unstable();
    total
}

/// The heart rate of one window, by its number.
fn summary(window: i64) -> Option<Summary> {
    let record = serde_json::json!({
        "code": "8867-4",
        "grid_s": GRID_S,
        "start": window * GRID_MS,
        "unit": "/min",
        "statistics": [
            {"stat": "average", "value": "71.5"},
            {"stat": "minimum", "value": "58.0"},
            {"stat": "maximum", "value": "96.2"},
            {"stat": "median", "value": "70.9"},
        ],
        "count": 355,
        "total_count": 357,
        "raw": {
            "alg": "sha-256",
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "sample_count": 30_000,
            "format": "ioht-raw/1",
            "locator": format!("raw:{window}"),
        },
        "modality": "sensed",
        "status": "final",
    });
    serde_json::from_value(record).ok()
}
