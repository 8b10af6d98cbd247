//! Serves the health-IoT contract to Hyperledger Fabric peers.

mod contract;
mod options;

use ccaas_server::environment::SettingsError;
use ccaas_server::{ConfigError, ServeError, Server, log_place_of_panics};
use clap::Parser;
use options::Options;
use std::io::Write;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Nothing was served: the configuration has to be changed.
const EXIT_CONFIGURATION: u8 = 2;
/// The server ran and failed.
const EXIT_FAILURE: u8 = 1;

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Policies(#[from] contract::PoliciesError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen for signals: {0}")]
    Signals(#[from] std::io::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Settings(_) | Self::Policies(_) | Self::Config(_) => EXIT_CONFIGURATION,
            Self::Signals(_) | Self::Serve(_) => EXIT_FAILURE,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    log_place_of_panics();
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where not even standard error can be written to, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "ccaas-server: {failure}");
            failure.exit_code()
        }
    }
}

async fn serve(options: Options) -> Result<(), Failure> {
    let contract = contract::load(options.policies.as_deref())?;
    let config = options.config(|name| std::env::var(name).ok())?;
    let server = Server::bind(config).await?;
    let asked_to_stop = stop_signal()?;
    Ok(server.serve(contract, asked_to_stop).await?)
}

/// Resolves at SIGTERM or SIGINT.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
