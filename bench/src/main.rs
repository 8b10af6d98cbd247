//! Measures creates through the whole path: client, gateway, endorsement by two organisations on the
//! Rust chaincode server, ordering, validation and a durable commit.
//!
//! Devnet and the chaincode server run as processes of their own, so that CPU time and memory can be
//! told apart. Build them first: `cargo build --release -p fabric-devnet -p ccaas-server -p bench`.

mod load;
mod network;
mod people;
mod process;

use clap::Parser;
use load::Figures;
use network::Network;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Measures creates and queries through the Gateway, with durable commits.
#[derive(Parser, Debug)]
struct Arguments {
    /// Transactions to submit.
    #[arg(long, default_value_t = 20_000)]
    creates: u32,
    /// Summaries a transaction carries.
    #[arg(long, default_value_t = 1)]
    batch: u32,
    /// Queries to evaluate afterwards.
    #[arg(long, default_value_t = 20_000)]
    queries: u32,
    /// Transactions in flight at a time.
    #[arg(long, default_value_t = 64)]
    in_flight: u32,
    /// Patients, each with one device, that share the work.
    #[arg(long, default_value_t = 8)]
    patients: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns how many transactions failed.
async fn run(arguments: Arguments) -> Result<u32, Box<dyn Error>> {
    let mut network = Network::start().await?;
    let patients = people::register(&network, arguments.patients).await?;
    let mut out = io::stdout();
    writeln!(out, "cores: {}", std::thread::available_parallelism()?)?;
    writeln!(
        out,
        "{:<10} {:>8} {:>7} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8}",
        "round", "done", "failed", "tx/s", "records/s", "mean ms", "p50 ms", "p99 ms", "max ms"
    )?;
    let before = network.usage()?;
    let created =
        load::create(&patients, arguments.creates, arguments.batch, arguments.in_flight).await;
    let after = network.usage()?;
    row(&mut out, "create", &created, arguments.batch)?;
    writeln!(out, "  {}", after.since(&before, created.done))?;
    let before = network.usage()?;
    let read = load::query(&patients, arguments.queries, arguments.in_flight).await;
    let after = network.usage()?;
    row(&mut out, "query", &read, 1)?;
    writeln!(out, "  {}", after.since(&before, read.done))?;
    network.stop().await?;
    Ok(created.failed + read.failed)
}

fn row(out: &mut impl Write, name: &str, figures: &Figures, batch: u32) -> io::Result<()> {
    let rate = f64::from(figures.done) / figures.elapsed.as_secs_f64();
    let ms = |latency: Duration| latency.as_secs_f64() * 1000.0;
    writeln!(
        out,
        "{name:<10} {:>8} {:>7} {rate:>9.0} {:>9.0} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
        figures.done,
        figures.failed,
        rate * f64::from(batch),
        ms(figures.mean()),
        ms(figures.percentile(50)),
        ms(figures.percentile(99)),
        ms(figures.percentile(100)),
    )?;
    if let Some(error) = &figures.first_error {
        writeln!(out, "  first failure: {error}")?;
    }
    Ok(())
}
