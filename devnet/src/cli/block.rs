use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use fabric_devnet::Archive;

#[derive(Debug, Args)]
pub(super) struct Block {
    /// Directory of the network, which must not be running.
    #[arg(long)]
    dir: PathBuf,
    /// Number of the block, from 0.
    number: u64,
}

impl Block {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let block = Archive::open(&self.dir)?.block(self.number)?;
        let mut out = std::io::stdout().lock();
        out.write_all(&block)?;
        Ok(out.flush()?)
    }
}
