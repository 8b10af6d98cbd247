//! Health data and the names that lead to it: where they are, and where they must never be.

mod common;

use common::{World, summary};
use ioht_contract::client::Invocation;
use ioht_contract::{ReadOwnSummaries, SubmitSummaries, VerifyRaw, VerifyRawPrivate};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Stands in summaries, and nowhere else but in custodians' private stores.
const MARKER: &str = "planted-marker-8e21c07b";

/// Everything that was logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planted_marker_rests_in_custodians_private_stores_only() {
    let log = Log::default();
    let written = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || written.clone())
        .init();
    let world = World::start().await;
    let patient = world.patient("one").await;
    let records = (0..3).map(|number| summary(patient.window(number), MARKER)).collect();
    let batch = patient.batch(records);
    patient.device.submit_private(&SubmitSummaries {}, &batch).await.unwrap();
    let page = patient.actor.evaluate_private(&ReadOwnSummaries {}, &patient.question()).await;
    assert_eq!(page.unwrap().records.len(), 3);
    // Failures leave traces too: a refusal, a mismatch, a query that two are asked to endorse.
    let question = Invocation::with_private(&ReadOwnSummaries {}, &patient.question());
    let by_provider = world.provider.contract().evaluate(&question.function);
    let by_provider = by_provider.argument(question.arguments.clone());
    by_provider.transient(question.transient.clone()).send().await.unwrap_err();
    let endorsed = patient.actor.contract().submit(&question.function);
    let endorsed = endorsed.argument(question.arguments).transient(question.transient);
    endorsed.endorsing_organizations(["Org1MSP", "Org2MSP"]).send().await.unwrap_err();
    let first = batch.records.first().unwrap();
    let verification = VerifyRawPrivate {
        code: first.code,
        grid_s: first.grid_s,
        start: first.start,
        device: patient.device.pid(),
        digest: first.raw.digest,
    };
    let verdict = patient.actor.evaluate_private(&VerifyRaw {}, &verification).await.unwrap();
    assert!(verdict.matches);

    let needles: [(&str, Vec<u8>); 7] = [
        ("the marker", MARKER.as_bytes().to_vec()),
        ("the subject id", patient.sid.as_bytes().to_vec()),
        ("the subject id in hexadecimal", patient.sid.to_hex().into_bytes()),
        ("the records key", patient.rk.as_bytes().to_vec()),
        ("the records key in hexadecimal", patient.rk.to_hex().into_bytes()),
        ("the raw data's digest", first.raw.digest.as_bytes().to_vec()),
        ("a statistic", b"96.2".to_vec()),
    ];
    let devnet = world.stack.devnet();
    for number in 0..devnet.height() {
        let block = devnet.block(number).unwrap().unwrap();
        for (what, needle) in &needles {
            assert!(!holds(&block, needle), "block {number} holds {what}");
        }
    }
    let logged = log.0.lock().unwrap().clone();
    assert!(holds(&logged, b"devnet"), "nothing was logged");
    for (what, needle) in &needles {
        assert!(!holds(&logged, needle), "the log holds {what}");
    }
    for (msp_id, custodian) in [("Org1MSP", true), ("Org2MSP", true), ("Org3MSP", false)] {
        let rows = devnet.private_data(msp_id, "ioht", "health").unwrap();
        assert_eq!(!rows.is_empty(), custodian, "{msp_id} has {} rows", rows.len());
        let found = rows.iter().filter(|(_, value)| holds(value, MARKER.as_bytes())).count();
        assert_eq!(found, if custodian { 3 } else { 0 }, "{msp_id}");
    }
    world.stack.shutdown().await;
}
