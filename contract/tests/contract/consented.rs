//! What tests of access start from: consent, delegations, requests and openings.

use crate::world::*;
use fabric_contract_rs::testing::Call;
use fabric_contract_rs::{ClientIdentity, Writes};
use ioht_contract::access::*;
use ioht_contract::state::{ACCESSES, DISCLOSURES, HEADS};
use ioht_contract::*;
use serde_json::{Value, from_value, json};

pub(crate) const DAY: i64 = 86_400_000;

pub(crate) fn doctor() -> ClientIdentity {
    client("Org1MSP", "doctor")
}

/// The permit that most tests start from: the ward may treat.
pub(crate) fn ward() -> Value {
    json!({
        "id": "ward",
        "decision": "permit",
        "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]},
    })
}

pub(crate) fn change_head(world: &mut World, sid: &str, change: impl FnOnce(&mut Head)) {
    let key = (sid.parse().unwrap(),);
    let mut head: Head = world.ledger.value(&HEADS, &key).unwrap();
    change(&mut head);
    let mut writes = Writes::new();
    HEADS.put(&mut writes, &key, &head).unwrap();
    world.ledger.seed(writes);
}

/// As many devices as a patient may have.
pub(crate) fn fill_with_devices(world: &mut World, sid: &str) {
    change_head(world, sid, |head| {
        let some = (0..).map(|n: u128| ParticipantId::new(n.to_be_bytes()));
        head.devices.extend(some.take(DEVICES_MAX - head.devices.len()));
    });
}

pub(crate) fn consents(world: &mut World, directives: Value) {
    let directives: Vec<Directive> = from_value(directives).unwrap();
    change_head(world, SID, |head| head.directives = directives);
}

/// A delegate named `aunt`, who may view.
pub(crate) fn delegates(world: &mut World, until: Option<i64>) -> ClientIdentity {
    let aunt = client("Org1MSP", "aunt");
    let delegation = Delegation {
        delegate: pid(&aunt),
        key_hash: key_hash(&aunt),
        kind: DelegationKind::Caregiver,
        powers: [Power::View].into(),
        period: Period { start: 0, end: until },
        evidence: None,
        status: DelegationStatus::Active,
        proposed_by: pid(&client("Org1MSP", "patient")),
        offered_until: None,
    };
    change_head(world, SID, |head| head.delegations = vec![delegation]);
    aunt
}

/// Populated, with ten heart rates and a consent of the ward.
pub(crate) fn shared() -> World {
    let mut world = World::populated();
    world.submit((0..10).map(heart_rate).collect());
    consents(&mut world, json!([ward()]));
    world
}

pub(crate) fn scope() -> Scope {
    Scope {
        purpose: "TREAT".parse().unwrap(),
        action: Action::Access,
        codes: ["8867-4".parse().unwrap()].into(),
        data_period: Period { start: START, end: Some(START + DAY) },
        min_grid_s: None,
    }
}

pub(crate) fn request_part(subjects: &[&str], scope: Scope) -> RequestAccessPrivate {
    let subjects = subjects.iter().map(|sid| sid.parse().unwrap()).collect();
    RequestAccessPrivate { subjects, scope, justification: None, until: None }
}

pub(crate) fn request(by: &ClientIdentity, scope: Scope) -> Call {
    private(by, &RequestAccess {}, &request_part(&[SID], scope))
}

pub(crate) fn of_access(access: TicketId) -> AccessReference {
    AccessReference { sid: SID.parse().unwrap(), access }
}

pub(crate) fn open(by: &ClientIdentity, access: TicketId) -> Call {
    let part = OpenDisclosurePrivate { accesses: vec![of_access(access)], minutes: None };
    private(by, &OpenDisclosure {}, &part)
}

pub(crate) fn get(by: &ClientIdentity, access: TicketId) -> Call {
    private(by, &GetAccess {}, &GetAccessPrivate { accesses: vec![of_access(access)] })
}

pub(crate) fn read_part(disclosure: TicketId) -> ReadSummariesPrivate {
    ReadSummariesPrivate {
        sid: SID.parse().unwrap(),
        disclosure,
        code: "8867-4".parse().unwrap(),
        grid_s: 300,
        from: START,
        until: START + DAY,
        limit: None,
        bookmark: None,
    }
}

pub(crate) fn read_by(by: &ClientIdentity, disclosure: TicketId) -> Call {
    private(by, &ReadSummaries {}, &read_part(disclosure))
}

pub(crate) fn looked(by: &ClientIdentity, world: &World) -> Call {
    let until = world.ledger.now() + 1;
    let part = GetAccountingOfDisclosuresPrivate {
        sid: None,
        from: until - DAY,
        until,
        limit: None,
        bookmark: None,
    };
    private(by, &GetAccountingOfDisclosures {}, &part)
}

impl World {
    #[track_caller]
    pub(crate) fn ticket(&mut self, call: &Call) -> TicketId {
        let receipt: TicketsReceipt = self.ok(call).answer();
        assert_eq!(receipt.ids.len(), 1);
        receipt.ids[0]
    }

    /// Requested and opened by `by`.
    #[track_caller]
    pub(crate) fn opened(&mut self, by: &ClientIdentity, scope: Scope) -> (TicketId, TicketId) {
        let access = self.ticket(&request(by, scope));
        let disclosure = self.ticket(&open(by, access));
        (access, disclosure)
    }

    pub(crate) fn access(&self, id: TicketId) -> Access {
        self.ledger.value(&ACCESSES, &(SID.parse().unwrap(), id)).unwrap()
    }

    pub(crate) fn disclosure(&self, id: TicketId) -> Disclosure {
        self.ledger.value(&DISCLOSURES, &(RK.parse().unwrap(), id)).unwrap()
    }

    /// The windows of the records on a page.
    #[track_caller]
    pub(crate) fn windows(&mut self, call: &Call) -> Vec<i64> {
        let page = self.ask(call, &ReadSummaries {});
        page.records.iter().map(|it| (it.summary.start - START) / 300_000).collect()
    }

    pub(crate) fn accounting(&mut self) -> Vec<AccountingEntry> {
        let call = looked(&client("Org1MSP", "patient"), self);
        self.ask(&call, &GetAccountingOfDisclosures {}).entries
    }
}
