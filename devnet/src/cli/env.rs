use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use fabric_devnet::PeerEnvironment;

#[derive(Debug, Args)]
pub(super) struct Env {
    /// Directory of the network.
    #[arg(long)]
    dir: PathBuf,
    /// MSP id of the organisation.
    #[arg(long, value_name = "MSP_ID")]
    org: String,
    /// The user to act as.
    #[arg(long, default_value = "Admin")]
    user: String,
}

impl Env {
    pub(super) fn run(self) -> Result<(), Box<dyn Error>> {
        let environment = PeerEnvironment::load(&self.dir, &self.org, &self.user)?;
        let mut out = std::io::stdout().lock();
        write!(out, "{environment}")?;
        Ok(out.flush()?)
    }
}
