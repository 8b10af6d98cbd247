use crate::testing::conformance::Step::{
    Context, Delete, Get, GetPolicy, History, Put, RemovePolicy, SetPolicy,
};
use crate::testing::conformance::contract::{Answer, show};
use crate::testing::conformance::scene::{
    CaseError, CaseResult, answers, apply, many, one, same, unendorsed,
};
use crate::testing::conformance::{Backend, Cell, Scene, Verdict};
use crate::{EndorsementPolicy, EndorsingRole};
use fabric_ledger::TxValidationCode::EndorsementPolicyFailure;

/// An organisation that no channel has.
const NOBODY: &str = "ConformanceNobodyMSP";

/// The client's organisation, whose peers endorse.
async fn own<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult<Vec<String>> {
    let told = scene.look(vec![Context]).await?;
    let [Answer::Many(told)] = told.as_slice() else {
        return Err(CaseError::Diverges(format!("an odd context: {told:?}")));
    };
    Ok(told.get(3).cloned().flatten().into_iter().collect())
}

fn shown(msp_ids: &[String]) -> String {
    let msp_ids = msp_ids.iter().map(String::as_str);
    let policy = EndorsementPolicy::all_of(EndorsingRole::Peer, msp_ids);
    policy.map_or_else(|error| error.to_string(), |policy| show(policy.as_bytes()))
}

async fn expect_policy<B: Backend>(
    scene: &mut Scene<'_, B>,
    cell: &Cell,
    policy: Option<&str>,
) -> CaseResult {
    let answers = scene.look(vec![GetPolicy(cell.clone())]).await?;
    same("the key's policy", &answers, &vec![one(policy)])
}

pub(super) async fn key_policies_are_kept_with_their_keys<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let own = own(scene).await?;
    let policy = shown(&own);
    for cell in [scene.public("k"), scene.private("k")] {
        expect_policy(scene, &cell, None).await?;
        let set = SetPolicy(cell.clone(), own.clone());
        let steps = vec![Put(cell.clone(), "v".into()), set.clone(), GetPolicy(cell.clone())];
        let answers = scene.commit(steps).await?;
        same("a policy before its commit", &answers.last(), &Some(&one(None)))?;
        expect_policy(scene, &cell, Some(&policy)).await?;
        // A new value keeps the policy, a new policy the value.
        scene.commit(vec![Put(cell.clone(), "w".into())]).await?;
        expect_policy(scene, &cell, Some(&policy)).await?;
        scene.commit(vec![RemovePolicy(cell.clone())]).await?;
        expect_policy(scene, &cell, None).await?;
        scene.commit(vec![set]).await?;
        expect_policy(scene, &cell, Some(&policy)).await?;
        scene.expect(&cell, Some("w")).await?;
    }
    Ok(())
}

pub(super) async fn key_policies_go_with_their_keys<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let own = own(scene).await?;
    for cell in [scene.public("k"), scene.private("k")] {
        let set = SetPolicy(cell.clone(), own.clone());
        // Without a value there is nothing to keep a policy with.
        scene.commit(vec![set.clone()]).await?;
        expect_policy(scene, &cell, None).await?;
        scene.expect(&cell, None).await?;
        scene.commit(vec![Put(cell.clone(), "v".into()), set.clone()]).await?;
        scene.commit(vec![set, Delete(cell.clone())]).await?;
        expect_policy(scene, &cell, None).await?;
        scene.commit(vec![Put(cell.clone(), "v".into())]).await?;
        expect_policy(scene, &cell, None).await?;
    }
    Ok(())
}

