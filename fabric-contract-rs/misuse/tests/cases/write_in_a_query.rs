//! A query has nothing to write with.

use fabric_contract_rs::{Evaluate, QueryReader, Space, Table, TxContext, TxError};
use schemars::JsonSchema;
use serde::Deserialize;

const NAMES: Table<(String,), String> = Table::new("name", Space::Public);

#[derive(Deserialize, JsonSchema)]
struct Look {}

impl Evaluate for Look {
    const NAME: &'static str = "Look";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = ();
    type Error = TxError;

    async fn run(self, _: &(), _: &TxContext, ledger: &impl QueryReader) -> Result<(), TxError> {
        NAMES.put(ledger, &("a".to_owned(),), &"Alice".to_owned())?;
        Ok(())
    }
}

fn main() {}
