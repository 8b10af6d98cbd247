//! A patient's devices, and who commands them.

use super::args::{Bearer, NewKey, Term};
use super::order::{Handle, Order, allowed, update};
use super::output::{Told, commands, devices};
use super::side::Side;
use super::when::{now_ms, time_ms};
use super::{CommandError, committed};
use clap::{Args, Subcommand};
use ioht_contract::client::StatusPrivate;
use ioht_contract::{
    AcceptDevice, AcceptDevicePrivate, Actor as Whom, AllowedCommand, Authorisation,
    COMMAND_MS_MAX, Collection, CommandStatus, ControlChange, DeviceStatus, DeviceStatusPrivate,
    Gateway, ListDevices, OfPatientPrivate, OfferDevice, OfferDevicePrivate, ParticipantId,
    ProfileId, PutControl, PutControlPrivate, PutGateway, PutGatewayPrivate, RegisterDevice,
    RegisterDevicePrivate, SetCollection, SetCollectionPrivate, SetStatus, SubjectId,
};

/// The patient's devices.
#[derive(Subcommand)]
pub(crate) enum OwnDeviceCommand {
    /// Shows the devices, and who may command them.
    #[command(after_help = "Example: ioht patient device list")]
    List,
    /// Registers a device by its certificate. The device confirms it with `ioht device confirm`.
    #[command(
        after_help = "Example: ioht patient device add --certificate watch.pem --kind pulse-watch"
    )]
    Add(NewDevice),
    /// Stops a device, or all, from submitting for now.
    #[command(after_help = "Example: ioht patient device pause")]
    Pause {
        /// Which; all of them, also those to come, unless given.
        device: Option<ParticipantId>,
    },
    /// Lets it, or all, submit again.
    #[command(after_help = "Example: ioht patient device resume")]
    Resume {
        /// Which; all of them, unless given.
        device: Option<ParticipantId>,
    },
    /// Ends a device's registration for good.
    #[command(after_help = "Example: ioht patient device revoke 00112233445566778899aabbccddeeff")]
    Revoke {
        /// Which.
        device: ParticipantId,
    },
    /// Names the gateway that submits for a device.
    #[command(
        after_help = "Example: ioht patient device gateway 00112233445566778899aabbccddeeff \
                      --certificate phone.pem"
    )]
    Gateway {
        /// The device.
        device: ParticipantId,
        #[command(flatten)]
        key: NewKey,
    },
    /// Takes a device's gateway away.
    #[command(
        after_help = "Example: ioht patient device no-gateway 00112233445566778899aabbccddeeff"
    )]
    NoGateway {
        /// The device.
        device: ParticipantId,
    },
    /// Offers a device to another patient for seven days, or takes the offer back.
    #[command(
        after_help = "Example: ioht patient device transfer 00112233445566778899aabbccddeeff \
                      --to 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60"
    )]
    Transfer {
        /// The device.
        device: ParticipantId,
        #[command(flatten)]
        offer: OfferArgs,
    },
    /// Takes over a device that another patient offers.
    #[command(after_help = "Example: ioht patient device take 00112233445566778899aabbccddeeff \
                      --from 9c1f07d2a45e4b6f8d3a1b2c3d4e5f60")]
    Take {
        /// The device.
        device: ParticipantId,
        /// The other patient's subject id.
        #[arg(long, value_name = "SUBJECT")]
        from: SubjectId,
    },
    /// Lets somebody command a device, in the place of what it could before.
    #[command(
        after_help = "Example: ioht patient device authorize 00112233445566778899aabbccddeeff \
                      --to unit:ward@Org1MSP --command set-reporting-interval:seconds=600..3600 \
                      --days 90"
    )]
    Authorize(Grant),
    /// Ends what somebody could command.
    #[command(
        after_help = "Example: ioht patient device unauthorize 00112233445566778899aabbccddeeff \
                      --to unit:ward@Org1MSP"
    )]
    Unauthorize {
        /// The device.
        device: ParticipantId,
        /// Who, as it was authorized.
        #[arg(long = "to", value_name = "ACTOR")]
        grantee: Whom,
    },
    /// Commands to a device: give, list, confirm, cancel.
    #[command(subcommand)]
    Command(OwnCommand),
}

/// To whom a device is offered.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct OfferArgs {
    /// The other patient's subject id.
    #[arg(long, value_name = "SUBJECT")]
    to: Option<SubjectId>,
    /// To nobody any more.
    #[arg(long)]
    take_back: bool,
}

/// A device that is to be the patient's.
#[derive(Args)]
pub(crate) struct NewDevice {
    #[command(flatten)]
    key: NewKey,
    /// What kind of device it is: a profile of `profiles.json`.
    #[arg(long, value_name = "PROFILE", default_value = "pulse-sensor")]
    kind: ProfileId,
    /// Since when what it measures is the patient's; from now on, unless given.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    since: Option<i64>,
}

/// Who may command a device, and what.
#[derive(Args)]
pub(crate) struct Grant {
    /// The device.
    device: ParticipantId,
    /// Whom: `pid:…` or `unit:ward@Org1MSP`.
    #[arg(long = "to", value_name = "ACTOR")]
    grantee: Whom,
    /// A command of the device's profile, perhaps with narrower ranges; may be given several times.
    #[arg(long = "command", value_name = "NAME[:PARAMETER=MIN..MAX,…]", required = true)]
    #[arg(value_parser = allowed)]
    commands: Vec<AllowedCommand>,
    /// The most commands an hour.
    #[arg(long, default_value_t = 4)]
    per_hour: u16,
    #[command(flatten)]
    term: Term,
}

