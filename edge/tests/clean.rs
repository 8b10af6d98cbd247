//! What cleaning makes of recordings that are not clean.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is the failure")]

use ioht_edge::{CleanOptions, Quality, Reading, Recording, RepeatedStamps, Row, Signal, clean};

/// Ten seconds of a saw tooth at 100 Hz, five counts a step, between 0 and 495.
fn tooth() -> Vec<Row> {
    (0..1_000).map(|index| row(index * 10, index % 100 * 5)).collect()
}

fn row(ms: i64, value: i64) -> Row {
    Row { stamp_us: ms * 1_000, reading: Reading::Micro(value * 1_000_000) }
}

fn cleaned(rows: Vec<Row>) -> (Signal, Quality) {
    let (signal, quality) =
        clean(Recording::from_rows(rows.clone()).unwrap(), &CleanOptions::default());
    assert_eq!(quality.accounted(), quality.rows);
    assert_eq!(quality.rows, rows.len() as u64);
    assert_eq!(signal.recording().rows(), rows, "the rows stay as they were");
    let samples: usize = signal.segments().iter().map(|segment| segment.values().len()).sum();
    assert_eq!(samples as u64, quality.used);
    (signal, quality)
}

/// Cleaning finds exactly this, besides rows, used and the mean spacing.
fn finds(rows: Vec<Row>, segments: usize, expected: &Quality) {
    let (signal, mut quality) = cleaned(rows);
    assert_eq!(signal.segments().len(), segments);
    quality.rows = 0;
    quality.used = 0;
    quality.period_us = 0;
    assert_eq!(&quality, expected);
}

#[test]
fn a_clean_recording_is_used_as_it_is() {
    finds(tooth(), 1, &Quality::default());
    let (signal, quality) = cleaned(tooth());
    assert_eq!((quality.used, quality.period_us), (1_000, 10_000));
    let times: Vec<i64> = tooth().iter().map(|row| row.stamp_us).collect();
    assert_eq!(signal.segments()[0].times_us(), times);
}

#[test]
fn rows_without_a_value() {
    let mut rows = tooth();
    for row in rows.iter_mut().skip(100).take(7) {
        row.reading = Reading::NotFinite;
    }
    finds(rows, 1, &Quality { not_finite: 7, ..Quality::default() });
}

#[test]
fn stamps_that_go_back() {
    let mut rows = tooth();
    rows[500].stamp_us = rows[400].stamp_us;
    finds(rows, 1, &Quality { backward: 1, ..Quality::default() });

    // The clock is set back: until it is where it was, nothing it says is believed.
    let mut rows = tooth();
    for row in rows.iter_mut().skip(600) {
        row.stamp_us -= 2_005_000;
    }
    finds(rows, 1, &Quality { backward: 200, ..Quality::default() });
}

#[test]
fn a_stamp_far_ahead_does_not_make_the_others_late() {
    let mut rows = tooth();
    rows[500].stamp_us += 3_600_000_000;
    finds(rows, 1, &Quality { stamp_spikes: 1, ..Quality::default() });

    let mut rows = tooth();
    rows[0].stamp_us += 3_600_000_000;
    finds(rows, 1, &Quality { stamp_spikes: 1, ..Quality::default() });
}

#[test]
fn gaps_split_the_signal() {
    let rows = |gap_ms: i64| {
        let mut rows = tooth();
        for row in rows.iter_mut().skip(500) {
            row.stamp_us += (gap_ms - 10) * 1_000;
        }
        rows
    };
    finds(rows(250), 1, &Quality::default());
    finds(rows(251), 2, &Quality { gaps: 1, gap_us: 251_000, ..Quality::default() });
}

#[test]
fn rows_written_twice_are_dropped() {
    let rows: Vec<Row> = tooth().into_iter().flat_map(|row| [row, row]).collect();
    let expected = Quality {
        duplicates: 1_000,
        repeated_stamps: 1_000,
        repeated_as: RepeatedStamps::Duplicates,
        ..Quality::default()
    };
    finds(rows, 1, &expected);
}

