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
    /// Channel of the block [default: the first one].
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Number of the block, from 0.
    number: u64,
}

impl Block {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let block = Archive::open(&self.dir, self.channel.as_deref())?.block(self.number)?;
        let mut out = std::io::stdout().lock();
        out.write_all(&block)?;
        Ok(out.flush()?)
    }
}
