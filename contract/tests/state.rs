//! The stored form of state: key bytes and value bytes do not move.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "fixtures are read from disk")]

use fabric_contract_rs::{Key, Table};
use ioht_contract::access::*;
use ioht_contract::decision::{Determining, Element, Outcome, Path, Reason, Residual};
use ioht_contract::state::{
    ACCESSES, COMMANDS, DEVICES, DIRECTIVES, DISCLOSURES, HEADS, JOURNAL, KEYS, OLD_RECORDS,
    ORGANIZATIONS, PATIENTS, RATES, RECORDS, RECORDS_KEYS, STAFF,
};
use ioht_contract::*;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;
use std::fmt::Debug;

fn tx() -> Tx {
    Tx { id: TxId::new([0xaa; 32]), at: 1_704_067_200_000 }
}

const PID: ParticipantId = ParticipantId::new([0x11; 16]);
const SID: SubjectId = SubjectId::new([0x22; 16]);
const RK: RecordsKey = RecordsKey::new([0x33; 16]);

/// A value as the release named in the path wrote it: read, written again, compared.
///
/// Fixtures of a released version are never rewritten; a changed form gets a fixture of its own.
#[track_caller]
fn check<K: Key, V>(table: &Table<K, V>, name: &str, value: &V)
where
    V: Encode<()> + for<'b> Decode<'b, ()> + PartialEq + Debug,
{
    let path = format!("{}/tests/fixtures/state/0.1/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let bytes = table.encode(value).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{}\n", hex::encode(&bytes))).unwrap();
    }
    let stored = hex::decode(std::fs::read_to_string(&path).unwrap().trim()).unwrap();
    let read = table.decode(&stored).unwrap();
    assert_eq!(read, *value, "{name}");
    assert_eq!(hex::encode(table.encode(&read).unwrap()), hex::encode(&stored), "{name}");
    assert_eq!(hex::encode(bytes), hex::encode(stored), "{name}");
}

fn unit(id: &str, parent: Option<&str>) -> Unit {
    Unit {
        id: id.parse().unwrap(),
        parent: parent.map(|parent| parent.parse().unwrap()),
        name: format!("The {id}"),
        status: Status::Active,
        since: tx().at,
    }
}

fn organization() -> Organization {
    let mut meta = Meta::created(&tx());
    meta.changed(&tx());
    Organization {
        meta,
        kind: OrganizationKind::Regulator,
        status: Status::Suspended,
        holder: Some(Holder::Supervisor),
        units: vec![unit("root", None), unit("ward", Some("root"))],
        since: tx().at,
    }
}

fn staff() -> Staff {
    Staff {
        meta: Meta::created(&tx()),
        msp: "Org1MSP".parse().unwrap(),
        unit: "ward".parse().unwrap(),
        roles: [StaffRole::Researcher, StaffRole::Practitioner].into(),
        period: Period { start: 1, end: Some(1_800_000_000_000) },
        status: Status::Active,
    }
}

fn team() -> BTreeSet<Actor> {
    let (msp, unit) = ("Org1MSP".parse().unwrap(), "ward".parse().unwrap());
    [Actor::Participant(PID), Actor::Unit { unit, msp }].into()
}

fn delegation() -> Delegation {
    Delegation {
        delegate: PID,
        key_hash: KeyHash::new([0x46; 32]),
        kind: DelegationKind::Guardian,
        powers: [Power::View, Power::Devices].into(),
        period: Period { start: 1, end: Some(1_800_000_000_000) },
        evidence: Some(DocumentDigest::new([0x47; 32])),
        status: DelegationStatus::Active,
        proposed_by: PID,
        offered_until: None,
    }
}

fn claim() -> DeviceClaim {
    DeviceClaim {
        device: PID,
        key_hash: KeyHash::new([0x48; 32]),
        profile: "pulse-watch".parse().unwrap(),
        gateway: Some(Gateway { pid: PID, key_hash: KeyHash::new([0x88; 32]) }),
        active_from: 1_700_000_000_000,
        until: 1_800_000_000_000,
    }
}

