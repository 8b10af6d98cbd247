use crate::{QueryReader, Reader, TxContext, TxError, Writes};
use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

/// Whether a transaction is meant to be ordered or only evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Endorsed, ordered and committed; may write.
    Submit,
    /// Answered by one peer; cannot write.
    Evaluate,
}

/// A transaction that may write. The struct's fields are its arguments.
///
/// It gets the ledger as it was and a place for its writes, and cannot read the latter:
///
/// ```
/// use fabric_contract_rs::{Reader, Space, StateKey, Submit, TxContext, TxError, Writes};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// /// Greets once.
/// #[derive(Debug, Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Greet { name: String }
///
/// impl Submit for Greet {
///     const NAME: &'static str = "Greet";
///     const ROLES: &'static [&'static str] = &["anyone"];
///     type State = ();
///     type Output = String;
///     type Error = TxError;
///
///     async fn run(
///         self, _: &(), _: &TxContext, ledger: &impl Reader, writes: &mut Writes,
///     ) -> Result<String, TxError> {
///         let key = StateKey::simple(&self.name)
///             .map_err(|error| TxError::new(400, "BAD_NAME", error.to_string()))?;
///         if ledger.get(Space::Public, &key).await?.is_some() {
///             return Err(TxError::new(409, "ALREADY_GREETED", "this name was greeted before"));
///         }
///         writes.put(Space::Public, key, "hello".into())?;
///         Ok("welcome".to_owned())
///     }
/// }
/// ```
pub trait Submit: DeserializeOwned + JsonSchema + Send + 'static {
    /// The function's name in the invocation, without the contract's prefix.
    const NAME: &'static str;
    /// The roles this transaction can serve; the contract checks them.
    const ROLES: &'static [&'static str];
    /// What the contract holds besides the ledger, such as its policies.
    type State: Sync;
    /// The answer. It stands on the chain in clear: opaque ids only.
    type Output: Serialize + JsonSchema;
    /// The contract's own error type.
    type Error: Into<TxError>;

    /// Reads, decides, and says what to write.
    fn run(
        self,
        state: &Self::State,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// A query. The struct's fields are its arguments.
pub trait Evaluate: DeserializeOwned + JsonSchema + Send + 'static {
    /// The function's name in the invocation, without the contract's prefix.
    const NAME: &'static str;
    /// The roles this query can serve; the contract checks them.
    const ROLES: &'static [&'static str];
    /// Whether endorsements of this query must never agree, so that it cannot be put on the chain
    /// where two are needed.
    const NEVER_ENDORSE: bool = true;
    /// What the contract holds besides the ledger, such as its policies.
    type State: Sync;
    /// The answer, seen by the caller and the answering peer.
    type Output: Serialize + JsonSchema;
    /// The contract's own error type.
    type Error: Into<TxError>;

    /// Reads and answers.
    fn run(
        self,
        state: &Self::State,
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// What a transaction that succeeded leaves.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) payload: Bytes,
    pub(crate) writes: Writes,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Success, TxError>> + Send + 'a>>;
type Run<S, R> = for<'a> fn(&'a S, &'a TxContext, &'a R, &'a [u8]) -> Running<'a>;

/// One row of a contract's table of transactions.
pub struct Route<S, R> {
    name: &'static str,
    kind: Kind,
    roles: &'static [&'static str],
    never_endorse: bool,
    arguments: fn(&mut SchemaGenerator) -> Schema,
    answer: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) run: Run<S, R>,
}

/// The row of a submit transaction.
pub const fn submit<T: Submit, R: QueryReader>() -> Route<T::State, R> {
    Route {
        name: T::NAME,
        kind: Kind::Submit,
        roles: T::ROLES,
        never_endorse: false,
        arguments: schema_of::<T>,
        answer: schema_of::<T::Output>,
        run: run_submit::<T, R>,
    }
}

/// The row of a query.
pub const fn evaluate<T: Evaluate, R: QueryReader>() -> Route<T::State, R> {
    Route {
        name: T::NAME,
        kind: Kind::Evaluate,
        roles: T::ROLES,
        never_endorse: T::NEVER_ENDORSE,
        arguments: schema_of::<T>,
        answer: schema_of::<T::Output>,
        run: run_evaluate::<T, R>,
    }
}

impl<S, R> Route<S, R> {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is submitted or evaluated.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The roles it can serve.
    pub fn roles(&self) -> &'static [&'static str] {
        self.roles
    }

    /// Whether its endorsements must never agree.
    pub fn never_endorse(&self) -> bool {
        self.never_endorse
    }

    /// The JSON schema of its argument object.
    pub fn arguments_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.arguments)(generator)
    }

    /// The JSON schema of its answer.
    pub fn answer_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.answer)(generator)
    }
}

impl<S, R> fmt::Debug for Route<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("name", &self.name).field("kind", &self.kind).finish()
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn run_submit<'a, T: Submit, R: QueryReader>(
    state: &'a T::State,
    cx: &'a TxContext,
    ledger: &'a R,
    arguments: &'a [u8],
) -> Running<'a> {
    Box::pin(async move {
        let transaction: T = parse(arguments)?;
        let mut writes = Writes::new();
        let output = transaction.run(state, cx, ledger, &mut writes).await.map_err(Into::into)?;
        Ok(Success { payload: answer(&output)?, writes })
    })
}

fn run_evaluate<'a, T: Evaluate, R: QueryReader>(
    state: &'a T::State,
    cx: &'a TxContext,
    ledger: &'a R,
    arguments: &'a [u8],
) -> Running<'a> {
    Box::pin(async move {
        let query: T = parse(arguments)?;
        let output = query.run(state, cx, ledger).await.map_err(Into::into)?;
        Ok(Success { payload: answer(&output)?, writes: Writes::new() })
    })
}

/// The serde message names fields and positions but quotes values too, and arguments may hold what
/// must not reach a log: only the place is told.
fn parse<T: DeserializeOwned>(arguments: &[u8]) -> Result<T, TxError> {
    // A derived struct would take an array for an object, and then nothing is named.
    if !arguments.trim_ascii_start().starts_with(b"{") {
        return Err(TxError::new(400, "BAD_ARGUMENTS", "the argument is not a JSON object"));
    }
    serde_json::from_slice(arguments).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
                "the argument is not a JSON object"
            }
            _ => "the argument object does not fit this transaction's fields",
        };
        let (line, column) = (error.line(), error.column());
        TxError::new(400, "BAD_ARGUMENTS", format!("{what} (line {line}, column {column})"))
    })
}

fn answer(output: &impl Serialize) -> Result<Bytes, TxError> {
    serde_json::to_vec(output)
        .map(Bytes::from)
        .map_err(|_| TxError::new(500, "ANSWER_NOT_SERIALISABLE", "the answer cannot be written"))
}
