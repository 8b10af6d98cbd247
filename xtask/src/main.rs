//! `cargo run -p xtask -- <command>`: what a developer of this repository runs.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::codegen;

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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Codegen { check } => run_codegen(check),
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

fn run_codegen(check: bool) -> Result<(), codegen::CodegenError> {
    let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fabric-protos");
    if check { codegen::check(&protos) } else { codegen::write(&protos) }
}
