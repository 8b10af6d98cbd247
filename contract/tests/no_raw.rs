//! The rules that keep raw data off the ledger: rows a rule, and properties.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use ioht_contract::no_raw::{RawRule, check, check_time};
use ioht_contract::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const START: i64 = 1_704_067_200_000;

/// The default registry, with every statistic of a heart rate allowed at full precision.
fn policies() -> Policies {
    let mut documents = Policies::default_documents();
    let mut codes: Value = serde_json::from_str(&documents["codes.json"]).unwrap();
    let heart_rate = &mut codes["codes"][0];
    assert_eq!(heart_rate["code"], "8867-4");
    heart_rate["value"]["scale"] = json!(6);
    heart_rate["value"]["statistics"].as_array_mut().unwrap().push(json!("sum"));
    documents.insert("codes.json".to_owned(), codes.to_string());
    Policies::from_documents(&documents).unwrap()
}

fn statistics(list: &[(Stat, &str)]) -> Vec<Statistic> {
    let parsed =
        |(stat, value): &(Stat, &str)| Statistic { stat: *stat, value: value.parse().unwrap() };
    list.iter().map(parsed).collect()
}

fn heart_rate(list: &[(Stat, &str)]) -> Summary {
    Summary {
        code: "8867-4".parse().unwrap(),
        grid_s: 300,
        start: START,
        statistics: statistics(list),
        unit: "/min".to_owned(),
        count: 10,
        total_count: 12,
        components: Vec::new(),
        labels: Labels::default(),
        raw: Raw {
            alg: DigestAlgorithm::Sha256,
            digest: RawDigest::new(std::array::from_fn(|at| u8::try_from(at).unwrap())),
            sample_count: 1000,
            format: "ioht-raw/1".to_owned(),
            locator: "raw:1".to_owned(),
        },
        modality: Modality::Sensed,
        status: RecordStatus::Final,
    }
}

fn pressure() -> Summary {
    let component = |code: &str, value| Component {
        code: code.parse().unwrap(),
        statistics: statistics(&[(Stat::Average, value)]),
    };
    Summary {
        code: "85354-9".parse().unwrap(),
        grid_s: 86_400,
        statistics: Vec::new(),
        unit: "mm[Hg]".to_owned(),
        count: 2,
        total_count: 2,
        components: vec![component("8480-6", "121.5"), component("8462-4", "79")],
        ..heart_rate(&[])
    }
}

#[track_caller]
fn verdict(expected: Result<(), RawRule>, summary: &Summary) {
    assert_eq!(check(summary, policies().codes()), expected);
}

#[track_caller]
fn refused(rule: RawRule, change: impl FnOnce(&mut Summary)) {
    let mut summary = heart_rate(&[(Stat::Average, "72.4")]);
    verdict(Ok(()), &summary);
    change(&mut summary);
    verdict(Err(rule), &summary);
}

/// Statistics of ten beats, in the order given.
#[track_caller]
fn row(expected: Result<(), RawRule>, list: &[(Stat, &str)]) {
    verdict(expected, &heart_rate(list));
}

use Stat::{
    Average, LowerQuartile, Maximum, Median, Minimum, Percent20, Percent80, StdDev, Sum,
    UpperQuartile, Variance,
};

#[test]
fn rule_1_statistics_components_and_labels() {
    refused(RawRule::StatisticList, |it| it.statistics.clear());
    refused(RawRule::StatisticList, |it| it.statistics.push(it.statistics[0]));
    refused(RawRule::StatisticList, |it| it.statistics = vec![it.statistics[0]; 13]);
    refused(RawRule::StatisticList, |it| {
        it.code = "40443-4".parse().unwrap();
        it.grid_s = 3600;
        it.statistics[0].stat = Sum;
    });
    refused(RawRule::ComponentList, |it| it.components = pressure().components);
    let label = |labels: &[&str]| {
        let sensitivity = labels.iter().map(|label| label.parse().unwrap()).collect();
        Labels { sensitivity, ..Labels::default() }
    };
    refused(RawRule::LabelList, |it| it.labels = label(&["ANYTHING"]));
    refused(RawRule::LabelList, |it| it.labels = label(&["PSY", "ETH"]));
    refused(RawRule::LabelList, |it| it.labels = label(&["PSY", "PSY"]));
    let known = "BH COGN DVD EMOTDIS ETH ETHUD GDIS HIV IDS LOCIS MH MST OPIOIDUD PATLOC PREGNANT PSY PSYTHPN";
    let seventeen: Vec<&str> = known.split(' ').collect();
    refused(RawRule::LabelList, |it| it.labels = label(&seventeen));
    let labelled = Summary {
        labels: Labels { confidentiality: Confidentiality::V, ..label(&["ETH", "PSY"]) },
        ..heart_rate(&[(Average, "72.4")])
    };
    verdict(Ok(()), &labelled);
}

