//! Devices that change hands.

use crate::act::Act;
use crate::answer::Receipt;
use crate::delegation::Power;
use crate::device::{Offer, owned};
use crate::error::ContractError;
use crate::head::OFFER_MS;
use crate::ids::{ParticipantId, SubjectId};
use crate::meta::Salts;
use crate::policies::Policies;
use crate::private::{self, SPACE, absent};
use crate::role::Role;
use crate::state::{DEVICES, HEADS};
use fabric_contract_rs::{Batch, Reader, Submit, TxContext, Writes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Offers a device to another patient for seven days, or takes the offer back. The device stays the
/// patient's until the other has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferDevice {}

/// The private part of [`OfferDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferDevicePrivate {
    /// The patient's subject id.
    pub sid: SubjectId,
    /// The device.
    pub device: ParticipantId,
    /// To whom; to nobody any more, unless given. Whether there is such a patient is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<SubjectId>,
}

impl Submit for OfferDevice {
    const NAME: &'static str = "OfferDevice";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: OfferDevicePrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        if private.to == Some(private.sid) {
            return Err(ContractError::ArgumentInvalid("the device is the patient's already"));
        }
        let names = (private.sid, private.device);
        let (patient, mut device) = act.device(names, Power::Devices, ledger).await?;
        if private.to.is_some() {
            patient.widening(&act.tx)?;
            device.active()?;
            device.meta.not_before(&act.tx)?;
        }
        let until = act.tx.at.saturating_add(OFFER_MS);
        let offer = private.to.map(|to| Offer { to, until });
        if device.offer != offer {
            device.offer = offer;
            device.salt = Salts::of_subject(&patient.head.secret, cx).at(0);
            device.meta.changed(&act.tx);
            act.note(&patient.head, patient.roles, Some(private.device), writes)?;
            DEVICES.put(writes, &(private.device,), &device)?;
        }
        Ok(act.done::<Self>(writes))
    }
}

/// Takes over a device that was offered. From then on its records are the new patient's; what it
/// recorded before stays the old one's. Its gateway, who controls it and what was ordered end. The old
/// patient's journal tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptDevice {}

/// The private part of [`AcceptDevice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptDevicePrivate {
    /// The new patient's subject id.
    pub sid: SubjectId,
    /// The old patient's.
    pub from: SubjectId,
    /// The device.
    pub device: ParticipantId,
}

impl Submit for AcceptDevice {
    const NAME: &'static str = "AcceptDevice";
    const ROLES: &'static [&'static str] = &[Role::Subject.name(), Role::Delegate.name()];
    type State = Policies;
    type Output = Receipt;
    type Error = ContractError;

    async fn run(
        self,
        policies: &Policies,
        cx: &TxContext,
        ledger: &impl Reader,
        writes: &mut Writes,
    ) -> Result<Receipt, ContractError> {
        let private: AcceptDevicePrivate = private::take(cx)?;
        let act = Act::of::<Self>(policies, cx)?;
        if private.from == private.sid {
            return Err(ContractError::ArgumentInvalid("the device is the patient's already"));
        }
        let key = (private.device,);
        let mut batch = Batch::new(SPACE);
        let head = batch.want(&HEADS, &(private.sid,))?;
        let from = batch.want(&HEADS, &(private.from,))?;
        let device = batch.want(&DEVICES, &key)?;
        let loaded = batch.load(ledger).await?;
        let patient =
            act.patient((private.sid, loaded.get(&head)?), Power::Devices, ledger).await?;
        patient.widening(&act.tx)?;
        let found = (private.device, loaded.get(&device)?);
        let mut device = owned(found, private.from, ledger).await?;
        // As for a device that is not there: what is offered to others is told to nobody.
        let offer = device.offer.clone().filter(|offer| offer.to == private.sid);
        let offer = offer.ok_or(ContractError::DeviceUnknown)?;
        let Some(mut from) = loaded.get(&from)? else {
            let (key, refusal) = ((private.from,), ContractError::DeviceUnknown);
            return Err(absent(&HEADS, ledger, &key, refusal).await);
        };
        device.active()?;
        device.meta.not_before(&act.tx)?;
        if act.tx.at >= offer.until {
            return Err(ContractError::OfferLapsed);
        }
        let mut head = patient.head;
        head.room_for_device()?;
        device.hand_over(private.sid, act.tx.at);
        device.salt = Salts::of_subject(&head.secret, cx).at(0);
        device.meta.changed(&act.tx);
        from.devices.remove(&private.device);
        from.claims.retain(|claim| claim.device != private.device);
        from.meta.counted(&act.tx);
        head.devices.insert(private.device);
        head.claims.retain(|claim| claim.device != private.device);
        head.meta.changed(&act.tx);
        act.note(&head, patient.roles, Some(private.device), writes)?;
        // To the old patient somebody else has acted, also where the new one did itself.
        for role in patient.roles.iter() {
            act.note_as(role, &from, Some(private.device), writes)?;
        }
        DEVICES.put(writes, &key, &device)?;
        HEADS.put(writes, &(private.from,), &from)?;
        HEADS.put(writes, &(private.sid,), &head)?;
        Ok(act.done::<Self>(writes))
    }
}
