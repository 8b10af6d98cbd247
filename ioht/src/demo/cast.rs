//! Everyone in the story, and how they come to be known.

use super::DemoError;
use super::narrator::Narrator;
use crate::actor::Actor;
use crate::secrets;
use crate::stack::Stack;
use fabric_devnet::EnrollRequest;
use ioht_contract::{
    ConfirmRegistration, ConfirmRegistrationPrivate, OrganizationKind, Period, RecordsKey,
    RegisterOrganization, RegisterPatient, RegisterPatientPrivate, RegisterStaff,
    RegisterStaffPrivate, StaffRole, SubjectId, UnitId,
};
use std::collections::BTreeSet;

const HOSPITAL: &str = "Org1MSP";
const CLINIC: &str = "Org2MSP";
const COMPANY: &str = "Org3MSP";
const PATIENT_ENROLMENT_ID: &str = "p-7f3a9c51";

/// Everyone in the story.
pub(super) struct Cast {
    pub(super) registrar: Actor,
    pub(super) patient: Actor,
    pub(super) device: Actor,
    pub(super) clinician: Actor,
    pub(super) colleague: Actor,
    pub(super) researcher: Actor,
    pub(super) caregiver: Actor,
    pub(super) provider: Actor,
}

/// What the patient knows of itself after its registration.
#[derive(Clone, Copy)]
pub(super) struct Patient {
    pub(super) sid: SubjectId,
    pub(super) rk: RecordsKey,
}

impl Cast {
    pub(super) async fn introduce(
        stack: &Stack,
        out: &mut Narrator<'_>,
    ) -> Result<Self, DemoError> {
        let hospital = stack.admin(HOSPITAL, "hospital-admin").await?;
        let mut last = 0;
        for (msp, kind) in [
            (HOSPITAL, OrganizationKind::Custodian),
            (CLINIC, OrganizationKind::Custodian),
            (COMPANY, OrganizationKind::Provider),
        ] {
            let registration = RegisterOrganization { kind };
            last = if msp == HOSPITAL {
                hospital.submit(&registration).await?.block_number
            } else {
                stack.admin(msp, "admin").await?.submit(&registration).await?.block_number
            };
        }
        out.step("organisations", "two custodians and a provider register", &blocks(last, 3))?;
        for (enrolment_id, role) in [
            ("registrar-1", StaffRole::Registrar),
            ("clinician-7", StaffRole::Practitioner),
            ("clinician-8", StaffRole::Practitioner),
            ("researcher-2", StaffRole::Researcher),
        ] {
            let staff = RegisterStaff {
                unit: UnitId::root(),
                roles: BTreeSet::from([role]),
                period: Period { start: 0, end: None },
            };
            let private = RegisterStaffPrivate { enrolment_id: enrolment_id.to_owned() };
            last = hospital.submit_private(&staff, &private).await?.block_number;
        }
        let what = "employs a registrar, clinicians, a researcher";
        out.step("hospital", what, &blocks(last, 4))?;
        Ok(Self {
            registrar: stack.client(HOSPITAL, "registrar-1").await?,
            patient: stack.client(HOSPITAL, PATIENT_ENROLMENT_ID).await?,
            device: stack.client(HOSPITAL, "d-20c4e1b8").await?,
            clinician: stack.client(HOSPITAL, "clinician-7").await?,
            colleague: stack.client(HOSPITAL, "clinician-8").await?,
            researcher: stack.client(HOSPITAL, "researcher-2").await?,
            caregiver: stack.client(HOSPITAL, "c-5be07d13").await?,
            // Only custodians' peers hold health data, so that is where a provider asks.
            provider: stack.enroll(EnrollRequest::client(COMPANY, "clinician-1"), HOSPITAL).await?,
        })
    }

    pub(super) async fn register(&self, out: &mut Narrator<'_>) -> Result<Patient, DemoError> {
        let private = RegisterPatientPrivate {
            sid: secrets::subject_id()?,
            secret: secrets::secret()?,
            enrolment_id: PATIENT_ENROLMENT_ID.to_owned(),
            key_hash: self.patient.key_hash(),
        };
        let committed = self.registrar.submit_private(&RegisterPatient {}, &private).await?;
        out.committed("registrar", "registers the patient by its key", &committed)?;

        let myself = self.patient.who_am_i().await?;
        let sid = myself.patient.and_then(|patient| patient.sid).unwrap_or(private.sid);
        let rk = secrets::records_key()?;
        let confirmation = ConfirmRegistrationPrivate { sid, rk, secret: secrets::secret()? };
        let committed = self.patient.submit_private(&ConfirmRegistration {}, &confirmation).await?;
        out.committed("patient", "confirms, with secrets of its own", &committed)?;
        Ok(Patient { sid, rk })
    }
}

/// The last blocks, of one transaction each.
fn blocks(last: u64, count: u64) -> String {
    format!("blocks {} to {last}", (last + 1).saturating_sub(count))
}
