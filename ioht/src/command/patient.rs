//! What a patient does.

use super::output::{Told, accounting, records};
use super::reader::code;
use super::when::{When, now_ms, time_ms};
use super::{CommandError, committed, own_sid, read_file};
use clap::{Args, Subcommand};
use fabric_contract_rs::ClientIdentity;
use ioht::{Actor, secrets};
use ioht_contract::{
    Actor as Whom, ChoosePreset, ChoosePresetPrivate, ConfirmRegistration,
    ConfirmRegistrationPrivate, DirectiveId, Draft, Effect, EndConsent, EndConsentPrivate, Ending,
    KeyHash, LoincCode, Matcher, Participant, Period, PresetId, ProfileId, PurposeCode, PutConsent,
    PutConsentPrivate, ReadOwnSummaries, ReadOwnSummariesPrivate, RegisterDevice,
    RegisterDevicePrivate, SetSharing, SetSharingPrivate, Sharing,
};
use std::path::PathBuf;

/// Decides about its own data.
#[derive(Subcommand)]
pub(crate) enum PatientCommand {
    /// Confirms the registration, with secrets of your own.
    Confirm,
    /// Shares data with somebody for a purpose.
    Share(Share),
    /// Makes one of the choices that the ledger offers, such as `care-team` or `research-no`.
    Choose {
        /// Its id.
        #[arg(value_parser = preset)]
        preset: PresetId,
    },
    /// Stops all sharing at once. What you decided stays, and holds again after `resume`.
    Pause {
        /// Says that emergencies are an exception.
        #[arg(long)]
        emergency_only: bool,
    },
    /// Shares again as you had decided.
    Resume,
    /// Withdraws consent: these directives, or all.
    Withdraw {
        /// Which; all, unless given.
        #[arg(value_parser = directive)]
        directives: Vec<DirectiveId>,
    },
    /// Tells who asked for your data and who looked at it, refusals included.
    WhoLooked(When),
    /// Shows your own records.
    Records {
        /// What was measured.
        #[arg(long, value_name = "LOINC", default_value = "8867-4", value_parser = code)]
        code: LoincCode,
        /// The length of the windows, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grid: u32,
        #[command(flatten)]
        when: When,
    },
    /// Registers a device by its certificate. The device confirms it itself.
    AddDevice {
        /// The device's certificate, PEM.
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// The organisation that issued it; your own, unless given.
        #[arg(long, value_name = "MSP")]
        msp: Option<String>,
        /// What kind of device it is.
        #[arg(long, default_value = "pulse-sensor", value_parser = profile)]
        profile: ProfileId,
    },
}

/// What is shared with whom.
#[derive(Args)]
pub(crate) struct Share {
    /// With whom: `care_team`, `pid:…`, `unit:ward@Org1MSP`, `org:Org1MSP`, `role:researcher`; may be
    /// given several times.
    #[arg(long = "with", value_name = "ACTOR", required = true, value_parser = whom)]
    whom: Vec<Whom>,
    /// What for, by its HL7 code; may be given several times.
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT", value_parser = purpose)]
    purpose: Vec<PurposeCode>,
    /// Only this kind of measurement; may be given several times.
    #[arg(long, value_name = "LOINC", value_parser = code)]
    code: Vec<LoincCode>,
    /// Only windows at least this long, in seconds.
    #[arg(long, value_name = "SECONDS")]
    min_grid: Option<u32>,
    /// Until when; until you withdraw it, unless given.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
    /// A name for it, to withdraw it by.
    #[arg(long, value_parser = directive)]
    id: Option<DirectiveId>,
}

impl Share {
    fn draft(self) -> Result<Draft, CommandError> {
        let id = match self.id {
            Some(id) => id,
            None => directive(&format!("share-{}", hex::encode(secrets::random::<4>()?)))
                .map_err(CommandError::Form)?,
        };
        let codes: std::collections::BTreeSet<_> = self.code.into_iter().collect();
        Ok(Draft {
            id,
            decision: Effect::Permit,
            period: self.until.map(|end| Period { start: now_ms(), end: Some(end) }),
            context: Matcher {
                actors: Some(self.whom.into_iter().collect()),
                purposes: Some(self.purpose.into_iter().collect()),
                codes: (!codes.is_empty()).then_some(codes),
                min_grid_s: self.min_grid,
                ..Matcher::default()
            },
            provision: Vec::new(),
            obligations: Default::default(),
            terms: None,
            btg: Default::default(),
            text: None,
            source: None,
        })
    }
}

