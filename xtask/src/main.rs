//! `cargo run -p xtask -- <command>`: what a developer of this repository runs.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{codegen, tidy};

#[derive(Parser)]
#[command(about = "Repository checks and code generation")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate the Rust code of fabric-protos from its .proto files.
    Codegen {
        /// Write nothing; fail when the committed code is not what would be generated.
        #[arg(long)]
        check: bool,
    },
    /// Check the rules that no compiler holds: dependency arrows, lengths, stale generated code.
    Tidy,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Codegen { check } => run_codegen(check).map_err(|error| error.to_string()),
        Command::Tidy => run_tidy(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when standard error is closed.
            let _ = writeln!(io::stderr(), "xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn run_codegen(check: bool) -> Result<(), codegen::CodegenError> {
    let protos = root().join("fabric-protos");
    if check { codegen::check(&protos) } else { codegen::write(&protos) }
}

fn run_tidy() -> Result<(), String> {
    let findings = tidy::check(root()).map_err(|error| error.to_string())?;
    run_codegen(true).map_err(|error| error.to_string())?;
    if findings.is_empty() { Ok(()) } else { Err(findings.join("\n")) }
}
