use ccaas_server::environment::{Settings, SettingsError};
use ccaas_server::{Config, Pem};
use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Serves the health-IoT contract to Hyperledger Fabric peers as chaincode-as-a-service.
///
/// Flags win over environment variables. The variables of Fabric's Go, Node and Java chaincode
/// servers are read; several may be set as long as they agree, and of the two forms of a file PEM is
/// read. Without TLS the server listens on loopback only.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Environment:
  CHAINCODE_SERVER_ADDRESS or CORE_CHAINCODE_ADDRESS              --listen
  CHAINCODE_ID, CORE_CHAINCODE_ID_NAME or CORE_CHAINCODE_ID       --chaincode-id
  CHAINCODE_TLS_DISABLED=false or CORE_PEER_TLS_ENABLED=true      TLS must be on
  CHAINCODE_TLS_KEY, CORE_TLS_CLIENT_KEY_FILE
    or CORE_CHAINCODE_TLS_KEY_FILE (*_PATH: base64 of PEM)        --tls-key
  CHAINCODE_TLS_CERT, CORE_TLS_CLIENT_CERT_FILE
    or CORE_CHAINCODE_TLS_CERT_FILE (*_PATH: base64 of PEM)       --tls-cert
  CHAINCODE_CLIENT_CA_CERT, CORE_PEER_TLS_ROOTCERT_FILE
    or CORE_CHAINCODE_TLS_CLIENT_CACERT_FILE (or _PATH)           --client-ca
  RUST_LOG                                                        what is logged (default: info)

Exit codes:
  0  stopped by SIGTERM or SIGINT after draining
  1  failed while serving
  2  the configuration has to be changed; the message says how"
)]
pub(crate) struct Options {
    /// Address to listen on, host:port
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,

    /// Package id that the peers know this chaincode by, label:hash
    #[arg(long, value_name = "ID")]
    chaincode_id: Option<String>,

    /// Private key of the server, PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Certificate chain of the server, PEM
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Authorities of the peers, PEM; peers must then present a certificate
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,

    /// Folder of policy documents, instead of the ones compiled in
    #[arg(long, value_name = "DIR", env = "CCAAS_POLICIES")]
    pub(crate) policies: Option<PathBuf>,

    /// Seconds a transaction may take; keep it below the peers' chaincode.executetimeout
    #[arg(long, value_name = "SECONDS", env = "CCAAS_DEADLINE", value_parser = seconds)]
    deadline: Option<Duration>,

    /// Seconds a client's clock may be off, or `off`
    #[arg(long, value_name = "SECONDS", env = "CCAAS_CLOCK_SKEW", value_parser = skew)]
    clock_skew: Option<Skew>,

    /// Transactions that may run at once
    #[arg(long, value_name = "NUMBER", env = "CCAAS_TRANSACTIONS")]
    transactions: Option<usize>,

    /// Seconds that running transactions have to finish when the server is asked to stop
    #[arg(long, value_name = "SECONDS", env = "CCAAS_DRAIN", value_parser = seconds)]
    drain: Option<Duration>,
}

/// The window for clients' clocks; `None` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Skew(Option<Duration>);

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u32>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.into())),
        Err(_) => Err("pass a whole number of seconds".to_owned()),
    }
}

fn skew(text: &str) -> Result<Skew, String> {
    if text == "off" {
        return Ok(Skew(None));
    }
    seconds(text).map(|window| Skew(Some(window))).map_err(|text| format!("{text}, or off"))
}

fn set<T>(limit: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *limit = given;
    }
}

impl Options {
    /// The configuration: flags first, then the environment, then defaults.
    pub(crate) fn config(
        self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, SettingsError> {
        let settings = Settings {
            listen: self.listen,
            chaincode_id: self.chaincode_id,
            tls_key: self.tls_key.map(Pem::File),
            tls_certificate: self.tls_cert.map(Pem::File),
            client_ca: self.client_ca.map(Pem::File),
            ..Settings::default()
        };
        let mut config = settings.or_environment(variable)?.config()?;
        let limits = &mut config.limits;
        set(&mut limits.deadline, self.deadline);
        set(&mut limits.clock_skew_max, self.clock_skew.map(|skew| skew.0));
        set(&mut limits.concurrent_transactions_max, self.transactions);
        set(&mut limits.drain_timeout, self.drain);
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ccaas_server::Limits;
    use clap::CommandFactory;

    fn config(flags: &str) -> Config {
        let words = format!("ccaas-server --listen a:1 --chaincode-id cc:1 {flags}");
        let options = Options::try_parse_from(words.split_whitespace()).unwrap();
        options.config(|_| None).unwrap()
    }

    #[test]
    fn the_command_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn defaults_are_the_librarys() {
        let config = config("");
        assert_eq!((&*config.listen, &*config.chaincode_id), ("a:1", "cc:1"));
        assert_eq!(config.limits, Limits::default());
        assert!(config.tls.is_none());
    }

    #[test]
    fn every_flag_is_taken() {
        let config = config(
            "--tls-key k --tls-cert c --client-ca ca --deadline 5 --clock-skew 60 \
             --transactions 7 --drain 3",
        );
        let limits = config.limits;
        assert_eq!(limits.deadline, Duration::from_secs(5));
        assert_eq!(limits.clock_skew_max, Some(Duration::from_secs(60)));
        assert_eq!(limits.concurrent_transactions_max, 7);
        assert_eq!(limits.drain_timeout, Duration::from_secs(3));
        let tls = config.tls.unwrap();
        assert!(matches!(tls.key, Pem::File(path) if path.ends_with("k")));
        assert!(matches!(tls.certificate, Pem::File(path) if path.ends_with("c")));
        assert!(matches!(tls.client_ca, Some(Pem::File(path)) if path.ends_with("ca")));
    }

    #[test]
    fn skew_can_be_switched_off() {
        assert_eq!(config("--clock-skew off").limits.clock_skew_max, None);
        for flags in ["--clock-skew never", "--deadline 1s", "--deadline -1"] {
            let words = format!("ccaas-server {flags}");
            assert!(Options::try_parse_from(words.split_whitespace()).is_err(), "{flags}");
        }
    }
}
