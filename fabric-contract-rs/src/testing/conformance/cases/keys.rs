use crate::testing::conformance::Step::{Get, Put};
use crate::testing::conformance::scene::{CaseResult, refused};
use crate::testing::conformance::{Backend, Cell, KeyText, Place, Scene, TableName};

pub(super) async fn keys_are_compared_byte_by_byte<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    // Composed and decomposed accents, letter cases, widths and an ignorable character.
    let names = ["\u{e9}", "e\u{301}", "K", "k", "\u{212a}", "\u{ff4b}", "k\u{200b}", "k ", " k"];
    for place in [Place::Public, Place::Private] {
        let cell = |name| Cell { place, key: scene.simple(name) };
        let cells = names.map(cell);
        let steps =
            (0..).zip(&cells).map(|(at, cell)| Put(cell.clone(), format!("{at}"))).collect();
        scene.commit(steps).await?;
        for (at, cell) in (0..).zip(&cells) {
            scene.expect(cell, Some(&format!("{at}"))).await?;
        }
    }
    Ok(())
}

pub(super) async fn composite_keys_keep_their_attributes_apart<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let keys: [&[&str]; 9] = [
        &[],
        &[""],
        &["", ""],
        &["a"],
        &["a", ""],
        &["", "a"],
        &["a", "b"],
        &["ab"],
        &["a", "", "b"],
    ];
    let cells: Vec<_> = keys.iter().map(|key| scene.composite(TableName::Table, key)).collect();
    let steps = (0..).zip(&cells).map(|(at, cell)| Put(cell.clone(), format!("{at}"))).collect();
    scene.commit(steps).await?;
    for (at, cell) in (0..).zip(&cells) {
        scene.expect(cell, Some(&format!("{at}"))).await?;
    }
    Ok(())
}

pub(super) async fn reserved_characters_are_refused<B: Backend>(
    scene: &mut Scene<'_, B>,
) -> CaseResult {
    let simple = |text: &str| KeyText::Simple(text.to_owned());
    let composite = |text: &str| KeyText::Composite(TableName::Table, vec![text.to_owned()]);
    for key in [
        simple(""),
        simple("\0conformance\0a\0"),
        composite("a\0b"),
        composite("\u{10ffff}"),
        composite("a\u{10ffff}"),
    ] {
        for place in [Place::Public, Place::Private] {
            let cell = Cell { place, key: key.clone() };
            let read = scene.evaluate(vec![Get(cell.clone())]).await;
            refused(&format!("reading {key:?}"), &read, "BAD_KEY")?;
            let write = scene.submit(vec![Put(cell, "v".into())]).await;
            refused(&format!("writing {key:?}"), &write, "BAD_KEY")?;
        }
    }
    Ok(())
}
