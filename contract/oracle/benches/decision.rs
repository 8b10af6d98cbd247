//! How long a decision takes, here and in Cedar on equal policies.
//!
//! ```sh
//! cargo bench -p ioht-contract-oracle
//! ```
//!
//! Three consents. `stored` is one that a patient can have: 16 directives of 8 provisions, each of them with an
//! exception and with actors, devices and times of its own, so that no two ask the same; every context matches, and
//! every provision is looked at to its last element. The others have as many directives and provisions as there can
//! be, 64 of 16, but more bytes than a patient's directives may take, no exceptions, and few distinct questions: in
//! `matching` every context matches, in `elsewhere` all but one are about others. None of them is a worst case, only
//! more than people write.
//!
//! `native` starts from directives that are decoded and prepared, `native-prepare` is that preparation, and
//! `native-partial` the decision of a request that knows of records what they measure and nothing else, as
//! `RequestAccess` and `OpenDisclosure` decide it. What a transaction pays is a preparation and a decision a code.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use cedar_policy::Authorizer;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ioht_contract::decision::{Outcome, RecordFacts, Request, Rules};
use ioht_contract::{DIRECTIVES_BYTES_MAX, Directive, Policies};
use ioht_contract_oracle as cedar;
use serde_json::{Value, from_value, json};
use std::hint::black_box;

const DIRECTIVES: usize = 64;
const PROVISIONS: usize = 16;
const AT: i64 = 1_750_000_000_000;
const DEVICE: &str = "00112233445566778899aabbccddee00";

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

/// One that a patient can have, in which no two provisions ask the same.
fn stored() -> Vec<Directive> {
    let pid = |number: usize| format!("{number:032x}");
    let directives = (0..16).map(|n| {
        let provision = |m: usize| {
            let number = n * 8 + m;
            // Before what is asked for, and another stretch each.
            let end = AT - 1_000_000 - i64::try_from(number).unwrap();
            json!({
                "match": {
                    "actors": [format!("pid:{}", pid(number)), "unit:ward@Org1MSP"],
                    "purposes": ["HOPERAT", "TREAT"],
                    "codes": ["8867-4", "8310-5", "9279-1"],
                    "devices": [pid(number), DEVICE],
                    "data_period": {"start": end - 86_400_000, "end": end},
                },
                "provision": [{"match": {"actors": [format!("pid:{}", pid(1_000 + number))]}}],
            })
        };
        json!({
            "id": format!("d{n}"), "decision": "permit",
            "context": {
                "actors": [format!("unit:u{n}@Org1MSP"), "unit:ward@Org1MSP"],
                "purposes": ["TREAT", "HPAYMT"],
            },
            "provision": (0..8).map(provision).collect::<Value>(),
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
            "code": "9279-1", "device": DEVICE,
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
    let bytes = |consent: &Vec<Directive>| minicbor::to_vec(consent).unwrap().len();
    for (name, consent) in [
        ("stored", stored()),
        ("matching", consent(|_| "unit:ward@Org1MSP".to_owned())),
        ("elsewhere", consent(|n| format!("unit:ward@Org{n}MSP"))),
    ] {
        let fits = bytes(&consent) <= DIRECTIVES_BYTES_MAX;
        assert_eq!(fits, name == "stored", "{name}: {} bytes", bytes(&consent));
        let rules = Rules::prepare(&policies, &consent);
        assert_eq!(rules.decide(&request, AT).outcome, Outcome::Permit);
        group.bench_function(BenchmarkId::new("native", name), |b| {
            b.iter(|| rules.decide(black_box(&request), AT));
        });
        let record = RecordFacts { code: request.record.code, ..RecordFacts::default() };
        let partial = Request { record, ..request.clone() };
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
