//! The command, by everybody, on one network: each transaction of the contract is called by some
//! command, and what has to be refused is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../common/mod.rs"]
mod common;
mod consent;
mod control;
mod delegates;
mod devices;
mod help;
mod keys;
mod people;
mod records;
mod shell;

use ioht_contract::client::{Description, descriptions};
use serde_json::Value;
use shell::Shell;
use std::collections::BTreeSet;

/// Transactions that no command calls, and why.
const EXCEPTIONS: &[(&str, &str)] = &[];

/// What has to be called: the transaction, or each of the targets that it has.
fn transactions(described: &Description) -> Vec<String> {
    let forms = described.arguments.as_value().get("oneOf").and_then(Value::as_array);
    let targets = forms.into_iter().flatten().filter_map(|form| {
        let target = form.pointer("/properties/target/const").and_then(Value::as_str)?;
        Some(format!("{} {target}", described.function))
    });
    let targets: Vec<String> = targets.collect();
    if targets.is_empty() { vec![described.function.to_owned()] } else { targets }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transaction_has_a_command() {
    let shell = Shell::start().await;
    people::organisations(&shell);
    let cast = people::patients(&shell);
    devices::registered(&shell, &cast);
    records::kept_and_corrected(&shell, &cast);
    records::summed_up(&shell, &cast);
    consent::decided_and_explained(&shell, &cast);
    delegates::act_and_end(&shell, &cast);
    control::commanded(&shell, &cast);
    devices::handed_over(&shell, &cast);
    people::supervised(&shell, &cast);
    keys::lost_and_renewed(&shell, &cast);

    let called = shell.called();
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let names: BTreeSet<String> = descriptions().iter().flat_map(transactions).collect();
    let missing: Vec<&String> = names
        .iter()
        .filter(|it| !called.contains(*it) && !excepted.contains(it.as_str()))
        .collect();
    assert!(missing.is_empty(), "no command was seen to call {missing:?}");
    let needless: Vec<&str> = excepted
        .iter()
        .filter(|it| called.contains(**it) || !names.contains(**it))
        .copied()
        .collect();
    assert!(needless.is_empty(), "no exceptions: {needless:?}");
    shell.shutdown().await;
}
