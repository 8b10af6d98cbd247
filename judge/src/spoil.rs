//! Changes that a client can make alone.

use bytes::Bytes;
use fabric_ledger::proposal::endorsement_message;
use fabric_ledger::rwset::{NsRwSet, TxRwSet};
use fabric_protos::common::{HeaderType, SignatureHeader};
use fabric_protos::protos::{Endorsement, Transaction};
use prost::Message as _;

use crate::JudgeError;
use crate::envelope::{Layers, Signers};
use crate::random::Random;

/// Bytes that are no message: a field longer than what there is.
const GARBAGE: Bytes = Bytes::from_static(&[0x0a, 0x7f, 0x01]);

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A kind of header that is not a transaction's.
    HeaderType,
    /// A kind of header that Fabric does not know.
    UnknownHeaderType,
    /// An epoch.
    Epoch,
    /// Another transaction id.
    TxId,
    /// No transaction id.
    NoTxId,
    /// No nonce.
    NoNonce,
    /// Data that is no transaction.
    Data,
    /// No data.
    NoData,
    /// A transaction of nothing.
    NoAction,
    /// A transaction of the same action twice.
    TwoActions,
    /// An action without a header.
    NoActionHeader,
    /// An action's header that cannot be read.
    ActionHeader,
    /// An action of another nonce.
    ActionNonce,
    /// An action that cannot be read.
    Action,
    /// Other arguments than those endorsed.
    Arguments,
    /// An endorsed action that cannot be read.
    Extension,
    /// No endorsed action.
    NoExtension,
    /// Results that cannot be read.
    Results,
    /// A header extension that cannot be read.
    HeaderExtension,
    /// Other results than those endorsed.
    OtherResults,
    /// No endorsement.
    NoEndorsement,
    /// One endorsement.
    OneEndorsement,
    /// One endorsement twice.
    OneTwice,
    /// The endorsements the other way round: nothing wrong with it.
    Reversed,
    /// Each peer's signature under the other's name.
    Swapped,
    /// A signature that cannot be read.
    Signature,
    /// An endorser who is nobody.
    Endorser,
    /// The client endorses in the place of a peer.
    ClientEndorses,
    /// One more endorsement, by the client: nothing wrong with it.
    ClientToo,
    /// A byte anywhere in the data.
    Byte,
}

impl Kind {
    /// Those that may stand anywhere in a block.
    pub const ANYWHERE: [Self; 24] = [
        Self::HeaderType,
        Self::UnknownHeaderType,
        Self::Epoch,
        Self::TxId,
        Self::NoTxId,
        Self::NoNonce,
        Self::TwoActions,
        Self::NoActionHeader,
        Self::ActionHeader,
        Self::ActionNonce,
        Self::Arguments,
        Self::NoExtension,
        Self::Results,
        Self::HeaderExtension,
        Self::OtherResults,
        Self::NoEndorsement,
        Self::OneEndorsement,
        Self::OneTwice,
        Self::Reversed,
        Self::Swapped,
        Self::Signature,
        Self::Endorser,
        Self::ClientEndorses,
        Self::ClientToo,
    ];
    /// Those that only end a block: what real peers make of a block that goes on behind them is
    /// not for this workload to find out.
    pub const LAST: [Self; 6] =
        [Self::Data, Self::NoData, Self::NoAction, Self::Action, Self::Extension, Self::Byte];
}

/// Carries a change out.
pub fn apply(
    kind: Kind,
    mut random: Random,
    mut layers: Layers,
    signers: Signers<'_>,
) -> Result<Bytes, JudgeError> {
    let actions = match kind {
        Kind::Data => return Ok(layers.close_with(GARBAGE)),
        Kind::NoData => return Ok(layers.close_with(Bytes::new())),
        Kind::Byte => {
            let transaction = Transaction { actions: vec![layers.transaction_action()] };
            let mut data = transaction.encode_to_vec();
            let at = random.below(data.len());
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
            return Ok(layers.close_with(data.into()));
        }
        Kind::NoAction => Vec::new(),
        Kind::TwoActions => vec![layers.transaction_action(), layers.transaction_action()],
        Kind::Action => {
            let mut action = layers.transaction_action();
            action.payload = GARBAGE;
            vec![action]
        }
        _ => {
            header(kind, &mut random, &mut layers);
            endorsed(kind, &mut layers);
            endorsements(kind, &mut layers, signers)?;
            return Ok(layers.close());
        }
    };
    Ok(layers.close_with(Transaction { actions }.encode_to_vec().into()))
}

