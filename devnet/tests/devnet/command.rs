//! The command, as somebody at a shell sees it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fabric-devnet"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

/// A network that ends with the test, however that ends.
struct Running(Child);

impl Running {
    /// Sends a signal and waits for the end.
    fn stop(&mut self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Starts a network; its summary up to the line that says it is ready.
fn up(dir: &Path, arguments: &[&str]) -> (Running, String) {
    let dir = dir.to_str().unwrap();
    let child = command(&["up", "--dir", dir, "--ports", "0,0,0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut summary = String::new();
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        summary.push_str(&line);
        summary.push('\n');
        if line == "devnet is ready" {
            return (running, summary);
        }
    }
    panic!("it did not start");
}

#[test]
fn it_tells_what_a_user_needs_and_stops_when_it_is_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for name in ["-INT", "-TERM"] {
        let (mut running, summary) = up(
            dir.path(),
            &[
                "--chaincode",
                "ioht=127.0.0.1:9",
                "--package-id",
                "ioht:abc",
                "--withhold",
                "Org2MSP",
            ],
        );
        for text in [
            "channel mychannel, 1 blocks",
            "Org3MSP\n  gateway     localhost:",
            "(TLS, peer0.org3.example.com)",
            "users/{Admin,User1}@org1.example.com",
            "chaincode ioht 1.0\n  endorsed by a majority of the organisations",
            "CHAINCODE_SERVER_ADDRESS=127.0.0.1:9\n    CHAINCODE_ID=ioht:abc",
            "orderer       localhost:",
            "eval \"$(fabric-devnet env --dir ",
        ] {
            assert!(summary.contains(text), "{summary}");
        }
        let second = refusal(&["up", "--dir", path, "--ports", "0,0,0"]);
        assert!(second.contains("is in use by another process"), "{second}");

        // Identities can be enrolled while it runs.
        let enrolled =
            run(&["enroll", "--dir", path, "--org", "Org1MSP", "--name", &format!("a{name}")]);
        let told = String::from_utf8(enrolled.stdout).unwrap();
        assert!(told.contains("signcerts/cert.pem") && told.contains("keystore/priv_sk"), "{told}");

        running.stop(name);
    }
}

#[test]
fn channels_are_named_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let (mut running, summary) = up(dir.path(), &["--channel", "one", "--channel", "two"]);
    assert!(summary.contains("channel one, 1 blocks\nchannel two, 1 blocks\n"), "{summary}");
    running.stop("-TERM");
    let block = |channel: &'static str| run(&["block", "--dir", path, "--channel", channel, "0"]);
    let (one, two) = (block("one").stdout, block("two").stdout);
    assert!(!one.is_empty() && !two.is_empty() && one != two);
    assert_eq!(run(&["block", "--dir", path, "0"]).stdout, one);
    let refused = refusal(&["block", "--dir", path, "--channel", "three", "0"]);
    assert!(refused.contains("there is no channel `three`, only one, two"), "{refused}");
    let refused = refusal(&["up", "--dir", path, "--channel", "two", "--ports", "0,0,0"]);
    assert!(refused.contains("use another directory, or the same settings as before"), "{refused}");
}

#[test]
fn settings_for_the_peer_command_name_the_nodes_and_a_user() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let env = |org: &'static str, user: &'static str| {
        ["env", "--dir", path, "--org", org, "--user", user]
    };
    let check = |found: String, expected: &str| assert!(found.contains(expected), "{found}");
    check(refusal(&env("Org1MSP", "Admin")), "there is no devnet in");
    let (mut running, _) = up(dir.path(), &[]);
    running.stop("-TERM");

    // A stopped network's nodes are where they were.
    let settings = String::from_utf8(run(&env("Org3MSP", "User1")).stdout).unwrap();
    let line = |name: &str| settings.lines().find(|line| line.starts_with(name)).unwrap();
    check(settings.clone(), "export CORE_PEER_LOCALMSPID=Org3MSP\n");
    check(line("export CORE_PEER_MSPCONFIGPATH=").to_owned(), "/User1@org3.example.com/msp");
    check(line("ORDERER_FLAGS=").to_owned(), "--ordererTLSHostnameOverride orderer.example.com");
    // Endorsed by custodians, whoever asks.
    let peers = line("PEER_FLAGS=");
    assert_eq!(peers.matches("--peerAddresses localhost:").count(), 2, "{peers}");
    assert!(!peers.contains("org3"), "{peers}");
    let config = line("export FABRIC_CFG_PATH=").rsplit('=').next().unwrap();
    assert!(Path::new(config).join("core.yaml").is_file(), "{config}");

