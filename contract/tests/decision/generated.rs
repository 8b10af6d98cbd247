//! Directives and requests out of a small world, so that they often meet.

use ioht_contract::decision::{RecordFacts, Request, Requester, Window};
use ioht_contract::*;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

fn one_of<T: FromStr + Clone + Debug + 'static>(
    texts: &'static [&'static str],
) -> impl Strategy<Value = T> + Clone {
    proptest::sample::select(texts).prop_map(|text| text.parse().ok().unwrap())
}

fn set_of<T: FromStr + Clone + Debug + Ord + 'static>(
    texts: &'static [&'static str],
) -> impl Strategy<Value = BTreeSet<T>> {
    btree_set(one_of(texts), 1..4)
}

const ACTORS: &[&str] = &[
    "org:Org1MSP",
    "org:Org2MSP",
    "unit:ward@Org1MSP",
    "unit:root@Org1MSP",
    "role:practitioner",
    "role:researcher",
    "project:p",
    "care_team",
    "pid:11111111111111111111111111111111",
];
const PURPOSES: &[&str] = &["TREAT", "ETREAT", "BTG", "COC", "HRESCH", "DSRCH", "HMARKT"];
const CODES: &[&str] = &["8867-4", "8310-5", "2339-0", "41950-7"];
/// What a record can be of: also what the policies do not know, or know no longer.
const RECORD_CODES: &[&str] = &["8867-4", "8310-5", "2339-0", "41950-7", "2708-6"];
const CATEGORIES: &[&str] = &["vital-signs", "laboratory", "activity"];
const SENSITIVITIES: &[&str] = &["SPI", "BH", "COGN", "PSY", "SUD", "OPIOIDUD", "HIV"];
const RECORD_LABELS: &[&str] = &["SPI", "BH", "COGN", "PSY", "SUD", "OPIOIDUD", "HIV", "RETIRED"];
const PIDS: &[&str] = &["11111111111111111111111111111111", "22222222222222222222222222222222"];
/// The time of every decision.
pub(crate) const AT: i64 = 50;

fn confidentiality() -> impl Strategy<Value = Confidentiality> {
    use Confidentiality::{L, M, N, R, U, V};
    proptest::sample::select(vec![U, L, M, N, R, V])
}

fn action() -> impl Strategy<Value = Action> {
    use Action::{Access, Collect, Correct, Disclose, Use};
    proptest::sample::select(vec![Access, Access, Access, Collect, Use, Disclose, Correct])
}

fn period() -> impl Strategy<Value = Period> {
    (0..8_i64, option::of(1..8_i64)).prop_map(|(start, length)| Period {
        start: start * 10,
        end: length.map(|length| (start + length) * 10),
    })
}

fn rarely<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>> {
    option::weighted(0.2, strategy)
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let asked = (
        option::of(set_of(ACTORS)),
        option::of(set_of(PURPOSES)),
        rarely(btree_set(action(), 1..3)),
        rarely(period()),
    );
    let record = (
        rarely(set_of(CODES)),
        rarely(set_of(CATEGORIES)),
        rarely(set_of(PIDS)),
        rarely(confidentiality()),
        rarely(set_of(SENSITIVITIES)),
        rarely(proptest::sample::select(vec![300_u32, 900, 3600])),
        rarely(period()),
    );
    (asked, record).prop_map(|((actors, purposes, actions, period), record)| {
        let (codes, categories, devices, confidentiality, sensitivity, min_grid_s, data_period) =
            record;
        Matcher {
            actors,
            purposes,
            actions,
            codes,
            categories,
            devices,
            confidentiality,
            sensitivity,
            min_grid_s,
            data_period,
            period,
        }
    })
}

pub(crate) fn effect() -> impl Strategy<Value = Effect> {
    proptest::sample::select(vec![Effect::Permit, Effect::Permit, Effect::Deny])
}

