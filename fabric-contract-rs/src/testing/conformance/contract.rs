use super::step::{Attributes, Callee, Cell, Place, Step};
use crate::{
    Contract, EndorsementPolicy, EndorsingRole, Entry, Evaluate, LedgerError, QueryReader, Reader,
    Response, Route, Space, StateKey, Submit, Table, TxContext, TxError, Writes, evaluate, submit,
};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name under which the conformance contract is installed a second time, with the same
/// collections, to be called by the first one.
pub const CALLEE: &str = "conformance-callee";

/// The channel on which the [`CALLEE`] is installed, too, where a backend has one.
pub const OTHER_CHANNEL: &str = "conformance-2";

/// The private data collection the conformance contract needs. Every endorsing organisation is a
/// member, and clients need not be.
pub const COLLECTION: &str = "conformance";

/// As [`COLLECTION`], but what is written to it goes with the second block after
/// (`blockToLive` 1).
pub const SHORT_LIVED: &str = "conformance-short";

/// A collection of which the client's organisation is no member, and which clients of others may
/// neither read nor write.
pub const MEMBERS_ONLY: &str = "conformance-members";

/// As [`COLLECTION`], but with an endorsement policy of its own that nobody fulfils.
pub const UNENDORSED: &str = "conformance-unendorsed";

pub(super) const TABLE: Table<Attributes, String> = Table::new("conformance", Space::Public);
pub(super) const NEIGHBOUR: Table<Attributes, String> = Table::new("conformance-2", Space::Public);

/// The longest value that is told in full.
const SHOWN_BYTES_MAX: usize = 64;

/// A contract whose transactions read and write what they are told: the cases of
/// [`conformance`](super) run through it, on whatever serves it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ConformanceContract;

impl Contract for ConformanceContract {
    const NAME: &'static str = "Conformance";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    type State = ();

    fn state(&self) -> &() {
        &()
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
        const { &[submit::<Apply, R>(), evaluate::<Look, R>(), evaluate::<Ask, R>()] }
    }
}

/// Takes these steps in their order; answers what each has read.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// Any steps but ranges of the collection.
    pub(super) steps: Vec<Step>,
}

/// Takes these steps in their order; answers what each has read.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Look {
    /// Any steps that write nothing.
    pub(super) steps: Vec<Step>,
}

/// As `Look`, but its answer may be put on the chain.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// Any steps that write nothing.
    pub(super) steps: Vec<Step>,
}

/// What a step has read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    /// A value, or `null` where there is none and for steps that read nothing.
    One(Option<String>),
    /// Values in the order they were asked for.
    Many(Vec<Option<String>>),
    /// Keys with their values.
    Entries(Vec<(String, String)>),
    /// Keys with their values, and where the next page begins.
    Page(Vec<(String, String)>, Option<String>),
    /// A callee's answers.
    Called(Vec<Answer>),
    /// The code of a callee's refusal.
    Refused(u16, String),
}

const NOTHING: Answer = Answer::One(None);

impl Submit for Apply {
    const NAME: &'static str = "Apply";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = Vec<Answer>;
    type Error = TxError;