fn header(kind: Kind, random: &mut Random, layers: &mut Layers) {
    match kind {
        Kind::HeaderType => {
            let others = [HeaderType::Message, HeaderType::DeliverSeekInfo];
            let other = others.get(random.below(2)).copied().unwrap_or_default();
            layers.channel.r#type = other.into();
        }
        Kind::UnknownHeaderType => layers.channel.r#type = 99,
        Kind::Epoch => layers.channel.epoch = 1,
        Kind::TxId => layers.channel.tx_id = format!("{:064x}", random.next()),
        Kind::NoTxId => layers.channel.tx_id.clear(),
        Kind::NoNonce => layers.signature.nonce = Bytes::new(),
        Kind::HeaderExtension => {
            layers.channel.extension = GARBAGE;
            layers.rehash();
        }
        Kind::NoActionHeader => layers.action_header = Bytes::new(),
        Kind::ActionHeader => layers.action_header = GARBAGE,
        Kind::ActionNonce => {
            let nonce = Bytes::from("another nonce");
            let other = SignatureHeader { nonce, ..layers.signature.clone() };
            layers.action_header = other.encode_to_vec().into();
            layers.rehash();
        }
        _ => {}
    }
}

fn endorsed(kind: Kind, layers: &mut Layers) {
    match kind {
        Kind::Arguments => layers.proposal = [&layers.proposal[..], &[0x0a, 0]].concat().into(),
        Kind::Extension => layers.raw_extension = Some(GARBAGE),
        Kind::NoExtension => layers.raw_extension = Some(Bytes::new()),
        Kind::Results => layers.raw_results = Some(GARBAGE),
        Kind::OtherResults => layers.raw_results = Some(other_than(&layers.rwset)),
        _ => {}
    }
}

/// Nothing, or something where nothing was endorsed: a devnet does not read a chaincode's definition.
fn other_than(results: &TxRwSet) -> Bytes {
    if !results.namespaces.is_empty() {
        return Bytes::new();
    }
    let namespace = NsRwSet { namespace: "other".to_owned(), ..NsRwSet::default() };
    TxRwSet { namespaces: vec![namespace] }.encode()
}

fn endorsements(
    kind: Kind,
    layers: &mut Layers,
    Signers { client, .. }: Signers<'_>,
) -> Result<(), JudgeError> {
    let by_client = |layers: &Layers| -> Result<Endorsement, JudgeError> {
        let message = endorsement_message(&layers.response(), &client.serialized);
        Ok(Endorsement { endorser: client.serialized.clone(), signature: client.sign(&message)? })
    };
    let endorsements = &mut layers.endorsements;
    match kind {
        Kind::NoEndorsement => endorsements.clear(),
        Kind::OneEndorsement => endorsements.truncate(1),
        Kind::OneTwice => {
            endorsements.truncate(1);
            endorsements.extend(endorsements.first().cloned());
        }
        Kind::Reversed => endorsements.reverse(),
        Kind::Swapped => {
            if let [one, two] = endorsements.as_mut_slice() {
                std::mem::swap(&mut one.signature, &mut two.signature);
            }
        }
        Kind::Signature | Kind::Endorser => {
            if let Some(one) = endorsements.first_mut() {
                if kind == Kind::Signature {
                    one.signature = GARBAGE;
                } else {
                    one.endorser = GARBAGE;
                }
            }
        }
        Kind::ClientEndorses => {
            let own = by_client(layers)?;
            layers.endorsements.truncate(1);
            layers.endorsements.push(own);
        }
        Kind::ClientToo => {
            let own = by_client(layers)?;
            layers.endorsements.push(own);
        }
        _ => {}
    }
    Ok(())
}
