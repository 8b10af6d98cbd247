//! What holds whatever the recording.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is the failure")]

mod pulse;

use ioht_edge::{
    CleanOptions, GridOptions, RawSalt, Reading, Recording, Row, Stat, Summaries, Summary, Tail,
    Verdict, beats, clean, summarise, verify_raw,
};
use proptest::collection::vec;
use proptest::prelude::*;
use pulse::recording;

fn summed(recording: Recording, options: &GridOptions) -> Summaries {
    let (signal, _) = clean(recording, &CleanOptions::default());
    summarise(&signal, &beats(&signal), options).unwrap()
}

fn grid(grid_s: u32) -> GridOptions {
    GridOptions { grid_s, ..GridOptions::new(RawSalt::new([3; 32])) }
}

/// Milliseconds between rows, often 10, sometimes none, back or far ahead; and the readings.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let step = prop_oneof![
        20 => Just(10_i64),
        4 => 0_i64..40,
        1 => -500_i64..0,
        1 => 200_i64..5_000,
    ];
    let reading = prop_oneof![
        20 => (0_i64..1_024).prop_map(|count| Reading::Micro(count * 1_000_000)),
        2 => Just(Reading::Micro(1_023_000_000)),
        1 => Just(Reading::NotFinite),
    ];
    // A reading may be held for a while.
    vec((step, reading, prop_oneof![9 => Just(1_usize), 1 => 1_usize..150]), 1..300).prop_map(
        |parts| {
            let mut stamp_us = 0;
            let mut rows = Vec::new();
            for (step, reading, held) in parts {
                stamp_us += step * 1_000;
                for _ in 0..held {
                    rows.push(Row { stamp_us, reading });
                    stamp_us += 10_000;
                }
            }
            rows
        },
    )
}

/// A pulse whose intervals change by up to 6 % from beat to beat, between 400 ms and 1.4 s.
fn heart() -> impl Strategy<Value = Vec<i64>> {
    (450_000_i64..1_300_000, vec(-6_i64..=6, 40..120)).prop_map(|(mut interval, changes)| {
        let mut at = 600_000;
        let mut beats = vec![at];
        for percent in changes {
            interval = (interval + interval * percent / 100).clamp(400_000, 1_400_000);
            at += interval;
            beats.push(at);
        }
        beats
    })
}

fn thousandths(summary: &Summary, stat: Stat) -> i64 {
    let (whole, fraction) = summary.statistic(stat).unwrap().split_once('.').unwrap();
    assert_eq!(fraction.len(), 3);
    whole.parse::<i64>().unwrap() * 1_000 + fraction.parse::<i64>().unwrap()
}