#[test]
fn samples_under_a_coarse_clock_are_kept_and_spread() {
    let rows: Vec<Row> = tooth()
        .into_iter()
        .map(|row| Row { stamp_us: row.stamp_us / 15_625 * 15_625, ..row })
        .collect();
    let expected = Quality {
        repeated_stamps: 360,
        repeated_as: RepeatedStamps::CoarseClock,
        ..Quality::default()
    };
    finds(rows.clone(), 1, &expected);
    let (signal, _) = cleaned(rows);
    let times = signal.segments()[0].times_us();
    // Away from the ends, time runs evenly again: 10 ms a sample, to a tenth.
    for pair in times[20..980].windows(2) {
        assert!((9_000..=11_000).contains(&(pair[1] - pair[0])), "{pair:?}");
    }
}

#[test]
fn a_clock_that_stands_still_splits_the_signal() {
    let mut rows = tooth();
    for index in 400..465 {
        rows[index].stamp_us = rows[400].stamp_us;
    }
    let expected = Quality {
        frozen_clock: 65,
        repeated_stamps: 64,
        gaps: 1,
        gap_us: 660_000,
        ..Quality::default()
    };
    finds(rows, 2, &expected);
}

#[test]
fn a_sensor_at_its_rail() {
    let held = |value: i64, from: usize, count: usize| {
        let mut rows = tooth();
        for row in rows.iter_mut().skip(from).take(count) {
            row.reading = Reading::Micro(value * 1_000_000);
        }
        rows
    };
    // Tops cut off for 40 ms and more are clipped, and kept.
    let clipped = Quality { clipped_stretches: 1, clipped: 31, ..Quality::default() };
    finds(held(495, 420, 30), 1, &Quality { clipped: 30, ..clipped.clone() });
    finds(held(495, 469, 30), 1, &clipped); // next to the tooth's own top
    finds(held(495, 420, 4), 1, &Quality::default());
    finds(held(495, 420, 5), 1, &Quality { clipped: 5, ..clipped });
    // A second and more is no signal.
    finds(
        held(0, 410, 110),
        2,
        &Quality { saturated_stretches: 1, saturated: 110, ..Quality::default() },
    );
    finds(held(200, 410, 110), 2, &Quality { flat_stretches: 1, flat: 110, ..Quality::default() });
}

#[test]
fn rails_can_be_told() {
    let rows: Vec<Row> = (0..1_000)
        .map(|index| row(index * 10, if (400..450).contains(&index) { 900 } else { index % 90 }))
        .collect();
    let recording = Recording::from_rows(rows).unwrap();
    let told = |rails| {
        let options = CleanOptions { rails, ..CleanOptions::default() };
        clean(recording.clone(), &options).1.clipped
    };
    assert_eq!(told(None), 50);
    assert_eq!(told(Some((-1_000_000, 1_023_000_000))), 0);
}

#[test]
fn what_is_too_short_or_too_thin() {
    finds(
        tooth().into_iter().take(300).collect(),
        0,
        &Quality { short: 300, ..Quality::default() },
    );
    finds(tooth().into_iter().take(301).collect(), 1, &Quality::default());
    let thin = |step: usize| tooth().into_iter().step_by(step).collect::<Vec<Row>>();
    finds(thin(5), 1, &Quality::default());
    finds(thin(6), 0, &Quality { short: 167, ..Quality::default() });
}

#[test]
fn a_recording_of_one_value_has_no_signal() {
    let rows = (0..1_000).map(|index| row(index * 10, 7)).collect();
    finds(rows, 0, &Quality { flat: 1_000, flat_stretches: 1, ..Quality::default() });
    let rows = (0..1_000).map(|index| Row { reading: Reading::NotFinite, ..row(index, 0) });
    finds(rows.collect(), 0, &Quality { not_finite: 1_000, ..Quality::default() });
}