/// Commands to the patient's devices.
#[derive(Subcommand)]
pub(crate) enum OwnCommand {
    /// Commands a device, and prints what the command is called.
    #[command(after_help = "Example: ioht patient device command issue \
                      00112233445566778899aabbccddeeff set-reporting-interval seconds=900")]
    Issue(Order),
    /// Shows the commands to a device.
    #[command(
        after_help = "Example: ioht patient device command list 00112233445566778899aabbccddeeff"
    )]
    List {
        /// The device.
        device: ParticipantId,
        /// Also those that expired in the last days.
        #[arg(long, default_value_t = 0)]
        days: u16,
    },
    /// Confirms a therapeutic command, so that the device can accept it.
    #[command(after_help = "Example: ioht patient device command confirm \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff")]
    Confirm {
        /// The command, as it was printed.
        command: Handle,
    },
    /// Takes a command back that no device has accepted.
    #[command(after_help = "Example: ioht patient device command cancel \
                      00112233445566778899aabbccddeeff.1767225300000.00112233445566778899aabbccddeeff")]
    Cancel {
        /// The command, as it was printed.
        command: Handle,
    },
}

impl OwnDeviceCommand {
    pub(super) async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let actor = side.actor;
        let done = match self {
            Self::List => {
                let private = OfPatientPrivate { sid: side.patient };
                return Ok(devices(&actor.evaluate_private(&ListDevices {}, &private).await?));
            }
            Self::Add(device) => return device.register(side).await,
            Self::Pause { device: Some(device) } => {
                return set_status(side, device, DeviceStatus::Suspended).await;
            }
            Self::Resume { device: Some(device) } => {
                return set_status(side, device, DeviceStatus::Active).await;
            }
            Self::Revoke { device } => {
                return set_status(side, device, DeviceStatus::Revoked).await;
            }
            Self::Pause { device: None } => return collect(side, Collection::Paused).await,
            Self::Resume { device: None } => return collect(side, Collection::On).await,
            Self::Gateway { device, key } => {
                let Bearer { pid, key_hash, .. } = key.bearer(actor)?;
                return put_gateway(side, device, Some(Gateway { pid, key_hash })).await;
            }
            Self::NoGateway { device } => return put_gateway(side, device, None).await,
            Self::Transfer { device, offer } => {
                let private = OfferDevicePrivate { sid: side.sid().await?, device, to: offer.to };
                actor.submit_private(&OfferDevice {}, &private).await?
            }
            Self::Take { device, from } => {
                let private = AcceptDevicePrivate { sid: side.sid().await?, from, device };
                actor.submit_private(&AcceptDevice {}, &private).await?
            }
            Self::Authorize(grant) => return grant.submit(side).await,
            Self::Unauthorize { device, grantee } => {
                return control(side, device, ControlChange::End(grantee)).await;
            }
            Self::Command(command) => return command.run(side).await,
        };
        Ok(committed("done", &done))
    }
}

impl NewDevice {
    async fn register(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let bearer = self.key.bearer(side.actor)?;
        let private = RegisterDevicePrivate {
            sid: side.sid().await?,
            device: bearer.pid,
            key_hash: bearer.key_hash,
            profile: self.kind,
            gateway: None,
            active_from: self.since,
        };
        side.actor.submit_private(&RegisterDevice {}, &private).await?;
        Ok(Told::new(bearer.pid.to_string(), &serde_json::json!({"device": bearer.pid})))
    }
}

impl Grant {
    async fn submit(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let Self { device, grantee, commands, per_hour, term } = self;
        let allowed = Authorisation { grantee, commands, period: term.period(), per_hour };
        control(side, device, ControlChange::Allow(allowed)).await
    }
}

async fn put_gateway(
    side: &Side<'_>,
    device: ParticipantId,
    gateway: Option<Gateway>,
) -> Result<Told, CommandError> {
    let private = PutGatewayPrivate { sid: side.sid().await?, device, gateway };
    Ok(committed("done", &side.actor.submit_private(&PutGateway {}, &private).await?))
}

async fn control(
    side: &Side<'_>,
    device: ParticipantId,
    change: ControlChange,
) -> Result<Told, CommandError> {
    let private = PutControlPrivate { sid: side.sid().await?, device, change };
    Ok(committed("done", &side.actor.submit_private(&PutControl {}, &private).await?))
}

async fn set_status(
    side: &Side<'_>,
    device: ParticipantId,
    status: DeviceStatus,
) -> Result<Told, CommandError> {
    let sid = Some(side.sid().await?);
    let private = StatusPrivate::Device(DeviceStatusPrivate { sid, device, status });
    Ok(committed("done", &side.actor.submit_private(&SetStatus::Device {}, &private).await?))
}

async fn collect(side: &Side<'_>, collection: Collection) -> Result<Told, CommandError> {
    let private = SetCollectionPrivate { sid: side.sid().await?, collection };
    Ok(committed("done", &side.actor.submit_private(&SetCollection {}, &private).await?))
}

impl OwnCommand {
    async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let sid = side.sid().await?;
        match self {
            Self::Issue(order) => order.issue(side.actor, sid, None).await,
            Self::List { device, days } => {
                let (from, until) = expiring(days);
                let found = side.actor.commands(sid, device, from, until).await?;
                Ok(commands(device, &found))
            }
            Self::Confirm { command } => {
                update(side.actor, sid, command, CommandStatus::Confirmed).await
            }
            Self::Cancel { command } => {
                update(side.actor, sid, command, CommandStatus::Cancelled).await
            }
        }
    }
}

/// When commands expire that are open, or that expired in the last days.
pub(super) fn expiring(days: u16) -> (i64, i64) {
    let now = now_ms();
    let back = i64::from(days).saturating_mul(COMMAND_MS_MAX);
    // An open command expires at most a day after it was given; clocks differ a little.
    (now.saturating_sub(back).max(1), now.saturating_add(2 * COMMAND_MS_MAX))
}
