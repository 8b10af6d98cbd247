//! Who takes part in the measurement.

use crate::network::Network;
use fabric_devnet::Role;
use ioht::{Actor, secrets};
use ioht_contract::{
    ConfirmDevice, ConfirmDevicePrivate, ConfirmRegistration, ConfirmRegistrationPrivate,
    OrganizationKind, Period, RecordsKey, RegisterDevice, RegisterDevicePrivate,
    RegisterOrganization, RegisterPatient, RegisterPatientPrivate, RegisterStaff,
    RegisterStaffPrivate, StaffRole, SubjectId, UnitId,
};
use std::collections::BTreeSet;
use std::error::Error;

/// A patient with an active device.
pub(crate) struct Patient {
    pub(crate) actor: Actor,
    pub(crate) device: Actor,
    pub(crate) sid: SubjectId,
    pub(crate) rk: RecordsKey,
}

pub(crate) async fn register(
    network: &Network,
    count: u32,
) -> Result<Vec<Patient>, Box<dyn Error>> {
    let hospital = network.actor("Org1MSP", "hospital-admin", Role::Admin)?;
    hospital.submit(&RegisterOrganization { kind: OrganizationKind::Custodian }).await?;
    let registrar = network.actor("Org1MSP", "registrar", Role::Client)?;
    let staff = RegisterStaff {
        unit: UnitId::root(),
        roles: BTreeSet::from([StaffRole::Registrar]),
        period: Period { start: 0, end: None },
    };
    let private = RegisterStaffPrivate { enrolment_id: "registrar".to_owned() };
    hospital.submit_private(&staff, &private).await?;
    let mut patients = Vec::new();
    for number in 0..count {
        patients.push(patient(network, &registrar, number).await?);
    }
    Ok(patients)
}

async fn patient(
    network: &Network,
    registrar: &Actor,
    number: u32,
) -> Result<Patient, Box<dyn Error>> {
    let enrolment_id = format!("patient-{number}");
    let actor = network.actor("Org1MSP", &enrolment_id, Role::Client)?;
    let sid = secrets::subject_id()?;
    let key_hash = actor.key_hash();
    let registration =
        RegisterPatientPrivate { sid, secret: secrets::secret()?, enrolment_id, key_hash };
    registrar.submit_private(&RegisterPatient {}, &registration).await?;
    let rk = secrets::records_key()?;
    let confirmation = ConfirmRegistrationPrivate { sid, rk, secret: secrets::secret()? };
    actor.submit_private(&ConfirmRegistration {}, &confirmation).await?;
    let device = network.actor("Org1MSP", &format!("device-{number}"), Role::Client)?;
    let registration = RegisterDevicePrivate {
        sid,
        device: device.pid(),
        key_hash: device.key_hash(),
        profile: "pulse-sensor".parse()?,
        gateway: None,
        active_from: Some(0),
    };
    actor.submit_private(&RegisterDevice {}, &registration).await?;
    device.submit_private(&ConfirmDevice {}, &ConfirmDevicePrivate { sid }).await?;
    Ok(Patient { actor, device, sid, rk })
}
