//! A table's name is checked when the contract is compiled.

use fabric_contract_rs::{Space, Table};

const NAMELESS: Table<(String,), String> = Table::new("", Space::Public);
const RESERVED: Table<(String,), String> = Table::new("a\0b", Space::Public);

fn main() {
    let _ = (NAMELESS, RESERVED);
}
