//! Follows a channel and prints what it sees. After a restart it goes on where it was; killed in the middle of a block, it
//! prints that block's transactions again.
//!
//! ```text
//! cargo run -p fabric-gateway-client --example follow -- events|blocks|filtered|private CHECKPOINT-FILE
//! ```
//!
//! Settings, by environment, are those of Fabric's samples: `PEER_ENDPOINT`, `PEER_HOST_ALIAS`, `TLS_CERT_PATH`, `MSP_ID`,
//! `CERT_PATH`, `KEY_PATH` (a file each), `CHANNEL_NAME` (mychannel), `CHAINCODE_NAME` (basic; for events).

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use fabric_gateway_client::{
    BlockEventsRequest, Checkpointer, ConnectOptions, Connection, Contract, DeliveredBlock,
    EventError, FileCheckpointer, Gateway, Identity, Network, SigningKey,
};

/// Between a broken stream and the next one.
const PAUSE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, file] = &arguments[..] else {
        return Err("usage: follow events|blocks|filtered|private CHECKPOINT-FILE".into());
    };
    let network = gateway()?.network(&setting("CHANNEL_NAME", Some("mychannel"))?);
    let contract = network.contract(&setting("CHAINCODE_NAME", Some("basic"))?);
    let mut done = FileCheckpointer::open(file)?;
    loop {
        let outcome = match what.as_str() {
            "events" => events(&contract, &mut done).await,
            "blocks" => blocks(Network::block_events(&network), &mut done).await,
            "filtered" => blocks(Network::filtered_block_events(&network), &mut done).await,
            "private" => blocks(network.block_and_private_data_events(), &mut done).await,
            other => return Err(format!("{other} cannot be followed").into()),
        };
        match outcome {
            // Whether and when to go on is the application's choice.
            Err(error) if retryable(error.as_ref()) => {
                writeln!(io::stderr(), "{error}; going on in {PAUSE:?}")?;
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn events(contract: &Contract, done: &mut FileCheckpointer) -> Result<(), Box<dyn Error>> {
    let mut events = contract.events().start_block(0).checkpoint(done.checkpoint()).open()?;
    while let Some(event) = events.next().await {
        let event = event?;
        writeln!(io::stdout(), "{} {} {}", event.block_number, event.transaction_id, event.name)?;
        done.event_done(&event)?;
    }
    Ok(())
}

async fn blocks<B: DeliveredBlock>(
    request: BlockEventsRequest<B>,
    done: &mut FileCheckpointer,
) -> Result<(), Box<dyn Error>> {
    let mut blocks = request.start_block(0).checkpoint(done.checkpoint()).open()?;
    while let Some(block) = blocks.next().await {
        let block = block?;
        // A line is the effect here, and a block the unit of what is done.
        for transaction in block.transactions() {
            let code = transaction.code().map_or("unknown", |code| code.as_str_name());
            writeln!(io::stdout(), "{} {} {code}", block.number(), transaction.id)?;
        }
        done.block_done(block.number())?;
    }
    Ok(())
}

fn retryable(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<EventError>().is_some_and(EventError::is_retryable)
}

fn gateway() -> Result<Gateway, Box<dyn Error>> {
    let options = ConnectOptions::tls(setting("PEER_ENDPOINT", None)?, read("TLS_CERT_PATH")?)
        .server_name(setting("PEER_HOST_ALIAS", None)?);
    let identity =
        Identity { msp_id: setting("MSP_ID", None)?, certificate_pem: read("CERT_PATH")? };
    let key = SigningKey::from_pkcs8_pem(&read("KEY_PATH")?)?;
    // A peer that is down now is asked again as well.
    Ok(Gateway::new(Connection::connect_lazily(&options)?, &identity, Arc::new(key)))
}

fn setting(name: &str, default: Option<&str>) -> Result<String, String> {
    let value = env::var(name).ok().or(default.map(str::to_owned));
    value.ok_or_else(|| format!("set {name}"))
}

fn read(name: &str) -> Result<String, Box<dyn Error>> {
    Ok(std::fs::read_to_string(setting(name, None)?)?)
}
