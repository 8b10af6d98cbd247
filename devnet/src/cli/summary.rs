use std::io::{self, Write as _};

use fabric_devnet::Devnet;

/// The line that says that clients may come.
const READY: &str = "devnet is ready";

/// Tells what a user needs to go on.
pub(super) fn print(devnet: &Devnet) -> io::Result<()> {
    let config = devnet.config();
    let mut out = io::stdout().lock();
    for channel in devnet.channels() {
        writeln!(out, "channel {}, {} blocks", channel.name(), channel.height())?;
    }
    writeln!(out)?;
    for (gateway, organization) in devnet.gateways().zip(&config.organizations) {
        let port = gateway.address.port();
        let folder = config.dir.join("organizations/peerOrganizations").join(&organization.domain);
        let folder = folder.display();
        writeln!(out, "{}", gateway.msp_id)?;
        writeln!(out, "  gateway     localhost:{port} (TLS, {})", gateway.host_name)?;
        writeln!(out, "  TLS root    {folder}/peers/{}/tls/ca.crt", gateway.host_name)?;
        writeln!(out, "  identities  {folder}/users/{{Admin,User1}}@{}", organization.domain)?;
    }
    let orderer = devnet.orderer();
    let port = orderer.address.port();
    writeln!(out, "orderer       localhost:{port} (TLS, {})", orderer.host_name)?;
    for chaincode in &config.chaincodes {
        writeln!(out)?;
        writeln!(out, "chaincode {} {}", chaincode.name, chaincode.version)?;
        let policy = chaincode.endorsement_policy.as_deref();
        writeln!(out, "  endorsed by {}", policy.unwrap_or("a majority of the organisations"))?;
        writeln!(out, "  start its server with")?;
        writeln!(out, "    CHAINCODE_SERVER_ADDRESS={}", chaincode.address)?;
        writeln!(out, "    CHAINCODE_ID={}", chaincode.package_id)?;
    }
    if config.chaincodes.is_empty() {
        writeln!(out)?;
        writeln!(out, "no chaincode: add one with --chaincode NAME=HOST:PORT")?;
    }
    writeln!(out)?;
    let (dir, first) = (config.dir.display(), config.organizations.first());
    if let Some(first) = first {
        writeln!(out, "for Fabric's peer command, in bash")?;
        writeln!(out, "  eval \"$(fabric-devnet env --dir {dir} --org {})\"", first.msp_id)?;
    }
    writeln!(out)?;
    writeln!(out, "{READY}")?;
    out.flush()
}
