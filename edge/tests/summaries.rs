//! What leaves the device.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is the failure")]

mod pulse;

use ioht_edge::{
    CleanOptions, Columns, Field, GridOptions, PipelineOptions, RawMismatch, RawSalt, RawWindow,
    Reading, Recording, Row, Stat, Summaries, Summary, Tail, TimeColumn, WindowRefusal, WindowSalt,
    beats, clean, pipeline, raw_digest, summarise, verify_raw,
};
use pulse::recording;

/// Beats every `interval_us` from half a second on, up to a second before `end_us`.
fn steady(interval_us: i64, end_us: i64) -> Vec<i64> {
    (0..)
        .map(|index| 500_000 + index * interval_us)
        .take_while(|at| *at < end_us - 1_000_000)
        .collect()
}

fn salt() -> RawSalt {
    RawSalt::new([7; 32])
}

fn grid(grid_s: u32) -> GridOptions {
    GridOptions { grid_s, ..GridOptions::new(salt()) }
}

fn summed(recording: Recording, options: &GridOptions) -> Summaries {
    let (signal, _) = clean(recording, &CleanOptions::default());
    summarise(&signal, &beats(&signal), options).unwrap()
}

#[test]
fn the_json_of_a_summary() {
    let minute = recording(&steady(800_000, 60_000_000), 60_000_000, 0);
    let summaries = summed(minute.starting_at(1_700_000_040_000).unwrap(), &grid(60));
    assert_eq!(summaries.emitted.len(), 1, "{:?}", summaries.refused);
    let json = serde_json::to_string_pretty(&summaries.emitted[0]).unwrap();
    assert_eq!(json, include_str!("summary.json").trim_end());
    let back: Summary = serde_json::from_str(&json).unwrap();
    assert_eq!(back, summaries.emitted[0]);
}

#[test]
fn a_summary_with_an_unknown_field_is_not_read() {
    let json = include_str!("summary.json").replace("\"unit\"", "\"samples\": [1, 2], \"unit\"");
    let error = serde_json::from_str::<Summary>(&json).unwrap_err();
    assert!(error.to_string().contains("unknown field `samples`"), "{error}");
}

#[test]
fn the_digest_is_the_documented_one() {
    // Computed from the documented bytes with Python's hashlib.
    let window = RawWindow { code: "8867-4", grid_s: 300, start_ms: -300_000 };
    let salt = salt().for_window(window);
    assert_eq!(
        hex::encode(salt.bytes()),
        "2fb4ec3379a02ae60fa3dc94be93e47ae3241b48477327ef552c092f46eedd2c"
    );
    let rows = [
        Row { stamp_us: -300_000_000, reading: Reading::Micro(515_000_000) },
        Row { stamp_us: -299_990_000, reading: Reading::NotFinite },
        Row { stamp_us: -299_980_000, reading: Reading::Micro(-1) },
    ];
    assert_eq!(
        hex::encode(raw_digest(window, &salt, &rows)),
        "b76b7a5e73c77ea6c144d94924c9c67d22a897bb7614f8e7d02c202e657c3dbe"
    );
}

#[test]
fn raw_rows_are_verified() {
    let recording = recording(&steady(800_000, 130_000_000), 130_000_000, 5);
    let summaries = summed(recording.clone(), &grid(60));
    let summary = &summaries.emitted[1];
    assert_eq!(summary.start, 60_000);
    let key = salt().for_window(summary.raw_window());
    let rows = recording.window(60_000, 60);
    assert_eq!(verify_raw(summary, &key, &rows), Ok(()));
    assert_eq!(verify_raw(summary, &WindowSalt::new(*key.bytes()), &rows), Ok(()));

    let other = salt().for_window(summaries.emitted[0].raw_window());
    assert_eq!(verify_raw(summary, &other, &rows), Err(RawMismatch::Digest));
    let mut touched = rows.clone();
    touched[17].reading = Reading::NotFinite;
    assert_eq!(verify_raw(summary, &key, &touched), Err(RawMismatch::Digest));
    let mut swapped = rows.clone();
    swapped.swap(17, 18);
    assert_eq!(verify_raw(summary, &key, &swapped), Err(RawMismatch::Digest));
    assert_eq!(
        verify_raw(summary, &key, &rows[1..]),
        Err(RawMismatch::SampleCount { expected: 6_000, found: 5_999 })
    );
    let mut moved = summary.clone();
    moved.start += 60_000;
    assert_eq!(verify_raw(&moved, &key, &rows), Err(RawMismatch::Digest));
    let mut unknown = summary.clone();
    unknown.raw.format = "ioht-raw/2".to_owned();
    let error = verify_raw(&unknown, &key, &rows).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the digest is sha-256 over ioht-raw/2; this version knows sha-256 over ioht-raw/1"
    );
}

