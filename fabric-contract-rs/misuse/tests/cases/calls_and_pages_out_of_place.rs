//! A query has no writes to join a callee's to, and a transaction turns no pages: peers refuse to
//! combine them with writes.

use fabric_contract_rs::{
    Evaluate, QueryReader, Reader, Space, Submit, Table, TxContext, TxError, Writes,
};
use schemars::JsonSchema;
use serde::Deserialize;

const ITEMS: Table<(String,), String> = Table::new("item", Space::Public);

#[derive(Deserialize, JsonSchema)]
struct Change {}

impl Submit for Change {
    const NAME: &'static str = "Change";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &(),
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        let all = ITEMS.below(&())?;
        ledger.range_page(&all, 10, None).await?;
        ledger.query_chaincode("other", &[]).await?;
        Ok(())
    }
}

#[derive(Deserialize, JsonSchema)]
struct Ask {}

impl Evaluate for Ask {
    const NAME: &'static str = "Ask";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = ();
    type Error = TxError;

    async fn run(self, _: &(), _: &TxContext, ledger: &impl QueryReader) -> Result<(), TxError> {
        ledger.invoke("other", &[]).await?;
        Ok(())
    }
}

fn main() {}
