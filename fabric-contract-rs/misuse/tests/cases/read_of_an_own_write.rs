//! What a transaction writes cannot be read back.

use fabric_contract_rs::{Reader, Space, StateKey, Submit, Table, TxContext, TxError, Writes};
use schemars::JsonSchema;
use serde::Deserialize;

const NAMES: Table<(String,), String> = Table::new("name", Space::Public);

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
        _: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), TxError> {
        let key = ("a".to_owned(),);
        NAMES.put(writes, &key, &"Alice".to_owned())?;
        NAMES.get(&*writes, &key).await?;
        writes.get(Space::Public, &StateKey::from_ledger("a".to_owned()));
        Ok(())
    }
}

fn main() {}