#[test]
fn secrets_are_not_printed() {
    let window = RawWindow { code: "8867-4", grid_s: 300, start_ms: 0 };
    let text = format!("{:?} {:?} {:?}", salt(), salt().for_window(window), grid(300));
    assert!(!text.contains('7') && text.contains("secret"), "{text}");
}

#[test]
fn a_rejected_row_is_still_in_the_digest() {
    let whole = recording(&steady(800_000, 60_000_000), 60_000_000, 0);
    let mut rows = whole.rows().to_vec();
    rows[3_000].reading = Reading::NotFinite;
    let holed = summed(Recording::from_rows(rows).unwrap(), &grid(60));
    let whole = summed(whole, &grid(60));
    assert_eq!(holed.emitted[0].raw.sample_count, whole.emitted[0].raw.sample_count);
    assert_ne!(holed.emitted[0].raw.digest, whole.emitted[0].raw.digest);
}

#[test]
fn windows_are_half_open_and_aligned() {
    let recording = recording(&steady(800_000, 165_000_000), 165_000_000, 0);
    let summaries = summed(recording.starting_at(-30_000).unwrap(), &grid(60));
    let starts: Vec<i64> = summaries.emitted.iter().map(|summary| summary.start).collect();
    assert_eq!(starts, [0, 60_000]);
    assert!(summaries.emitted.iter().all(|summary| summary.raw.sample_count == 6_000));
    let refused: Vec<(i64, WindowRefusal, u32, u64)> = summaries
        .refused
        .iter()
        .map(|window| (window.start_ms, window.reason, window.covered_percent, window.sample_count))
        .collect();
    let partial = WindowRefusal::Partial;
    assert_eq!(refused, [(-60_000, partial, 50, 3_000), (120_000, partial, 25, 1_501)]);
}

#[test]
fn a_window_needs_beats() {
    let recording = recording(&steady(800_000, 60_000_000), 60_000_000, 0);
    let mut options = grid(60);
    options.min_count = 73;
    assert_eq!(summed(recording.clone(), &options).emitted[0].count, 73);
    options.min_count = 74;
    let refused = summed(recording, &options);
    assert_eq!(refused.refused_for(WindowRefusal::TooFewBeats), 1);
    assert_eq!((refused.refused[0].count, refused.refused[0].total_count), (73, 74));
}

#[test]
fn an_unfinished_recording_leaves_its_last_windows_open() {
    let open = |end_us: i64| {
        let recording = recording(&steady(800_000, end_us), end_us, 0);
        let options = GridOptions { tail: Tail::Open, ..grid(60) };
        let summaries = summed(recording, &options);
        (summaries.emitted.len(), summaries.refused_for(WindowRefusal::Open))
    };
    assert_eq!(open(59_990_000), (0, 1));
    assert_eq!(open(89_990_000), (0, 2));
    assert_eq!(open(90_000_000), (1, 1));
}

