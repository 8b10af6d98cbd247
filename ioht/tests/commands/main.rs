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

use ioht_contract::client::descriptions;
use shell::Shell;
use std::collections::BTreeSet;

/// Transactions that no command calls, and why.
const EXCEPTIONS: &[(&str, &str)] = &[];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transaction_has_a_command() {
    let shell = Shell::start().await;
    people::organisations(&shell);
    let cast = people::patients(&shell);
    devices::registered(&shell, &cast);
    records::kept_and_corrected(&shell, &cast);
    consent::decided_and_explained(&shell, &cast);
    delegates::act_and_end(&shell, &cast);
    control::commanded(&shell, &cast);
    devices::handed_over(&shell, &cast);
    people::supervised(&shell, &cast);
    keys::lost_and_renewed(&shell, &cast);

    let called = shell.called();
    let excepted: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let names: BTreeSet<&str> = descriptions().iter().map(|it| it.function).collect();
    let missing: Vec<&str> = names
        .iter()
        .filter(|it| !called.contains(**it) && !excepted.contains(**it))
        .copied()
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
