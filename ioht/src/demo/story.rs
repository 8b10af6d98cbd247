//! Who does what, in order.

use super::cast::Cast;
use super::narrator::Narrator;
use super::recording::DeviceStore;
use super::{DemoError, care, caregiver, device, refusals, research};
use crate::stack::Stack;

pub(super) async fn tell(stack: &Stack, out: &mut Narrator<'_>) -> Result<(), DemoError> {
    out.heading("Organisations and people")?;
    let cast = Cast::introduce(stack, out).await?;
    let patient = cast.register(out).await?;

    out.heading("From the device to the ledger and back")?;
    let store = DeviceStore::measure()?;
    let measured = device::submit(&cast, &store, patient, out).await?;
    let records = device::read_back(&cast, &store, &measured, out).await?;

    out.heading("Care: shared, read, and withdrawn")?;
    care::tell(&cast, patient, &measured, out).await?;
    out.heading("Research: for its purpose, and not too fine")?;
    research::tell(&cast, patient, &measured, out).await?;
    out.heading("Somebody who acts for the patient")?;
    caregiver::tell(&cast, patient, &measured, out).await?;
    out.heading("Who looked, and who is refused")?;
    refusals::looked(&cast, &measured, out).await?;
    refusals::tell(&cast, patient, &measured, out).await?;
    out.table(&records)?;
    Ok(())
}
