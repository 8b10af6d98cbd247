//! What a device makes of its raw data, without a network.

use super::args::Window;
use super::output::Told;
use super::when::{clock, time_ms};
use super::{CommandError, read_file};
use clap::{Args, Subcommand};
use ioht::secrets;
use ioht_edge::{
    CleanOptions, Columns, Field, GridOptions, RawSalt, RawWindow, Recording, RefusedWindow,
    TimeColumn, WindowRefusal, beats, clean, raw_digest, read_csv, summarise,
};
use serde_json::json;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Sums up recordings.
#[derive(Subcommand)]
pub(crate) enum RecordingCommand {
    /// Makes heart-rate summaries of a recorded pulse, for `ioht device submit`. The recording and the
    /// salt stay here.
    #[command(after_help = "Example: ioht recording summarise pulse.csv summaries.json \
                      --salt salt --time datetime --value hr")]
    Summarise {
        #[command(flatten)]
        recorded: Recorded,
        /// The file of summaries to write.
        #[arg(value_name = "SUMMARIES")]
        summaries: PathBuf,
        /// The length of the windows, in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        grid: u32,
    },
    /// Prints the digest of a window's raw data, for `ioht device verify` and `ioht patient verify`.
    #[command(after_help = "Example: ioht recording digest pulse.csv --salt salt --time ms:timer \
                      --value hr --began 2026-01-31T08:00:00Z --start 2026-01-31T08:05:00Z")]
    Digest {
        #[command(flatten)]
        recorded: Recorded,
        #[command(flatten)]
        window: Window,
    },
}

/// A recording, and how to read it.
#[derive(Args)]
pub(crate) struct Recorded {
    /// The recording: comma-separated rows.
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// The device's secret for digests; `summarise` makes it where there is none. Keep it: without it
    /// nobody can show what a summary was made from.
    #[arg(long, value_name = "FILE")]
    salt: PathBuf,
    /// When rows were measured: a column of dates and times, `ms:COLUMN` of milliseconds, or a rate
    /// such as `100Hz`.
    #[arg(long, value_name = "COLUMN", value_parser = time_column)]
    time: TimeColumn,
    /// The column of the pulse: its header, or its position from 0.
    #[arg(long, value_name = "COLUMN")]
    value: String,
    /// When the first row was measured, where the recording does not say.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    began: Option<i64>,
}

impl RecordingCommand {
    pub(crate) fn run(self) -> Result<Told, CommandError> {
        match self {
            Self::Summarise { recorded, summaries, grid } => recorded.summarise(&summaries, grid),
            Self::Digest { recorded, window } => recorded.digest(&window),
        }
    }
}

impl Recorded {
    fn read(&self) -> Result<Recording, CommandError> {
        let path = self.recording.as_path();
        let file = File::open(path)
            .map_err(|source| CommandError::File { path: path.to_owned(), source })?;
        let columns = Columns::new(self.time.clone(), field(&self.value));
        let recording = read_csv(BufReader::new(file), &columns);
        let placed = match self.began {
            Some(began) => recording.and_then(|it| it.starting_at(began)),
            None => recording,
        };
        placed.map_err(|error| about(path, error))
    }

    fn summarise(&self, file: &Path, grid_s: u32) -> Result<Told, CommandError> {
        let (signal, quality) = clean(self.read()?, &CleanOptions::default());
        let options = GridOptions { grid_s, ..GridOptions::new(kept_or_made(&self.salt)?) };
        let found = summarise(&signal, &beats(&signal), &options);
        let found = found.map_err(|error| CommandError::Form(error.to_string()))?;
        let written = serde_json::to_vec_pretty(&found.emitted).map_err(io::Error::from);
        written.and_then(|it| fs::write(file, it)).map_err(|error| about(file, error))?;
        let (rows, mended, count) = (quality.rows, quality.repeated_stamps, found.emitted.len());
        let refused: Vec<String> = found.refused.iter().map(refused).collect();
        let first = format!("{rows} samples, {mended} timestamps mended: {count} summaries");
        let text = [&[first], refused.as_slice()].concat().join("\n");
        Ok(Told::new(text, &json!({"samples": rows, "summaries": count, "refused": refused})))
    }

    fn digest(&self, window: &Window) -> Result<Told, CommandError> {
        let code = window.code.to_string();
        let rows = self.read()?.window(window.start, window.grid);
        let window = RawWindow { code: &code, grid_s: window.grid, start_ms: window.start };
        let digest = hex::encode(raw_digest(window, &kept(&self.salt)?.for_window(window), &rows));
        Ok(Told::new(digest.as_str(), &json!({"digest": digest, "samples": rows.len()})))
    }
}

/// `ms:COLUMN`, a rate such as `100Hz`, or a column of dates and times.
fn time_column(text: &str) -> Result<TimeColumn, String> {
    if let Some(hertz) = text.strip_suffix("Hz").and_then(|it| it.parse::<u32>().ok()) {
        let millihertz = hertz.checked_mul(1_000).ok_or("the rate is too high")?;
        return Ok(TimeColumn::FixedRate { millihertz });
    }
    Ok(match text.strip_prefix("ms:") {
        Some(column) => TimeColumn::Milliseconds(field(column)),
        None => TimeColumn::DateTime(field(text)),
    })
}

/// A position, or a header.
fn field(text: &str) -> Field {
    text.parse().map_or_else(|_| Field::name(text), Field::Index)
}

/// A window without a summary, and why.
fn refused(window: &RefusedWindow) -> String {
    let why = match window.reason {
        WindowRefusal::Open => "more may come".to_owned(),
        WindowRefusal::Partial => format!("only {} % of it is usable", window.covered_percent),
        WindowRefusal::TooFewBeats => format!("only {} beats are sure", window.count),
    };
    format!("{}  not summed up: {why}", clock(window.start_ms))
}

/// The device's secret.
fn kept(path: &Path) -> Result<RawSalt, CommandError> {
    let mut secret = [0; 32];
    hex::decode_to_slice(read_file(path)?.trim(), &mut secret)
        .map_err(|_| about(path, "a salt is 64 hexadecimal digits"))?;
    Ok(RawSalt::new(secret))
}

/// The device's secret; where there is none it is made, for its owner's eyes only.
fn kept_or_made(path: &Path) -> Result<RawSalt, CommandError> {
    let secret = hex::encode(secrets::random::<32>()?);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path).and_then(|mut file| file.write_all(secret.as_bytes())) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(about(path, error)),
        _ => kept(path),
    }
}

fn about(path: &Path, error: impl Display) -> CommandError {
    CommandError::Form(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_rows_are_read() {
        let check = |text, expected| assert_eq!(time_column(text), expected, "{text}");
        check("at", Ok(TimeColumn::DateTime(Field::name("at"))));
        check("0", Ok(TimeColumn::DateTime(Field::Index(0))));
        check("ms:timer", Ok(TimeColumn::Milliseconds(Field::name("timer"))));
        check("100Hz", Ok(TimeColumn::FixedRate { millihertz: 100_000 }));
        check("4294968Hz", Err("the rate is too high".to_owned()));
        check("Hz", Ok(TimeColumn::DateTime(Field::name("Hz"))));
    }

    #[test]
    fn a_salt_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("salt");
        assert!(matches!(kept(&path), Err(CommandError::File { .. })));
        let made = kept_or_made(&path).unwrap();
        assert_eq!(kept_or_made(&path).unwrap(), made);
        assert_eq!(kept(&path).unwrap(), made);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, "short").unwrap();
        assert!(kept(&path).unwrap_err().to_string().contains("64 hexadecimal digits"));
    }
}
