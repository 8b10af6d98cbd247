//! Results that no simulation gives, endorsed by both peers nevertheless.

use bytes::Bytes;
use fabric_ledger::rwset::{CollectionRwSet, NsRwSet};
use fabric_ledger::sha256;
use fabric_protos::kvrwset::range_query_info::ReadsInfo;
use fabric_protos::kvrwset::{
    KvMetadataEntry, KvMetadataWrite, KvMetadataWriteHash, KvRead, KvReadHash, KvWrite,
    KvWriteHash, KvrwSet, QueryReads, RangeQueryInfo, Version,
};
use fabric_protos::protos::{ChaincodeEvent, ChaincodeId, Response};

use crate::envelope::Layers;
use crate::plan::MSP_IDS;
use crate::random::Random;
use crate::script::all_peers_of;

/// The chaincode of the workload.
pub const CHAINCODE: &str = "judge";
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";
const GARBAGE: Bytes = Bytes::from_static(&[0x0a, 0x7f, 0x01]);

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing: the peers endorse the same once more.
    Nothing,
    /// Results that cannot be read.
    Results,
    /// Results of nothing.
    NoResults,
    /// A response that no endorser would sign.
    Status,
    /// No response.
    NoResponse,
    /// Another chaincode's name.
    Name,
    /// No chaincode.
    NoName,
    /// Another version of the chaincode.
    Version,
    /// No version.
    NoVersion,
    /// An event of another chaincode.
    ForeignEvent,
    /// An event of another transaction.
    EventTxId,
    /// An event that cannot be read.
    Event,
    /// The results of a chaincode twice.
    Twice,
    /// Reads of a chaincode that there is not.
    ReadsOfNobody,
    /// Writes of a chaincode that there is not.
    WritesOfNobody,
    /// A read of what is not there, as of a version.
    ReadOfAVersion,
    /// A read of what is there, as absent.
    ReadAsAbsent,
    /// Reads left out.
    NoReads,
    /// Ranges left out.
    NoRanges,
    /// A range without rows.
    EmptyRange,
    /// A range that says it was not read to its end.
    Unfinished,
    /// A range with a row of no version.
    RowWithoutVersion,
    /// One write to a key more.
    Write,
    /// A write that deletes and has a value.
    DeleteWithValue,
    /// One key twice, written and deleted.
    WrittenTwice,
    /// A policy for a key.
    Policy,
    /// A policy for a key that is not there.
    PolicyOfNothing,
    /// Metadata under a name of its own.
    Metadata,
    /// No metadata any more.
    NoMetadata,
    /// A private write that nobody has in clear.
    Hashed,
    /// A private delete that nobody has in clear.
    HashedDelete,
    /// The hash of an empty value.
    HashOfNothing,
    /// A read of a private key, as absent.
    HashedRead,
    /// A policy for a private key.
    HashedPolicy,
}

impl Kind {
    /// Whether policies or other metadata are written.
    pub const fn writes_metadata(self) -> bool {
        matches!(
            self,
            Self::Policy
                | Self::PolicyOfNothing
                | Self::Metadata
                | Self::NoMetadata
                | Self::HashedPolicy
        )
    }

    /// All of them.
    pub const ALL: [Self; 34] = [
        Self::Nothing,
        Self::Results,
        Self::NoResults,
        Self::Status,
        Self::NoResponse,
        Self::Name,
        Self::NoName,
        Self::Version,
        Self::NoVersion,
        Self::ForeignEvent,
        Self::EventTxId,
        Self::Event,
        Self::Twice,
        Self::ReadsOfNobody,
        Self::WritesOfNobody,
        Self::ReadOfAVersion,
        Self::ReadAsAbsent,
        Self::NoReads,
        Self::NoRanges,
        Self::EmptyRange,
        Self::Unfinished,
        Self::RowWithoutVersion,
        Self::Write,
        Self::DeleteWithValue,
        Self::WrittenTwice,
        Self::Policy,
        Self::PolicyOfNothing,
        Self::Metadata,
        Self::NoMetadata,
        Self::Hashed,
        Self::HashedDelete,
        Self::HashOfNothing,
        Self::HashedRead,
        Self::HashedPolicy,
    ];
}

/// Carries a change out.
pub fn apply(kind: Kind, mut random: Random, layers: &mut Layers) {
    action(kind, layers);
    let key = format!("k{:02}", random.below(40));
    match kind {
        Kind::Twice => {
            let again = own(layers).clone();
            layers.rwset.namespaces.push(again);
        }
        Kind::ReadsOfNobody | Kind::WritesOfNobody => {
            let mut public = KvrwSet::default();
            if kind == Kind::WritesOfNobody {
                public.writes.push(write(&key));
            } else {
                public.reads.push(KvRead { key, version: None });
            }
            let namespace = "nobody".to_owned();
            let nobody = NsRwSet { namespace, public, ..Default::default() };
            layers.rwset.namespaces.push(nobody);
        }
        Kind::NoReads | Kind::NoRanges => {
            for ns in &mut layers.rwset.namespaces {
                if kind == Kind::NoReads {
                    ns.public.reads.clear();
                } else {
                    ns.public.range_queries_info.clear();
                }
            }
        }
        _ => {
            public(kind, &key, &mut random, &mut own(layers).public);
            private(kind, &mut random, own(layers));
        }
    }
}