    check(refusal(&env("Org9MSP", "Admin")), "Org9MSP");
    check(refusal(&env("Org1MSP", "nobody")), "Org1MSP has no user `nobody`");
    std::fs::write(dir.path().join("endpoints.json"), "{}").unwrap();
    check(refusal(&env("Org1MSP", "Admin")), "endpoints.json cannot be understood");
}

#[test]
fn a_public_key_is_enough_to_be_enrolled() {
    let dir = tempfile::tempdir().unwrap();
    let (mut running, _) = up(dir.path(), &[]);
    running.stop("-TERM");
    let file = dir.path().join("public.pem");
    std::fs::write(&file, rcgen::KeyPair::generate().unwrap().public_key_pem()).unwrap();
    let (path, file) = (dir.path().to_str().unwrap(), file.to_str().unwrap());
    let enrolled = run(&[
        "enroll",
        "--dir",
        path,
        "--org",
        "Org1MSP",
        "--name",
        "patient-1",
        "--attr",
        "a=b",
        "--public-key",
        file,
    ]);
    assert!(enrolled.status.success());
    let told = String::from_utf8(enrolled.stdout).unwrap();
    assert!(told.contains("cert.pem") && !told.contains("private key"), "{told}");
}

#[test]
fn what_it_cannot_do_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let up = |arguments: &[&str]| {
        refusal(&[&["up", "--dir", path, "--ports", "0,0,0"], arguments].concat())
    };
    let check = |found: String, expected: &str| assert!(found.contains(expected), "{found}");
    check(
        refusal(&["enroll", "--dir", path, "--org", "A", "--name", "a"]),
        "there is no devnet in",
    );
    check(refusal(&["up", "--dir", path, "--ports", "1,2"]), "--ports names 2 ports for 3");
    check(up(&["--chaincode", "ioht"]), "not NAME=HOST:PORT");
    check(up(&["--chaincode", "ioht=nowhere"]), "`nowhere` is not HOST:PORT");
    check(up(&["--package-id", "x"]), "--package-id: there are 0 chaincodes");
    check(up(&["--withhold", "Org9MSP"]), "there is no organisation `Org9MSP`");
    check(up(&["--config", "/nowhere.json"]), "cannot read /nowhere.json");
    check(
        up(&["--chaincode", "cc=h:1", "--endorsement-policy", "OR('Org9MSP.peer')"]),
        "channel mychannel has no organisation `Org9MSP`",
    );
    check(up(&["--chaincode", "cc=h:1", "--collections", "/nowhere"]), "cannot read /nowhere");
}

#[test]
fn options_of_one_of_several_chaincodes_name_it() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy");
    std::fs::write(&policy, "OR('Org1MSP.peer')\n").unwrap();
    let policy = format!("one={}", policy.to_str().unwrap());
    let settings = dir.path().join("settings.json");
    let text = r#"{"chaincodes": [{"name": "three", "address": "h:3", "version": "3"}]}"#;
    std::fs::write(&settings, text).unwrap();
    let (mut running, summary) = up(
        dir.path(),
        &[
            "--config",
            settings.to_str().unwrap(),
            "--chaincode",
            "one=h:1",
            "--chaincode",
            "two=h:2",
            "--endorsement-policy",
            &policy,
            "--chaincode-version",
            "two=2.1",
            "--package-id",
            "one=one:1",
        ],
    );
    for text in [
        "chaincode three 3\n",
        "chaincode one 1.0\n  endorsed by OR('Org1MSP.peer')\n",
        "CHAINCODE_ID=one:1\n",
        "chaincode two 2.1\n",
        "CHAINCODE_ID=two_2.1:",
    ] {
        assert!(summary.contains(text), "{summary}");
    }
    running.stop("-TERM");
    let path = dir.path().to_str().unwrap();
    let unnamed = refusal(&[
        "up",
        "--dir",
        path,
        "--chaincode",
        "one=h:1",
        "--chaincode",
        "two=h:2",
        "--package-id",
        "x:1",
    ]);
    assert!(unnamed.contains("there are 2 chaincodes: say which one is meant"), "{unnamed}");
}
