//! A patient's own records.

use super::args::{RecordKey, coded, from_json};
use super::output::{Told, records};
use super::when::When;
use super::{CommandError, committed};
use clap::Subcommand;
use ioht::Actor;
use ioht_contract::{
    CorrectSummary, CorrectSummaryPrivate, CorrectionReason, LoincCode, ParticipantId, RawDigest,
    ReadVersions, RecordStatus, RecordsKey, SubjectId, Summary, VerifyRaw, VerifyRawPrivate,
};
use std::path::PathBuf;

/// Reads and corrects.
#[derive(Subcommand)]
pub(crate) enum RecordsCommand {
    /// Shows your own records.
    #[command(after_help = "Example: ioht patient records --code 8867-4 --grid 300 --days 7")]
    Records {
        /// What was measured.
        #[arg(long, value_name = "LOINC", default_value = "8867-4")]
        code: LoincCode,
        /// The length of the windows, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grid: u32,
        #[command(flatten)]
        when: When,
    },
    /// Shows every version of a record, the newest first.
    #[command(after_help = "Example: ioht patient versions --start 2026-01-31T08:00:00Z \
                      --device 00112233445566778899aabbccddeeff")]
    Versions(RecordKey),
    /// Tells whether raw data is what a record was made from, by its digest.
    #[command(after_help = "Example: ioht patient verify --start 2026-01-31T08:00:00Z \
                      --device 00112233445566778899aabbccddeeff \
                      9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    Verify {
        #[command(flatten)]
        record: RecordKey,
        /// SHA-256 of the raw data and its salt, computed anew on the device.
        digest: RawDigest,
    },
    /// Corrects a record: its new content is in a file; the old one is kept.
    #[command(
        after_help = "Example: ioht patient correct window.json --version 1 --reason labelling \
                      --device 00112233445566778899aabbccddeeff"
    )]
    Correct {
        /// The record as JSON, with the status `final`, `amended` or `corrected`.
        file: PathBuf,
        /// The device that measured.
        #[arg(long)]
        device: ParticipantId,
        #[command(flatten)]
        correction: Correction,
    },
    /// Says that a record never was yours, or never was measured.
    #[command(after_help = "Example: ioht patient entered-in-error --start 2026-01-31T08:00:00Z \
                      --device 00112233445566778899aabbccddeeff --reason wrong-patient")]
    EnteredInError {
        #[command(flatten)]
        record: RecordKey,
        /// Why: sensor-fault, clock-error, wrong-patient, …
        #[arg(long, value_parser = coded::<CorrectionReason>)]
        reason: CorrectionReason,
    },
}

/// Which version is corrected, and why.
#[derive(clap::Args)]
pub(crate) struct Correction {
    /// The version that the new content was made from.
    #[arg(long)]
    pub(super) version: u32,
    /// Why: late-data, sensor-fault, clock-error, calculation-error, wrong-patient or labelling.
    #[arg(long, value_parser = coded::<CorrectionReason>)]
    pub(super) reason: CorrectionReason,
}

impl RecordsCommand {
    pub(super) async fn run(self, actor: &Actor) -> Result<Told, CommandError> {
        match self {
            Self::Records { code, grid, when } => {
                let (from, until) = when.range();
                let found = actor.own_records(code, grid, from, until).await?;
                Ok(Told::new(records(&found), &found))
            }
            Self::Versions(record) => {
                let found = actor.evaluate_private(&ReadVersions {}, &record.versions()).await?;
                Ok(Told::new(records(&found.versions), &found.versions))
            }
            Self::Verify { record, digest } => verify(actor, &record, digest).await,
            Self::Correct { file, device, correction } => {
                let Correction { version, reason } = correction;
                submit(actor, device, version, reason, from_json(&file)?).await
            }
            Self::EnteredInError { record, reason } => {
                let found = actor.evaluate_private(&ReadVersions {}, &record.versions()).await?;
                let newest = found.versions.into_iter().next();
                let newest = newest
                    .ok_or_else(|| CommandError::Form("there is no such record".to_owned()))?;
                let summary = Summary { status: RecordStatus::EnteredInError, ..newest.summary };
                submit(actor, record.device, newest.version, reason, summary).await
            }
        }
    }
}

pub(super) async fn verify(
    actor: &Actor,
    record: &RecordKey,
    digest: RawDigest,
) -> Result<Told, CommandError> {
    let asked = record.versions();
    let private = VerifyRawPrivate {
        code: asked.code,
        grid_s: asked.grid_s,
        start: asked.start,
        device: asked.device,
        digest,
    };
    let verdict = actor.evaluate_private(&VerifyRaw {}, &private).await?;
    let text = if verdict.matches { "it is the record's" } else { "it is not the record's" };
    Ok(Told::new(text, &verdict))
}

async fn submit(
    actor: &Actor,
    device: ParticipantId,
    version: u32,
    reason: CorrectionReason,
    record: Summary,
) -> Result<Told, CommandError> {
    let (sid, rk) = own_keys(actor).await?;
    let private = CorrectSummaryPrivate { sid, rk, device: Some(device), version, reason, record };
    let done = actor.submit_private(&CorrectSummary {}, &private).await?;
    Ok(committed("corrected", &done))
}

async fn own_keys(actor: &Actor) -> Result<(SubjectId, RecordsKey), CommandError> {
    let patient = actor.who_am_i().await?.patient;
    patient.and_then(|it| Some((it.sid?, it.rk?))).ok_or_else(|| {
        CommandError::Form("the ledger knows you as no confirmed patient".to_owned())
    })
}
