mod block;
mod enroll;
mod env;
mod summary;
mod up;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Hyperledger Fabric in one process, for development, tests and demonstrations.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start a network and run it until it is interrupted.
    Up(up::Up),
    /// Enrol an identity with an organisation, whether its network runs or not.
    Enroll(enroll::Enroll),
    /// Print settings for Fabric's peer command, for `eval "$(…)"` in bash.
    Env(env::Env),
    /// Write a block of a stopped network to standard output, as the bytes of Fabric's `Block`.
    Block(block::Block),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Box<dyn Error>> {
        match self.action {
            Action::Up(up) => up.run(),
            Action::Enroll(enroll) => enroll.run(),
            Action::Env(env) => env.run(),
            Action::Block(block) => block.run(),
        }
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|err| format!("cannot read {}: {err}", path.display()))
}
