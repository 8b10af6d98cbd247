//! Calls of another chaincode of the channel.

use crate::Event;
use crate::testing::conformance::Step::{
    Call, Context, Delete, Event as SetEvent, Get, Put, Range, Refuse, SetPolicy, Transient,
};
use crate::testing::conformance::contract::{Answer, CALLEE};
use crate::testing::conformance::scene::{
    CaseError, CaseResult, answers, apply, ask, disagreed, one, refused, same, unendorsed,
};
use crate::testing::conformance::{Backend, Callee, Destination, Invocation, Place, Scene, Step};
use fabric_ledger::TxValidationCode::{MvccReadConflict, Valid};

fn callee(writes: bool) -> Callee {
    Callee { chaincode: CALLEE.to_owned(), channel: None, writes }
}

/// A call whose steps may write.
fn call(steps: Vec<Step>) -> Step {
    Call(callee(true), steps)
}

fn called(answers: Vec<Answer>) -> Answer {
    Answer::Called(answers)
}

pub(super) async fn a_callees_writes_join_the_transaction<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, gone) = (scene.public("k"), scene.public("gone"));
    scene.commit_to(Destination::Callee, vec![Put(gone.clone(), "v".into())]).await?;
    let theirs = vec![Put(cell.clone(), "theirs".into()), Delete(gone.clone())];
    let steps = vec![call(theirs), Put(cell.clone(), "own".into())];
    let found = scene.commit(steps).await?;
    same("the answers", &found, &vec![called(vec![one(None), one(None)]), one(None)])?;
    scene.expect(&cell, Some("own")).await?;
    scene.expect_at(Destination::Callee, &cell, Some("theirs")).await?;
    scene.expect_at(Destination::Callee, &gone, None).await?;
    // The last call's write wins.
    let twice = ["1", "2"].map(|value| call(vec![Put(cell.clone(), value.into())]));
    scene.commit(twice.to_vec()).await?;
    scene.expect_at(Destination::Callee, &cell, Some("2")).await
}

pub(super) async fn a_callees_collections_are_its_own<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let cell = scene.private("k");
    let steps = vec![call(vec![Put(cell.clone(), "theirs".into())])];
    scene.commit(steps).await?;
    scene.expect(&cell, None).await?;
    scene.expect_at(Destination::Callee, &cell, Some("theirs")).await?;
    let steps = vec![Put(cell.clone(), "own".into()), call(vec![Get(cell.clone())])];
    let found = scene.commit(steps).await?;
    same("the answers", &found, &vec![one(None), called(vec![one(Some("theirs"))])])?;
    scene.expect(&cell, Some("own")).await
}

pub(super) async fn neither_side_of_a_call_sees_the_others_writes<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for cell in [scene.public("k"), scene.private("k")] {
        let before = || vec![Put(cell.clone(), "before".into())];
        scene.commit_to(Destination::Callee, before()).await?;
        let write = call(vec![Put(cell.clone(), "after".into()), Get(cell.clone())]);
        let read = call(vec![Get(cell.clone())]);
        let found = scene.commit(vec![write, read]).await?;
        let seen = one(Some("before"));
        let expected = vec![called(vec![one(None), seen.clone()]), called(vec![seen])];
        same("what calls see", &found, &expected)?;
        scene.expect_at(Destination::Callee, &cell, Some("after")).await?;
    }
    Ok(())
}

pub(super) async fn a_callee_has_the_same_caller<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let steps = || vec![Context, Transient("secret".into())];
    let mut transaction = apply([steps(), vec![call(steps())]].concat());
    transaction.transient.insert("secret".to_owned(), "for both".into());
    let found = answers("a call", scene.backend.submit(transaction).await)?;
    let [own @ .., Answer::Called(theirs)] = found.as_slice() else {
        return Err(CaseError::Diverges(format!("there is no callee's answer: {found:?}")));
    };
    same("context and transient map", &theirs.as_slice(), &own)?;
    same("the transient map", &own.last(), &Some(&one(Some("for both"))))
}

pub(super) async fn a_callees_event_is_discarded<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let theirs = || call(vec![SetEvent("theirs".into(), "1".into())]);
    same("without an own one", &scene.commit_for_event(vec![theirs()]).await?, &None)?;
    let steps = vec![SetEvent("own".into(), "2".into()), theirs()];
    let event = scene.commit_for_event(steps).await?;
    same("the event", &event, &Some(Event { name: "own".into(), payload: "2".into() }))
}

pub(super) async fn a_callees_refusal_is_passed_on<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, own) = (scene.public("k"), scene.public("own"));
    let theirs = call(vec![Put(cell.clone(), "v".into()), Refuse]);
    let found = scene.commit(vec![theirs, Put(own.clone(), "v".into())]).await?;
    let refusal = Answer::Refused(409, "CONFORMANCE_REFUSED".to_owned());
    same("the answers", &found, &vec![refusal, one(None)])?;
    // A callee that refuses has written nothing, and its caller goes on.
    scene.expect_at(Destination::Callee, &cell, None).await?;
    scene.expect(&own, Some("v")).await
}

pub(super) async fn a_callees_fault_is_told<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let cell = scene.public("k");
    let theirs = call(vec![Put(cell.clone(), "v".into()), Put(cell.clone(), String::new())]);
    let verdict = scene.submit(vec![theirs]).await;
    refused("a call that fails", &verdict, "CALLEE_FAILED")?;
    scene.expect_at(Destination::Callee, &cell, None).await
}

