use crate::testing::conformance::Step::{Call, Page, Put};
use crate::testing::conformance::contract::{Answer, CALLEE};
use crate::testing::conformance::scene::{CaseError, CaseResult, refused, same};
use crate::testing::conformance::{Backend, Callee, RangeText, Scene, Step, TableName};

/// All simple keys of the case, a page of them.
fn page<B: Backend>(scene: &Scene<'_, B>, size: u32, bookmark: Option<String>) -> Step {
    let range = RangeText::Simple(scene.name(""), scene.name("\u{10fffe}"));
    Page { range, size, bookmark }
}

/// The page's keys, and its bookmark.
async fn turn<B: Backend>(
    scene: &mut Scene<'_, B>,
    step: Step,
) -> CaseResult<(Vec<String>, Option<String>)> {
    let answers = scene.look(vec![step]).await?;
    let [Answer::Page(entries, bookmark)] = answers.as_slice() else {
        return Err(CaseError::Diverges(format!("that is no page: {answers:?}")));
    };
    Ok((entries.iter().map(|(key, _)| key.clone()).collect(), bookmark.clone()))
}

pub(super) async fn pages_follow_each_other<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    // More than one batch of an unpaged query (100).
    let names: Vec<String> = (0..205).map(|number| format!("{number:03}")).collect();
    scene.commit(names.iter().map(|name| Put(scene.public(name), "v".into())).collect()).await?;
    let all: Vec<String> = names.iter().map(|name| scene.name(name)).collect();
    for size in [50, 101, 205, 206, 1000] {
        let (mut found, mut sizes, mut bookmark) = (Vec::new(), Vec::new(), None);
        loop {
            let (keys, next) = turn(scene, page(scene, size, bookmark)).await?;
            sizes.push(keys.len());
            found.extend(keys);
            // The bookmark is there just as long as there is more.
            same("more to come", &next.is_some(), &(found.len() < all.len()))?;
            bookmark = next;
            if bookmark.is_none() {
                break;
            }
        }
        same(&format!("pages of {size}"), &found, &all)?;
        // A page may be short although more follow: a server sees to it that it fits a message.
        let sized =
            sizes.iter().all(|len| *len > 0 && u32::try_from(*len).is_ok_and(|n| n <= size));
        same("pages of one to so many", &sized, &true)?;
    }
    Ok(())
}

pub(super) async fn pages_never_leave_their_range<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let keys: [&[&str]; 3] = [&["a", "1"], &["a", "2"], &["b", "1"]];
    let mut steps = Vec::new();
    for table in [TableName::Table, TableName::Neighbour] {
        steps.extend(keys.iter().map(|key| Put(scene.composite(table, key), "v".into())));
    }
    steps.push(Put(scene.public("a"), "v".into()));
    scene.commit(steps).await?;
    let below = |scene: &Scene<'_, B>, bookmark| {
        let range = RangeText::Below(TableName::Table, scene.attributes(&["a"]));
        Page { range, size: 1, bookmark }
    };
    let first = below(scene, None);
    let (_, bookmark) = turn(scene, first).await?;
    let second = below(scene, bookmark);
    let (keys, end) = turn(scene, second).await?;
    same("the second page", &(keys.len(), end), &(1, None))?;

    // A bookmark is a key, and clients send it: another range's would open that one.
    let start = format!("\0conformance\0{}\0a\0", scene.attributes(&[]).concat());
    for foreign in
        [String::new(), "\0".to_owned(), scene.name("a"), start.replace("\0a\0", "\0b\0")]
    {
        let step = below(scene, Some(foreign));
        refused("a foreign bookmark", &scene.evaluate(vec![step]).await, "BAD_BOOKMARK")?;
    }
    Ok(())
}

pub(super) async fn pages_of_no_or_too_many_entries_are_refused<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    for size in [0, 1001, 1 << 31, u32::MAX] {
        let step = page(scene, size, None);
        refused("a page", &scene.evaluate(vec![step]).await, "BAD_PAGE_SIZE")?;
    }
    Ok(())
}

/// A transaction cannot ask for a page, but a query that it calls can.
pub(super) async fn pages_and_writes_exclude_each_other<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let to = |writes| Callee { chaincode: CALLEE.to_owned(), channel: None, writes };
    let (cell, one) = (scene.public("k"), page(scene, 1, None));
    let query = || Call(to(false), vec![one.clone()]);
    scene.commit(vec![query()]).await?;
    let write = Put(cell.clone(), "v".into());
    let verdict = scene.submit(vec![query(), write.clone()]).await;
    refused("a write after a page", &verdict, "UNSUPPORTED_BY_PEER")?;
    let verdict = scene.submit(vec![Call(to(true), vec![write]), query()]).await;
    refused("a page after a write", &verdict, "CALLEE_FAILED")?;
    scene.expect(&cell, None).await
}
