use crate::Event;
use crate::testing::conformance::Step::{Context, Event as SetEvent, Get, Put, Refuse, Transient};
use crate::testing::conformance::contract::Answer;
use crate::testing::conformance::scene::{
    CaseError, CaseResult, answers, apply, disagreed, look, one, refused, same,
};
use crate::testing::conformance::{Backend, Invocation, Place, Scene, Verdict};
use serde_json::Value;

pub(super) async fn a_refusal_leaves_no_trace<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let (public, private) = (scene.public("k"), scene.private("k"));
    let steps = vec![
        Put(public, "v".into()),
        Put(private, "v".into()),
        SetEvent("never".into(), "sent".into()),
        Refuse,
    ];
    let verdict = scene.submit(steps).await;
    refused("a transaction that fails", &verdict, "CONFORMANCE_REFUSED")?;
    scene.expect_all(Place::Public, &[]).await?;
    scene.expect_all(Place::Private, &[]).await?;
    let verdict = scene.evaluate(vec![Refuse]).await;
    refused("a query that fails", &verdict, "CONFORMANCE_REFUSED")
}

pub(super) async fn the_last_event_is_sent<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let cell = scene.public("k");
    let steps = vec![
        SetEvent("first".into(), "1".into()),
        Put(cell, "v".into()),
        SetEvent("second".into(), "2".into()),
    ];
    let event = scene.commit_for_event(steps).await?;
    same("the event", &event, &Some(Event { name: "second".into(), payload: "2".into() }))?;
    let event = scene.commit_for_event(vec![Put(scene.public("k"), "w".into())]).await?;
    same("the event of a transaction that sets none", &event, &None)
}

pub(super) async fn an_event_needs_no_write<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let event = scene.commit_for_event(vec![SetEvent("alone".into(), String::new())]).await?;
    same("the event", &event, &Some(Event { name: "alone".into(), payload: "".into() }))
}

pub(super) async fn an_event_needs_a_name<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let steps = vec![Put(scene.public("k"), "v".into()), SetEvent(String::new(), "1".into())];
    refused("an event without a name", &scene.submit(steps).await, "EVENT_WITHOUT_NAME")?;
    scene.expect_all(Place::Public, &[]).await
}

pub(super) async fn transient_data_reaches_the_contract<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let steps = || vec![Transient("secret".into()), Transient("absent".into())];
    for mut call in [apply(steps()), look(steps())] {
        call.transient.insert("secret".to_owned(), "told to endorsers only".into());
        let submitted = call.function == "Apply";
        let verdict = if submitted {
            scene.backend.submit(call).await
        } else {
            scene.backend.evaluate(call).await
        };
        let expected = vec![one(Some("told to endorsers only")), one(None)];
        same("the transient map", &answers("a call", verdict)?, &expected)?;
    }
    Ok(())
}

pub(super) async fn the_context_is_the_transactions<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let mut ids = Vec::new();
    for _ in 0..2 {
        // All endorsers tell the same, or this would not be committed.
        let told = scene.commit(vec![Context]).await?;
        let [Answer::Many(told)] = told.as_slice() else {
            return same("the context", &told, &Vec::new());
        };
        let [Some(id), Some(channel), Some(time), Some(msp_id)] = told.as_slice() else {
            return Err(CaseError::Diverges(format!("an incomplete context: {told:?}")));
        };
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        same("64 hexadecimal digits", &(id.len(), id.chars().all(is_hex)), &(64, true))?;
        same("a channel", &channel.is_empty(), &false)?;
        same("an MSP id", &msp_id.is_empty(), &false)?;
        same(
            "a time after 2001",
            &time.parse().is_ok_and(|ms: i64| ms > 1_000_000_000_000),
            &true,
        )?;
        ids.push(id.clone());
    }
    same("two transactions with one id", &(ids.first() == ids.last()), &false)
}

pub(super) async fn queries_are_never_committed<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    if scene.backend.endorsers() < 2 {
        return Err(CaseError::Skipped("a single endorser agrees with itself"));
    }
    let call = look(vec![Get(scene.public("k"))]);
    disagreed("a query", &scene.backend.submit(call).await)
}

pub(super) async fn unknown_functions_are_refused<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let call = |function: &str| Invocation { function: function.to_owned(), ..look(Vec::new()) };
    for function in
        ["", "look", "Look ", "Unknown", "Other:Look", "Conformance:", ":Look", "Conformance::Look"]
    {
        let verdict = scene.backend.evaluate(call(function)).await;
        refused(&format!("the function {function:?}"), &verdict, "UNKNOWN_FUNCTION")?;
        let verdict = scene.backend.submit(call(function)).await;
        refused(&format!("the function {function:?}"), &verdict, "UNKNOWN_FUNCTION")?;
    }
    let verdict = scene.backend.evaluate(call("Conformance:Look")).await;
    same("a function with its contract", &answers("a call", verdict)?, &Vec::new())
}

pub(super) async fn bad_arguments_are_refused<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    for arguments in [
        "",
        "null",
        "{}",
        "[]",
        "[[]]",
        "\"steps\"",
        "{\"steps\":[]",
        "{\"steps\":[]} ,",
        "{\"steps\":[],\"more\":1}",
        "{\"steps\":[],\"steps\":[]}",
        "{\"steps\":[{\"unknown\":1}]}",
        "{\"steps\":{}}",
    ] {
        let call = Invocation { arguments: arguments.to_owned(), ..look(Vec::new()) };
        let verdict = scene.backend.evaluate(call).await;
        refused(&format!("the arguments {arguments:?}"), &verdict, "BAD_ARGUMENTS")?;
    }
    Ok(())
}

pub(super) async fn the_contract_describes_itself<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let call = Invocation {
        function: "org.hyperledger.fabric:GetMetadata".to_owned(),
        ..look(Vec::new())
    };
    let verdict = scene.backend.evaluate(call).await;
    let Verdict::Success { payload, .. } = &verdict else {
        return Err(CaseError::Diverges(format!("no description: {verdict:?}")));
    };
    let document: Value = serde_json::from_slice(payload).unwrap_or_default();
    let name = document.pointer("/contracts/Conformance/transactions/0/name");
    same("the first transaction", &name, &Some(&Value::from("Apply")))
}
