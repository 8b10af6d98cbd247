//! What random histories are made of: who does what, and how.

use crate::consent;
use crate::consented::*;
use crate::invariants::State;
use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::{Call, MOCK_EPOCH_MS};
use ioht_contract::access::*;
use ioht_contract::*;
use serde_json::{Value, json};

pub(crate) const PEOPLE: [&str; 15] = [
    "patient",
    "other",
    "delegate",
    "aunt",
    "doctor",
    "nurse",
    "researcher",
    "robot",
    "manager",
    "registrar",
    "officer",
    "watch",
    "ring",
    "phone",
    "stranger",
];

/// Somebody of `Org1MSP`, or who is written `name@MSP`; `forged` is the patient by another key.
pub(crate) fn person(name: &str) -> ClientIdentity {
    match name.split_once('@') {
        Some(("admin", msp)) => msp_admin(msp),
        Some((name, msp)) => client(msp, name),
        None if name == "forged" => forged("Org1MSP", "patient"),
        None => client("Org1MSP", name),
    }
}

pub(crate) type Make = fn(&State, &ClientIdentity, i64, [u8; 2]) -> Call;

pub(crate) fn pick<T: Copy>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()]
}

/// The patient that the caller is, else the first.
fn sid_of(by: &ClientIdentity) -> &'static str {
    if pid(by) == pid(&client("Org1MSP", "other")) { OTHER_SID } else { SID }
}

fn device_of(by: u8) -> &'static str {
    pick(&["watch", "watch", "ring"], by)
}

fn directive(by: u8) -> String {
    format!("c{}", by % 6)
}

/// Practitioners of the ward or the care team are permitted to treat, or everybody is denied.
fn content(by: u8, now: i64) -> Value {
    match by % 8 {
        0..=2 => json!({}),
        3 | 4 => json!({"context": {"actors": ["care_team"], "purposes": ["TREAT"]}}),
        5 => json!({"context": {"actors": ["role:practitioner"], "purposes": ["TREAT", "COC"]}}),
        6 => json!({"period": {"start": now, "end": now + 600_000}}),
        _ => {
            json!({"decision": "deny", "context": {}, "period": {"start": now, "end": now + 1_000_000}})
        }
    }
}

/// Who joins the care team, or leaves it.
fn member(by: u8) -> Actor {
    match by % 3 {
        0 => "unit:bay@Org1MSP".parse().unwrap(),
        n => Actor::Participant(pid(&client("Org1MSP", ["nurse", "doctor"][usize::from(n - 1)]))),
    }
}

/// Whom a request names; the last of these is nobody.
pub(crate) const SUBJECTS: [&[&str]; 4] =
    [&[SID], &[SID], &[SID, OTHER_SID], &[SID, "0000000000000000000000000000000a"]];

fn command(n: u8) -> CommandReference {
    CommandReference { expires_at: MOCK_EPOCH_MS + 80_000_000, ..reference("watch", n % 4) }
}

/// The purpose that this caller can ask for.
pub(crate) fn asked(by: &ClientIdentity) -> Scope {
    let is = |name| pid(by) == pid(&client("Org1MSP", name));
    let purpose = match () {
        () if is("delegate") || is("aunt") => "PATRQT",
        () if is("researcher") => "HRESCH",
        () => "TREAT",
    };
    Scope { purpose: purpose.parse().unwrap(), ..scope() }
}

/// Mostly one of the caller's own accesses.
fn ticket(state: &State, by: &ClientIdentity, how: u8) -> TicketId {
    let own = |it: &&Access| it.requester == pid(by) || how % 8 == 7;
    let named = state.accesses.iter().filter(|(_, it)| own(it));
    let named: Vec<TicketId> = named.map(|(key, _)| ticket_of(key)).collect();
    let nobodys = || "0000000000001.00112233445566778899aabbccddeeff".parse().unwrap();
    // Mostly one of the newest, which stand first.
    let newest = if how.is_multiple_of(4) { named.len() } else { named.len().min(3) };
    if named.is_empty() { nobodys() } else { pick(&named[..newest], how) }
}

fn submitted(state: &State, by: &ClientIdentity, how: [u8; 2]) -> Call {
    let gateway = pid(by) == pid(&client("Org1MSP", "phone"));
    let device = if gateway { pid(&client("Org1MSP", "watch")) } else { pid(by) };
    let owner = state.device(device).map(|it| it.owner);
    let others = owner == Some(OTHER_SID.parse().unwrap());
    let (sid, rk) = if others { (OTHER_SID, OTHER_RK) } else { (SID, RK) };
    let mut record = heart_rate(i64::from(how[0] % 4));
    record.count += u64::from(how[1] % 8 / 7);
    let part = SubmitSummariesPrivate {
        sid: sid.parse().unwrap(),
        rk: rk.parse().unwrap(),
        device: gateway.then_some(device),
        ..part(vec![record])
    };
    private(by, &SubmitSummaries {}, &part)
}

