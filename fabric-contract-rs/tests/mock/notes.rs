//! A contract over notes, some of whose transactions do what no contract should.

use fabric_contract_rs::{
    Batch, Contract, Evaluate, LedgerError, QueryReader, Reader, Route, Space, StateKey, Submit,
    Table, TxContext, TxError, Writes, evaluate, submit,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) const NOTES: Table<(String,), String> = Table::new("note", Space::Public);
pub(crate) const SECRETS: Table<(String,), String> =
    Table::new("secret", Space::Private("secrets"));

/// What the contract should not have: something that changes between executions.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) executions: AtomicU32,
}

impl Contract for Notes {
    const NAME: &'static str = "Notes";
    const VERSION: &'static str = "1";
    type State = AtomicU32;

    fn state(&self) -> &AtomicU32 {
        &self.executions
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<AtomicU32, R>] {
        const {
            &[
                submit::<Write, R>(),
                submit::<Copy, R>(),
                submit::<Random, R>(),
                submit::<Forever, R>(),
                evaluate::<Look, R>(),
                evaluate::<Both, R>(),
            ]
        }
    }
}

/// Writes a note and a secret.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Write {
    id: String,
    note: Option<String>,
    secret: Option<String>,
}

impl Submit for Write {
    const NAME: &'static str = "Write";
    const ROLES: &'static [&'static str] = &[];
    type State = AtomicU32;
    type Output = String;
    type Error = TxError;

    async fn run(
        self,
        executions: &AtomicU32,
        cx: &TxContext,
        _: &impl Reader,
        writes: &mut Writes,
    ) -> Result<String, TxError> {
        executions.fetch_add(1, Ordering::Relaxed);
        let key = (self.id,);
        if let Some(note) = self.note {
            NOTES.put(writes, &key, &note)?;
        }
        if let Some(secret) = self.secret {
            SECRETS.put(writes, &key, &secret)?;
        }
        writes.set_event("written", key.0);
        Ok(cx.tx_id().to_owned())
    }
}

/// Copies a secret to another id if there is a note: one multi-get a space, one write batch.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Copy {
    from: String,
    to: String,
}

impl Submit for Copy {
    const NAME: &'static str = "Copy";
    const ROLES: &'static [&'static str] = &[];
    type State = AtomicU32;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &AtomicU32,
        _: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), TxError> {
        let (from, to) = ((self.from,), (self.to,));
        let mut public = Batch::new(Space::Public);
        let (note, other) = (public.want(&NOTES, &from)?, public.want(&NOTES, &to)?);
        let public = public.load(ledger).await?;
        let mut private = Batch::new(Space::Private("secrets"));
        let secret = private.want(&SECRETS, &from)?;
        let private = private.load(ledger).await?;
        let noted = public.get(&note)?.is_some() && public.get(&other)?.is_none();
        match private.get(&secret)? {
            Some(secret) if noted => Ok(SECRETS.put(writes, &to, &secret)?),
            // What looks missing may not have arrived yet.
            None if SECRETS.get(ledger, &from).await?.is_some() => {
                Err(TxError::new(500, "INCONSISTENT", "a single get finds what a multi-get misses"))
            }
            _ => Err(TxError::new(404, "NOTHING_TO_COPY", "there is no such secret")),
        }
    }
}

/// Differs from execution to execution in the part it is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Random {
    part: String,
}

impl Submit for Random {
    const NAME: &'static str = "Random";
    const ROLES: &'static [&'static str] = &[];
    type State = AtomicU32;
    type Output = u32;
    type Error = TxError;

    async fn run(
        self,
        executions: &AtomicU32,
        _: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<u32, TxError> {
        let number = executions.fetch_add(1, Ordering::Relaxed);
        let key = (number.to_string(),);
        match self.part.as_str() {
            "answer" => return Ok(number),
            "event" => writes.set_event("event", number.to_string()),
            "write" => NOTES.put(writes, &key, &String::new())?,
            "secret" => SECRETS.put(writes, &("k".to_owned(),), &key.0)?,
            _ => drop(NOTES.get(ledger, &key).await?),
        }
        Ok(0)
    }
}

/// Waits for what never comes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Forever {}

impl Submit for Forever {
    const NAME: &'static str = "Forever";
    const ROLES: &'static [&'static str] = &[];
    type State = AtomicU32;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &AtomicU32,
        _: &TxContext,
        _: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        std::future::pending().await
    }
}

/// Reads a secret and says when.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Look {
    id: String,
}

impl Evaluate for Look {
    const NAME: &'static str = "Look";
    const ROLES: &'static [&'static str] = &[];
    type State = AtomicU32;
    type Output = (Option<String>, i64);
    type Error = TxError;

    async fn run(
        self,
        _: &AtomicU32,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<(Option<String>, i64), TxError> {
        Ok((SECRETS.get(ledger, &(self.id,)).await?, cx.timestamp_ms()))
    }
}

/// Every kind of read, for its cost; may be endorsed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Both {
    limit: usize,
}

impl Evaluate for Both {
    const NAME: &'static str = "Both";
    const ROLES: &'static [&'static str] = &[];
    const NEVER_ENDORSE: bool = false;
    type State = AtomicU32;
    type Output = usize;
    type Error = TxError;

    async fn run(
        self,
        _: &AtomicU32,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<usize, TxError> {
        let notes = NOTES.scan(ledger, &NOTES.below(&())?, self.limit).await?;
        let key = StateKey::simple("k").map_err(LedgerError::from)?;
        ledger.get(Space::Public, &key).await?;
        ledger.private_hash("secrets", &key).await?;
        Ok(notes.len())
    }
}
