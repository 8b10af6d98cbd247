//! The whole path through the Gateway, and what must hold along it.

mod common;

use common::{World, summary};
use fabric_gateway_client::GatewayError;
use ioht_contract::client::Invocation;
use ioht_contract::{ReadOwnSummaries, SubmitSummaries};

#[test]
fn the_demonstration_plays_to_its_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    runtime.block_on(ioht::demo::run(folder.path().to_owned(), &mut told)).unwrap();
    let told = String::from_utf8(told).unwrap();
    for shown in ["denied: AGREEMENT_REQUIRED", "0, then 1 record", "The patient's record"] {
        assert!(told.contains(shown), "{shown}: {told}");
    }
    assert!(told.lines().count() <= 55, "more than a screen:\n{told}");
    assert!(folder.path().join("organizations").is_dir());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_patient_reads_pages_of_what_its_device_sent() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let sent: Vec<_> = (0..100).map(|number| summary(patient.window(number), "raw:1")).collect();
    let batch = patient.batch(sent.clone());
    let committed = patient.device.submit_private(&SubmitSummaries {}, &batch).await.unwrap();
    assert_eq!((committed.answer.created, committed.answer.existing), (100, 0));

    let mut question = patient.question();
    question.limit = Some(30);
    let mut read = Vec::new();
    let mut pages = 0;
    loop {
        let page = patient.actor.evaluate_private(&ReadOwnSummaries {}, &question).await.unwrap();
        read.extend(page.records.into_iter().map(|stored| stored.summary));
        pages += 1;
        question.bookmark = page.bookmark;
        if question.bookmark.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4);
    assert_eq!(read, sent);
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_cannot_be_put_on_the_chain() {
    let world = World::start().await;
    let patient = world.patient("one").await;
    let height = world.stack.devnet().height();
    let question = Invocation::with_private(&ReadOwnSummaries {}, &patient.question());
    let call = patient.actor.contract().submit(&question.function);
    let call = call.argument(question.arguments).transient(question.transient);
    let error = call.endorsing_organizations(["Org1MSP", "Org2MSP"]).send().await.unwrap_err();
    assert!(matches!(error, GatewayError::Endorse(_)), "{error:?}");
    assert!(format!("{error:?}").contains("ProposalResponsePayloads do not match"), "{error:?}");
    assert_eq!(world.stack.devnet().height(), height);
    world.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = || ioht::StackOptions::new(folder.path());
    let stack = ioht::Stack::start(options()).await.unwrap();
    let admin = stack.admin("Org1MSP", "hospital-admin").await.unwrap();
    let kind = ioht_contract::OrganizationKind::Custodian;
    let call = ioht_contract::RegisterOrganization { kind };
    let committed = admin.submit(&call).await.unwrap();
    let height = stack.devnet().height();
    stack.shutdown().await;

    let stack = ioht::Stack::start(options()).await.unwrap();
    assert_eq!(stack.devnet().height(), height);
    assert_eq!(committed.block_number + 1, height);
    let admin = stack.admin("Org1MSP", "second-admin").await.unwrap();
    let error = admin.submit(&call).await.unwrap_err();
    assert_eq!(error.code().as_deref(), Some("ORGANIZATION_EXISTS"), "{error:?}");
    stack.shutdown().await;
}
