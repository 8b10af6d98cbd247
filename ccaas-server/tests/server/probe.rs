//! A contract whose transactions do one thing each to the ledger or to the server.

use fabric_contract_rs::schemars::JsonSchema;
use fabric_contract_rs::{
    Contract, EndorsementPolicy, EndorsingRole, Evaluate, KeyRange, Modification, QueryReader,
    Reader, Route, Space, StateKey, Submit, TxContext, TxError, Writes, evaluate, submit,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

pub(crate) const COLLECTION: &str = "health";

/// How many hanging transactions have been dropped.
#[derive(Debug, Default, Clone)]
pub(crate) struct Dropped(Arc<AtomicUsize>);

impl Dropped {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for DropGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct DropGuard<'a>(&'a Dropped);

#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) dropped: Dropped,
}

impl Contract for Probe {
    const NAME: &'static str = "Probe";
    const VERSION: &'static str = "1";
    type State = Dropped;

    fn state(&self) -> &Dropped {
        &self.dropped
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<Dropped, R>] {
        const {
            &[
                submit::<Write, R>(),
                submit::<Fail, R>(),
                submit::<Panic, R>(),
                submit::<Hang, R>(),
                submit::<DropRead, R>(),
                submit::<DropLast, R>(),
                submit::<Both, R>(),
                submit::<Large, R>(),
                submit::<Policy, R>(),
                submit::<CallOther, R>(),
                evaluate::<Get, R>(),
                evaluate::<GetMany, R>(),
                evaluate::<Weigh, R>(),
                evaluate::<Scan, R>(),
                evaluate::<Turn, R>(),
                evaluate::<Hash, R>(),
                evaluate::<History, R>(),
                evaluate::<Who, R>(),
            ]
        }
    }
}

pub(crate) fn key(text: &str) -> Result<StateKey, TxError> {
    StateKey::simple(text).map_err(|error| TxError::new(400, "BAD_KEY", error.to_string()))
}

fn space(private: bool) -> Space {
    if private { Space::Private(COLLECTION) } else { Space::Public }
}

fn text(value: Option<bytes::Bytes>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(&value).into_owned())
}

macro_rules! transaction {
    ($(#[$m:meta])* $name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        $(#[$m])*
        #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct $name { $(pub(crate) $field: $kind),* }
    };
}

transaction!(Write {
    private: bool,
    put: BTreeMap<String, String>,
    delete: Vec<String>,
    purge: Vec<String>,
    event: Option<String>,
});

impl Submit for Write {
    const NAME: &'static str = "Write";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = usize;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        _: &impl Reader,
        writes: &mut Writes,
    ) -> Result<usize, TxError> {
        for (name, value) in self.put {
            writes.put(space(self.private), key(&name)?, value.into())?;
        }
        for name in self.delete {
            writes.delete(space(self.private), key(&name)?);
        }
        for name in self.purge {
            writes.purge(COLLECTION, key(&name)?);
        }
        if let Some(name) = self.event {
            writes.set_event(name, "payload");
        }
        Ok(writes.len())
    }
}

transaction!(
    /// Writes and then fails, with a text as long as this at least.
    Fail { status: u16, text_len: usize }
);

impl Submit for Fail {
    const NAME: &'static str = "Fail";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        _: &impl Reader,
        writes: &mut Writes,
    ) -> Result<(), TxError> {
        writes.put(Space::Public, key("never")?, "written".into())?;
        let padding = "é".repeat(self.text_len);
        Err(TxError::new(self.status, "AS_ASKED", format!("the test wants it so{padding}")))
    }
}

transaction!(Panic { secret: String });

impl Submit for Panic {
    const NAME: &'static str = "Panic";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        ledger.get(Space::Public, &key("a")?).await?;
        panic!("{}", self.secret);
    }
}

transaction!(
    /// Reads a key if one is named, and then never ends.
    Hang { read: Option<String> }
);

impl Submit for Hang {
    const NAME: &'static str = "Hang";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        dropped: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        let _guard = DropGuard(dropped);
        if let Some(name) = self.read {
            ledger.get(Space::Public, &key(&name)?).await?;
        }
        std::future::pending().await
    }
}

