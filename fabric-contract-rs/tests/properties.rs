//! Keys, ranges and writes, whatever they hold.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use bytes::Bytes;
use fabric_contract_rs::{Event, KeyRange, LedgerError, Space, StateKey, Table, Write, Writes};
use proptest::prelude::*;
use std::collections::BTreeMap;

const ONE: Table<(String,), u8> = Table::new("t", Space::Public);
const TWO: Table<(String, String), u8> = Table::new("t", Space::Public);
const THREE: Table<(String, String, String), u8> = Table::new("t", Space::Public);
const SIX: Table<(String, String, String, String, String, String), u8> =
    Table::new("t", Space::Public);
/// A table whose name begins with the others'.
const NEIGHBOUR: Table<(String, String), u8> = Table::new("t2", Space::Public);

/// Texts that meet: few characters, from both ends of what a part may hold, often empty.
fn part() -> impl Strategy<Value = String> {
    let characters = prop_oneof![
        Just('a'),
        Just('b'),
        Just('\u{1}'),
        Just('\u{7f}'),
        Just('\u{e9}'),
        Just('\u{ffff}'),
        Just('\u{10000}'),
        Just('\u{10fffe}'),
    ];
    proptest::collection::vec(characters, 0..4)
        .prop_map(|characters| characters.into_iter().collect())
}

fn contains(range: &KeyRange, key: &StateKey) -> bool {
    let key = key.as_str().as_bytes();
    let before_end = range.end().is_empty() || key < range.end().as_bytes();
    range.start().as_bytes() <= key && before_end
}

