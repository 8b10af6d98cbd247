//! A peer refuses to combine ranges of a collection with writes: transactions have none.

use fabric_contract_rs::{Reader, Space, Submit, Table, TxContext, TxError, Writes};
use schemars::JsonSchema;
use serde::Deserialize;

const SECRETS: Table<(String,), String> = Table::new("secret", Space::Private("secrets"));

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
        let all = SECRETS.below(&())?;
        ledger.private_range("secrets", &all, 10).await?;
        SECRETS.scan(ledger, &all, 10).await?;
        Ok(())
    }
}

fn main() {}