pub(super) async fn a_changed_key_policy_stops_later_writers<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, nobodys) = (scene.public("k"), scene.public("nobody's"));
    let both = [&cell, &nobodys].map(|cell| Put(cell.clone(), "v".into()));
    scene.commit(both.to_vec()).await?;
    let write = |cell: &Cell| vec![Put(cell.clone(), "w".into())];
    // A policy that nobody fulfils stops the second one in whichever block it comes.
    let set = SetPolicy(nobodys.clone(), vec![NOBODY.to_owned()]);
    scene.race(vec![set], write(&nobodys), EndorsementPolicyFailure).await?;
    scene.expect(&nobodys, Some("v")).await?;

    // Here the second one fulfils the new policy as well. When the first one comes to be a block
    // ahead, the new policy is what counts, and the second one is valid. In one block there is no
    // policy to judge the second one by, whoever has endorsed it: the old one does not count any
    // more, the new one does not count yet. Which of the two it is, is the orderer's decision.
    let set = SetPolicy(cell.clone(), own(scene).await?);
    let calls = vec![apply(vec![set]), apply(write(&cell))];
    let outcomes = scene.backend.submit_together(calls).await;
    let [first, second] = outcomes.as_slice() else {
        return Err(CaseError::Diverges(format!("two transactions ended so: {outcomes:?}")));
    };
    answers("the first one", first.verdict.clone())?;
    let value = if first.block == second.block {
        unendorsed("the second one of a block", &second.verdict)?;
        "v"
    } else {
        answers("the second one in a later block", second.verdict.clone())?;
        "w"
    };
    scene.expect(&cell, Some(value)).await
}

pub(super) async fn an_unfulfilled_key_policy_stops_writers<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for cell in [scene.public("k"), scene.private("k")] {
        let set = SetPolicy(cell.clone(), vec![NOBODY.to_owned()]);
        scene.commit(vec![Put(cell.clone(), "v".into()), set]).await?;
        for change in
            [Put(cell.clone(), "w".into()), Delete(cell.clone()), RemovePolicy(cell.clone())]
        {
            unendorsed("a change", &scene.submit(vec![change]).await)?;
        }
        scene.commit(vec![Get(cell.clone())]).await?;
        scene.expect(&cell, Some("v")).await?;
    }
    Ok(())
}

pub(super) async fn a_removed_key_policy_ends_planned_endorsement<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let own = own(scene).await?;
    for cell in [scene.public("k"), scene.private("k")] {
        let put = |value: &str| vec![Put(cell.clone(), value.to_owned())];
        let set = SetPolicy(cell.clone(), own.clone());
        scene.commit_planned(put("1")).await?;
        scene.commit(vec![set.clone()]).await?;
        scene.commit_planned(put("2")).await?;
        scene.commit(vec![RemovePolicy(cell.clone())]).await?;
        let text = "state based endorsement policy cannot be satisfied";
        match scene.submit_planned(put("3")).await? {
            Verdict::Failed(found) if found.contains(text) => {}
            other => return Err(CaseError::Diverges(format!("the change was planned: {other:?}"))),
        }
        // Who names the endorsers is not in need of a plan.
        scene.commit(put("4")).await?;
        scene.commit(vec![set]).await?;
        scene.commit_planned(put("5")).await?;
        scene.commit(vec![RemovePolicy(cell.clone())]).await?;
        scene.commit(vec![Delete(cell.clone())]).await?;
        scene.commit_planned(put("6")).await?;
        scene.expect(&cell, Some("6")).await?;
    }
    Ok(())
}

pub(super) async fn history_is_newest_first<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let (key, cell) = (scene.simple("k"), scene.public("k"));
    same("no history", &scene.look(vec![History(key.clone(), 9)]).await?, &vec![many(&[])])?;
    scene.commit(vec![Put(cell.clone(), "1".into())]).await?;
    scene.commit(vec![Put(cell.clone(), "2".into()), Get(cell.clone())]).await?;
    scene.commit(vec![Delete(cell.clone())]).await?;
    scene.commit(vec![Put(cell, "3".into())]).await?;
    let all = [Some("3"), None, Some("2"), Some("1")];
    for (limit, shown) in [(9, 4), (4, 4), (2, 2), (0, 0)] {
        let expected = all.get(..shown).map(many).into_iter().collect();
        let answers = scene.look(vec![History(key.clone(), limit)]).await?;
        same(&format!("limit {limit}"), &answers, &expected)?;
    }
    Ok(())
}