fn head(rk: Option<RecordsKey>) -> Head {
    Head {
        meta: Meta::created(&tx()),
        pid: PID,
        key_hash: KeyHash::new([0x44; 32]),
        home: "Org1MSP".parse().unwrap(),
        registered_by: ParticipantId::new([0x12; 16]),
        status: if rk.is_some() { Status::Active } else { Status::Pending },
        secret: Secret::new([0x55; 32]),
        collection: if rk.is_some() { Collection::Paused } else { Collection::On },
        sharing: if rk.is_some() { Sharing::EmergencyOnly } else { Sharing::On },
        epoch: 1,
        care_team: if rk.is_some() { team() } else { Default::default() },
        delegations: rk.iter().map(|_| delegation()).collect(),
        directives: rk.iter().map(|_| directive()).collect(),
        pending_rebind: rk.map(|_| Rebind {
            key_hash: KeyHash::new([0x45; 32]),
            by: PID,
            until: 1_800_000_000_000,
        }),
        devices: rk.iter().map(|_| PID).collect(),
        claims: rk.iter().map(|_| claim()).collect(),
        rk,
    }
}

/// Every field of it set, and every kind of actor.
fn directive() -> Directive {
    let period = r#"{"start": 1700000000000, "end": 1800000000000}"#;
    let matcher = format!(
        r#"{{"actors": ["pid:{PID}", "unit:ward@Org1MSP", "org:Org1MSP", "role:practitioner",
            "project:p-1", "care_team"], "purposes": ["COC", "TREAT"], "actions": ["access", "use"],
            "codes": ["8867-4"], "categories": ["vital-signs"], "devices": ["{PID}"],
            "confidentiality": "R", "sensitivity": ["PSY"], "min_grid_s": 300,
            "data_period": {period}, "period": {period}}}"#
    );
    let digest = "77".repeat(32);
    serde_json::from_str(&format!(
        r#"{{"id": "d-1", "version": 2, "status": "active", "decision": "permit",
            "period": {period}, "context": {matcher},
            "provision": [{{"match": {matcher}, "provision": [{{"match": {matcher}}}]}}],
            "obligations": ["MINEC"], "terms": {{"offer": "o-1", "version": 3}}, "btg": "deny",
            "text": {{"digest": "{digest}", "language": "pt-BR"}}, "source": "{digest}",
            "author": "{PID}", "acting_for": "{PID}", "preset": "care-team"}}"#
    ))
    .unwrap()
}

const TICKET: &str = "8295932799999.00112233445566778899aabbccddeeff";

fn verdict() -> AccessVerdict {
    AccessVerdict {
        outcome: Outcome::Conditional,
        reason: Reason::ConsentConditional,
        codes: ["8867-4".parse().unwrap()].into(),
        determining: [Determining {
            directive: "ward".parse().unwrap(),
            version: 2,
            path: Path::Provision(1),
        }]
        .into(),
        residual: [Residual {
            directive: "other".parse().unwrap(),
            version: 1,
            permits: true,
            denies: false,
            open: [Element::Sensitivity].into(),
        }]
        .into(),
        obligations: ["MINEC".parse().unwrap()].into(),
    }
}

fn scope() -> Scope {
    Scope {
        purpose: "TREAT".parse().unwrap(),
        action: Action::Use,
        codes: ["8867-4".parse().unwrap(), "59408-5".parse().unwrap()].into(),
        data_period: Period { start: 1, end: Some(2) },
        min_grid_s: Some(300),
    }
}

