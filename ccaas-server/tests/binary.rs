//! The program: what it takes, what it says, how it stops.

#![cfg(test)]

use ccaas_server::testing::{Call, Offer, PeerError, ScriptedPeer};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tokio::io::{AsyncBufReadExt, BufReader};

const PROGRAM: &str = env!("CARGO_BIN_EXE_ccaas-server");
const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies");

/// Runs the program without anything of this process' environment.
fn run(flags: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(flags).env_clear().envs(variables.iter().copied());
    command.output().unwrap()
}

fn refused(flags: &[&str], variables: &[(&str, &str)], told: &str) {
    let output = run(flags, variables);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{flags:?} {variables:?}: {text}");
    assert!(text.contains(told), "{told:?} is missing in {text}");
}

#[test]
fn help_names_variables_and_exit_codes() {
    let output = run(&["--help"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for told in [
        "CHAINCODE_SERVER_ADDRESS",
        "CORE_CHAINCODE_ID_NAME",
        "CHAINCODE_TLS_DISABLED",
        "CORE_PEER_TLS_ROOTCERT_FILE",
        "RUST_LOG",
        "--policies",
        "--clock-skew",
        "Exit codes",
    ] {
        assert!(text.contains(told), "{told:?} is missing in {text}");
    }
}

#[test]
fn what_is_missing_or_wrong_is_told_and_ends_with_2() {
    let complete = ["--listen", "127.0.0.1:0", "--chaincode-id", "ioht:1f"];
    refused(&[], &[], "pass --listen or set CHAINCODE_SERVER_ADDRESS");
    refused(&["--listen", "127.0.0.1:0"], &[], "pass --chaincode-id or set CHAINCODE_ID");
    refused(&["--nonsense"], &[], "--nonsense");
    refused(
        &["--listen", "0.0.0.0:0", "--chaincode-id", "ioht:1f"],
        &[],
        "refusing to serve 0.0.0.0:0 without TLS",
    );
    refused(
        &["--listen", "127.0.0.1:0"],
        &[("CHAINCODE_ID", "a:1"), ("CORE_CHAINCODE_ID_NAME", "b:1")],
        "CHAINCODE_ID and CORE_CHAINCODE_ID_NAME contradict",
    );
    let with = |flags: &[&'static str]| [&complete[..], flags].concat();
    refused(&with(&[]), &[("CORE_PEER_TLS_ENABLED", "true")], "--tls-key");
    refused(&with(&["--tls-key", "/nowhere", "--tls-cert", "/nowhere"]), &[], "/nowhere");
    refused(&with(&["--policies", "/nowhere"]), &[], "/nowhere");
    refused(&with(&["--deadline", "0"]), &[], "deadline");
}

#[test]
fn policies_that_cannot_be_used_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let flags = |folder: &Path| {
        let folder = folder.to_str().unwrap().to_owned();
        ["--listen", "127.0.0.1:0", "--chaincode-id", "ioht:1f", "--policies"]
            .map(str::to_owned)
            .into_iter()
            .chain([folder])
            .collect::<Vec<_>>()
    };
    let check = |told: &str| {
        let flags = flags(folder.path());
        refused(&flags.iter().map(String::as_str).collect::<Vec<_>>(), &[], told);
    };
    check("cannot read the policy document");
    for (name, text) in ioht_contract::Policies::default_documents() {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    std::fs::write(folder.path().join("roles.json"), "{}").unwrap();
    check("roles.json");
    std::fs::write(folder.path().join("roles.json"), " ".repeat(1024 * 1024 + 1)).unwrap();
    check("larger than 1 MiB");
}

/// A word of a log line such as `address=127.0.0.1:4711`.
fn word(line: &str, name: &str) -> Option<String> {
    let words = line.split_whitespace().filter_map(|word| word.split_once('='));
    words.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).next()
}

#[cfg(unix)]
#[tokio::test]
async fn serves_peers_until_sigterm_and_drains() {
    let mut child = tokio::process::Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--policies", POLICIES])
        .env_clear()
        .env("CHAINCODE_ID", "ioht:1f")
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut address: Option<SocketAddr> = None;
    let mut digest = None;
    while address.is_none() {
        let line = log.next_line().await.unwrap().expect("it serves");
        digest = digest.or(word(&line, "digest"));
        address = word(&line, "address").map(|address| address.parse().unwrap());
    }
    let compiled_in = ioht_contract::Policies::default().digest().to_string();
    assert_eq!(digest, Some(compiled_in), "the folder of this repository is what is compiled in");

    let mut peer = ScriptedPeer::dial(address.unwrap()).await.unwrap();
    assert_eq!(peer.handshake(Offer::everything()).await.unwrap(), "ioht:1f");
    let ending = peer.invoke(&Call::new(&"0".repeat(64), "WhoAmI", "{}")).await.unwrap();
    assert_eq!(ending.response().map(|response| response.status), Some(200), "{ending:?}");

    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(matches!(peer.receive().await, Err(PeerError::Ended)));
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    let mut last = String::new();
    while let Some(line) = log.next_line().await.unwrap() {
        last = line;
    }
    assert!(last.contains("stopped"), "{last}");
}