fn corrected(state: &State, by: &ClientIdentity, how: [u8; 2]) -> Call {
    let n = i64::from(how[0] % 4);
    let start = START + n * 300_000;
    let key = state::RECORDS.key(&(
        RK.parse().unwrap(),
        "8867-4".parse().unwrap(),
        KeyGrid(300),
        KeyTime(start),
        pid(&client("Org1MSP", "watch")),
    ));
    let present = state.records.get(key.unwrap().as_str());
    let version = present.map_or(1, |it| it.meta.version);
    let mut part = correction(n, version, pick(&["73.5", "74.5", "75.5"], how[1]));
    if let Some(record) = present.filter(|_| how[1].is_multiple_of(4)) {
        let body = record.body.clone();
        let summary = body.into_summary(part.record.code, 300, start);
        part.record = Summary { status: RecordStatus::EnteredInError, ..summary };
    }
    correct(by, &part)
}

/// Each with how often it comes and whom it is for, as it mostly succeeds for them.
pub(crate) const ACTS: &[(&str, usize, &[&str], Make)] = &[
    ("PutConsent", 4, &["patient", "delegate"], |state, by, now, how| {
        let id = directive(how[0]);
        let held =
            state.head(SID.parse().unwrap()).directives.iter().find(|it| it.id.as_str() == id);
        let draft = consent::draft(&id, content(how[1], now));
        consent::put_by(by, draft, held.map_or(0, |it| it.version))
    }),
    ("EndConsent", 1, &["patient", "delegate"], |_, by, _, how| {
        let (all, id) = (how[1].is_multiple_of(8), directive(how[0]));
        let one = [id.as_str()];
        consent::end_by(by, (!all).then_some(&one[..]))
    }),
    ("RevokeConsent", 1, &["officer@RegMSP"], |_, by, _, how| {
        consent::revoke(by, &directive(how[0]))
    }),
    ("SetSharing", 1, &["patient", "delegate"], |_, by, _, how| {
        use Sharing::{EmergencyOnly, On, Paused};
        consent::share_by(by, pick(&[On, On, On, On, Paused, EmergencyOnly], how[0]))
    }),
    ("ChoosePreset", 1, &["patient", "delegate"], |_, by, _, how| {
        consent::choose_by(by, pick(&["resume", "resume", "pause-all"], how[0]), None)
    }),
    ("PutCareTeam", 2, &["patient", "delegate"], |_, by, _, how| {
        let (change, none) = ([member(how[0])], []);
        let (add, remove) =
            if how[1] % 3 == 0 { (&none[..], &change[..]) } else { (&change[..], &none[..]) };
        care_team(by, add, remove)
    }),
    (
        "RequestAccess",
        10,
        &["doctor", "nurse", "delegate", "doctor", "nurse", "aunt"],
        |_, by, _, how| {
            let part = request_part(pick(&SUBJECTS, how[0]), asked(by));
            private(by, &RequestAccess {}, &part)
        },
    ),
    ("OpenDisclosure", 6, &["doctor", "nurse", "delegate", "doctor"], |state, by, _, how| {
        open(by, ticket(state, by, how[0]))
    }),
    ("OpenDisclosure", 6, &["doctor", "nurse", "doctor"], |state, by, _, how| {
        open(by, ticket(state, by, how[0]))
    }),
    ("SubmitSummaries", 3, &["watch", "ring", "phone"], |state, by, _, how| {
        submitted(state, by, how)
    }),
    ("CorrectSummary", 3, &["patient", "watch", "phone"], |state, by, _, how| {
        corrected(state, by, how)
    }),
    ("RegisterDevice", 1, &["patient", "other", "delegate"], |_, by, _, how| {
        private(by, &RegisterDevice {}, &device_part(sid_of(by), device_of(how[0])))
    }),
    ("ConfirmDevice", 1, &["ring", "watch"], |_, by, _, how| {
        confirm_device(by, pick(&[SID, OTHER_SID], how[0]))
    }),
    ("OfferDevice", 1, &["patient", "other"], |_, by, _, how| {
        let to = if sid_of(by) == SID { OTHER_SID } else { SID };
        offer(by, sid_of(by), device_of(how[0]), Some(to))
    }),
    ("AcceptDevice", 1, &["other", "patient"], |_, by, _, how| {
        let from = if sid_of(by) == SID { OTHER_SID } else { SID };
        take_over(by, sid_of(by), from, device_of(how[0]))
    }),
    ("SetStatus", 1, &["patient", "other", "delegate"], |_, by, _, how| {
        use DeviceStatus::{Active, Revoked, Suspended};
        let status = pick(&[Active, Active, Suspended, Active, Suspended, Revoked], how[1]);
        set_device(by, Some(sid_of(by)), device_of(how[0]), status)
    }),
    ("SetStatus", 1, &["officer@RegMSP"], |_, by, _, how| {
        let status = pick(&[DeviceStatus::Active, DeviceStatus::Suspended], how[1]);
        set_device(by, None, device_of(how[0]), status)
    }),
    ("PutGateway", 1, &["patient", "delegate"], |_, by, _, how| {
        set_gateway(by, SID, "watch", pick(&[None, Some("phone"), Some("phone")], how[0]))
    }),
    ("SetCollection", 1, &["patient", "delegate"], |_, by, _, how| {
        set_collection(by, SID, pick(&[Collection::On, Collection::On, Collection::Paused], how[0]))
    }),
    ("PutControl", 1, &["patient", "delegate"], |_, by, now, how| {
        let period = Period { start: now, end: Some(now + 3_600_000) };
        let allow = Authorisation { period, ..authorisation() };
        let end = ControlChange::End(allow.grantee.clone());
        control(by, "watch", if how[0] % 3 == 0 { end } else { ControlChange::Allow(allow) })
    }),
    ("IssueCommand", 2, &["doctor", "patient", "delegate"], |_, by, _, how| {
        let doctor = Actor::Participant(pid(&doctor()));
        let authorisation = (pid(by) == pid(&self::doctor())).then_some(doctor);
        let part = command_part("watch", 0, "identify");
        issue(by, &IssueCommandPrivate { reference: command(how[0]), authorisation, ..part })
    }),
    ("UpdateCommand", 2, &["watch", "phone", "patient", "doctor"], |_, by, _, how| {
        use CommandStatus::{Accepted, Cancelled, Completed, Failed, Rejected};
        let status = pick(&[Accepted, Completed, Cancelled, Rejected, Failed], how[1]);
        private(by, &UpdateCommand {}, &UpdateCommandPrivate { reference: command(how[0]), status })
    }),
    ("ProposeDelegation", 1, &["patient", "registrar"], |_, by, _, _| {
        let guardian = pid(by) == pid(&client("Org1MSP", "registrar"));
        let kind = if guardian { DelegationKind::Guardian } else { DelegationKind::Proxy };
        propose(by, &proposal("aunt", kind, &[Power::View, Power::Consent]))
    }),
    ("AcceptDelegation", 1, &["aunt", "aunt", "officer@Org2MSP"], |_, by, _, _| {
        let powers = [Power::View, Power::Consent];
        let proposed = proposal("aunt", DelegationKind::Guardian, &powers);
        match pid(by) == pid(&client("Org1MSP", "aunt")) {
            true => accept(by, SID),
            false => countersign(by, guardianship(&proposed)),
        }
    }),
    ("EndDelegation", 1, &["patient", "aunt", "registrar", "officer@Org2MSP"], |_, by, _, _| {
        let own = pid(by) == pid(&client("Org1MSP", "aunt"));
        end_delegation(by, SID, (!own).then_some("aunt"))
    }),
    ("SetStatus", 1, &["admin@Org1MSP", "manager"], |_, by, _, how| {
        let staff = pid(&client("Org1MSP", pick(&["doctor", "nurse"], how[0])));
        call(by, &SetStatus::Staff { staff, status: lifted(how[1]) })
    }),
    ("ChangeStaff", 1, &["admin@Org1MSP", "manager"], |_, by, _, how| {
        let role = pick(&[StaffRole::Practitioner, StaffRole::Service], how[0]);
        let unit = pick(&["bay", "ward", "ward", "root"], how[1]);
        change_staff(by, &client("Org1MSP", "nurse"), unit, &[role])
    }),
    ("SetStatus", 1, &["admin@Org1MSP"], |_, by, _, how| {
        let unit = pick(&["bay", "ward"], how[0]).parse().unwrap();
        call(by, &SetStatus::Unit { unit, status: lifted(how[1]) })
    }),
    ("SetStatus", 1, &["admin@Org1MSP", "officer@Org2MSP"], |_, by, _, how| {
        let msp = "Org1MSP".parse().unwrap();
        call(by, &SetStatus::Organization { msp, status: lifted(how[1]) })
    }),
    ("SetStatus", 1, &["registrar"], |_, by, _, how| set_patient(by, SID, lifted(how[1]))),
    (
        "RebindKey",
        1,
        &["registrar", "officer@Org2MSP", "patient", "officer@Org2MSP"],
        |_, by, _, _| rebind(by, SID, &forged("Org1MSP", "patient")),
    ),
    ("EndConsent", 1, &["forged"], |_, by, _, _| consent::end_by(by, None)),
];

/// Suspended only now and then, so that most of a history happens.
fn lifted(how: u8) -> NewStatus {
    if how.is_multiple_of(5) { NewStatus::Suspended } else { NewStatus::Active }
}

/// The name that the key of an access or a disclosure ends with.
pub(crate) fn ticket_of(key: &str) -> TicketId {
    key.trim_end_matches('\0').rsplit('\0').next().unwrap().parse().unwrap()
}
