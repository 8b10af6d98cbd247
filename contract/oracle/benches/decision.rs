//! How long a decision takes, here and in Cedar on equal policies.
//!
//! ```sh
//! cargo bench -p ioht-contract-oracle
//! ```
//!
//! The consent is the largest a patient may have: 64 directives of 16 provisions each. `matching` is
//! the worst case: every context matches and every provision is looked at to its last element;
//! `elsewhere` is the usual one, in which most directives are about others.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use cedar_policy::Authorizer;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ioht_contract::decision::{Outcome, Request, Rules};
use ioht_contract::{Directive, Policies};
use ioht_contract_oracle as cedar;
use serde_json::{Value, from_value, json};
use std::hint::black_box;

const DIRECTIVES: usize = 64;
const PROVISIONS: usize = 16;
const AT: i64 = 1_750_000_000_000;

fn consent(unit: impl Fn(usize) -> String) -> Vec<Directive> {
    let sensitivities = ["HIV", "SDV", "SUD", "PSY", "GDIS", "STD", "ETH", "VIO"];
    let directives = (0..DIRECTIVES).map(|n| {
        let provisions: Vec<Value> = (0..PROVISIONS)
            .map(|m| {
                json!({"match": {
                    "actors": [unit(n), format!("org:Org{m}MSP"), "role:practitioner"],
                    "purposes": ["HOPERAT", "TREAT"],
                    "codes": ["8867-4", "8310-5", "9279-1"],
                    "sensitivity": [sensitivities[(n + m) % 8], sensitivities[m % 8]],
                }})
            })
            .collect();
        json!({
            "id": format!("d{n}"), "decision": "permit",
            "context": {"actors": [unit(n)], "purposes": ["TREAT", "HPAYMT"]},
            "provision": provisions,
        })
    });
    from_value(directives.collect()).unwrap()
}

fn request() -> Request {
    from_value(json!({
        "actor": {
            "pid": "00112233445566778899aabbccddeeff", "org": "Org1MSP",
            "units": ["bay", "ward", "root"], "roles": ["practitioner"],
        },
        "purpose": "ERTREAT",
        "record": {
            "code": "9279-1", "device": "00112233445566778899aabbccddee00",
            "confidentiality": "N", "sensitivity": ["LOCIS"], "grid_s": 300,
            "window": {"start": AT - 600_000, "end": AT - 300_000},
        },
    }))
    .unwrap()
}

fn decisions(c: &mut Criterion) {
    let policies = Policies::default();
    let request = request();
    let mut group = c.benchmark_group("decision");
    for (name, consent) in [
        ("matching", consent(|_| "unit:ward@Org1MSP".to_owned())),
        ("elsewhere", consent(|n| format!("unit:ward@Org{n}MSP"))),
    ] {
        let rules = Rules::prepare(&policies, &consent);
        assert_eq!(rules.decide(&request, AT).outcome, Outcome::Permit);
        group.bench_function(BenchmarkId::new("native", name), |b| {
            b.iter(|| rules.decide(black_box(&request), AT));
        });
        let mut partial = request.clone();
        partial.record.sensitivity = None;
        assert_eq!(rules.decide(&partial, AT).outcome, Outcome::Conditional);
        group.bench_function(BenchmarkId::new("native-partial", name), |b| {
            b.iter(|| rules.decide(black_box(&partial), AT));
        });
        group.bench_function(BenchmarkId::new("native-prepare", name), |b| {
            b.iter(|| Rules::prepare(&policies, black_box(&consent)));
        });
        let (translated, asked) = (cedar::policies(&consent), cedar::asked(&request, AT));
        let authorizer = Authorizer::new();
        assert!(cedar::allows(&authorizer, &translated, &asked));
        group.bench_function(BenchmarkId::new("cedar", name), |b| {
            b.iter(|| cedar::allows(&authorizer, &translated, black_box(&asked)));
        });
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
