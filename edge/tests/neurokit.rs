//! Beats of real recordings against those of NeuroKit2, another implementation of Elgendi's method
//! (in floating point, with its Butterworth filter). `data/neurokit.json` is the output of
//! `data/neurokit_figures.py`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests; a panic is the failure"
)]

mod recordings;

use ioht_edge::{Beat, RepeatedStamps, Verdict};
use recordings::{Ours, first, read_json, second, third};
use serde::Deserialize;

/// How far apart two detections of one beat may be: on a wave of another filter, under stamps that
/// are 15.6 ms coarse.
const BEAT_TOLERANCE_US: i64 = 60_000;

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "data.csv")]
    data: Figures,
    #[serde(rename = "data2.csv")]
    data2: Figures,
    #[serde(rename = "data3.csv")]
    data3: Figures,
}

#[derive(Deserialize)]
struct Figures {
    beat_samples: Vec<usize>,
}

/// At least this many in a thousand of the beats found here and valid are NeuroKit2's too, and as
/// many of its beats from `from_us` on are found here.
fn assert_same_beats(ours: &Ours, theirs: &Figures, from_us: i64, per_mille: usize) {
    let rows = ours.recording.rows();
    let theirs: Vec<i64> =
        theirs.beat_samples.iter().map(|sample| rows[*sample].stamp_us).collect();
    let near = |a: i64, b: i64| (a - b).abs() <= BEAT_TOLERANCE_US;

    let valid = |beat: &&Beat| beat.verdict == Verdict::Valid;
    let valid: Vec<&Beat> = ours.beats.all().iter().filter(valid).collect();
    let shared = valid.iter().filter(|beat| theirs.iter().any(|at| near(beat.time_us, *at)));
    let shared = shared.count();
    assert!(
        shared * 1_000 >= valid.len() * per_mille,
        "{shared} of {} valid beats are NeuroKit2's too",
        valid.len()
    );

    let theirs: Vec<i64> = theirs.into_iter().filter(|at| *at >= from_us).collect();
    let found =
        theirs.iter().filter(|at| ours.beats.all().iter().any(|beat| near(beat.time_us, **at)));
    let found = found.count();
    assert!(
        found * 1_000 >= theirs.len() * per_mille,
        "{found} of NeuroKit2's {} beats are found",
        theirs.len()
    );
}

#[test]
fn a_clean_recording() {
    let reference: Reference = read_json("neurokit.json");
    assert_same_beats(&first(), &reference.data, 0, 1_000);
}

#[test]
fn a_noisy_recording() {
    let reference: Reference = read_json("neurokit.json");
    // Before 41 s there is no pulse, and what is found there is noise to both.
    assert_same_beats(&second(), &reference.data2, 41_000_000, 980);
}

#[test]
fn a_long_recording() {
    let (ours, reference): (Ours, Reference) = (third(), read_json("neurokit.json"));
    assert_eq!(ours.quality.repeated_as, RepeatedStamps::CoarseClock);
    assert_same_beats(&ours, &reference.data3, 0, 980);
}
