//! What a collection's definition adds to a collection.

use crate::testing::conformance::Step::{Delete, Get, Put};
use crate::testing::conformance::scene::{CaseResult, one, refused, same, unendorsed};
use crate::testing::conformance::{Backend, Place, Scene};

pub(super) async fn short_lived_data_goes_after_its_blocks<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let old = scene.cell(Place::ShortLived, "old");
    let renewed = scene.cell(Place::ShortLived, "renewed");
    let block = |scene: &Scene<'_, B>, value: &str| vec![Put(scene.public("k"), value.into())];
    let both = [&old, &renewed].map(|cell| Put(cell.clone(), "v".into()));
    // Each transaction has a block of its own, since the one before it is committed.
    scene.commit(both.to_vec()).await?;
    scene.expect(&old, Some("v")).await?;
    scene.commit(vec![Put(renewed.clone(), "w".into())]).await?;
    scene.expect(&old, Some("v")).await?;
    let next = block(scene, "1");
    scene.commit(next).await?;
    scene.expect(&old, None).await?;
    scene.expect(&renewed, Some("w")).await?;
    let next = block(scene, "2");
    scene.commit(next).await?;
    scene.expect(&renewed, None).await?;
    // What is gone is as if it had never been: it can be written again.
    scene.commit(vec![Get(old.clone()), Put(old.clone(), "again".into())]).await?;
    scene.expect(&old, Some("again")).await
}

pub(super) async fn members_only_collections_refuse_other_clients<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, public) = (scene.cell(Place::MembersOnly, "k"), scene.public("k"));
    let denied = "COLLECTION_ACCESS_DENIED";
    refused("a read", &scene.evaluate(vec![Get(cell.clone())]).await, denied)?;
    for write in [Put(cell.clone(), "v".into()), Delete(cell.clone())] {
        let steps = vec![Put(public.clone(), "v".into()), write];
        refused("a write", &scene.submit(steps).await, denied)?;
    }
    scene.expect(&public, None).await
}

pub(super) async fn a_collections_own_policy_stops_writers<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, public) = (scene.cell(Place::Unendorsed, "k"), scene.public("k"));
    let steps = vec![Put(public.clone(), "v".into()), Put(cell.clone(), "v".into())];
    unendorsed("a write", &scene.submit(steps).await)?;
    scene.expect(&public, None).await?;
    // The policy is about writers.
    same("a read", &scene.commit(vec![Get(cell)]).await?, &vec![one(None)])
}
