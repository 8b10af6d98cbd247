//! The functions. Queries can be endorsed here, because their read sets are what is compared.

use fabric_contract_rs::{
    EndorsementPolicy, EndorsingRole, Entry, Evaluate, KeyRange, LedgerError, QueryReader, Reader,
    Space, Submit, TxContext, TxError, Writes,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ledger::{Keys, OneWrite, Place, apply, simple, text};

const ANYONE: &[&str] = &["anyone"];
/// What a query without a limit reads at most: more than the judge ever writes.
const ROWS_MAX: usize = 10_000;

macro_rules! submit {
    ($name:ident -> $output:ty, |$self:ident, $cx:ident, $ledger:ident, $writes:ident| $run:expr) => {
        impl Submit for $name {
            const NAME: &'static str = stringify!($name);
            const ROLES: &'static [&'static str] = ANYONE;
            type State = ();
            type Output = $output;
            type Error = TxError;

            async fn run(
                $self,
                _: &(),
                $cx: &TxContext,
                $ledger: &impl Reader,
                $writes: &mut Writes,
            ) -> Result<$output, TxError> {
                $run
            }
        }
    };
}

macro_rules! evaluate {
    ($name:ident -> $output:ty, |$self:ident, $ledger:ident| $run:expr) => {
        impl Evaluate for $name {
            const NAME: &'static str = stringify!($name);
            const ROLES: &'static [&'static str] = ANYONE;
            const NEVER_ENDORSE: bool = false;
            type State = ();
            type Output = $output;
            type Error = TxError;

            async fn run(
                $self,
                _: &(),
                _: &TxContext,
                $ledger: &impl QueryReader,
            ) -> Result<$output, TxError> {
                $run
            }
        }
    };
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Noop {}
submit!(Noop -> (), |self, _cx, _ledger, _writes| Ok(()));

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhoCalls {}
submit!(WhoCalls -> (String, String, String, Vec<String>), |self, cx, _ledger, _writes| {
    let names = cx.transient_map().keys().cloned().collect();
    Ok((cx.client().msp_id().to_owned(), cx.channel_id().to_owned(), cx.tx_id().to_owned(), names))
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Write {
    writes: Vec<OneWrite>,
}
submit!(Write -> usize, |self, _cx, _ledger, writes| apply(self.writes, writes));

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSecret {
    collection: Place,
    key: String,
}
submit!(PutSecret -> (), |self, cx, _ledger, writes| {
    let value = cx.transient("value").cloned().unwrap_or_default();
    Ok(writes.put(self.collection.space(), simple(&self.key)?, value)?)
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutItems {
    #[serde(default)]
    collection: Place,
    items: Vec<Item>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Item {
    parts: [String; 2],
    value: String,
}
submit!(PutItems -> usize, |self, _cx, _ledger, writes| {
    let count = self.items.len();
    for Item { parts, value } in self.items {
        let key = self.collection.item(parts)?;
        writes.put(self.collection.space(), key, value.into())?;
    }
    Ok(count)
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadThenWrite {
    read: Keys,
    writes: Vec<OneWrite>,
}
submit!(ReadThenWrite -> Vec<Option<String>>, |self, _cx, ledger, writes| {
    let values = self.read.at_once(ledger).await?;
    apply(self.writes, writes)?;
    Ok(values)
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Announce {
    writes: Vec<OneWrite>,
    events: Vec<(String, String)>,
}
submit!(Announce -> (), |self, _cx, _ledger, writes| {
    apply(self.writes, writes)?;
    for (name, payload) in self.events {
        writes.set_event(name, payload);
    }
    Ok(())
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refuse {
    status: u16,
    writes: Vec<OneWrite>,
}
submit!(Refuse -> (), |self, _cx, _ledger, writes| {
    apply(self.writes, writes)?;
    Err(TxError::new(self.status, "JUDGE_REFUSES", "the judge says no"))
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPolicy {
    #[serde(default)]
    collection: Place,
    key: String,
    orgs: Vec<String>,
    #[serde(default)]
    writes: Vec<OneWrite>,
}
submit!(SetPolicy -> (), |self, _cx, _ledger, writes| {
    apply(self.writes, writes)?;
    let orgs = self.orgs.iter().map(String::as_str);
    let policy = EndorsementPolicy::all_of(EndorsingRole::Member, orgs)
        .map_err(|err| TxError::new(400, "BAD_ARGUMENTS", err.to_string()))?;
    writes.set_endorsement_policy(self.collection.space(), simple(&self.key)?, &policy);
    Ok(())
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GetPolicy {
    #[serde(default)]
    collection: Place,
    key: String,
}
evaluate!(GetPolicy -> Option<String>, |self, ledger| {
    let policy = ledger.endorsement_policy(self.collection.space(), &simple(&self.key)?).await?;
    Ok(policy.map(|policy| hex::encode(policy.as_bytes())))
});

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Get(Keys);
evaluate!(Get -> Vec<Option<String>>, |self, ledger| self.0.one_by_one(ledger).await);

#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct GetMany(Keys);
evaluate!(GetMany -> Vec<Option<String>>, |self, ledger| self.0.at_once(ledger).await);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hash {
    collection: Place,
    key: String,
}
evaluate!(Hash -> Option<String>, |self, ledger| {
    let hash = ledger.private_hash(self.collection.collection()?, &simple(&self.key)?).await?;
    Ok(hash.map(hex::encode))
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Items {
    #[serde(default)]
    collection: Place,
    prefix: Vec<String>,
    #[serde(default = "rows_max")]
    limit: usize,
}
evaluate!(Items -> Vec<((String, String), String)>, |self, ledger| {
    let range = self.collection.below(&self.prefix)?;
    let found = scan(ledger, self.collection, &range, self.limit).await?;
    found
        .iter()
        .map(|(key, value)| Ok((self.collection.parts(key)?, text(value)?)))
        .collect()
});

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Range {
    #[serde(default)]
    collection: Place,
    start: String,
    end: String,
    #[serde(default = "rows_max")]
    limit: usize,
}
evaluate!(Range -> Vec<(String, String)>, |self, ledger| {
    let range = KeyRange::simple(&self.start, &self.end).map_err(LedgerError::from)?;
    let found = scan(ledger, self.collection, &range, self.limit).await?;
    found.iter().map(|(key, value)| Ok((key.as_str().to_owned(), text(value)?))).collect()
});

const fn rows_max() -> usize {
    ROWS_MAX
}

async fn scan(
    ledger: &impl QueryReader,
    place: Place,
    range: &KeyRange,
    limit: usize,
) -> Result<Vec<Entry>, LedgerError> {
    match place.space() {
        Space::Public => ledger.range(range, limit).await,
        Space::Private(collection) => ledger.private_range(collection, range, limit).await,
    }
}