    async fn run(
        self,
        _: &(),
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Vec<Answer>, TxError> {
        let mut answers = Vec::new();
        for step in self.steps {
            let answer = match step {
                Step::Range { place, .. } if place != Place::Public => {
                    return Err(unfit("a range of a collection is for queries"));
                }
                Step::Put(cell, text) => put(writes, &cell, text.into())?,
                Step::PutHex(cell, text) => {
                    let bytes = hex::decode(text).map_err(|_| unfit("not hexadecimal"))?;
                    put(writes, &cell, bytes.into())?
                }
                Step::PutMany(cell, length) => {
                    put(writes, &cell, (0..=250).cycle().take(size(length)).collect())?
                }
                Step::Delete(cell) => {
                    writes.delete(space(cell.place), cell.key.to_key()?);
                    NOTHING
                }
                Step::Purge(key) => {
                    writes.purge(COLLECTION, key.to_key()?);
                    NOTHING
                }
                Step::SetPolicy(cell, msp_ids) => {
                    let msp_ids = msp_ids.iter().map(String::as_str);
                    let policy = EndorsementPolicy::all_of(EndorsingRole::Peer, msp_ids)
                        .map_err(|error| unfit(&error.to_string()))?;
                    writes.set_endorsement_policy(space(cell.place), cell.key.to_key()?, &policy);
                    NOTHING
                }
                Step::RemovePolicy(cell) => {
                    writes.remove_endorsement_policy(space(cell.place), cell.key.to_key()?);
                    NOTHING
                }
                Step::Event(name, payload) => {
                    writes.set_event(name, payload);
                    NOTHING
                }
                Step::Call(callee, steps) => {
                    let args = args(&callee, steps)?;
                    let (chaincode, channel) = (&callee.chaincode, &callee.channel);
                    called(match channel {
                        None => ledger.invoke(writes, chaincode, &args).await?,
                        Some(channel) => ledger.query_channel(channel, chaincode, &args).await?,
                    })?
                }
                step => read(step, cx, ledger).await?,
            };
            answers.push(answer);
        }
        Ok(answers)
    }
}

impl Evaluate for Look {
    const NAME: &'static str = "Look";
    const ROLES: &'static [&'static str] = &[];
    type State = ();
    type Output = Vec<Answer>;
    type Error = TxError;

    async fn run(
        self,
        _: &(),
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Vec<Answer>, TxError> {
        look(self.steps, cx, ledger).await
    }
}

impl Evaluate for Ask {
    const NAME: &'static str = "Ask";
    const ROLES: &'static [&'static str] = &[];
    const NEVER_ENDORSE: bool = false;
    type State = ();
    type Output = Vec<Answer>;
    type Error = TxError;

    async fn run(
        self,
        _: &(),
        cx: &TxContext,
        ledger: &impl QueryReader,
    ) -> Result<Vec<Answer>, TxError> {
        look(self.steps, cx, ledger).await
    }
}

async fn look(
    steps: Vec<Step>,
    cx: &TxContext,
    ledger: &impl QueryReader,
) -> Result<Vec<Answer>, TxError> {
    let mut answers = Vec::new();
    for step in steps {
        let answer = match step {
            Step::Range { place, range, limit } => {
                let (range, limit) = (range.to_range()?, size(limit));
                entries(match space(place) {
                    Space::Public => ledger.range(&range, limit).await?,
                    Space::Private(name) => ledger.private_range(name, &range, limit).await?,
                })
            }
            Step::History(key, limit) => {
                let history = ledger.history(&key.to_key()?, size(limit)).await?;
                let values = history.iter().map(|change| change.value.as_ref().map(show));
                Answer::Many(values.collect())
            }
            Step::Page { range, size, bookmark } => {
                let range = range.to_range()?;
                let page = ledger.range_page(&range, size, bookmark.as_deref()).await?;
                Answer::Page(told(page.entries), page.bookmark)
            }
            Step::Call(callee, steps) => {
                let args = args(&callee, steps)?;
                let (chaincode, channel) = (&callee.chaincode, &callee.channel);
                called(match channel {
                    None => ledger.query_chaincode(chaincode, &args).await?,
                    Some(channel) => ledger.query_channel(channel, chaincode, &args).await?,
                })?
            }
            step => read(step, cx, ledger).await?,
        };
        answers.push(answer);
    }
    Ok(answers)
}

/// What a callee is told.
fn args(callee: &Callee, steps: Vec<Step>) -> Result<[Bytes; 2], TxError> {
    let unwritable = |_| unfit("the steps cannot be written");
    let (function, arguments) = if callee.writes {
        (Apply::NAME, serde_json::to_vec(&Apply { steps }).map_err(unwritable)?)
    } else {
        (Look::NAME, serde_json::to_vec(&Look { steps }).map_err(unwritable)?)
    };
    Ok([function.into(), arguments.into()])
}