fn assert_the_ledger_would_take(summary: &Summary) {
    assert_eq!(summary.start.rem_euclid(i64::from(summary.grid_s) * 1_000), 0);
    let value = |stat| thousandths(summary, stat);
    let (minimum, maximum) = (value(Stat::Minimum), value(Stat::Maximum));
    assert!(minimum <= value(Stat::Percent20));
    assert!(value(Stat::Percent20) <= value(Stat::Median));
    assert!(value(Stat::Median) <= value(Stat::Percent80));
    assert!(value(Stat::Percent80) <= maximum);
    assert!((minimum..=maximum).contains(&value(Stat::Average)));
    assert!((0..=maximum - minimum).contains(&value(Stat::StdDev)));
    assert!((30_000..=200_000).contains(&minimum) && maximum <= 200_000);
    assert!(summary.count >= 1 && summary.count <= summary.total_count);
    assert!(summary.total_count <= summary.raw.sample_count);
    assert!(summary.raw.locator.len() <= 64);
    assert_eq!(summary.raw.digest.len(), 64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Every row has exactly one fate, and segments are what they promise.
    #[test]
    fn no_row_is_lost(rows in rows()) {
        let (signal, quality) = clean(Recording::from_rows(rows.clone()).unwrap(), &CleanOptions::default());
        prop_assert_eq!(quality.rows, rows.len() as u64);
        prop_assert_eq!(quality.accounted(), quality.rows);
        let mut used = 0;
        let mut end = i64::MIN;
        for segment in signal.segments() {
            prop_assert_eq!(segment.times_us().len(), segment.values().len());
            prop_assert!(segment.times_us().windows(2).all(|pair| pair[0] < pair[1]));
            let (first, last) = segment.span_us();
            prop_assert!(first > end, "segments overlap");
            prop_assert!(last - first >= 3_000_000);
            end = last;
            used += segment.values().len() as u64;
        }
        prop_assert_eq!(used, quality.used);
    }

    /// Whatever is emitted passes the ledger's checks, its rows verify, and no row or beat is in
    /// no window.
    #[test]
    fn what_is_emitted_is_consistent(rows in rows(), grid_s in 5_u32..40, coverage in 1_u32..=100) {
        let recording = Recording::from_rows(rows).unwrap();
        let options = GridOptions { coverage_min_percent: coverage, decimals: 3, min_count: 1, ..grid(grid_s) };
        check_windows(&recording, &options);
    }

    /// A pulse of a dozen seconds or more fills at least one window of up to nine.
    #[test]
    fn what_is_emitted_of_a_pulse_is_consistent(heart in heart(), grid_s in 5_u32..10) {
        let end = heart[heart.len() - 1] + 1_000_000;
        let options = GridOptions { decimals: 3, min_count: 2, ..grid(grid_s) };
        prop_assert!(check_windows(&recording(&heart, end, 10), &options) > 0);
    }

    /// Planted beats are found where they are, and nothing else is.
    #[test]
    fn planted_beats_are_recovered(heart in heart(), noise in 0_i64..20) {
        let end = heart[heart.len() - 1] + 1_000_000;
        let (signal, _) = clean(recording(&heart, end, noise), &CleanOptions::default());
        let found = beats(&signal);
        prop_assert_eq!(found.all().len(), heart.len());
        for (beat, planted) in found.all().iter().zip(&heart) {
            prop_assert!((beat.time_us - planted).abs() <= 20_000, "{:?} at {}", beat, planted);
        }
        prop_assert_eq!(found.count(Verdict::Valid), heart.len() as u64 - 1);
        let mean = (heart[heart.len() - 1] - heart[0]) / (heart.len() as i64 - 1);
        let apart = found.mean_rate_milli().unwrap() - 60_000_000_000 / mean;
        prop_assert!(apart.abs() <= 100, "{} off", apart);
    }

    /// A recording moved by whole windows gives the same statistics, moved by as much; run twice,
    /// it gives the same bytes.
    #[test]
    fn time_does_not_matter(heart in heart(), windows in -40_000_i64..40_000_000) {
        let end = heart[heart.len() - 1] + 1_000_000;
        let recording = recording(&heart, end, 5);
        let options = grid(20);
        let here = summed(recording.clone(), &options);
        prop_assert_eq!(&here, &summed(recording.clone(), &options));
        let there = summed(recording.starting_at(windows * 20_000).unwrap(), &options);
        prop_assert_eq!(here.emitted.len(), there.emitted.len());
        prop_assert_eq!(here.refused.len(), there.refused.len());
        for (here, there) in here.emitted.iter().zip(&there.emitted) {
            prop_assert_eq!(here.start + windows * 20_000, there.start);
            prop_assert_eq!(&here.statistics, &there.statistics);
            prop_assert_eq!((here.count, here.total_count), (there.count, there.total_count));
            prop_assert_eq!(here.raw.sample_count, there.raw.sample_count);
        }
    }

    /// A pulse twice as strong, or on another level, beats as fast.
    #[test]
    fn strength_does_not_matter(heart in heart(), gain in 1_i64..200, level in -1_000_i64..1_000) {
        let end = heart[heart.len() - 1] + 1_000_000;
        let plain = recording(&heart, end, 5);
        let rows = plain.rows().iter().map(|row| match row.reading {
            Reading::Micro(value) => {
                Row { reading: Reading::Micro(value * gain + level * 1_000_000), ..*row }
            }
            Reading::NotFinite => *row,
        });
        let strong = Recording::from_rows(rows.collect()).unwrap();
        let rate = |recording| beats(&clean(recording, &CleanOptions::default()).0).mean_rate_milli();
        let apart = rate(plain).unwrap() - rate(strong).unwrap();
        prop_assert!(apart.abs() <= 2, "{} off", apart);
    }

    /// Windows an unfinished recording gives are those the finished one gives.
    #[test]
    fn later_rows_do_not_change_a_settled_window(heart in heart(), share in 50_usize..100) {
        let end = heart[heart.len() - 1] + 1_000_000;
        let whole = recording(&heart, end, 5);
        let rows = whole.rows()[..whole.rows().len() * share / 100].to_vec();
        let open = GridOptions { tail: Tail::Open, ..grid(10) };
        let early = summed(Recording::from_rows(rows).unwrap(), &open);
        let late = summed(whole, &grid(10));
        for summary in &early.emitted {
            prop_assert!(late.emitted.contains(summary), "window {}", summary.start);
        }
    }
}

fn check_windows(recording: &Recording, options: &GridOptions) -> usize {
    let (signal, _) = clean(recording.clone(), &CleanOptions::default());
    let beats = beats(&signal);
    let summaries = summarise(&signal, &beats, options).unwrap();
    let (mut total, mut valid, mut samples) = (0, 0, 0);
    for summary in &summaries.emitted {
        assert_the_ledger_would_take(summary);
        assert!(summary.count >= u64::from(options.min_count));
        let rows = recording.window(summary.start, summary.grid_s);
        let salt = options.salt.for_window(summary.raw_window());
        assert_eq!(verify_raw(summary, &salt, &rows), Ok(()));
        total += summary.total_count;
        valid += summary.count;
        samples += summary.raw.sample_count;
    }
    for refused in &summaries.refused {
        total += refused.total_count;
        valid += refused.count;
        samples += refused.sample_count;
    }
    assert_eq!(total, beats.all().len() as u64);
    assert_eq!(valid, beats.count(Verdict::Valid));
    assert_eq!(samples, recording.rows().len() as u64);
    summaries.emitted.len()
}
