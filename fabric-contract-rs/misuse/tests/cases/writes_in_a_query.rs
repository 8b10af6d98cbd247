//! A query cannot ask for a place for writes.

use fabric_contract_rs::{Evaluate, QueryReader, TxContext, TxError, Writes};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Look {}

impl Evaluate for Look {
    const NAME: &'static str = "Look";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &(),
        _: &TxContext,
        _: &impl QueryReader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        Ok(())
    }
}

fn main() {}