pub(crate) fn directive() -> impl Strategy<Value = Directive> {
    let exceptions = vec(matcher().prop_map(|matcher| Exception { matcher }), 0..3);
    let provision =
        (matcher(), exceptions).prop_map(|(matcher, provision)| Provision { matcher, provision });
    let terms = TermsReference { offer: "o-1".parse().unwrap(), version: 1 };
    let terms = rarely(Just(terms));
    (effect(), matcher(), vec(provision, 0..3), rarely(period()), terms).prop_map(
        |(decision, context, provision, period, terms)| Directive {
            period: period.unwrap_or(Period { start: 0, end: None }),
            decision,
            context,
            provision,
            terms,
            ..plain("d")
        },
    )
}

/// A permit without any condition.
pub(crate) fn plain(id: &str) -> Directive {
    serde_json::from_value(serde_json::json!({"id": id, "decision": "permit"})).unwrap()
}

/// Up to six directives, each with an id of its own.
pub(crate) fn directives() -> impl Strategy<Value = Vec<Directive>> {
    vec(directive(), 0..6).prop_map(|directives| {
        let numbered = (0..).zip(directives);
        numbered.map(|(n, it)| Directive { id: format!("d{n}").parse().unwrap(), ..it }).collect()
    })
}

fn requester() -> impl Strategy<Value = Requester> {
    (
        one_of(PIDS),
        one_of(&["Org1MSP", "Org2MSP"]),
        proptest::sample::subsequence(vec!["ward", "root"], 0..=2),
        proptest::sample::subsequence(vec![StaffRole::Practitioner, StaffRole::Researcher], 0..=2),
        any::<bool>(),
    )
        .prop_map(|(pid, org, units, roles, care_team)| Requester {
            pid,
            org,
            units: units.into_iter().map(|unit| unit.parse().unwrap()).collect(),
            roles: roles.into_iter().collect(),
            care_team,
        })
}

/// A request about one record, all of it told.
pub(crate) fn request() -> impl Strategy<Value = Request> {
    request_about(RECORD_CODES, RECORD_LABELS)
}

/// The same, and the policies know it.
pub(crate) fn known_request() -> impl Strategy<Value = Request> {
    request_about(CODES, SENSITIVITIES)
}

fn request_about(
    codes: &'static [&'static str],
    labels: &'static [&'static str],
) -> impl Strategy<Value = Request> {
    let record = (
        one_of::<LoincCode>(codes),
        one_of::<ParticipantId>(PIDS),
        confidentiality(),
        btree_set(one_of(labels), 0..3),
        proptest::sample::select(vec![300_u32, 900, 3600]),
        (0..10_i64, 1..4_i64),
    );
    (requester(), one_of(PURPOSES), action(), record).prop_map(
        |(actor, purpose, action, (code, device, confidentiality, sensitivity, grid_s, window))| {
            let (start, length) = window;
            Request {
                actor,
                purpose,
                action,
                record: RecordFacts {
                    code: Some(code),
                    device: Some(device),
                    confidentiality: Some(confidentiality),
                    sensitivity: Some(sensitivity),
                    grid_s: Some(grid_s),
                    window: Some(Window { start: start * 10, end: (start + length) * 10 }),
                },
            }
        },
    )
}

/// The same request with some of the record's attributes unknown: a bit each.
pub(crate) fn forget(request: &Request, bits: u8) -> Request {
    let mut request = request.clone();
    let record = &mut request.record;
    let forgotten = |bit: u8| bits & (1 << bit) != 0;
    record.code = record.code.filter(|_| !forgotten(0));
    record.device = record.device.filter(|_| !forgotten(1));
    record.confidentiality = record.confidentiality.filter(|_| !forgotten(2));
    record.sensitivity = record.sensitivity.take().filter(|_| !forgotten(3));
    record.grid_s = record.grid_s.filter(|_| !forgotten(4));
    record.window = record.window.filter(|_| !forgotten(5));
    request
}