/// Begins a read, so that its request is sent, and drops it.
async fn drop_read(ledger: &impl Reader, name: &str) -> Result<(), TxError> {
    let key = key(name)?;
    let mut read = pin!(ledger.get(Space::Public, &key));
    std::future::poll_fn(|cx| {
        assert!(read.as_mut().poll(cx).is_pending(), "the peer has not answered yet");
        Poll::Ready(())
    })
    .await;
    Ok(())
}

transaction!(
    /// Drops a read of one key and reads another.
    DropRead { dropped: String, read: String }
);

impl Submit for DropRead {
    const NAME: &'static str = "DropRead";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Option<String>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<Option<String>, TxError> {
        drop_read(ledger, &self.dropped).await?;
        Ok(text(ledger.get(Space::Public, &key(&self.read)?).await?))
    }
}

transaction!(
    /// Drops a read and ends, with this status.
    DropLast { dropped: String, status: u16 }
);

impl Submit for DropLast {
    const NAME: &'static str = "DropLast";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = ();
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<(), TxError> {
        drop_read(ledger, &self.dropped).await?;
        match self.status {
            0 => Ok(()),
            status => Err(TxError::new(status, "AS_ASKED", "the test wants it so")),
        }
    }
}

transaction!(
    /// Asks for two keys at once.
    Both { first: String, second: String }
);

impl Submit for Both {
    const NAME: &'static str = "Both";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = (Option<String>, Option<String>);
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        _: &mut Writes,
    ) -> Result<Self::Output, TxError> {
        let (first, second) = (key(&self.first)?, key(&self.second)?);
        let (first, second) = futures_util::future::join(
            ledger.get(Space::Public, &first),
            ledger.get(Space::Public, &second),
        )
        .await;
        Ok((text(first?), text(second?)))
    }
}

transaction!(
    /// Writes `count` values of `bytes` bytes, or answers with that many, or sends such an event.
    Large { bytes: usize, count: usize, answer: bool, event: bool }
);

impl Submit for Large {
    const NAME: &'static str = "Large";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = String;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        _: &impl Reader,
        writes: &mut Writes,
    ) -> Result<String, TxError> {
        let large = "x".repeat(self.bytes);
        for number in 0..self.count {
            writes.put(Space::Public, key(&format!("large{number:04}"))?, large.clone().into())?;
        }
        if self.event {
            writes.set_event("large", large.clone());
        }
        Ok(if self.answer { large } else { String::new() })
    }
}

transaction!(Get { key: String, private: bool });

impl Evaluate for Get {
    const NAME: &'static str = "Get";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Option<String>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Option<String>, TxError> {
        Ok(text(ledger.get(space(self.private), &key(&self.key)?).await?))
    }
}

transaction!(GetMany { keys: Vec<String>, private: bool });

impl Evaluate for GetMany {
    const NAME: &'static str = "GetMany";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Vec<Option<String>>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        let keys: Vec<_> = self.keys.iter().map(|name| key(name)).collect::<Result<_, _>>()?;
        let values = ledger.get_many(space(self.private), &keys).await?;
        Ok(values.into_iter().map(text).collect())
    }
}

transaction!(
    /// Reads keys k0000, k0001, … at once and answers with what their values weigh.
    Weigh { count: usize }
);

impl Evaluate for Weigh {
    const NAME: &'static str = "Weigh";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = usize;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<usize, TxError> {
        let keys: Vec<_> = (0..self.count)
            .map(|number| key(&format!("k{number:04}")))
            .collect::<Result<_, _>>()?;
        let values = ledger.get_many(Space::Public, &keys).await?;
        Ok(values.into_iter().flatten().map(|value| value.len()).sum())
    }
}

transaction!(Scan { start: String, end: String, limit: usize, private: bool });