fn action(kind: Kind, layers: &mut Layers) {
    let tx_id = layers.channel.tx_id.clone();
    let event = |chaincode_id: &str, tx_id| ChaincodeEvent {
        chaincode_id: chaincode_id.to_owned(),
        tx_id,
        event_name: "forged".to_owned(),
        ..Default::default()
    };
    let id = |name: &str, version: &str| {
        let (name, version) = (name.to_owned(), version.to_owned());
        Some(ChaincodeId { name, version, ..Default::default() })
    };
    match kind {
        Kind::Results => layers.raw_results = Some(GARBAGE),
        Kind::NoResults => layers.raw_results = Some(Bytes::new()),
        Kind::Status => {
            layers.action.response = Some(Response { status: 500, ..Default::default() });
        }
        Kind::NoResponse => layers.action.response = None,
        Kind::Name => layers.action.chaincode_id = id("other", "1.0"),
        Kind::NoName => layers.action.chaincode_id = None,
        Kind::Version => layers.action.chaincode_id = id(CHAINCODE, "2.0"),
        Kind::NoVersion => layers.action.chaincode_id = id(CHAINCODE, ""),
        Kind::ForeignEvent => layers.set_event(&event("other", tx_id)),
        Kind::EventTxId => layers.set_event(&event(CHAINCODE, "another".to_owned())),
        Kind::Event => layers.action.events = GARBAGE,
        _ => {}
    }
}

fn public(kind: Kind, key: &str, random: &mut Random, public: &mut KvrwSet) {
    // No block has so many transactions: numbers of blocks differ from network to network, and
    // what is none must not become one.
    let (block_num, tx_num) = (random.next() % 40, 1000 + random.next() % 8);
    let version = Some(Version { block_num, tx_num });
    let range = |itr_exhausted, reads_info| RangeQueryInfo {
        start_key: "k".to_owned(),
        end_key: "l".to_owned(),
        itr_exhausted,
        reads_info,
    };
    let policy = |key: &str, entries| KvMetadataWrite { key: key.to_owned(), entries };
    match kind {
        Kind::ReadOfAVersion => public.reads.push(KvRead { key: key.to_owned(), version }),
        Kind::ReadAsAbsent => public.reads.push(KvRead { key: key.to_owned(), version: None }),
        Kind::EmptyRange => public.range_queries_info.push(range(true, None)),
        Kind::Unfinished => match public.range_queries_info.first_mut() {
            Some(info) => info.itr_exhausted = false,
            None => public.range_queries_info.push(range(false, None)),
        },
        Kind::RowWithoutVersion => {
            let row = KvRead { key: key.to_owned(), version: None };
            let reads = ReadsInfo::RawReads(QueryReads { kv_reads: vec![row] });
            public.range_queries_info.push(range(true, Some(reads)));
        }
        Kind::Write => public.writes.push(write(key)),
        Kind::DeleteWithValue => public.writes.push(KvWrite { is_delete: true, ..write(key) }),
        Kind::WrittenTwice => {
            let delete = KvWrite { is_delete: true, value: Bytes::new(), ..write(key) };
            public.writes.extend([write(key), delete]);
        }
        Kind::Policy => public.metadata_writes.push(policy("q1", one_peer())),
        Kind::PolicyOfNothing => public.metadata_writes.push(policy("absent", one_peer())),
        Kind::Metadata => {
            let entry = KvMetadataEntry { name: "colour".to_owned(), value: "red".into() };
            public.metadata_writes.push(policy("q3", vec![entry]));
        }
        Kind::NoMetadata => public.metadata_writes.push(policy("q2", Vec::new())),
        _ => {}
    }
}

/// Without a hash of the plaintext peers miss none.
fn private(kind: Kind, random: &mut Random, ns: &mut NsRwSet) {
    let key_hash = hash(&format!("p{:02}", random.below(14)));
    let write = |is_delete, value_hash| KvWriteHash {
        key_hash: key_hash.clone(),
        is_delete,
        value_hash,
        is_purge: false,
    };
    let mut collection = CollectionRwSet { name: "brief".to_owned(), ..Default::default() };
    let hashed = &mut collection.hashed;
    match kind {
        Kind::Hashed => hashed.hashed_writes.push(write(false, hash("nobody knows"))),
        Kind::HashedDelete => hashed.hashed_writes.push(write(true, Bytes::new())),
        Kind::HashOfNothing => hashed.hashed_writes.push(write(false, hash(""))),
        Kind::HashedRead => {
            hashed.hashed_reads.push(KvReadHash { key_hash: key_hash.clone(), version: None });
        }
        Kind::HashedPolicy => {
            let (key_hash, entries) = (hash("q0"), one_peer());
            hashed.metadata_writes.push(KvMetadataWriteHash { key_hash, entries });
            "shared".clone_into(&mut collection.name);
        }
        _ => return,
    }
    match ns.collections.iter_mut().find(|one| one.name == collection.name) {
        // Beside plaintext that has its hash nothing may be changed: it would not be found.
        Some(known) if !known.pvt_rwset_hash.is_empty() => {}
        Some(known) => *known = collection,
        None => ns.collections.push(collection),
    }
}

/// The results of the workload's chaincode.
fn own(layers: &mut Layers) -> &mut NsRwSet {
    let namespaces = &mut layers.rwset.namespaces;
    let at = match namespaces.iter().position(|ns| ns.namespace == CHAINCODE) {
        Some(at) => at,
        None => {
            namespaces.push(NsRwSet { namespace: CHAINCODE.to_owned(), ..Default::default() });
            namespaces.len() - 1
        }
    };
    #[expect(clippy::indexing_slicing, reason = "the index was found or made just now")]
    &mut namespaces[at]
}

fn one_peer() -> Vec<KvMetadataEntry> {
    let [one, _] = MSP_IDS;
    let value = all_peers_of(&[one.to_owned()]);
    vec![KvMetadataEntry { name: VALIDATION_PARAMETER.to_owned(), value }]
}

fn write(key: &str) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: false, value: "forged".into() }
}

fn hash(text: &str) -> Bytes {
    sha256(text.as_bytes()).to_vec().into()
}