pub(super) async fn a_failed_caller_takes_its_callees_along<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (public, private) = (scene.public("k"), scene.private("k"));
    let theirs = [&public, &private].map(|cell| Put(cell.clone(), "v".into()));
    let verdict = scene.submit(vec![call(theirs.to_vec()), Refuse]).await;
    refused("a caller that fails", &verdict, "CONFORMANCE_REFUSED")?;
    scene.expect_at(Destination::Callee, &public, None).await?;
    scene.expect_at(Destination::Callee, &private, None).await
}

pub(super) async fn a_callees_reads_conflict<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let own = scene.public("own");
    for cell in [scene.public("k"), scene.private("k")] {
        let change =
            Invocation { to: Destination::Callee, ..apply(vec![Put(cell.clone(), "v".into())]) };
        let reader = || vec![call(vec![Get(cell.clone())]), Put(own.clone(), "v".into())];
        scene.race_of(change, apply(reader()), MvccReadConflict).await?;
        // The caller's own key of that name is another one.
        let change = apply(vec![Put(cell.clone(), "v".into())]);
        scene.race_of(change, apply(reader()), Valid).await?;
    }
    Ok(())
}

pub(super) async fn a_callees_key_policies_hold<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let cell = scene.public("k");
    let nobody = vec!["ConformanceNobodyMSP".to_owned()];
    let policy = vec![Put(cell.clone(), "v".into()), SetPolicy(cell.clone(), nobody)];
    scene.commit(vec![call(policy)]).await?;
    // The caller's key of that name has none.
    scene.commit(vec![Put(cell.clone(), "w".into())]).await?;
    let verdict = scene.submit(vec![call(vec![Put(cell.clone(), "w".into())])]).await;
    unendorsed("a change", &verdict)?;
    scene.expect_at(Destination::Callee, &cell, Some("v")).await
}

pub(super) async fn a_callees_private_query_excludes_writes<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let cell = scene.public("k");
    let Range { range, .. } = scene.all(Place::Private, 1) else { return Ok(()) };
    let scan = || {
        Call(callee(false), vec![Range { place: Place::Private, range: range.clone(), limit: 1 }])
    };
    let write = || Put(cell.clone(), "v".into());
    scene.commit(vec![scan()]).await?;
    let verdict = scene.submit(vec![scan(), write()]).await;
    refused("a write after a private range", &verdict, "UNSUPPORTED_BY_PEER")?;
    let verdict = scene.submit(vec![scan(), call(vec![write()])]).await;
    refused("a callee's write after it", &verdict, "CALLEE_FAILED")?;
    let verdict = scene.submit(vec![call(vec![write()]), scan()]).await;
    refused("a private range after a write", &verdict, "CALLEE_FAILED")?;
    scene.expect(&cell, None).await?;
    scene.expect_at(Destination::Callee, &cell, None).await
}

pub(super) async fn a_call_that_comes_back_is_refused<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let own = Callee { chaincode: scene.backend.chaincode(), channel: None, writes: true };
    let verdict = scene.submit(vec![Call(own.clone(), Vec::new())]).await;
    refused("a call of oneself", &verdict, "CHAINCODE_NOT_CALLABLE")?;
    let verdict = scene.submit(vec![call(vec![Call(own, Vec::new())])]).await;
    refused("a call that comes back", &verdict, "CALLEE_FAILED")
}

pub(super) async fn unknown_chaincodes_cannot_be_called<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let with_version = format!("{CALLEE}:1.0");
    for name in ["", "conformance-nobody", "a/b", "/", &with_version] {
        for writes in [true, false] {
            let callee = Callee { chaincode: name.to_owned(), channel: None, writes };
            let step = Call(callee, Vec::new());
            let verdict = scene.submit(vec![step.clone()]).await;
            refused(&format!("calling {name:?}"), &verdict, "CHAINCODE_NOT_CALLABLE")?;
            let verdict = scene.evaluate(vec![step]).await;
            refused(&format!("asking {name:?}"), &verdict, "CHAINCODE_NOT_CALLABLE")?;
        }
    }
    Ok(())
}

pub(super) async fn queries_may_call<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let cell = scene.public("k");
    scene.commit_to(Destination::Callee, vec![Put(cell.clone(), "v".into())]).await?;
    let step = Call(callee(false), vec![Get(cell.clone())]);
    let expected = vec![called(vec![one(Some("v"))]), one(None)];
    same("a query's call", &scene.look(vec![step, Get(cell.clone())]).await?, &expected)?;
    // What the callee of a query writes is written nowhere.
    scene.look(vec![call(vec![Put(cell.clone(), "w".into())])]).await?;
    scene.expect_at(Destination::Callee, &cell, Some("v")).await
}

pub(super) async fn a_query_that_has_called_is_never_committed<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    if scene.backend.endorsers() < 2 {
        return Err(CaseError::Skipped("a single endorser agrees with itself"));
    }
    let cell = scene.public("k");
    // This query may be endorsed, as long as it calls nobody.
    answers("a query", scene.backend.submit(ask(vec![Get(cell.clone())])).await)?;
    for steps in [vec![call(vec![Put(cell.clone(), "v".into())])], vec![call(Vec::new())]] {
        answers("its evaluation", scene.backend.evaluate(ask(steps.clone())).await)?;
        disagreed("a query", &scene.backend.submit(ask(steps)).await)?;
    }
    scene.expect_at(Destination::Callee, &cell, None).await
}
