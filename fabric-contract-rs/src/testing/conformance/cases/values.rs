use crate::testing::conformance::Step::{Delete, Get, GetMany, Put, PutHex, PutMany};
use crate::testing::conformance::contract::{Answer, show};
use crate::testing::conformance::scene::{CaseResult, many, one, refused, same};
use crate::testing::conformance::{Backend, Place, Scene};

pub(super) async fn own_writes_are_invisible<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    for cell in [scene.public("k"), scene.private("k")] {
        let create = vec![Put(cell.clone(), "v".into()), Get(cell.clone())];
        same("a created key", &scene.commit(create).await?, &vec![one(None), one(None)])?;
        let change = vec![Put(cell.clone(), "w".into()), Get(cell.clone())];
        same("a changed key", &scene.commit(change).await?, &vec![one(None), one(Some("v"))])?;
        let delete = vec![Delete(cell.clone()), Get(cell.clone())];
        same("a deleted key", &scene.commit(delete).await?, &vec![one(None), one(Some("w"))])?;
        scene.expect(&cell, None).await?;
    }
    Ok(())
}

pub(super) async fn the_last_write_of_a_key_wins<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for place in [Place::Public, Place::Private] {
        let cell = |key: &str| scene.cell(place, key);
        let (twice, gone, back) = (cell("twice"), cell("gone"), cell("back"));
        let steps = vec![
            Put(twice.clone(), "first".into()),
            Put(gone.clone(), "first".into()),
            Delete(back.clone()),
            Put(twice.clone(), "second".into()),
            Delete(gone.clone()),
            Put(back.clone(), "second".into()),
        ];
        scene.commit(steps).await?;
        scene.expect(&twice, Some("second")).await?;
        scene.expect(&gone, None).await?;
        scene.expect(&back, Some("second")).await?;
    }
    Ok(())
}

pub(super) async fn a_deleted_key_is_absent<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    for cell in [scene.public("k"), scene.private("k")] {
        scene.commit(vec![Delete(cell.clone())]).await?;
        scene.expect(&cell, None).await?;
        scene.commit(vec![Put(cell.clone(), "v".into())]).await?;
        scene.commit(vec![Delete(cell.clone())]).await?;
        scene.expect(&cell, None).await?;
        scene.expect_all(cell.place, &[]).await?;
        scene.commit(vec![Put(cell.clone(), "again".into())]).await?;
        scene.expect(&cell, Some("again")).await?;
    }
    Ok(())
}

pub(super) async fn empty_values_are_refused<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let before = scene.public("before");
    for cell in [scene.public("k"), scene.private("k")] {
        let steps = vec![Put(before.clone(), "v".into()), Put(cell, String::new())];
        refused("an empty value", &scene.submit(steps).await, "EMPTY_VALUE")?;
    }
    scene.expect_all(Place::Public, &[]).await?;
    scene.expect_all(Place::Private, &[]).await
}

pub(super) async fn values_keep_every_byte<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let every: String = (0..=255_u8).map(|byte| format!("{byte:02x}")).collect();
    let bytes: Vec<u8> = (0..=255).collect();
    let every_shown = show(&bytes.into());
    for cell in [scene.public("k"), scene.private("k")] {
        // Not text, no JSON, a lone zero, white space, and a number that a database could rewrite.
        for (written, read) in [
            ("ff00fe", "hex ff00fe"),
            ("00", "\0"),
            ("20", " "),
            ("7b2262223a20312e302c202261223a20317d", r#"{"b": 1.0, "a": 1}"#),
            (every.as_str(), every_shown.as_str()),
        ] {
            scene.commit(vec![PutHex(cell.clone(), written.into())]).await?;
            scene.expect(&cell, Some(read)).await?;
        }
    }
    Ok(())
}

pub(super) async fn large_values_are_kept<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    // Above the 64 KiB of an HTTP/2 window and the pages of databases, below a gateway's 4 MiB.
    for (cell, length) in [(scene.public("k"), 1_000_000), (scene.private("k"), 3_000_000)] {
        scene.commit(vec![PutMany(cell.clone(), length)]).await?;
        let bytes: Vec<u8> = (0..=250).cycle().take(usize::try_from(length).unwrap_or(0)).collect();
        scene.expect(&cell, Some(&show(&bytes.into()))).await?;
    }
    Ok(())
}

pub(super) async fn a_transaction_writes_many_keys<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    // More than a peer's write batch holds (1000).
    let names: Vec<String> = (0..1200).map(|number| format!("{number:04}")).collect();
    for place in [Place::Public, Place::Private] {
        let cell = |name: &str| scene.cell(place, name);
        let steps = names.iter().map(|name| Put(cell(name), name.clone())).collect();
        scene.commit(steps).await?;
        let all = scene.all(place, 2000);
        let answers = scene.look(vec![all]).await?;
        let pairs: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
        same("the keys written", &answers, &vec![scene.entries(&pairs)])?;
    }
    Ok(())
}

pub(super) async fn multi_gets_keep_order_duplicates_and_gaps<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let [a, b] = [scene.public("a"), scene.public("b")];
    scene.commit(vec![Put(a, "1".into()), Put(b, "2".into())]).await?;
    let keys = ["b", "-", "a", "b", "-"].map(|key| scene.simple(key)).to_vec();
    let expected = vec![many(&[Some("2"), None, Some("1"), Some("2"), None])];
    let steps = vec![GetMany { place: Place::Public, keys }];
    same("in a query", &scene.look(steps.clone()).await?, &expected)?;
    same("in a transaction", &scene.commit(steps).await?, &expected)?;
    let none = vec![GetMany { place: Place::Public, keys: Vec::new() }];
    same("of nothing", &scene.look(none).await?, &vec![many(&[])])
}

pub(super) async fn multi_gets_take_many_keys<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    // More than a peer takes in one request (1000), with something at both ends.
    let count = 1200;
    let first = scene.public("0000");
    let last = scene.public(&format!("{:04}", count - 1));
    scene.commit(vec![Put(first, "first".into()), Put(last, "last".into())]).await?;
    let keys = (0..count).map(|number| scene.simple(&format!("{number:04}"))).collect();
    let answers = scene.look(vec![GetMany { place: Place::Public, keys }]).await?;
    let mut expected = vec![None; count];
    if let [first, .., last] = expected.as_mut_slice() {
        *first = Some("first".to_owned());
        *last = Some("last".to_owned());
    }
    same("the values", &answers, &vec![Answer::Many(expected)])
}