impl PatientCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Confirm => {
                let (rk, secret) = (secrets::records_key()?, secrets::secret()?);
                let private = ConfirmRegistrationPrivate { sid: own_sid(actor).await?, rk, secret };
                let done = actor.submit_private(&ConfirmRegistration {}, &private).await?;
                Ok(committed("confirmed", &done))
            }
            Self::Share(share) => put(actor, share.draft()?).await,
            Self::Choose { preset } => {
                let sid = own_sid(actor).await?;
                let (project, terms) = (None, None);
                let private =
                    ChoosePresetPrivate { sid, preset, project, terms, until: None, text: None };
                let done = actor.submit_private(&ChoosePreset {}, &private).await?;
                Ok(committed("chosen", &done))
            }
            Self::Pause { emergency_only: true } => sharing(actor, Sharing::EmergencyOnly).await,
            Self::Pause { emergency_only: false } => sharing(actor, Sharing::Paused).await,
            Self::Resume => sharing(actor, Sharing::On).await,
            Self::Withdraw { directives } => {
                let sid = own_sid(actor).await?;
                let directives = (!directives.is_empty()).then(|| directives.into_iter().collect());
                let private = EndConsentPrivate { sid, directives, ending: Ending::Withdrawn };
                let done = actor.submit_private(&EndConsent {}, &private).await?;
                Ok(committed("withdrawn", &done))
            }
            Self::WhoLooked(when) => {
                let (from, until) = when.range();
                Ok(accounting(&actor.who_looked(None, from, until).await?))
            }
            Self::Records { code, grid, when } => own_records(actor, code, grid, &when).await,
            Self::AddDevice { certificate, msp, profile } => {
                let msp = msp.unwrap_or_else(|| actor.identity().msp_id.clone());
                let pem = read_file(&certificate)?;
                let device = device(&msp, &pem)?;
                add(actor, device, profile).await
            }
        }
    }
}

async fn put(actor: &Actor, draft: Draft) -> Result<Told, CommandError> {
    let patient = actor.who_am_i().await?.patient;
    let known = patient.and_then(|it| Some((it.sid?, it.rk?)));
    let (sid, rk) = known.ok_or_else(|| {
        CommandError::Form("the ledger knows you as no confirmed patient".to_owned())
    })?;
    let what = format!("shared under `{}`", draft.id);
    let private = PutConsentPrivate { sid, rk, expected_version: 0, draft };
    let done = actor.submit_private(&PutConsent {}, &private).await?;
    Ok(committed(&what, &done))
}

async fn sharing(actor: &Actor, sharing: Sharing) -> Result<Told, CommandError> {
    let private = SetSharingPrivate { sid: own_sid(actor).await?, sharing };
    let done = actor.submit_private(&SetSharing {}, &private).await?;
    Ok(committed("done", &done))
}

async fn own_records(
    actor: &Actor,
    code: LoincCode,
    grid_s: u32,
    when: &When,
) -> Result<Told, CommandError> {
    let (from, until) = when.range();
    let mut asked =
        ReadOwnSummariesPrivate { code, grid_s, from, until, limit: None, bookmark: None };
    let mut found = Vec::new();
    loop {
        let page = actor.evaluate_private(&ReadOwnSummaries {}, &asked).await?;
        found.extend(page.records);
        asked.bookmark = page.bookmark;
        if asked.bookmark.is_none() {
            return Ok(Told::new(records(&found), &found));
        }
    }
}

fn device(msp: &str, pem: &str) -> Result<(Participant, KeyHash), CommandError> {
    let form = |error: String| CommandError::Form(error);
    let client =
        ClientIdentity::from_pem(msp, pem.as_bytes()).map_err(|it| form(it.to_string()))?;
    let participant = Participant::of(&client).map_err(|it| form(it.to_string()))?;
    Ok((participant, KeyHash::new(client.public_key_hash())))
}

async fn add(
    actor: &Actor,
    (device, key_hash): (Participant, KeyHash),
    profile: ProfileId,
) -> Result<Told, CommandError> {
    let private = RegisterDevicePrivate {
        sid: own_sid(actor).await?,
        device: device.pid,
        key_hash,
        profile,
        gateway: None,
        active_from: None,
    };
    let done = actor.submit_private(&RegisterDevice {}, &private).await?;
    Ok(committed("registered; the device confirms it with `ioht device confirm`", &done))
}

fn whom(text: &str) -> Result<Whom, String> {
    text.parse().map_err(|error: ioht_contract::ActorError| error.to_string())
}

fn purpose(text: &str) -> Result<PurposeCode, String> {
    text.parse().map_err(|_| "give an HL7 purpose of use, such as TREAT".to_owned())
}

fn directive(text: &str) -> Result<DirectiveId, String> {
    text.parse().map_err(|error: ioht_contract::IdError| error.to_string())
}

fn preset(text: &str) -> Result<PresetId, String> {
    text.parse().map_err(|error: ioht_contract::IdError| error.to_string())
}

fn profile(text: &str) -> Result<ProfileId, String> {
    text.parse().map_err(|error: ioht_contract::IdError| error.to_string())
}