/// What a callee has said. The message of a success may be different on each peer.
fn called(response: Response) -> Result<Answer, TxError> {
    if !response.is_success() {
        let code = response.message.split(':').next().unwrap_or_default();
        return Ok(Answer::Refused(response.status, code.to_owned()));
    }
    let answers = serde_json::from_slice(&response.payload);
    Ok(Answer::Called(answers.map_err(|_| unfit("the callee answers oddly"))?))
}

/// The steps that a transaction and a query have in common.
async fn read(step: Step, cx: &TxContext, ledger: &impl Reader) -> Result<Answer, TxError> {
    Ok(match step {
        Step::Get(cell) => one(ledger.get(space(cell.place), &cell.key.to_key()?).await?),
        Step::GetMany { place, keys } => {
            let keys: Vec<StateKey> =
                keys.iter().map(|key| key.to_key()).collect::<Result<_, _>>()?;
            let values = ledger.get_many(space(place), &keys).await?;
            Answer::Many(values.iter().map(|value| value.as_ref().map(show)).collect())
        }
        Step::Range { range, limit, .. } => {
            entries(ledger.range(&range.to_range()?, size(limit)).await?)
        }
        Step::Hash(key) => {
            let hash = ledger.private_hash(COLLECTION, &key.to_key()?).await?;
            Answer::One(hash.map(hex::encode))
        }
        Step::GetPolicy(cell) => {
            let policy = ledger.endorsement_policy(space(cell.place), &cell.key.to_key()?).await?;
            one(policy.map(|policy| policy.as_bytes().clone()))
        }
        Step::Transient(name) => one(cx.transient(&name).cloned()),
        Step::Context => Answer::Many(vec![
            Some(cx.tx_id().to_owned()),
            Some(cx.channel_id().to_owned()),
            Some(cx.timestamp_ms().to_string()),
            Some(cx.client().msp_id().to_owned()),
        ]),
        Step::Refuse => {
            return Err(TxError::new(
                409,
                "CONFORMANCE_REFUSED",
                "the transaction was told to fail",
            ));
        }
        _ => return Err(unfit("this is no step of this kind of transaction")),
    })
}

fn put(writes: &mut Writes, cell: &Cell, value: Bytes) -> Result<Answer, LedgerError> {
    writes.put(space(cell.place), cell.key.to_key()?, value)?;
    Ok(NOTHING)
}

fn space(place: Place) -> Space {
    match place {
        Place::Public => Space::Public,
        Place::Private => Space::Private(COLLECTION),
        Place::ShortLived => Space::Private(SHORT_LIVED),
        Place::MembersOnly => Space::Private(MEMBERS_ONLY),
        Place::Unendorsed => Space::Private(UNENDORSED),
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn one(value: Option<Bytes>) -> Answer {
    Answer::One(value.as_ref().map(show))
}

fn entries(entries: Vec<Entry>) -> Answer {
    Answer::Entries(told(entries))
}

fn told(entries: Vec<Entry>) -> Vec<(String, String)> {
    entries.iter().map(|(key, value)| (key.as_str().to_owned(), show(value))).collect()
}

/// Short texts as they are, other short values in hexadecimal, long ones by length and hash.
pub(super) fn show(value: &Bytes) -> String {
    match std::str::from_utf8(value) {
        _ if value.len() > SHOWN_BYTES_MAX => {
            format!("{} bytes {}", value.len(), hex::encode(Sha256::digest(value)))
        }
        Ok(text) => text.to_owned(),
        Err(_) => format!("hex {}", hex::encode(value)),
    }
}

fn unfit(sentence: &str) -> TxError {
    TxError::new(400, "CONFORMANCE_STEP", sentence)
}
