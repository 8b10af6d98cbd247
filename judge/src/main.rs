//! Serves the workload's chaincode, and runs the workload on real Fabric and on a devnet.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Args, Parser, Subcommand};
use fabric_devnet::ReadyMode;
use fabric_judge::devnet::Running;
use fabric_judge::drive::drive;
use fabric_judge::network::Network;
use fabric_judge::plan::Plan;
use fabric_judge::recording::{Kind, Record, write};
use fabric_judge::verdict::{FINDINGS_MAX, Verdict, differences, judge};
use fabric_judge::{JudgeError, chaincode, recorder};

/// How the program ends where nothing was judged because the orderer did not cut a batch as planned.
const CUT: u8 = 3;
/// Characters of a finding that are told.
const FINDING_CHARS_MAX: usize = 1500;

/// Lets real Fabric peers judge this project's rules by a random workload.
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
    /// Serves the workload's chaincode; without a command, too
    ///
    /// CHAINCODE_SERVER_ADDRESS and CHAINCODE_ID are taken from the environment.
    Serve,
    /// Runs the workload on a devnet, and on a real network if one is named; fails on any difference
    Run(Workload),
    /// Stands between peers and a chaincode's server and records their streams, until interrupted
    Record {
        /// Where the peers look for the chaincode
        #[arg(long, value_name = "HOST:PORT")]
        listen: String,

        /// Where it is
        #[arg(long, value_name = "HOST:PORT")]
        upstream: String,

        /// Folder for the recordings
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Workload {
    /// Transactions, all in all
    #[arg(long, default_value_t = 500)]
    transactions: usize,

    /// Transactions of a block; the real network's orderer has to be configured alike
    #[arg(long, default_value_t = 50)]
    batch: u32,

    /// Decides everything that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Folder of a real network's identities
    #[arg(long, value_name = "DIR", requires = "peers")]
    organizations: Option<PathBuf>,

    /// Addresses of the peers of Org1MSP and Org2MSP
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
    peers: Vec<String>,

    /// Keep the real network's blocks in a file
    #[arg(long, value_name = "FILE", requires = "organizations")]
    keep: Option<PathBuf>,

    /// Let the devnet's peers offer neither write batches nor multi-gets, like peers of 2.5; beside
    /// a real network they offer what its peers do
    #[arg(long, conflicts_with = "organizations")]
    plain: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Judge(#[from] JudgeError),
    #[error("{0} is not set")]
    Variable(&'static str),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("the two do not agree")]
    Differs,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.command {
        None | Some(Command::Serve) => serve().await,
        Some(Command::Run(workload)) => run(&workload).await,
        Some(Command::Record { listen, upstream, out }) => record(&listen, upstream, &out).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where not even standard error can be written to, the exit code has to do.
            let _ = writeln!(io::stderr(), "fabric-judge: {failure}");
            match failure {
                Failure::Judge(JudgeError::Cut { .. }) => ExitCode::from(CUT),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

async fn serve() -> Result<(), Failure> {
    let variable = |name| std::env::var(name).map_err(|_| Failure::Variable(name));
    let (listener, _) = chaincode::listen(&variable("CHAINCODE_SERVER_ADDRESS")?).await?;
    Ok(chaincode::serve(listener, variable("CHAINCODE_ID")?).await?)
}

async fn record(listen: &str, upstream: String, out: &Path) -> Result<(), Failure> {
    let (listener, _) = chaincode::listen(listen).await?;
    let end = async {
        // Without signals it runs until it is killed, and nothing is kept.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(recorder::record(listener, upstream, out, end).await?)
}

/// The certificate authorities and blocks of a network, as a recording.
fn keep(network: &Network, blocks: &[Bytes], file: &Path) -> Result<(), Failure> {
    let root = |(msp_id, pem): (&String, &String)| Record {
        kind: Kind::Root,
        bytes: format!("{msp_id}\n{pem}").into(),
    };
    let block = |bytes: &Bytes| Record { kind: Kind::Block, bytes: bytes.clone() };
    let records: Vec<Record> =
        network.roots.iter().map(root).chain(blocks.iter().map(block)).collect();
    Ok(std::fs::write(file, write(&records)?)?)
}

async fn run(workload: &Workload) -> Result<(), Failure> {
    let batch = usize::try_from(workload.batch).unwrap_or(usize::MAX);
    let plan = Plan::new(workload.seed, workload.transactions, batch);
    let mut verdicts = Vec::new();
    let mut plain = workload.plain;
    if let Some(organizations) = &workload.organizations {
        let network = Network::connect(organizations, &workload.peers).await?;
        let endorsed = drive(&network, &plan, workload.seed, progress("peers", &plan)).await?;
        let blocks = network.blocks().await?;
        if let Some(file) = &workload.keep {
            keep(&network, &blocks, file)?;
        }
        let verdict = judge(&plan, &endorsed, &blocks, network.membership()?)?;
        plain = !verdict.batched;
        verdicts.push(("real peers", verdict));
    }
    let folder = tempfile::tempdir()?;
    let ready = if plain { ReadyMode::Plain } else { ReadyMode::Batched };
    let devnet = Running::start(folder.path(), workload.batch, ready).await?;
    let endorsed = drive(&devnet.network, &plan, workload.seed, progress("devnet", &plan)).await?;
    let blocks = devnet.blocks()?;
    let verdict = judge(&plan, &endorsed, &blocks, devnet.network.membership()?)?;
    devnet.stop().await;
    verdicts.push(("devnet", verdict));
    report(&plan, &verdicts)
}

fn progress<'a>(name: &'a str, plan: &'a Plan) -> impl FnMut(usize) + 'a {
    move |batch| {
        if (batch + 1) % 20 == 0 {
            let _ = writeln!(io::stderr(), "{name}: batch {} of {}", batch + 1, plan.batches.len());
        }
    }
}

fn report(plan: &Plan, verdicts: &[(&str, Verdict)]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let mut agree = true;
    for (name, verdict) in verdicts {
        let transactions: usize = verdict.codes.values().sum();
        let blocks = verdict.blocks.len();
        writeln!(
            out,
            "\n{name}: {transactions} transactions in {blocks} blocks, {} endorsements",
            verdict.endorsements
        )?;
        for (code, count) in &verdict.codes {
            writeln!(out, "  {code:<30} {count:>6}")?;
        }
        for finding in verdict.findings.iter().take(FINDINGS_MAX) {
            let told: String = finding.chars().take(FINDING_CHARS_MAX).collect();
            writeln!(out, "  DIFFERS {told}")?;
        }
        agree &= verdict.findings.is_empty();
    }
    if let [(_, real), (_, devnet)] = verdicts {
        let differences = differences(plan, real, devnet);
        for found in differences.iter().take(FINDINGS_MAX) {
            let told: String = found.chars().take(FINDING_CHARS_MAX).collect();
            writeln!(out, "  DIFFERS {told}")?;
        }
        agree &= differences.is_empty();
        if differences.is_empty() {
            writeln!(
                out,
                "\nthe same on both: codes (any-byte changes aside), answers to the chaincode in {} \
                 proposals; {} of them ask at the end for all that was left",
                real.answers.len(),
                plan.inspection.len()
            )?;
        }
    }
    if !agree {
        return Err(Failure::Differs);
    }
    writeln!(out, "agree: endorsements byte for byte, validation codes, commit hashes")?;
    Ok(())
}
