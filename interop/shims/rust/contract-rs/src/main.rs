//! The judge contract on our own library and server. `../../README.md` says what each function does.
//!
//! What the library leaves out on purpose has no function here: everything that reads after it
//! wrote. History and pages are left to its conformance suite.

mod functions;
mod ledger;

use std::error::Error;

use ccaas_server::Server;
use ccaas_server::environment::Settings;
use fabric_contract_rs::{Contract, QueryReader, Route, evaluate, submit};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::functions::{
    Announce, Get, GetMany, GetPolicy, Hash, Items, Noop, PutItems, PutSecret, Range,
    ReadThenWrite, Refuse, SetPolicy, WhoCalls, Write,
};

struct Judge;

impl Contract for Judge {
    const NAME: &'static str = "Judge";
    const VERSION: &'static str = "1.0.0";
    type State = ();

    fn state(&self) -> &() {
        &()
    }

    fn routes<R: QueryReader + 'static>() -> &'static [Route<(), R>] {
        const {
            &[
                submit::<Noop, R>(),
                submit::<WhoCalls, R>(),
                submit::<Write, R>(),
                submit::<PutSecret, R>(),
                submit::<PutItems, R>(),
                submit::<ReadThenWrite, R>(),
                submit::<Announce, R>(),
                submit::<Refuse, R>(),
                submit::<SetPolicy, R>(),
                evaluate::<Get, R>(),
                evaluate::<GetMany, R>(),
                evaluate::<GetPolicy, R>(),
                evaluate::<Hash, R>(),
                evaluate::<Items, R>(),
                evaluate::<Range, R>(),
            ]
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let config = Settings::default().or_environment(|name| std::env::var(name).ok())?.config()?;
    let server = Server::bind(config).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    server.serve(Judge, async move { _ = terminate.recv().await }).await?;
    Ok(())
}
