//! Serves the conformance contract to Fabric peers, and runs the cases against a gateway.

use ccaas_server::Server;
use ccaas_server::environment::{Settings, SettingsError};
use clap::{Args, Parser, Subcommand};
use fabric_conformance::{GatewayBackend, WithholdingBackend};
use fabric_contract_rs::testing::conformance::{
    Backend, CASES, CaseError, ConformanceContract, OTHER_CHANNEL, Report, run_case,
};
use fabric_gateway_client::{
    ConnectError, ConnectOptions, Gateway, Identity, KeyError, SigningKey,
};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;

/// Runs the conformance suite of fabric-contract-rs on a Fabric network.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    #[command(subcommand)]
    command: Option<Command>,

    /// Taken and not used, so that this program can stand in for ccaas-server
    #[arg(long, hide = true)]
    policies: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the contract that the cases call; without a command, too
    ///
    /// Settings come from the environment, as ccaas-server takes them: CHAINCODE_SERVER_ADDRESS,
    /// CHAINCODE_ID and so on.
    Serve,
    /// Runs the cases; fails if one of them does, or is skipped that --skips does not name
    Run(Box<Target>),
}

/// Where the contract is installed.
#[derive(Debug, Args)]
struct Target {
    /// Address of the gateway peer, host:port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7051")]
    gateway: String,

    /// Root of the peer's TLS certificate, PEM
    #[arg(long, value_name = "FILE")]
    tls_root: PathBuf,

    /// The peer's name in its TLS certificate
    #[arg(long, value_name = "NAME", default_value = "peer0.org1.example.com")]
    server_name: String,

    /// The client's MSP folder: signcerts and keystore with a file each
    #[arg(long, value_name = "DIR")]
    msp_dir: PathBuf,

    /// Organisations whose peers endorse; the client's own comes first
    #[arg(long, value_name = "MSP", value_delimiter = ',', default_value = "Org1MSP,Org2MSP")]
    endorsing: Vec<String>,

    /// The channel
    #[arg(long, value_name = "NAME", default_value = "mychannel")]
    channel: String,

    /// The chaincode
    #[arg(long, value_name = "NAME", default_value = "conformance")]
    chaincode: String,

    /// There is the channel conformance-2 with the called chaincode, too
    #[arg(long)]
    other_channel: bool,

    /// Becomes part of every key: another one for each run on one ledger
    #[arg(long, value_name = "TEXT")]
    run_id: String,

    /// Cases that this network has no means for: any other one that is skipped is a failure, and
    /// one of these that runs is, too
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    skips: Vec<String>,

    /// Makes the peer of the last endorsing organisation miss private data: called with lose,
    /// settle or return, as withhold.sh is
    #[arg(long, value_name = "PROGRAM")]
    withhold: Option<PathBuf>,

    /// Runs this case only; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Config(#[from] ccaas_server::ConfigError),
    #[error(transparent)]
    Serve(#[from] ccaas_server::ServeError),
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{} holds no file", .0.display())]
    NoFile(PathBuf),
    #[error("name at least one organisation by --endorsing")]
    NoOrganisation,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("there is no case {0}")]
    NoCase(String),
    #[error("{0} of {1} cases did not end as they have to")]
    Cases(usize, usize),
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let outcome = match options.command {
        None | Some(Command::Serve) => serve().await,
        Some(Command::Run(target)) => run(*target).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where not even standard error can be written to, the exit code has to do.
            let _ = writeln!(io::stderr(), "fabric-conformance: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Failure> {
    let config = Settings::default().or_environment(|name| std::env::var(name).ok())?.config()?;
    let server = Server::bind(config).await?;
    // A signal ends the process: nothing that this contract does is worth draining for.
    Ok(server.serve(ConformanceContract, std::future::pending()).await?)
}

async fn run(target: Target) -> Result<(), Failure> {
    let unknown = |name: &&String| !CASES.contains(&name.as_str());
    if let Some(name) = target.cases.iter().chain(&target.skips).find(unknown) {
        return Err(Failure::NoCase(name.clone()));
    }
    let own = target.endorsing.first().ok_or(Failure::NoOrganisation)?;
    let last = target.endorsing.last().cloned().unwrap_or_default();
    let certificate_pem = read(&only_file(&target.msp_dir.join("signcerts"))?)?;
    let key = SigningKey::from_pkcs8_pem(&read(&only_file(&target.msp_dir.join("keystore"))?)?)?;
    let identity = Identity { msp_id: own.clone(), certificate_pem };
    let options = ConnectOptions::tls(&target.gateway, read(&target.tls_root)?)
        .server_name(&target.server_name);
    let gateway = Gateway::connect(&options, &identity, Arc::new(key)).await?;
    let network = gateway.network(&target.channel);
    let mut backend =
        GatewayBackend::new(&network, &target.chaincode, target.endorsing).of_independent_peers();
    if target.other_channel {
        backend = backend.other_channel(&gateway.network(OTHER_CHANNEL));
    }

    let report = match target.withhold {
        None => run_cases(&backend, &target.run_id, &target.cases).await?,
        Some(program) => {
            let backend = WithholdingBackend::new(backend, program, last);
            run_cases(&backend, &target.run_id, &target.cases).await?
        }
    };
    let skips: Vec<&str> = target.skips.iter().map(String::as_str).collect();
    let findings = report.findings(&skips);
    let mut out = io::stdout().lock();
    for found in &findings {
        writeln!(out, "FAIL  {found}")?;
    }
    writeln!(out, "{}", report.summary())?;
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::Cases(findings.len(), report.cases.len()))
}

/// Runs the cases that are named, or all of them, and tells how each ends.
async fn run_cases<B: Backend + Clone>(
    backend: &B,
    run_id: &str,
    named: &[String],
) -> Result<Report, Failure> {
    let mut report = Report::default();
    for &name in CASES.iter().filter(|name| named.is_empty() || named.iter().any(|it| it == *name))
    {
        let outcome = run_case(&mut backend.clone(), run_id, name).await;
        let told = match &outcome {
            Ok(()) => "ok",
            Err(CaseError::Skipped(_)) => "skip",
            Err(CaseError::Diverges(_)) => "FAIL",
        };
        writeln!(io::stdout(), "{told:<4}  {name}")?;
        report.cases.push((name, outcome));
    }
    Ok(report)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::File { path: path.to_owned(), error })
}

/// Whatever the file is called: tools that make identities disagree.
fn only_file(folder: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::File { path: folder.to_owned(), error };
    let mut entries = std::fs::read_dir(folder).map_err(failed)?;
    let first = entries.next().ok_or_else(|| Failure::NoFile(folder.to_owned()))?;
    Ok(first.map_err(failed)?.path())
}