proptest! {
    #[test]
    fn keys_come_back_as_they_went(a in any::<String>(), b in part(), c in part()) {
        let reserved = a.contains(['\0', '\u{10ffff}']);
        let key = (a.clone(), b.clone(), c.clone());
        match THREE.key(&key) {
            Ok(stored) => {
                prop_assert!(!reserved);
                prop_assert_eq!(THREE.parse_key(&stored).unwrap(), key);
                // Not with fewer or more attributes, nor under another name.
                prop_assert!(TWO.parse_key(&stored).is_err());
                prop_assert!(SIX.parse_key(&stored).is_err());
                prop_assert!(NEIGHBOUR.parse_key(&stored).is_err());
            }
            Err(error) => {
                prop_assert!(reserved);
                prop_assert!(matches!(error, LedgerError::BadKey(_)));
            }
        }
        let six = (b.clone(), c.clone(), String::new(), c, b, String::new());
        prop_assert_eq!(SIX.parse_key(&SIX.key(&six).unwrap()).unwrap(), six);
    }

    #[test]
    fn different_attributes_have_different_keys(
        one in (part(), part()),
        other in (part(), part()),
    ) {
        let same = TWO.key(&one).unwrap() == TWO.key(&other).unwrap();
        prop_assert_eq!(same, one == other);
        // However they are cut into attributes.
        let joined = ONE.key(&(format!("{}{}", one.0, one.1),)).unwrap();
        prop_assert_ne!(joined, TWO.key(&other).unwrap());
    }

    #[test]
    fn keys_sort_as_their_attributes_do(one in (part(), part()), other in (part(), part())) {
        let stored = |key: &(String, String)| TWO.key(key).unwrap();
        prop_assert_eq!(stored(&one).cmp(&stored(&other)), one.cmp(&other));
    }

    #[test]
    fn ranges_hold_exactly_their_keys(
        key in (part(), part()),
        prefix in part(),
        from in part(),
        until in part(),
    ) {
        let stored = TWO.key(&key).unwrap();
        let below = |prefix: &(String,)| TWO.below(prefix).unwrap();
        prop_assert!(contains(&TWO.below(&()).unwrap(), &stored));
        prop_assert_eq!(contains(&below(&(prefix.clone(),)), &stored), key.0 == prefix);

        let first = TWO.between(&(), &from, &until).unwrap();
        prop_assert_eq!(contains(&first, &stored), from <= key.0 && key.0 < until);
        let second = TWO.between(&(prefix.clone(),), &from, &until).unwrap();
        let expected = key.0 == prefix && from <= key.1 && key.1 < until;
        prop_assert_eq!(contains(&second, &stored), expected);
    }

    #[test]
    fn ranges_never_leave_their_table(
        key in (part(), part()),
        prefix in part(),
        from in part(),
        until in part(),
        simple in "[^\u{0}][^\u{0}]{0,4}",
    ) {
        let stored = TWO.key(&key).unwrap();
        let simple = StateKey::simple(&simple).unwrap();
        for range in [
            NEIGHBOUR.below(&()).unwrap(),
            NEIGHBOUR.below(&(prefix.clone(),)).unwrap(),
            NEIGHBOUR.between(&(), &from, &until).unwrap(),
            NEIGHBOUR.between(&(prefix,), &from, &until).unwrap(),
        ] {
            prop_assert!(!contains(&range, &stored));
            prop_assert!(!contains(&range, &simple));
        }
        for (start, end) in [("", ""), ("", &*until), (&*from, ""), (&*from, &*until)] {
            prop_assert!(!contains(&KeyRange::simple(start, end).unwrap(), &stored));
        }
        prop_assert!(contains(&KeyRange::simple("", "").unwrap(), &simple));
    }

    #[test]
    fn a_range_goes_on_behind_a_key(key in (part(), part()), other in (part(), part())) {
        let (stored, other_stored) = (TWO.key(&key).unwrap(), TWO.key(&other).unwrap());
        let rest = TWO.below(&()).unwrap().after(&stored);
        prop_assert_eq!(contains(&rest, &other_stored), key < other);
    }

    #[test]
    fn simple_keys_are_kept_or_refused(text in any::<String>()) {
        let refused = text.is_empty() || text.starts_with('\0');
        match StateKey::simple(&text) {
            Ok(key) => {
                prop_assert!(!refused);
                prop_assert_eq!(key.as_str(), text);
            }
            Err(_) => prop_assert!(refused),
        }
    }

    #[test]
    fn writes_keep_the_last_of_each_key_in_order(
        steps in proptest::collection::vec(step(), 0..24),
    ) {
        let mut writes = Writes::new();
        let mut model = BTreeMap::new();
        let mut event = None;
        for step in steps {
            match step {
                Step::Put(space, key, value) => {
                    let taken = writes.put(space, simple(&key), value.clone());
                    if value.is_empty() {
                        prop_assert_eq!(taken, Err(LedgerError::EmptyValue));
                    } else {
                        prop_assert_eq!(taken, Ok(()));
                        model.insert((space, key), Write::Put(value));
                    }
                }
                Step::Delete(space, key) => {
                    writes.delete(space, simple(&key));
                    model.insert((space, key), Write::Delete);
                }
                Step::Purge(key) => {
                    writes.purge("secrets", simple(&key));
                    model.insert((Space::Private("secrets"), key), Write::Purge);
                }
                Step::Event(name) => {
                    writes.set_event(name.clone(), Bytes::new());
                    event = Some(Event { name, payload: Bytes::new() });
                }
            }
        }
        prop_assert_eq!(writes.len(), model.len());
        prop_assert_eq!(writes.is_empty(), model.is_empty());
        prop_assert_eq!(writes.event(), event.as_ref());
        let (records, sent) = writes.into_parts();
        let records: Vec<_> =
            records.map(|(space, key, write)| ((space, key.as_str().to_owned()), write)).collect();
        prop_assert_eq!(records, model.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(sent, event);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(Space, String, Bytes),
    Delete(Space, String),
    Purge(String),
    Event(String),
}

fn step() -> impl Strategy<Value = Step> {
    let space = || {
        prop_oneof![Just(Space::Public), Just(Space::Private("secrets")), Just(Space::Private("z"))]
    };
    // Few keys, so that they are written again.
    let key = || "[a-c]";
    let value = proptest::collection::vec(any::<u8>(), 0..3).prop_map(Bytes::from);
    prop_oneof![
        4 => (space(), key(), value).prop_map(|(space, key, value)| Step::Put(space, key, value)),
        2 => (space(), key()).prop_map(|(space, key)| Step::Delete(space, key)),
        1 => key().prop_map(Step::Purge),
        1 => "[a-c]{1,2}".prop_map(Step::Event),
    ]
}

fn simple(key: &str) -> StateKey {
    StateKey::simple(key).unwrap()
}
