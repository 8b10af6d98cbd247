use fabric_ledger::rwset::TxRwSet;
use fabric_ledger::{
    BlockStateValidator, CollectionAccess, MemoryStore, Permission, PrivateTx, PrivateUpdates,
    Simulation, SimulationResults, Simulator, Space, Store, TxValidationCode, Version,
    key_modifications, private_updates,
};

pub(crate) const PUBLIC: Space<'_> = Space::Public { namespace: "cc" };
pub(crate) const HASHED: Space<'_> = Space::Hashed { namespace: "cc", collection: "c" };
pub(crate) const PRIVATE: Space<'_> = Space::Private { namespace: "cc", collection: "c" };

pub(crate) type Sim<'a, A> = Simulator<&'a MemoryStore, &'a MemoryStore, A>;

/// Chaincode `cc` has collection `c`.
pub(crate) fn open_access(_: &str, collection: &str) -> Option<Permission> {
    (collection == "c").then_some(Permission::FULL)
}

/// A ledger with two peers: the first gets all plaintext of collection `c`, the second only what
/// a test hands it.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) state: MemoryStore,
    pub(crate) private: MemoryStore,
    pub(crate) height: u64,
}

impl Ledger {
    pub(crate) fn simulate_with<A: CollectionAccess, R>(
        &self,
        simulation: Simulation,
        access: A,
        run: impl FnOnce(&mut Sim<'_, A>) -> R,
    ) -> (R, SimulationResults) {
        let mut sim = Simulator::new(simulation, &self.state, &self.private, access);
        let answer = run(&mut sim);
        (answer, sim.finish())
    }

    pub(crate) fn simulate<R>(
        &self,
        run: impl FnOnce(&mut Sim<'_, fn(&str, &str) -> Option<Permission>>) -> R,
    ) -> (R, SimulationResults) {
        let simulation = Simulation::new("mychannel", "tx");
        self.simulate_with(simulation, open_access as fn(&str, &str) -> _, run)
    }

    /// Commits one block with these results; answers their codes.
    pub(crate) fn commit(&mut self, results: &[SimulationResults]) -> Vec<TxValidationCode> {
        let block = self.height;
        self.height += 1;
        let mut validator = BlockStateValidator::new(&self.state, block);
        let codes: Vec<_> = (0..)
            .zip(results)
            .map(|(tx, results)| validator.add(tx, &results.rwset).unwrap())
            .collect();
        let updates = validator.finish().updates;
        let valid = || {
            (0u64..).zip(results).zip(&codes).filter_map(|((tx, results), code)| {
                (*code == TxValidationCode::Valid).then_some((tx, results))
            })
        };
        let txs = valid().map(|(tx, results)| PrivateTx {
            tx,
            rwset: &results.rwset,
            plaintext: results.private.as_ref(),
        });
        let PrivateUpdates { updates: private, missing } =
            private_updates(&self.private, block, txs, &updates, |_, _| true).unwrap();
        assert_eq!(missing, []);
        for (tx, results) in valid() {
            let version = Version::new(block, tx);
            for (namespace, key, row) in key_modifications(&results.rwset, version, "tx", None) {
                self.state.record_history(namespace, key, row);
            }
        }
        self.state.apply(updates);
        self.private.apply(private);
        codes
    }

    /// Commits one transaction that must be valid.
    pub(crate) fn run<R>(
        &mut self,
        run: impl FnOnce(&mut Sim<'_, fn(&str, &str) -> Option<Permission>>) -> R,
    ) -> R {
        let (answer, results) = self.simulate(run);
        assert_eq!(self.commit(&[results]), [TxValidationCode::Valid]);
        answer
    }

    pub(crate) fn put(&mut self, pairs: &[(&str, &str)]) {
        self.run(|tx| {
            for (key, value) in pairs {
                tx.put_state("cc", key, (*value).to_owned().into()).unwrap();
            }
        });
    }

    pub(crate) fn value(&self, space: Space<'_>, key: &[u8]) -> Option<String> {
        let store =
            if matches!(space, Space::Private { .. }) { &self.private } else { &self.state };
        let found = store.get(space, key).unwrap()?;
        Some(String::from_utf8_lossy(&found.value).into_owned())
    }
}

/// Reads of the only chaincode as `key@block.tx` or `key@-`, then `key=value` for each write.
pub(crate) fn summary(rwset: &TxRwSet) -> String {
    let mut out = Vec::new();
    for ns in &rwset.namespaces {
        out.push(format!("[{}]", ns.namespace));
        for read in &ns.public.reads {
            let version = read.version.map_or("-".to_owned(), |version| {
                format!("{}.{}", version.block_num, version.tx_num)
            });
            out.push(format!("{}@{version}", read.key));
        }
        for write in &ns.public.writes {
            let value = String::from_utf8_lossy(&write.value);
            let value = if write.is_delete { "DEL".into() } else { value };
            out.push(format!("{}={value}", write.key));
        }
    }
    out.join(" ")
}