#[test]
fn rule_1_panels_have_their_components() {
    verdict(Ok(()), &pressure());
    let refused = |rule, change: &dyn Fn(&mut Summary)| {
        let mut summary = pressure();
        change(&mut summary);
        verdict(Err(rule), &summary);
    };
    refused(RawRule::ComponentList, &|it| drop(it.components.pop()));
    refused(RawRule::ComponentList, &|it| it.components.swap(0, 1));
    refused(RawRule::ComponentList, &|it| it.components.push(it.components[0].clone()));
    refused(RawRule::ComponentList, &|it| {
        it.statistics = heart_rate(&[(Average, "80")]).statistics
    });
    refused(RawRule::StatisticList, &|it| it.components[1].statistics.clear());
    refused(RawRule::Range, &|it| it.components[1].statistics = statistics(&[(Average, "201")]));
    refused(RawRule::CountMin, &|it| it.count = 1);
}

#[test]
fn rule_2_the_registry() {
    refused(RawRule::Code, |it| it.code = "2708-6".parse().unwrap());
    refused(RawRule::Unit, |it| it.unit = "{beats}/min".to_owned());
    refused(RawRule::CountMin, |it| it.count = 4);
    // The five quantiles of five measurements are the five measurements.
    let quantiles = statistics(&[
        (Minimum, "61.2"),
        (LowerQuartile, "64.9"),
        (Median, "70.1"),
        (UpperQuartile, "74.4"),
        (Maximum, "80.3"),
    ]);
    refused(RawRule::CountMin, |it| {
        it.statistics.clone_from(&quantiles);
        it.count = 5;
    });
    verdict(Ok(()), &Summary { statistics: quantiles, count: 6, ..heart_rate(&[]) });
    refused(RawRule::CountRate, |it| {
        it.total_count = 1501;
        it.raw.sample_count = 1501;
    });
    let most = Summary {
        total_count: 1500,
        raw: Raw { sample_count: 1500, ..heart_rate(&[]).raw },
        ..heart_rate(&[(Average, "72.4")])
    };
    verdict(Ok(()), &most);
    let steps = |value: &str| Summary {
        code: "41950-7".parse().unwrap(),
        grid_s: 86_400,
        unit: "{steps}".to_owned(),
        ..heart_rate(&[(Sum, value)])
    };
    verdict(Ok(()), &steps("8000"));
    verdict(Err(RawRule::Scale), &steps("8000.5"));
    verdict(Err(RawRule::Range), &steps("200001"));
    verdict(Err(RawRule::Range), &steps("-1"));
}

#[test]
fn rule_2_plausible_values() {
    for (stat, inside, outside) in [
        (Average, "300", "300.000001"),
        (Minimum, "20", "19.999999"),
        (Median, "20.5", "-72"),
        (StdDev, "280", "281"),
        (StdDev, "0", "-0.1"),
        (Variance, "78400", "78401"),
        (Variance, "0", "-1"),
        (Sum, "3000", "3001"),
        (Sum, "200", "199"),
    ] {
        row(Ok(()), &[(stat, inside)]);
        row(Err(RawRule::Range), &[(stat, outside)]);
    }
}

#[test]
fn rule_3_the_grid() {
    refused(RawRule::Grid, |it| it.grid_s = 299);
    refused(RawRule::Grid, |it| it.grid_s = 0);
    refused(RawRule::Grid, |it| it.grid_s = 600);
    refused(RawRule::Alignment, |it| it.start += 1);
    refused(RawRule::Alignment, |it| it.start -= 60_000);
    refused(RawRule::Alignment, |it| it.start = -300_000);
    refused(RawRule::Alignment, |it| it.start = i64::MAX - i64::MAX % 300_000);
    refused(RawRule::Alignment, |it| it.start = TIME_MS_MAX - TIME_MS_MAX % 300_000);
}

