use crate::testing::conformance::Step::{Delete, Get, GetMany, Hash, Put};
use crate::testing::conformance::scene::CaseResult;
use crate::testing::conformance::{Backend, Place, Scene, Step};
use fabric_ledger::TxValidationCode::{MvccReadConflict, PhantomReadConflict, Valid};

pub(super) async fn of_two_changes_to_one_key_the_first_wins<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let cell = scene.public("k");
    scene.commit(vec![Put(cell.clone(), "0".into())]).await?;
    let change = |value: &str| vec![Get(cell.clone()), Put(cell.clone(), value.into())];
    scene.race(change("first"), change("second"), MvccReadConflict).await?;
    scene.expect(&cell, Some("first")).await
}

pub(super) async fn blind_writes_do_not_conflict<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for cell in [scene.public("k"), scene.private("k")] {
        let write = |value: &str| vec![Put(cell.clone(), value.into())];
        scene.race(write("first"), write("second"), Valid).await?;
        scene.expect(&cell, Some("second")).await?;
    }
    Ok(())
}

pub(super) async fn what_was_absent_conflicts_with_its_creation<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, other) = (scene.public("k"), scene.public("other"));
    let create = vec![Put(cell.clone(), "v".into())];
    let unless_there = vec![Get(cell), Put(other.clone(), "v".into())];
    scene.race(create, unless_there, MvccReadConflict).await?;
    scene.expect(&other, None).await
}

pub(super) async fn what_was_read_conflicts_with_its_deletion<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, other) = (scene.public("k"), scene.public("other"));
    scene.commit(vec![Put(cell.clone(), "v".into())]).await?;
    let delete = vec![Delete(cell.clone())];
    let if_there = vec![Get(cell), Put(other.clone(), "v".into())];
    scene.race(delete, if_there, MvccReadConflict).await?;
    scene.expect(&other, None).await
}

pub(super) async fn a_read_by_multi_get_conflicts_too<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for place in [Place::Public, Place::Private] {
        let cell = |key: &str| scene.cell(place, key);
        let (changed, other) = (cell("changed"), cell("other"));
        let keys = vec![scene.simple("unchanged"), scene.simple("changed")];
        let change = vec![Put(changed, "v".into())];
        let reads = vec![GetMany { place, keys }, Put(other.clone(), "v".into())];
        scene.race(change, reads, MvccReadConflict).await?;
        scene.expect(&other, None).await?;
    }
    Ok(())
}

pub(super) async fn a_changed_range_is_a_phantom<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let other = |scene: &Scene<'_, B>| {
        // Outside the range, so that only what was read can be at fault.
        crate::testing::conformance::Cell {
            place: Place::Public,
            key: scene.composite(crate::testing::conformance::TableName::Table, &["other"]).key,
        }
    };
    scene.commit(vec![Put(scene.public("a"), "v".into())]).await?;
    let changes: [Vec<Step>; 3] = [
        vec![Put(scene.public("b"), "v".into())],
        vec![Put(scene.public("a"), "w".into())],
        vec![Delete(scene.public("a"))],
    ];
    for change in changes {
        let reads = vec![scene.all(Place::Public, 100), Put(other(scene), "v".into())];
        scene.race(change, reads, PhantomReadConflict).await?;
        let other = other(scene);
        scene.expect(&other, None).await?;
    }
    Ok(())
}

pub(super) async fn private_reads_conflict<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let (cell, other) = (scene.private("k"), scene.private("other"));
    let change = vec![Put(cell.clone(), "v".into())];
    let reads = vec![Get(cell.clone()), Put(other.clone(), "v".into())];
    scene.race(change, reads.clone(), MvccReadConflict).await?;
    scene.race(vec![Delete(cell)], reads, MvccReadConflict).await?;
    scene.expect(&other, None).await
}

pub(super) async fn private_hash_reads_conflict<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (cell, other) = (scene.private("k"), scene.public("other"));
    let change = vec![Put(cell, "v".into())];
    let reads = vec![Hash(scene.simple("k")), Put(other.clone(), "v".into())];
    scene.race(change, reads, MvccReadConflict).await?;
    scene.expect(&other, None).await
}

pub(super) async fn reads_of_other_keys_do_not_conflict<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let (public, private) = (scene.public("k"), scene.private("k"));
    let (read, other) = (scene.public("read"), scene.public("other"));
    scene.commit(vec![Put(read.clone(), "v".into())]).await?;
    let change = vec![Put(public, "v".into()), Put(private, "v".into())];
    let reads = vec![Get(read), Hash(scene.simple("x")), Put(other.clone(), "v".into())];
    scene.race(change, reads, Valid).await?;
    scene.expect(&other, Some("v")).await
}
