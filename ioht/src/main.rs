//! The `ioht` command.

mod command;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod platform_errors;

use clap::{Parser, Subcommand};
use command::{CommandError, Common, RecordingCommand, RoleCommand, Told, warning};
use ioht::ClientError;
use ioht_contract::Finding;
use serde_json::json;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Patients, devices and providers on a health-IoT ledger.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play the whole path on an embedded Fabric: from a patient's device to the ledger and back.
    ///
    /// Real pulse recordings become heart-rate summaries, which travel through Fabric's Gateway API
    /// and are endorsed, ordered and committed. The patient reads them back and shares them with a
    /// clinician, for research, and through a caregiver; everyone else is refused. Nothing but this
    /// program is needed.
    #[command(after_help = "Example: ioht demo")]
    Demo {
        /// Where the ledger and the identities are kept; a new folder by default.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
    /// On a device: sum up its raw data, which stays there. No network is needed.
    #[command(subcommand)]
    Recording(RecordingCommand),
    #[command(flatten)]
    Role(RoleCommand),
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let Arguments { common, command } = Arguments::parse();
    let outcome: Result<(), Box<dyn Error>> = match command {
        Command::Demo { .. } if common.json => {
            let text = "the demonstration is told as text: leave --json out".to_owned();
            Err(CommandError::Form(text).into())
        }
        Command::Demo { dir } => {
            let told = ioht::demo::run(dir.unwrap_or_else(new_folder), &mut io::stdout()).await;
            told.map_err(Into::into)
        }
        Command::Recording(recording) => tell(recording.run(), common.json),
        Command::Role(role) => tell(role.run(&common).await, common.json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = error.as_ref();
            let told = if common.json {
                let mut told = json!({"code": code(error), "message": chain(error)});
                let refused = error.downcast_ref::<CommandError>();
                let retry = refused.and_then(CommandError::retry).map(|it| json!(it));
                let findings = refused.and_then(CommandError::findings).map(|it| json!(it));
                for (name, value) in [("retry", retry), ("findings", findings)] {
                    if let (Some(value), Some(fields)) = (value, told.as_object_mut()) {
                        fields.insert(name.to_owned(), value);
                    }
                }
                format!("{:#}", json!({ "error": told }))
            } else {
                format!("ioht: {}", chain(error))
            };
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "{told}");
            ExitCode::FAILURE
        }
    }
}

fn tell(told: Result<Told, CommandError>, json: bool) -> Result<(), Box<dyn Error>> {
    let told = told?;
    if !json {
        warn(told.warnings());
    }
    Ok(print(&told.shown(json))?)
}

/// Tells beside the answer what to know about it.
fn warn(warnings: &[Finding]) {
    for it in warnings {
        // Nothing is left to do when standard error is closed.
        let _ = writeln!(io::stderr(), "ioht: warning: {}", warning(it));
    }
}

/// Prints what was done. Whoever has read enough of it, as `head` has, does not make it undone.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().write_all(format!("{text}\n").as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

fn new_folder() -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    std::env::temp_dir().join(format!("ioht-demo-{now}"))
}

/// The contract's stable code, where it was the contract that refused, or would have.
fn code(mut error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(code) = error.downcast_ref().and_then(CommandError::code) {
        return Some(code.to_owned());
    }
    loop {
        if let Some(code) = error.downcast_ref::<ClientError>().and_then(ClientError::code) {
            return Some(code);
        }
        error = error.source()?;
    }
}

/// An error and its causes in one line. What the contract says needs no account of how it came here.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<ClientError>().is_some_and(|it| it.contract_error().is_some()) {
            break;
        }
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