impl Evaluate for Scan {
    const NAME: &'static str = "Scan";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Vec<String>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        let range = KeyRange::simple(&self.start, &self.end)
            .map_err(|error| TxError::new(400, "BAD_KEY", error.to_string()))?;
        let entries = if self.private {
            ledger.private_range(COLLECTION, &range, self.limit).await?
        } else {
            ledger.range(&range, self.limit).await?
        };
        Ok(entries.into_iter().map(|(key, _)| key.as_str().to_owned()).collect())
    }
}

transaction!(Hash { key: String });

impl Evaluate for Hash {
    const NAME: &'static str = "Hash";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Option<String>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Option<String>, TxError> {
        let hash = ledger.private_hash(COLLECTION, &key(&self.key)?).await?;
        Ok(hash.map(hex::encode))
    }
}

transaction!(
    /// Tells what the transaction knows of itself, the same from every endorser.
    Who {}
);

impl Evaluate for Who {
    const NAME: &'static str = "Who";
    const ROLES: &'static [&'static str] = &[];
    const NEVER_ENDORSE: bool = false;
    type State = Dropped;
    type Output = String;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        cx: &TxContext,
        _: &impl QueryReader,
    ) -> Result<String, TxError> {
        let client = cx.client();
        let name = client.common_name().unwrap_or_default();
        let transient = cx
            .transient_map()
            .iter()
            .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
            .collect::<Vec<_>>()
            .join(",");
        Ok(format!(
            "{} {} {} {}/{name} {transient}",
            cx.channel_id(),
            cx.tx_id(),
            cx.timestamp_ms(),
            client.msp_id()
        ))
    }
}

// Sets a key's endorsement policy, or takes it away where no organisation is named; answers
// the one before.
transaction!(Policy { private: bool, key: String, msp_ids: Vec<String> });

impl Submit for Policy {
    const NAME: &'static str = "Policy";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Option<String>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Option<String>, TxError> {
        let (space, key) = (space(self.private), key(&self.key)?);
        let before = ledger.endorsement_policy(space, &key).await?;
        let msp_ids = self.msp_ids.iter().map(String::as_str);
        match EndorsementPolicy::all_of(EndorsingRole::Peer, msp_ids) {
            Ok(policy) => writes.set_endorsement_policy(space, key, &policy),
            Err(_) => writes.remove_endorsement_policy(space, key),
        }
        Ok(before.map(|policy| hex::encode(policy.as_bytes())))
    }
}

transaction!(History { key: String, limit: usize });

impl Evaluate for History {
    const NAME: &'static str = "History";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = Vec<(String, i64, Option<String>)>;
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        let history = ledger.history(&key(&self.key)?, self.limit).await?;
        let row = |change: Modification| (change.tx_id, change.timestamp_ms, text(change.value));
        Ok(history.into_iter().map(row).collect())
    }
}

transaction!(/// Calls another chaincode, on another channel if there is one.
CallOther {
    chaincode: String,
    channel: String,
});

impl Submit for CallOther {
    const NAME: &'static str = "CallOther";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = (u16, String, String);
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Self::Output, TxError> {
        let args = ["Function".into(), "{}".into()];
        let response = if self.channel.is_empty() {
            ledger.invoke(writes, &self.chaincode, &args).await?
        } else {
            ledger.query_channel(&self.channel, &self.chaincode, &args).await?
        };
        let payload = text(Some(response.payload)).unwrap_or_default();
        Ok((response.status, response.message, payload))
    }
}

transaction!(/// One page of all keys.
Turn {
    size: u32,
    bookmark: Option<String>,
});

impl Evaluate for Turn {
    const NAME: &'static str = "Turn";
    const ROLES: &'static [&'static str] = &[];
    type State = Dropped;
    type Output = (usize, Option<String>);
    type Error = TxError;

    async fn run(
        self,
        _: &Dropped,
        _: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Self::Output, TxError> {
        let all = KeyRange::simple("", "").map_err(|_| TxError::new(500, "RANGE", "no range"))?;
        let page = ledger.range_page(&all, self.size, self.bookmark.as_deref()).await?;
        Ok((page.entries.len(), page.bookmark))
    }
}
