use bytes::Bytes;
use fabric_contract_rs::ClientIdentity;
use std::collections::HashMap;

/// How many creators a stream remembers at least; twice as many at most.
///
/// 1024: the active clients of a few organisations; an entry takes some 3 KiB.
const REMEMBERED_MIN: usize = 1024;

/// Creators whose certificates have been read, so that a client's next transaction need not read
/// its certificate again. Owned by one stream's task, so there is no lock.
///
/// Two generations: when the younger is full it becomes the older, and the older is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    young: HashMap<Bytes, ClientIdentity>,
    old: HashMap<Bytes, ClientIdentity>,
}

impl Identities {
    pub(crate) fn find(&mut self, creator: &Bytes) -> Option<ClientIdentity> {
        if let Some(client) = self.young.get(creator) {
            return Some(client.clone());
        }
        let (creator, client) = self.old.remove_entry(creator)?;
        self.insert(creator, client.clone());
        Some(client)
    }

    pub(crate) fn learn(&mut self, creator: &Bytes, client: ClientIdentity) {
        // A slice would keep the whole received message alive.
        self.insert(Bytes::copy_from_slice(creator), client);
    }

    fn insert(&mut self, creator: Bytes, client: ClientIdentity) {
        if self.young.len() >= REMEMBERED_MIN {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(creator, client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_contract_rs::testing::TestIdentity;

    fn creator(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn the_used_are_remembered_and_the_number_is_bounded() {
        let client = TestIdentity::new("Org1MSP", "u").client();
        let mut identities = Identities::default();
        for number in 0..10 * REMEMBERED_MIN {
            identities.learn(&creator(number), client.clone());
            assert!(identities.find(&creator(0)).is_some(), "forgot the one in use at {number}");
            assert!(identities.young.len() + identities.old.len() <= 2 * REMEMBERED_MIN);
        }
        assert!(identities.find(&creator(1)).is_none());
        assert!(identities.find(&creator(10 * REMEMBERED_MIN - 1)).is_some());
    }
}
