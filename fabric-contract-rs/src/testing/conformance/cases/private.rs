use crate::testing::conformance::Step::{Delete, Get, GetMany, Hash, Purge, Put};
use crate::testing::conformance::scene::{
    CaseError, CaseResult, answers, many, one, refused, same,
};
use crate::testing::conformance::{Backend, Place, Scene};
use sha2::{Digest, Sha256};

fn hash(value: &str) -> String {
    hex::encode(Sha256::digest(value))
}

pub(super) async fn private_and_public_state_are_apart<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (public, private) = (scene.public("k"), scene.private("k"));
    scene.commit(vec![Put(public.clone(), "public".into())]).await?;
    scene.expect(&private, None).await?;
    scene.commit(vec![Put(private.clone(), "private".into())]).await?;
    scene.expect(&public, Some("public")).await?;
    scene.expect(&private, Some("private")).await?;
    scene.commit(vec![Delete(public.clone())]).await?;
    scene.expect(&private, Some("private")).await?;
    scene.expect_all(Place::Public, &[]).await?;
    scene.expect_all(Place::Private, &[("k", "private")]).await
}

pub(super) async fn private_hashes_are_of_values<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (key, cell) = (scene.simple("k"), scene.private("k"));
    same("before", &scene.look(vec![Hash(key.clone())]).await?, &vec![one(None)])?;
    scene.commit(vec![Put(cell.clone(), "value".into())]).await?;
    let expected = vec![one(Some(&hash("value")))];
    same("in a query", &scene.look(vec![Hash(key.clone())]).await?, &expected)?;
    same("in a transaction", &scene.commit(vec![Hash(key.clone())]).await?, &expected)?;
    scene.commit(vec![Put(cell.clone(), "other".into())]).await?;
    let expected = vec![one(Some(&hash("other")))];
    same("changed", &scene.look(vec![Hash(key.clone())]).await?, &expected)?;
    scene.commit(vec![Delete(cell)]).await?;
    same("deleted", &scene.look(vec![Hash(key)]).await?, &vec![one(None)])
}

pub(super) async fn private_multi_gets_keep_order_duplicates_and_gaps<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let [a, b] = [scene.private("a"), scene.private("b")];
    scene.commit(vec![Put(a, "1".into()), Put(b, "2".into())]).await?;
    let keys = ["b", "-", "a", "b", "-"].map(|key| scene.simple(key)).to_vec();
    let expected = vec![many(&[Some("2"), None, Some("1"), Some("2"), None])];
    let steps = vec![GetMany { place: Place::Private, keys }];
    same("in a query", &scene.look(steps.clone()).await?, &expected)?;
    same("in a transaction", &scene.commit(steps).await?, &expected)
}

pub(super) async fn private_ranges_are_ordered_and_limited<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let names: Vec<String> = (0..120).map(|number| format!("{number:03}")).collect();
    let steps = names.iter().rev().map(|name| Put(scene.private(name), "v".into())).collect();
    scene.commit(steps).await?;
    for limit in [0, 1, 100, 101, 120, 500] {
        let shown = usize::try_from(limit).unwrap_or(0);
        let expected: Vec<_> = names.iter().take(shown).map(|name| (name.as_str(), "v")).collect();
        let step = scene.all(Place::Private, limit);
        let expected = vec![scene.entries(&expected)];
        same(&format!("limit {limit}"), &scene.look(vec![step]).await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn purged_keys_leave_nothing<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let (key, cell) = (scene.simple("k"), scene.private("k"));
    scene.commit(vec![Put(cell.clone(), "v".into())]).await?;
    scene.commit(vec![Purge(key.clone())]).await?;
    scene.expect(&cell, None).await?;
    same("the hash", &scene.look(vec![Hash(key.clone())]).await?, &vec![one(None)])?;
    // One that never was can be purged too, and a purged one can come back.
    scene.commit(vec![Purge(scene.simple("never"))]).await?;
    scene.commit(vec![Put(cell.clone(), "again".into())]).await?;
    scene.expect(&cell, Some("again")).await
}

pub(super) async fn unreconciled_private_data_says_so<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (key, cell) = (scene.simple("k"), scene.private("k"));
    // An outdated value is no value either.
    for value in ["v", "w"] {
        if !scene.backend.withhold_private_data(true).await {
            return Err(CaseError::Skipped("the backend cannot withhold private data"));
        }
        let outcome = while_withheld(scene, value).await;
        let caught_up = scene.backend.withhold_private_data(false).await;
        outcome?;
        same("whether the peer got what it missed", &caught_up, &true)?;
        scene.expect(&cell, Some(value)).await?;
    }
    same("the hash", &scene.look(vec![Hash(key)]).await?, &vec![one(Some(&hash("w")))])
}

async fn while_withheld<B: Backend>(scene: &mut Scene<'_, B>, value: &str) -> CaseResult {
    let (key, cell) = (scene.simple("k"), scene.private("k"));
    scene.commit(vec![Put(cell.clone(), value.into())]).await?;
    let read = scene.evaluate(vec![Get(cell)]).await;
    refused("a single get", &read, "PRIVATE_DATA_UNAVAILABLE")?;
    let hashes = scene.look(vec![Hash(key.clone())]).await?;
    same("the hash", &hashes, &vec![one(Some(&hash(value)))])?;
    // A multi-get cannot tell, and shows what this peer has, if anything. A server makes single
    // gets of it where the peer knows no multi-get.
    let multi_get = vec![GetMany { place: Place::Private, keys: vec![key] }];
    let verdict = scene.evaluate(multi_get).await;
    if refused("a multi-get", &verdict, "PRIVATE_DATA_UNAVAILABLE").is_ok() {
        return Ok(());
    }
    if answers("a multi-get", verdict)? == vec![many(&[Some(value)])] {
        return Err(CaseError::Diverges("the private data was not withheld".to_owned()));
    }
    Ok(())
}
