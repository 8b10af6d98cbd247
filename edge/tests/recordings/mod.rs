//! The real recordings, read and searched for beats.

use std::path::Path;

use ioht_edge::{
    Beats, CleanOptions, Columns, Field, Quality, Recording, TimeColumn, beats, clean, read_csv,
};
use serde::de::DeserializeOwned;

pub(crate) struct Ours {
    pub(crate) recording: Recording,
    pub(crate) quality: Quality,
    pub(crate) beats: Beats,
}

/// A file of `data/`.
pub(crate) fn read_json<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_slice(&std::fs::read(data().join(file)).unwrap()).unwrap()
}

fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data"))
}

fn run(file: &str, time: TimeColumn, value: Field) -> Ours {
    let bytes = std::fs::read(data().join(file)).unwrap();
    let recording = read_csv(bytes.as_slice(), &Columns::new(time, value)).unwrap();
    let recording = recording.starting_at(0).unwrap();
    let (signal, quality) = clean(recording.clone(), &CleanOptions::default());
    let beats = beats(&signal);
    assert_eq!(quality.accounted(), quality.rows);
    Ours { recording, quality, beats }
}

pub(crate) fn first() -> Ours {
    run("data.csv", TimeColumn::FixedRate { millihertz: 100_000 }, Field::Index(0))
}

pub(crate) fn second() -> Ours {
    run("data2.csv", TimeColumn::Milliseconds(Field::name("timer")), Field::name("hr"))
}

pub(crate) fn third() -> Ours {
    run("data3.csv", TimeColumn::DateTime(Field::name("datetime")), Field::name("hr"))
}