fn access() -> Access {
    Access {
        meta: Meta::created(&tx()),
        salt: Salt::new([0x66; 16]),
        requester: PID,
        msp: "Org1MSP".parse().unwrap(),
        capacity: Capacity::Staff,
        scope: scope(),
        justification: Some(DocumentDigest::new([0x77; 32])),
        verdict: verdict(),
        policy: PolicyDigest::new([0x88; 32]),
        until: 1_800_000_000_000,
        uses: 3,
        max_uses: USES_MAX,
    }
}

fn disclosure() -> Disclosure {
    Disclosure {
        meta: Meta::created(&tx()),
        salt: Salt::new([0x66; 16]),
        access: TICKET.parse().unwrap(),
        recipient: PID,
        msp: "Org1MSP".parse().unwrap(),
        capacity: Capacity::Delegate,
        scope: scope(),
        verdict: AccessVerdict { outcome: Outcome::Permit, ..verdict() },
        accountable_164_528: true,
        policy: PolicyDigest::new([0x88; 32]),
        until: 1_800_000_000_000,
    }
}

fn device(gateway: Option<Gateway>) -> Device {
    Device {
        meta: Meta::created(&tx()),
        owner: SID,
        key_hash: KeyHash::new([0x44; 32]),
        profile: "pulse-watch".parse().unwrap(),
        active_from: 1_700_000_000_000,
        status: DeviceStatus::Active,
        holder: None,
        salt: Salt::new([0x66; 16]),
        epoch: 2,
        offer: gateway.map(|_| Offer { to: SID, until: 1_800_000_000_000 }),
        authorisations: gateway.iter().map(|_| authorisation()).collect(),
        gateway,
    }
}

fn authorisation() -> Authorisation {
    let parameter = "seconds".parse().unwrap();
    Authorisation {
        grantee: Actor::Participant(PID),
        commands: vec![AllowedCommand {
            command: "set-reporting-interval".parse().unwrap(),
            parameters: vec![policies::ParameterRange { parameter, min: 300, max: 3600 }],
        }],
        period: Period { start: 1, end: Some(1_800_000_000_000) },
        per_hour: 4,
    }
}

fn command() -> Command {
    Command {
        meta: Meta::created(&tx()),
        salt: Salt::new([0x66; 16]),
        by: PID,
        authorisation: Some(Actor::Participant(PID)),
        command: "set-reporting-interval".parse().unwrap(),
        class: policies::CommandClass::Configure,
        parameters: vec![Parameter { parameter: "seconds".parse().unwrap(), value: 900 }],
        epoch: 2,
        status: CommandStatus::Requested,
    }
}

fn statistics(values: &[(Stat, &str)]) -> Vec<Statistic> {
    let statistic =
        |(stat, value): &(Stat, &str)| Statistic { stat: *stat, value: value.parse().unwrap() };
    values.iter().map(statistic).collect()
}

fn record(panel: bool) -> Record {
    let heart_rate = [(Stat::Average, "72.4"), (Stat::StdDev, "4.125"), (Stat::Percent20, "-0.5")];
    let pressure = |code: &str, value| Component {
        code: code.parse().unwrap(),
        statistics: statistics(&[(Stat::Average, value)]),
    };
    Record {
        meta: Meta::created(&tx()),
        salt: Salt::new([0x66; 16]),
        body: RecordBody {
            statistics: if panel { Vec::new() } else { statistics(&heart_rate) },
            unit: if panel { "mm[Hg]" } else { "/min" }.to_owned(),
            count: 350,
            total_count: 360,
            components: if panel {
                vec![pressure("8480-6", "121"), pressure("8462-4", "79.5")]
            } else {
                Vec::new()
            },
            labels: Labels {
                confidentiality: Confidentiality::R,
                sensitivity: vec!["PSY".parse().unwrap()],
            },
            raw: Raw {
                alg: DigestAlgorithm::Sha256,
                digest: RawDigest::new([0x77; 32]),
                sample_count: 37_500,
                format: "ioht-raw/1".to_owned(),
                locator: "raw:1".to_owned(),
            },
            modality: Modality::SelfReported,
            status: RecordStatus::Preliminary,
        },
        gateway: panel.then_some(PID),
        reason: panel.then_some(CorrectionReason::ClockError),
        corrected_by: panel.then_some(PID),
    }
}

