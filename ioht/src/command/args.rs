//! What several commands are given.

use super::when::{now_ms, time_ms};
use super::{CommandError, read_file};
use clap::Args;
use fabric_contract_rs::ClientIdentity;
use ioht::Actor;
use ioht_contract::{
    DocumentDigest, KeyHash, LoincCode, MspId, Participant, ParticipantId, Period,
    ReadVersionsPrivate,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};

const DAY_MS: i64 = 86_400_000;

/// Somebody whom the ledger is to know by its key.
#[derive(Args)]
pub(crate) struct NewKey {
    /// Its certificate, PEM. The private key stays with its owner.
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The organisation that issued it; your own, unless given.
    #[arg(long, value_name = "MSP")]
    msp: Option<MspId>,
}

impl NewKey {
    pub(super) fn bearer(&self, actor: &Actor) -> Result<Bearer, CommandError> {
        let own = actor.identity().msp_id.as_str();
        Bearer::of(self.msp.as_ref().map_or(own, MspId::as_str), &self.certificate)
    }
}

/// Who a certificate is for, and by which key.
pub(super) struct Bearer {
    pub(super) pid: ParticipantId,
    pub(super) key_hash: KeyHash,
    pub(super) enrolment_id: String,
}

impl Bearer {
    pub(super) fn of(msp: &str, certificate: &Path) -> Result<Self, CommandError> {
        let form =
            |error: String| CommandError::Form(format!("{}: {error}", certificate.display()));
        let pem = read_file(certificate)?;
        let client =
            ClientIdentity::from_pem(msp, pem.as_bytes()).map_err(|it| form(it.to_string()))?;
        let participant = Participant::of(&client).map_err(|it| form(it.to_string()))?;
        let enrolment_id = client.enrolment_id().map_err(|it| form(it.to_string()))?;
        Ok(Self {
            pid: participant.pid,
            key_hash: participant.key_hash,
            enrolment_id: enrolment_id.to_owned(),
        })
    }
}

/// One window of a record.
#[derive(Args)]
pub(crate) struct Window {
    /// What was measured.
    #[arg(long, value_name = "LOINC", default_value = "8867-4")]
    pub(super) code: LoincCode,
    /// The length of the window, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(super) grid: u32,
    /// The start of the window, such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub(super) start: i64,
}

/// One of a patient's own records.
#[derive(Args)]
pub(crate) struct RecordKey {
    #[command(flatten)]
    pub(super) window: Window,
    /// The device that measured.
    #[arg(long)]
    pub(super) device: ParticipantId,
}

impl RecordKey {
    pub(super) fn versions(&self) -> ReadVersionsPrivate {
        let Window { code, grid: grid_s, start } = self.window;
        ReadVersionsPrivate { code, grid_s, start, device: self.device }
    }
}

/// From now on, for how long.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Term {
    /// Until when, such as 2026-01-31T08:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
    /// For how many days.
    #[arg(long, value_name = "DAYS")]
    days: Option<u16>,
}

impl Term {
    pub(super) fn period(&self) -> Period {
        let start = now_ms();
        let days = i64::from(self.days.unwrap_or_default()).saturating_mul(DAY_MS);
        Period { start, end: Some(self.until.unwrap_or_else(|| start.saturating_add(days))) }
    }
}

/// A word as the ledger writes it, of a fixed list.
pub(super) fn coded<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(Value::String(text.to_owned())).map_err(|error| error.to_string())
}

/// SHA-256 of a document that stays here.
pub(super) fn digest(path: &Path) -> Result<DocumentDigest, CommandError> {
    let bytes = std::fs::read(path)
        .map_err(|source| CommandError::File { path: path.to_owned(), source })?;
    let hash = ring::digest::digest(&ring::digest::SHA256, &bytes);
    hex::encode(hash).parse().map_err(|_| CommandError::Form("no digest".to_owned()))
}

/// A value from a JSON file.
pub(super) fn from_json<T: DeserializeOwned>(path: &Path) -> Result<T, CommandError> {
    serde_json::from_str(&read_file(path)?)
        .map_err(|error| CommandError::Form(format!("{}: {error}", path.display())))
}