#[test]
fn options_that_cannot_be_used() {
    let code = |change: fn(&mut GridOptions)| {
        let mut options = PipelineOptions::heart_rate(salt());
        change(&mut options.grid);
        let columns = Columns::new(TimeColumn::Milliseconds(Field::Index(0)), Field::Index(1));
        let error = pipeline("0,1\n".as_bytes(), &columns, &options).unwrap_err();
        format!("{}: {error}", error.code())
    };
    for (message, change) in [
        (
            "GRID_INVALID: a grid of 0 s is not usable; give 1 to 86400",
            (|options| options.grid_s = 0) as fn(&mut GridOptions),
        ),
        ("GRID_INVALID: a grid of 86401 s is not usable; give 1 to 86400", |options| {
            options.grid_s = 86_401;
        }),
        (
            "MIN_COUNT_INVALID: a window needs at least one beat; give a `min_count` of 1 or more",
            |options| options.min_count = 0,
        ),
        ("COVERAGE_INVALID: a coverage of 0 % is not usable; give 1 to 100", |options| {
            options.coverage_min_percent = 0;
        }),
        ("COVERAGE_INVALID: a coverage of 101 % is not usable; give 1 to 100", |options| {
            options.coverage_min_percent = 101;
        }),
        ("DECIMALS_INVALID: 4 decimals are more than is known; give 0 to 3", |options| {
            options.decimals = 4;
        }),
        (
            "LOCATOR_INVALID: a locator prefix is up to 44 of letters, digits, `.`, `_`, `:` and `-`",
            |options| options.locator_prefix = "a b".to_owned(),
        ),
        (
            "LOCATOR_INVALID: a locator prefix is up to 44 of letters, digits, `.`, `_`, `:` and `-`",
            |options| options.locator_prefix = "x".repeat(45),
        ),
    ] {
        assert_eq!(code(change), message);
    }
}

#[test]
fn the_pipeline_places_a_recording_and_hands_errors_on() {
    let columns = Columns::new(TimeColumn::FixedRate { millihertz: 100_000 }, Field::Index(0));
    let file = include_bytes!("../data/data.csv");
    let mut options = PipelineOptions::heart_rate(salt());
    options.grid.grid_s = 10;
    options.start_time_ms = Some(1_700_000_000_000);
    let outcome = pipeline(file.as_slice(), &columns, &options).unwrap();
    let starts: Vec<i64> = outcome.summaries.emitted.iter().map(|summary| summary.start).collect();
    assert_eq!(starts, [1_700_000_000_000, 1_700_000_010_000]);
    assert_eq!(outcome.summaries.emitted[0].statistic(Stat::Minimum), Some("55.0"));

    let error = pipeline("1\nx\n3\n".as_bytes(), &columns, &options).unwrap_err();
    assert_eq!(error.code(), "NOT_A_NUMBER");
    options.start_time_ms = Some(i64::MAX);
    let error = pipeline(file.as_slice(), &columns, &options).unwrap_err();
    assert_eq!(error.code(), "START_OUT_OF_RANGE");
}

#[test]
fn percentiles_and_decimals_are_optional() {
    let recording = recording(&steady(801_000, 60_000_000), 60_000_000, 0);
    let options = GridOptions { percentiles: false, decimals: 0, ..grid(60) };
    let summary = &summed(recording, &options).emitted[0];
    let all: Vec<(Stat, &str)> =
        summary.statistics.iter().map(|entry| (entry.stat, entry.value.as_str())).collect();
    assert_eq!(
        all,
        [
            (Stat::Average, "75"),
            (Stat::Minimum, "75"),
            (Stat::Maximum, "75"),
            (Stat::Median, "75"),
            (Stat::StdDev, "0")
        ]
    );
}

#[test]
fn a_real_recording_gives_two_windows_of_five_minutes() {
    let columns = Columns::new(TimeColumn::DateTime(Field::name("datetime")), Field::name("hr"));
    let mut options = PipelineOptions::heart_rate(salt());
    options.start_time_ms = Some(1_700_000_100_000);
    let file = include_bytes!("../data/data3.csv");
    let summaries = pipeline(file.as_slice(), &columns, &options).unwrap().summaries;
    let told: Vec<String> = summaries
        .emitted
        .iter()
        .map(|summary| {
            let values: Vec<&str> =
                summary.statistics.iter().map(|entry| entry.value.as_str()).collect();
            format!(
                "{}: {} ({} of {} beats, {} rows)",
                summary.start,
                values.join(" "),
                summary.count,
                summary.total_count,
                summary.raw.sample_count
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "1700000100000: 98.9 78.3 121.8 99.4 7.0 93.0 104.9 (484 of 493 beats, 30122 rows)",
            "1700000400000: 95.9 72.2 113.5 97.7 8.2 87.9 102.9 (473 of 478 beats, 30118 rows)",
        ]
    );
    assert_eq!(summaries.refused.len(), 1);
    assert_eq!(summaries.refused[0].reason, WindowRefusal::Partial);
    assert_eq!(summaries.refused[0].covered_percent, 27);
}