#[test]
fn rule_4_order() {
    row(Ok(()), &[(Minimum, "60"), (Maximum, "60")]);
    row(Err(RawRule::Order), &[(Minimum, "60.1"), (Maximum, "60.0")]);
    row(Err(RawRule::Order), &[(Average, "59"), (Minimum, "60")]);
    row(Err(RawRule::Order), &[(Average, "101"), (Maximum, "100")]);
    // The average may lie beyond every quantile.
    row(Ok(()), &[(Percent80, "61"), (Average, "90"), (Maximum, "300")]);
    let quantiles = [
        (Minimum, "60"),
        (Percent20, "61"),
        (LowerQuartile, "62"),
        (Median, "63"),
        (UpperQuartile, "64"),
        (Percent80, "65"),
        (Maximum, "66"),
    ];
    row(Ok(()), &quantiles);
    for at in 1..quantiles.len() {
        let mut swapped = quantiles;
        (swapped[at].1, swapped[at - 1].1) = (swapped[at - 1].1, swapped[at].1);
        row(Err(RawRule::Order), &swapped);
    }
    // 60.4 rounds to 60: both are statistics of one beat.
    row(Ok(()), &[(Minimum, "60.4"), (Maximum, "60")]);
    row(Err(RawRule::Order), &[(Minimum, "60.6"), (Maximum, "60")]);
}

#[test]
fn rule_4_sum_and_average() {
    row(Ok(()), &[(Average, "72.4"), (Sum, "724")]);
    // 72.4 stands for 72.35 to 72.45.
    row(Ok(()), &[(Average, "72.4"), (Sum, "724.5")]);
    row(Err(RawRule::Sum), &[(Average, "72.4"), (Sum, "724.6")]);
    row(Err(RawRule::Sum), &[(Average, "72.400"), (Sum, "724.1")]);
}

#[test]
fn rule_4_variance_and_deviation() {
    row(Ok(()), &[(StdDev, "4"), (Variance, "16")]);
    // 4 stands for 3.5 to 4.5, whose square is 12.25 to 20.25.
    row(Ok(()), &[(StdDev, "4"), (Variance, "20.2")]);
    row(Err(RawRule::Deviation), &[(StdDev, "4"), (Variance, "20.4")]);
    row(Err(RawRule::Deviation), &[(StdDev, "4.00"), (Variance, "16.2")]);
}

#[test]
fn rule_4_counts() {
    refused(RawRule::Counts, |it| it.count = 13);
    refused(RawRule::Counts, |it| it.raw.sample_count = 11);
}

#[test]
fn rule_5_the_commitment() {
    refused(RawRule::Commitment, |it| it.raw.digest = RawDigest::new([0; 32]));
    refused(RawRule::Commitment, |it| it.raw.digest = RawDigest::new([0xff; 32]));
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    refused(RawRule::Commitment, |it| it.raw.digest = of_nothing.parse().unwrap());
    refused(RawRule::Commitment, |it| it.raw.format = "csv".to_owned());
    for locator in ["", "https://example.org/72", "72,73,74", &"x".repeat(65), "é"] {
        refused(RawRule::Commitment, |it| it.raw.locator = locator.to_owned());
    }
}

#[test]
fn rule_6_time() {
    let summary = heart_rate(&[(Average, "72.4")]);
    let end = summary.end();
    assert_eq!(end, START + 300_000);
    assert_eq!(check_time(&summary, START, end), Ok(()));
    assert_eq!(check_time(&summary, START + 1, end), Err(RawRule::TooEarly));
    assert_eq!(check_time(&summary, START, end - CLOCK_SKEW_MS_MAX), Ok(()));
    assert_eq!(check_time(&summary, START, end - CLOCK_SKEW_MS_MAX - 1), Err(RawRule::TooLate));
}

/// `numerator / denominator` to so many decimals, half away from zero; both are not negative.
fn rounded(numerator: i128, denominator: i128, decimals: u32) -> String {
    let scaled = numerator * 10_i128.pow(decimals);
    text((2 * scaled + denominator) / (2 * denominator), decimals)
}

fn text(units: i128, decimals: u32) -> String {
    let one = 10_i128.pow(decimals);
    match usize::try_from(decimals).unwrap() {
        0 => units.to_string(),
        width => format!("{}.{:0width$}", units / one, units % one),
    }
}

fn square_root(value: i128) -> i128 {
    let mut root = 0_i128;
    for bit in (0..50).rev() {
        let next = root + (1 << bit);
        if next * next <= value {
            root = next;
        }
    }
    root
}

