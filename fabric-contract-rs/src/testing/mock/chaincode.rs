//! The contracts of a mock channel, and what of one channel another one's transactions may ask.

use super::peer::{Collections, MockCollection};
use super::reader::MockReader;
use crate::{Contract, Outcome, TxContext, invoke};
use bytes::Bytes;
use fabric_ledger::MemoryStore;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A contract of any type.
pub(super) trait Chaincode: Send + Sync {
    fn run<'a>(
        &'a self,
        cx: &'a TxContext,
        ledger: &'a MockReader,
        args: &'a [Bytes],
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}

impl<C: Contract> Chaincode for C {
    fn run<'a>(
        &'a self,
        cx: &'a TxContext,
        ledger: &'a MockReader,
        args: &'a [Bytes],
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(invoke(self, cx, ledger, args))
    }
}

/// The contracts of a channel by the names of their chaincodes.
#[derive(Clone, Default)]
pub(super) struct Chaincodes(BTreeMap<Arc<str>, Arc<dyn Chaincode>>);

impl Chaincodes {
    pub(super) fn add(&mut self, name: &str, chaincode: Arc<dyn Chaincode>) {
        self.0.insert(name.into(), chaincode);
    }

    pub(super) fn get(&self, name: &str) -> Option<(&Arc<str>, &Arc<dyn Chaincode>)> {
        self.0.get_key_value(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| &**name)
    }
}

impl fmt::Debug for Chaincodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Another chaincode of a [`MockLedger`](super::MockLedger), which its contracts may call.
#[derive(Debug)]
pub struct MockChaincode<C> {
    pub(super) name: String,
    pub(super) contract: C,
    pub(super) collections: Vec<MockCollection>,
}

impl<C: Contract> MockChaincode<C> {
    /// A chaincode of this name.
    pub fn new(name: &str, contract: C) -> Self {
        Self { name: name.to_owned(), contract, collections: Vec::new() }
    }

    /// Adds a private data collection of the chaincode.
    #[must_use]
    pub fn collection(mut self, collection: MockCollection) -> Self {
        self.collections.push(collection);
        self
    }
}

/// A channel as its peers had it at one moment: what transactions of
/// [another](super::MockLedger::sees) may ask.
#[derive(Debug, Clone)]
pub struct MockChannel {
    pub(super) name: Arc<str>,
    pub(super) chaincodes: Chaincodes,
    pub(super) collections: Arc<Collections>,
    pub(super) state: Arc<MemoryStore>,
    /// What the peers have in clear, by organisation.
    pub(super) private: BTreeMap<String, Arc<MemoryStore>>,
}
