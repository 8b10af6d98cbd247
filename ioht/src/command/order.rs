//! Commands to devices, as they are written on the command line.

use super::when::now_ms;
use super::{CommandError, Told};
use clap::Args;
use ioht::{Actor, secrets};
use ioht_contract::policies::ParameterRange;
use ioht_contract::{
    Actor as Whom, AllowedCommand, COMMAND_MS_MAX, CommandId, CommandName, CommandReference,
    CommandStatus, CommandView, IssueCommand, IssueCommandPrivate, Parameter, ParticipantId,
    SubjectId, UpdateCommand, UpdateCommandPrivate,
};
use serde_json::json;
use std::fmt;
use std::str::FromStr;

/// The longest that a command can wait, in seconds.
const SECONDS_MAX: i64 = COMMAND_MS_MAX / 1000;

/// Names a command to a device: the device, when the command expires, and its id, with dots between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle {
    device: ParticipantId,
    expires_at: i64,
    id: CommandId,
}

impl Handle {
    pub(super) fn of(device: ParticipantId, command: &CommandView) -> Self {
        Self { device, expires_at: command.place.expires_at, id: command.place.id }
    }

    pub(super) fn reference(self, sid: SubjectId) -> CommandReference {
        CommandReference { sid, device: self.device, expires_at: self.expires_at, id: self.id }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.device, self.expires_at, self.id)
    }
}

impl FromStr for Handle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('.').collect();
        let [device, expires_at, id] = parts.as_slice() else { return Err(not_a_handle()) };
        Ok(Self {
            device: device.parse().map_err(|_| not_a_handle())?,
            expires_at: expires_at.parse().map_err(|_| not_a_handle())?,
            id: id.parse().map_err(|_| not_a_handle())?,
        })
    }
}

fn not_a_handle() -> String {
    "give the command as it was printed: device, time and id, with dots between".to_owned()
}

/// What a device is to do.
#[derive(Args)]
pub(crate) struct Order {
    /// The device.
    device: ParticipantId,
    /// A command of the device's profile.
    command: CommandName,
    /// Its parameters, all of them, in the profile's order.
    #[arg(value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<Parameter>,
    /// How long it waits for the device.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=SECONDS_MAX))]
    seconds: i64,
}

impl Order {
    pub(super) async fn issue(
        self,
        actor: &Actor,
        sid: SubjectId,
        authorisation: Option<Whom>,
    ) -> Result<Told, CommandError> {
        let handle = Handle {
            device: self.device,
            expires_at: now_ms().saturating_add(self.seconds.saturating_mul(1000)),
            id: CommandId::new(secrets::random()?),
        };
        let private = IssueCommandPrivate {
            reference: handle.reference(sid),
            command: self.command,
            parameters: self.parameters,
            authorisation,
        };
        let done = actor.submit_private(&IssueCommand {}, &private).await?;
        let told = json!({"command": handle.to_string(), "transaction": done.transaction_id});
        Ok(Told::new(handle.to_string(), &told))
    }
}

/// Moves a command on.
pub(super) async fn update(
    actor: &Actor,
    sid: SubjectId,
    command: Handle,
    status: CommandStatus,
) -> Result<Told, CommandError> {
    let private = UpdateCommandPrivate { reference: command.reference(sid), status };
    let done = actor.submit_private(&UpdateCommand {}, &private).await?;
    Ok(super::committed(&super::output::word(&status), &done))
}

/// A parameter as `NAME=VALUE`.
fn parameter(text: &str) -> Result<Parameter, String> {
    let parsed = text
        .split_once('=')
        .and_then(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)));
    let (parameter, value) = parsed.ok_or_else(|| "write a parameter as NAME=NUMBER".to_owned())?;
    Ok(Parameter { parameter, value })
}

/// A command that somebody may give, as `NAME` or `NAME:PARAMETER=MIN..MAX,…`.
pub(super) fn allowed(text: &str) -> Result<AllowedCommand, String> {
    let (name, ranges) = text.split_once(':').unwrap_or((text, ""));
    let command = name.parse().map_err(|error: ioht_contract::IdError| error.to_string())?;
    let ranges = ranges.split(',').filter(|range| !range.is_empty());
    let parameters: Result<_, String> = ranges.map(range).collect();
    Ok(AllowedCommand { command, parameters: parameters? })
}

fn range(text: &str) -> Result<ParameterRange, String> {
    let parsed = text.split_once('=').and_then(|(name, range)| {
        let (min, max) = range.split_once("..")?;
        Some((name.parse().ok()?, min.parse().ok()?, max.parse().ok()?))
    });
    let (parameter, min, max) =
        parsed.ok_or_else(|| "write a range as PARAMETER=MIN..MAX".to_owned())?;
    Ok(ParameterRange { parameter, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_read_as_they_are_written() {
        let handle = Handle {
            device: ParticipantId::new([7; 16]),
            expires_at: 1_767_225_300_000,
            id: CommandId::new([0xab; 16]),
        };
        assert_eq!(handle.to_string().parse(), Ok(handle));
        for bad in ["", "1.2.3", "07.1767225300000.ab", &format!("{handle}.x")] {
            assert!(bad.parse::<Handle>().is_err(), "{bad}");
        }
    }

    #[test]
    fn parameters_and_ranges_are_whole_numbers() {
        assert_eq!(parameter("seconds=900").unwrap().value, 900);
        assert!(parameter("seconds").is_err() && parameter("seconds=soon").is_err());
        let both = allowed("set-alarm-limits:low=40..60,high=100..180").unwrap();
        assert_eq!(both.parameters.len(), 2);
        assert_eq!((both.parameters[1].min, both.parameters[1].max), (100, 180));
        assert!(allowed("identify").unwrap().parameters.is_empty());
        assert!(allowed("identify:seconds").is_err() && allowed("").is_err());
    }
}
