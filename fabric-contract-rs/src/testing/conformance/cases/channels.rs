//! Calls of a chaincode on another channel.

use crate::testing::conformance::Step::{Call, Context, Get, Put};
use crate::testing::conformance::contract::{Answer, CALLEE, OTHER_CHANNEL};
use crate::testing::conformance::scene::{CaseError, CaseResult, apply, one, refused, same};
use crate::testing::conformance::{Backend, Callee, Destination, Invocation, Scene, Step};
use fabric_ledger::TxValidationCode::Valid;

fn across(channel: &str, writes: bool, steps: Vec<Step>) -> Step {
    let (chaincode, channel) = (CALLEE.to_owned(), Some(channel.to_owned()));
    Call(Callee { chaincode, channel, writes }, steps)
}

fn needed<B: Backend>(scene: &Scene<'_, B>) -> CaseResult {
    if scene.backend.has_other_channel() {
        return Ok(());
    }
    Err(CaseError::Skipped("the backend has one channel only"))
}

pub(super) async fn another_channel_can_be_asked<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    needed(scene)?;
    for cell in [scene.public("k"), scene.private("k")] {
        scene.commit_to(Destination::Callee, vec![Put(cell.clone(), "here".into())]).await?;
        let there = vec![Put(cell.clone(), "there".into())];
        scene.commit_to(Destination::OtherChannel, there).await?;
        let step = across(OTHER_CHANNEL, false, vec![Get(cell.clone())]);
        let expected = vec![Answer::Called(vec![one(Some("there"))])];
        same("in a query", &scene.look(vec![step.clone()]).await?, &expected)?;
        same("in a transaction", &scene.commit(vec![step]).await?, &expected)?;
    }
    let found = scene.commit(vec![Context, across(OTHER_CHANNEL, true, vec![Context])]).await?;
    let [Answer::Many(own), Answer::Called(theirs)] = found.as_slice() else {
        return Err(CaseError::Diverges(format!("there are no contexts: {found:?}")));
    };
    let mut expected = own.clone();
    if let Some(channel) = expected.get_mut(1) {
        *channel = Some(OTHER_CHANNEL.to_owned());
    }
    same("the callee's context", theirs, &vec![Answer::Many(expected)])
}

pub(super) async fn what_is_written_on_another_channel_is_lost<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    needed(scene)?;
    let (cell, own) = (scene.public("k"), scene.public("own"));
    let theirs = across(OTHER_CHANNEL, true, vec![Put(cell.clone(), "v".into())]);
    scene.commit(vec![theirs, Put(own.clone(), "v".into())]).await?;
    scene.expect(&own, Some("v")).await?;
    scene.expect_at(Destination::Callee, &cell, None).await?;
    scene.expect_at(Destination::OtherChannel, &cell, None).await
}

pub(super) async fn reads_on_another_channel_do_not_conflict<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    needed(scene)?;
    let (cell, own) = (scene.public("k"), scene.public("own"));
    let change =
        Invocation { to: Destination::OtherChannel, ..apply(vec![Put(cell.clone(), "v".into())]) };
    let read = across(OTHER_CHANNEL, false, vec![Get(cell.clone())]);
    let reader = apply(vec![read, Put(own.clone(), "v".into())]);
    scene.race_of(change, reader, Valid).await?;
    scene.expect_at(Destination::OtherChannel, &cell, Some("v")).await?;
    scene.expect(&own, Some("v")).await
}

pub(super) async fn only_other_channels_are_asked_across<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let found = scene.look(vec![Context]).await?;
    let [Answer::Many(context)] = found.as_slice() else {
        return Err(CaseError::Diverges(format!("there is no context: {found:?}")));
    };
    let own = context.get(1).cloned().flatten().unwrap_or_default();
    for channel in [own.as_str(), "", "conformance-nowhere"] {
        let step = across(channel, false, Vec::new());
        let verdict = scene.evaluate(vec![step.clone()]).await;
        refused(&format!("asking {channel:?}"), &verdict, "CHAINCODE_NOT_CALLABLE")?;
        let verdict = scene.submit(vec![step]).await;
        refused(&format!("asking {channel:?}"), &verdict, "CHAINCODE_NOT_CALLABLE")?;
    }
    Ok(())
}
