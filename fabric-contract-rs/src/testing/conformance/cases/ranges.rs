use crate::testing::conformance::Step::{Delete, Put, Range};
use crate::testing::conformance::contract::Answer;
use crate::testing::conformance::scene::{CaseResult, same};
use crate::testing::conformance::{
    Backend, Cell, KeyText, Place, RangeText, Scene, Step, TableName,
};

pub(super) async fn ranges_are_in_byte_order<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    // In UTF-8's order, which is not UTF-16's for the last two, nor any language's.
    let names = ["A", "a", "aa", "b", "z", "\u{e9}", "\u{4e2d}", "\u{ffee}", "\u{1f600}"];
    let steps = names.iter().rev().map(|name| Put(scene.public(name), "v".into())).collect();
    scene.commit(steps).await?;
    scene.expect_all(Place::Public, &names.map(|name| (name, "v"))).await
}

pub(super) async fn ranges_keep_their_bounds<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    let names = ["a", "b", "ba", "c", "d"];
    scene.commit(names.iter().map(|name| Put(scene.public(name), "v".into())).collect()).await?;
    let rows: [(&str, &str, &[&str]); 5] = [
        ("b", "d", &["b", "ba", "c"]),
        ("a", "a\0", &["a"]),
        ("b\0", "c", &["ba"]),
        ("ba", "c", &["ba"]),
        ("bb", "bc", &[]),
    ];
    for (from, until, expected) in rows {
        let range = RangeText::Simple(scene.name(from), scene.name(until));
        let step = Range { place: Place::Public, range, limit: 10 };
        let expected: Vec<_> = expected.iter().map(|name| (*name, "v")).collect();
        let expected = vec![scene.entries(&expected)];
        let what = format!("{from}..{until}");
        same(&what, &scene.look(vec![step.clone()]).await?, &expected)?;
        same(&what, &scene.commit(vec![step]).await?, &expected)?;
    }
    Ok(())
}

pub(super) async fn ranges_keep_their_limit<B: Backend>(scene: &mut Scene<'_, B>) -> CaseResult {
    // A peer sends batches of 100.
    let names: Vec<String> = (0..250).map(|number| format!("{number:03}")).collect();
    scene.commit(names.iter().map(|name| Put(scene.public(name), "v".into())).collect()).await?;
    for limit in [0, 1, 99, 100, 101, 200, 249, 250, 251, 1000] {
        let shown = usize::try_from(limit).unwrap_or(0);
        let expected: Vec<_> = names.iter().take(shown).map(|name| (name.as_str(), "v")).collect();
        let step = scene.all(Place::Public, limit);
        let expected = vec![scene.entries(&expected)];
        same(&format!("limit {limit}"), &scene.look(vec![step]).await?, &expected)?;
    }
    Ok(())
}

fn listed<B: Backend>(
    scene: &Scene<'_, B>,
    table: TableName,
    keys: &[&[&str]],
) -> CaseResult<Vec<Answer>> {
    let name = match table {
        TableName::Table => "conformance",
        TableName::Neighbour => "conformance-2",
    };
    let entry = |attributes: &&[&str]| {
        let attributes = scene.attributes(attributes);
        let text = format!("\0{name}\0{}\0", attributes.join("\0"));
        (text, "v".to_owned())
    };
    Ok(vec![Answer::Entries(keys.iter().map(entry).collect())])
}

pub(super) async fn ranges_never_leave_their_table<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let keys: [&[&str]; 7] =
        [&[], &["a"], &["a", ""], &["a", "1"], &["a", "\u{10fffe}"], &["ab"], &["b", "1"]];
    let mut steps = Vec::new();
    for table in [TableName::Table, TableName::Neighbour] {
        steps.extend(keys.iter().map(|key| Put(scene.composite(table, key), "v".into())));
    }
    steps.push(Put(scene.public("a"), "v".into()));
    scene.commit(steps).await?;

    for table in [TableName::Table, TableName::Neighbour] {
        let all = scene.look(vec![scene.below(table, &[])]).await?;
        same("all of a table", &all, &listed(scene, table, &keys)?)?;
        let below = scene.look(vec![scene.below(table, &["a"])]).await?;
        let expected: [&[&str]; 4] = [&["a"], &["a", ""], &["a", "1"], &["a", "\u{10fffe}"]];
        same("below an attribute", &below, &listed(scene, table, &expected)?)?;
        let between = |from: &str, until: &str| {
            let prefix = scene.attributes(&[]);
            let range = RangeText::Between(table, prefix, from.to_owned(), until.to_owned());
            vec![Range { place: Place::Public, range, limit: 100 }]
        };
        let expected: [&[&str]; 1] = [&["ab"]];
        let (from_ab, to_b) = (between("ab", "b"), between("a", "ab"));
        same("from ab", &scene.look(from_ab).await?, &listed(scene, table, &expected)?)?;
        let expected: [&[&str]; 4] = [&["a"], &["a", ""], &["a", "1"], &["a", "\u{10fffe}"]];
        same("until ab", &scene.look(to_b).await?, &listed(scene, table, &expected)?)?;
    }
    Ok(())
}

pub(super) async fn simple_ranges_show_no_composite_keys<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    scene
        .commit(vec![
            Put(scene.public("k"), "v".into()),
            Put(scene.composite(TableName::Table, &["k"]), "v".into()),
        ])
        .await?;
    // From the very first key, as far as a shared ledger lets us look.
    let range = RangeText::Simple(String::new(), scene.name("l"));
    let step = Range { place: Place::Public, range, limit: 1000 };
    let answers = scene.look(vec![step]).await?;
    let [Answer::Entries(entries)] = answers.as_slice() else {
        return same("a range", &answers, &vec![Answer::Entries(Vec::new())]);
    };
    let composite: Vec<_> = entries.iter().filter(|(key, _)| key.starts_with('\0')).collect();
    same("composite keys shown", &composite, &Vec::new())
}

pub(super) async fn ranges_do_not_show_own_writes<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    scene.commit(vec![Put(scene.public("old"), "v".into())]).await?;
    let all = scene.all(Place::Public, 10);
    let old = Cell { place: Place::Public, key: KeyText::Simple(scene.name("old")) };
    let steps: Vec<Step> = vec![Put(scene.public("new"), "v".into()), Delete(old), all];
    let answers = scene.commit(steps).await?;
    same("the range", &answers.last(), &Some(&scene.entries(&[("old", "v")])))?;
    scene.expect_all(Place::Public, &[("new", "v")]).await
}
