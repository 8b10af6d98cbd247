//! A stack with its people: what the tests of the whole path start from.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]
#![expect(dead_code, reason = "each test file uses its own part")]

use fabric_devnet::EnrollRequest;
use ioht::{Actor, Stack, StackOptions, secrets};
use ioht_contract::{
    ConfirmDevice, ConfirmDevicePrivate, ConfirmRegistration, ConfirmRegistrationPrivate,
    OrganizationKind, Period, ReadOwnSummariesPrivate, RecordsKey, RegisterDevice,
    RegisterDevicePrivate, RegisterOrganization, RegisterPatient, RegisterPatientPrivate,
    RegisterStaff, RegisterStaffPrivate, StaffRole, SubjectId, SubmitSummariesPrivate, Summary,
    UnitId,
};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

pub(crate) const GRID_S: u32 = 300;
pub(crate) const GRID_MS: i64 = 300_000;

/// A registered patient with one device.
pub(crate) struct Patient {
    pub(crate) actor: Actor,
    pub(crate) enrolment_id: String,
    pub(crate) sid: SubjectId,
    pub(crate) rk: RecordsKey,
    pub(crate) device: Actor,
    pub(crate) active_from: i64,
}

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) hospital: Actor,
    pub(crate) registrar: Actor,
    pub(crate) provider: Actor,
    folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stack = Stack::start(StackOptions::new(folder.path())).await.unwrap();
        let hospital = stack.admin("Org1MSP", "hospital-admin").await.unwrap();
        let custodian = stack.admin("Org2MSP", "custodian-admin").await.unwrap();
        for actor in [&hospital, &custodian] {
            let kind = OrganizationKind::Custodian;
            actor.submit(&RegisterOrganization { kind }).await.unwrap();
        }
        let registrar = stack.client("Org1MSP", "registrar-1").await.unwrap();
        employ(&hospital, "registrar-1", StaffRole::Registrar).await;
        let clinician = EnrollRequest::client("Org3MSP", "clinician-1");
        let provider = stack.enroll(clinician, "Org1MSP").await.unwrap();
        Self { stack, hospital, registrar, provider, folder }
    }

    /// A patient that has confirmed, with an active device.
    pub(crate) async fn patient(&self, name: &str) -> Patient {
        let enrolment_id = format!("p-{name}");
        let actor = self.stack.client("Org1MSP", &enrolment_id).await.unwrap();
        let sid = secrets::subject_id().unwrap();
        let registration = RegisterPatientPrivate {
            sid,
            secret: secrets::secret().unwrap(),
            enrolment_id: enrolment_id.clone(),
            key_hash: actor.key_hash(),
        };
        self.registrar.submit_private(&RegisterPatient {}, &registration).await.unwrap();
        let rk = secrets::records_key().unwrap();
        let secret = secrets::secret().unwrap();
        let confirmation = ConfirmRegistrationPrivate { sid, rk, secret };
        actor.submit_private(&ConfirmRegistration {}, &confirmation).await.unwrap();
        let device = self.stack.client("Org1MSP", &format!("d-{name}")).await.unwrap();
        let active_from = now_ms().div_euclid(GRID_MS) * GRID_MS - 100 * GRID_MS;
        let registration = RegisterDevicePrivate {
            sid,
            device: device.pid(),
            key_hash: device.key_hash(),
            profile: "pulse-sensor".parse().unwrap(),
            gateway: None,
            active_from: Some(active_from),
        };
        actor.submit_private(&RegisterDevice {}, &registration).await.unwrap();
        let confirmation = ConfirmDevicePrivate { sid };
        device.submit_private(&ConfirmDevice {}, &confirmation).await.unwrap();
        Patient { actor, enrolment_id, sid, rk, device, active_from }
    }
}

impl Patient {
    /// The start of a window of the device's past.
    pub(crate) fn window(&self, number: i64) -> i64 {
        self.active_from + number * GRID_MS
    }

    pub(crate) fn batch(&self, records: Vec<Summary>) -> SubmitSummariesPrivate {
        SubmitSummariesPrivate { sid: self.sid, rk: self.rk, device: None, records }
    }

    pub(crate) fn question(&self) -> ReadOwnSummariesPrivate {
        ReadOwnSummariesPrivate {
            code: "8867-4".parse().unwrap(),
            grid_s: GRID_S,
            from: self.active_from,
            until: self.active_from + 100 * GRID_MS,
            limit: None,
            bookmark: None,
        }
    }
}

pub(crate) async fn employ(admin: &Actor, enrolment_id: &str, role: StaffRole) {
    let staff = RegisterStaff {
        unit: UnitId::root(),
        roles: BTreeSet::from([role]),
        period: Period { start: 0, end: None },
    };
    let private = RegisterStaffPrivate { enrolment_id: enrolment_id.to_owned() };
    admin.submit_private(&staff, &private).await.unwrap();
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// A summary as JSON, so that tests can break it where the types would not let them.
pub(crate) fn summary_json(start: i64, locator: &str) -> serde_json::Value {
    serde_json::json!({
        "code": "8867-4",
        "grid_s": GRID_S,
        "start": start,
        "unit": "/min",
        "statistics": [
            {"stat": "average", "value": "71.5"},
            {"stat": "minimum", "value": "58.0"},
            {"stat": "maximum", "value": "96.2"},
            {"stat": "median", "value": "70.9"},
        ],
        "count": 355,
        "total_count": 357,
        "raw": {
            "alg": "sha-256",
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "sample_count": 30_000,
            "format": "ioht-raw/1",
            "locator": locator,
        },
        "modality": "sensed",
        "status": "final",
    })
}

pub(crate) fn summary(start: i64, locator: &str) -> Summary {
    serde_json::from_value(summary_json(start, locator)).unwrap()
}