#[test]
fn value_bytes_do_not_move() {
    let gateway = Gateway { pid: PID, key_hash: KeyHash::new([0x88; 32]) };
    check(&ORGANIZATIONS, "organization", &organization());
    check(&STAFF, "staff", &staff());
    check(&HEADS, "head-pending", &head(None));
    check(&HEADS, "head-active", &head(Some(RK)));
    let salt = Salt::new([0x66; 16]);
    check(&PATIENTS, "patient", &Patient { meta: Meta::created(&tx()), sid: SID, salt });
    check(&RECORDS_KEYS, "records-key", &Claim { meta: Meta::created(&tx()), salt });
    check(&KEYS, "key", &KeyBinding { meta: Meta::created(&tx()), pid: PID, salt });
    let entry = Entry {
        salt,
        name: "SetStatus".to_owned(),
        by: PID,
        msp: "Org1MSP".parse().unwrap(),
        role: "registrar".to_owned(),
        about: None,
    };
    check(&JOURNAL, "journal-entry", &entry);
    check(&JOURNAL, "journal-entry-about", &Entry { about: Some(PID), ..entry });
    let version = DirectiveVersion {
        meta: Meta::created(&tx()),
        salt,
        directive: directive(),
        reason: Some(RevocationReason::CourtOrder),
    };
    check(&DIRECTIVES, "directive", &version);
    check(&COMMANDS, "command", &command());
    check(&RATES, "rate", &Rate { meta: Meta::created(&tx()), salt, count: 3 });
    check(&DEVICES, "device", &device(None));
    check(&DEVICES, "device-with-gateway", &device(Some(gateway)));
    check(&ACCESSES, "access", &access());
    check(&DISCLOSURES, "disclosure", &disclosure());
    check(&RECORDS, "record", &record(false));
    check(&RECORDS, "record-panel", &record(true));
}

#[test]
fn key_bytes_do_not_move() {
    let key = |key: Result<fabric_contract_rs::StateKey, _>| -> String {
        let key: fabric_contract_rs::StateKey =
            key.map_err(|_: fabric_contract_rs::LedgerError| ()).unwrap();
        key.as_str().replace('\0', "|")
    };
    let msp: MspId = "Org1MSP".parse().unwrap();
    assert_eq!(key(ORGANIZATIONS.key(&(msp,))), "|org|Org1MSP|");
    assert_eq!(key(STAFF.key(&(PID,))), format!("|staff|{PID}|"));
    assert_eq!(key(HEADS.key(&(SID,))), "|head|22222222222222222222222222222222|");
    assert_eq!(key(PATIENTS.key(&(PID,))), format!("|patient|{PID}|"));
    assert_eq!(key(RECORDS_KEYS.key(&(RK,))), "|records_key|33333333333333333333333333333333|");
    assert_eq!(key(DEVICES.key(&(PID,))), format!("|device|{PID}|"));
    let directive = (RK, "d-1".parse().unwrap(), KeyVersion(2));
    assert_eq!(
        key(DIRECTIVES.key(&directive)),
        "|directive|33333333333333333333333333333333|d-1|0000000002|"
    );
    let key_hash = KeyHash::new([0x44; 32]);
    assert_eq!(key(KEYS.key(&(key_hash,))), format!("|key|{key_hash}|"));
    let entry = (RK, KeyNewest(1_704_067_200_000), TxId::new([0xaa; 32]));
    assert_eq!(
        key(JOURNAL.key(&entry)),
        format!("|journal|33333333333333333333333333333333|8295932799999|{}|", entry.2)
    );
    let command = (SID, PID, KeyTime(1_704_067_200_000), CommandId::new([0x99; 16]));
    assert_eq!(
        key(COMMANDS.key(&command)),
        format!("|command|22222222222222222222222222222222|{PID}|1704067200000|{}|", command.3)
    );
    let rate = (SID, PID, format!("pid:{PID}"), KeyTime(473_352));
    assert_eq!(
        key(RATES.key(&rate)),
        format!("|rate|22222222222222222222222222222222|{PID}|pid:{PID}|0000000473352|")
    );
    let ticket: TicketId = TICKET.parse().unwrap();
    let sid_hex = "22222222222222222222222222222222";
    assert_eq!(key(ACCESSES.key(&(SID, ticket))), format!("|access|{sid_hex}|{TICKET}|"));
    let rk_hex = "33333333333333333333333333333333";
    assert_eq!(key(DISCLOSURES.key(&(RK, ticket))), format!("|disclosure|{rk_hex}|{TICKET}|"));
    let record = (RK, "8867-4".parse().unwrap(), KeyGrid(300), KeyTime(1_704_067_200_000), PID);
    assert_eq!(
        key(RECORDS.key(&record)),
        format!("|record|33333333333333333333333333333333|8867-4|300|1704067200000|{PID}|")
    );
    assert_eq!(RECORDS.parse_key(&RECORDS.key(&record).unwrap()), Ok(record));
    let (rk, code, grid, start, device) = record;
    assert_eq!(
        key(OLD_RECORDS.key(&(rk, code, grid, start, device, KeyVersion(3)))),
        format!(
            "|record_old|33333333333333333333333333333333|8867-4|300|1704067200000|{PID}|0000000003|"
        )
    );
}

