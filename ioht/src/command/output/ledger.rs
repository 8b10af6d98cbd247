//! What the ledger says of people and devices.

use super::{Told, lines, list, word};
use crate::command::order::Handle;
use crate::command::when::clock;
use ioht_contract::{
    CommandView, DelegationView, Devices, JournalEntry, Myself, ParticipantId, Relations,
};

pub(in crate::command) fn myself(myself: &Myself) -> Told {
    let mut all = vec![format!("{} of {}", myself.pid, myself.msp)];
    if let Some(organization) = &myself.organization {
        let (kind, status) = (word(&organization.kind), word(&organization.status));
        all.push(format!("organisation: {kind}, {status}"));
    }
    if let Some(staff) = &myself.staff {
        let active = if staff.active { "active" } else { "cannot act now" };
        all.push(format!("staff of {}: {}, {active}", staff.unit, list(&staff.roles)));
    }
    if let Some(patient) = &myself.patient {
        let key = if patient.key_bound { "" } else { ", with another key than the registered one" };
        all.push(format!("patient: {}{key}", word(&patient.status)));
        if patient.pending_key.is_some() {
            all.push("a new key is asked for: `ioht patient refuse-key` refuses it".to_owned());
        }
    }
    for device in &myself.devices {
        all.push(format!("device {}: {}", device.device, word(&device.status)));
    }
    for delegation in &myself.delegations {
        let patient = delegation.sid.to_hex();
        let what = delegation.delegation.as_ref();
        let what = what.map_or_else(|| "named with another key".to_owned(), powers);
        all.push(format!("for {patient}: {what}"));
    }
    Told::new(lines(all), myself)
}

pub(in crate::command) fn relations(relations: &Relations) -> Told {
    let team = list(&relations.care_team);
    let team = if team.is_empty() { "nobody" } else { &team };
    let mut all = vec![format!("care team: {team}")];
    for delegation in &relations.delegations {
        all.push(format!("{}: {}", delegation.delegate, powers(delegation)));
    }
    Told::new(lines(all), relations)
}

fn powers(delegation: &DelegationView) -> String {
    let until =
        delegation.period.end.map_or_else(String::new, |end| format!(", until {}", clock(end)));
    let (kind, status) = (word(&delegation.kind), word(&delegation.status));
    format!("{kind}, {status}: {}{until}", list(&delegation.powers))
}

pub(in crate::command) fn journal(entries: &[JournalEntry]) -> Told {
    let told = entries.iter().map(|it| {
        let about = it.about.map_or_else(String::new, |about| format!(" about {about}"));
        let (at, name, by) = (clock(it.place.at), &it.name, it.by);
        format!("{at}  {name}{about} by {by} of {} as {}", it.msp, it.role)
    });
    let count = format!("{} entries", entries.len());
    Told::new(lines(told.chain([count])), &entries)
}

pub(in crate::command) fn devices(devices: &Devices) -> Told {
    let mut all = Vec::new();
    for it in &devices.devices {
        all.push(format!("{}  {}, {}", it.device, it.profile, word(&it.status)));
        if let Some(gateway) = &it.gateway {
            all.push(format!("    gateway {gateway}"));
        }
        if let Some(until) = it.offered_until {
            all.push(format!("    offered to another patient until {}", clock(until)));
        }
        for authorisation in &it.authorisations {
            let commands: Vec<&str> =
                authorisation.commands.iter().map(|it| it.command.as_str()).collect();
            let until = authorisation.period.end.map_or_else(String::new, clock);
            all.push(format!(
                "    {} may command {} until {until}, {} an hour",
                authorisation.grantee,
                commands.join(", "),
                authorisation.per_hour
            ));
        }
    }
    for it in &devices.claims {
        all.push(format!("{}  {}, to confirm until {}", it.device, it.profile, clock(it.until)));
    }
    all.push(format!("{} devices", devices.devices.len()));
    Told::new(lines(all), devices)
}

/// Commands, each with the name by which it is confirmed, accepted or cancelled.
pub(in crate::command) fn commands(device: ParticipantId, commands: &[CommandView]) -> Told {
    let mut told = Vec::new();
    let mut json = Vec::new();
    for command in commands {
        let handle = Handle::of(device, command).to_string();
        let parameters: Vec<String> =
            command.parameters.iter().map(|it| format!(" {}={}", it.parameter, it.value)).collect();
        told.push(format!(
            "{handle}\n    {}{} ({}): {}{}, by {}, expires {}",
            command.command,
            parameters.concat(),
            word(&command.class),
            word(&command.status),
            if command.ended { ", ended with the patient's time" } else { "" },
            command.by,
            clock(command.place.expires_at),
        ));
        json.push(serde_json::json!({"handle": handle, "command": command}));
    }
    told.push(format!("{} commands", commands.len()));
    Told::new(lines(told), &json)
}