/// Every statistic of these beats (in tenths), each rounded to its own number of decimals.
fn summarised(mut beats: Vec<i128>, decimals: [u32; 11]) -> Summary {
    beats.sort_unstable();
    let count = i128::try_from(beats.len()).unwrap();
    let sum: i128 = beats.iter().sum();
    let squares: i128 = beats.iter().map(|beat| beat * beat).sum();
    let rank = |percent: usize| beats[(percent * beats.len()).div_ceil(100) - 1];
    // In hundredths, over count².
    let variance = count * squares - sum * sum;
    let deviation = |decimals: u32| {
        let scale = 10_i128.pow(decimals);
        // Twice the deviation in units of the last digit, to round on the last bit.
        let twice = square_root(4 * variance * scale * scale / (100 * count * count));
        text((twice + 1) / 2, decimals)
    };
    let tenth = |value: i128, decimals| rounded(value, 10, decimals);
    let [a, b, c, d, e, f, g, h, i, j, k] = decimals;
    let list = [
        (Average, rounded(sum, 10 * count, a)),
        (Minimum, tenth(rank(1), b)),
        (Maximum, tenth(rank(100), c)),
        (Median, tenth(rank(50), d)),
        (StdDev, deviation(e.min(3))),
        (Variance, rounded(variance, 100 * count * count, f)),
        (Sum, tenth(sum, g)),
        (Percent20, tenth(rank(20), h)),
        (Percent80, tenth(rank(80), i)),
        (LowerQuartile, tenth(rank(25), j)),
        (UpperQuartile, tenth(rank(75), k)),
    ];
    let count = u64::try_from(count).unwrap();
    let list: Vec<(Stat, &str)> =
        list.iter().map(|(stat, value)| (*stat, value.as_str())).collect();
    Summary { count, total_count: count, ..heart_rate(&list) }
}

/// Puts one statistic out of what the others allow.
fn mutated(mut summary: Summary, which: usize) -> (Summary, RawRule) {
    let at = |stat: Stat| {
        let stats = [
            Average,
            Minimum,
            Maximum,
            Median,
            StdDev,
            Variance,
            Sum,
            Percent20,
            Percent80,
            LowerQuartile,
            UpperQuartile,
        ];
        stats.iter().position(|other| *other == stat).unwrap()
    };
    let mut put = |stat, value: &str| summary.statistics[at(stat)].value = value.parse().unwrap();
    let rule = match which {
        0 => {
            put(Minimum, "299");
            RawRule::Order
        }
        1 => {
            put(Maximum, "21");
            RawRule::Order
        }
        2 => {
            put(Average, "299");
            RawRule::Order
        }
        3 => {
            put(Median, "21");
            RawRule::Order
        }
        4 => {
            put(Percent20, "299");
            RawRule::Order
        }
        5 => {
            put(Percent80, "21");
            RawRule::Order
        }
        6 => {
            put(LowerQuartile, "299");
            RawRule::Order
        }
        7 => {
            put(UpperQuartile, "21");
            RawRule::Order
        }
        8 => {
            let plus = summary.count * 30;
            put(Sum, &plus.to_string());
            RawRule::Sum
        }
        9 => {
            put(Variance, "70000");
            RawRule::Deviation
        }
        10 => {
            put(StdDev, "270");
            RawRule::Deviation
        }
        11 => {
            summary.total_count = summary.count - 1;
            RawRule::Counts
        }
        12 => {
            summary.raw.sample_count = summary.total_count - 1;
            RawRule::Counts
        }
        _ => {
            summary.statistics.swap_remove(1);
            summary.statistics.push(summary.statistics[0]);
            RawRule::StatisticList
        }
    };
    (summary, rule)
}

fn beats() -> impl Strategy<Value = Vec<i128>> {
    // Between 40 and 200 beats a minute, so that the mutations lie outside; more than statistics.
    proptest::collection::vec(400_i128..=2000, 12..200)
}

proptest! {
    #[test]
    fn statistics_of_real_beats_are_consistent(
        beats in beats(),
        decimals in proptest::array::uniform11(0_u32..=6),
    ) {
        let summary = summarised(beats, decimals);
        prop_assert_eq!(check(&summary, policies().codes()), Ok(()), "{:?}", summary.statistics);
    }

    #[test]
    fn each_mutation_is_refused(
        beats in beats(),
        decimals in proptest::array::uniform11(1_u32..=6),
        which in 0_usize..14,
    ) {
        let (summary, rule) = mutated(summarised(beats, decimals), which);
        prop_assert_eq!(check(&summary, policies().codes()), Err(rule));
    }

    #[test]
    fn no_summary_makes_the_rules_fail(
        values in proptest::collection::vec("-?[0-9]{1,12}(\\.[0-9]{1,6})?", 11),
        (count, total_count, sample_count) in any::<(u64, u64, u64)>(),
        (start, grid_s) in any::<(i64, u32)>(),
    ) {
        let mut summary = summarised(vec![700; 5], [0; 11]);
        for (statistic, value) in summary.statistics.iter_mut().zip(values) {
            statistic.value = value.parse().unwrap();
        }
        let policies = policies();
        let _ = check(&summary, policies.codes());
        summary.count = count;
        summary.total_count = total_count;
        summary.raw.sample_count = sample_count;
        let _ = check(&summary, policies.codes());
        (summary.start, summary.grid_s) = (start, grid_s);
        let _ = (check(&summary, policies.codes()), check_time(&summary, 0, start));
    }
}