#[test]
fn participant_ids_do_not_move() {
    let id = ParticipantId::of("Org1MSP", "p-5f0c");
    assert_eq!(id.to_string(), "a0f08b8f7d6e2f1acb6cbde474beb5c4");
    // The parts are separated: moving a character over makes another participant.
    assert_ne!(id, ParticipantId::of("Org1MSPp", "-5f0c"));
}

#[test]
fn maps_are_in_the_deterministic_order_of_rfc_8949() {
    for bytes in [
        ORGANIZATIONS.encode(&organization()).unwrap(),
        STAFF.encode(&staff()).unwrap(),
        HEADS.encode(&head(Some(RK))).unwrap(),
        DEVICES.encode(&device(None)).unwrap(),
        COMMANDS.encode(&command()).unwrap(),
        ACCESSES.encode(&access()).unwrap(),
        DISCLOSURES.encode(&disclosure()).unwrap(),
        RECORDS.encode(&record(true)).unwrap(),
    ] {
        let mut decoder = minicbor::Decoder::new(&bytes);
        walk(&mut decoder);
        assert_eq!(decoder.position(), bytes.len());
    }
}

/// Definite lengths (an indefinite one is `None` to the decoder), ascending keys, shortest numbers.
fn walk(decoder: &mut minicbor::Decoder<'_>) {
    use minicbor::data::Type;
    let start = decoder.position();
    match decoder.datatype().unwrap() {
        Type::Map => {
            let mut before = -1;
            for _ in 0..decoder.map().unwrap().unwrap() {
                let key = decoder.i64().unwrap();
                assert!(key > before, "key {key} after {before}");
                before = key;
                walk(decoder);
            }
        }
        Type::Array => {
            for _ in 0..decoder.array().unwrap().unwrap() {
                walk(decoder);
            }
        }
        Type::Tag => {
            decoder.tag().unwrap();
            walk(decoder);
        }
        Type::Bool => drop(decoder.bool().unwrap()),
        Type::Bytes => drop(decoder.bytes().unwrap()),
        Type::String => drop(decoder.str().unwrap()),
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64 => {
            let value = decoder.i64().unwrap();
            let length = decoder.position() - start;
            assert_eq!(minicbor::to_vec(value).unwrap().len(), length, "{value}");
        }
        other => panic!("state holds no {other}"),
    }
}
