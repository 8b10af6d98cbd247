//! Runs the command as somebody, and notes which transactions it calls.

use fabric_devnet::{EnrollRequest, Role};
use ioht::{Stack, StackOptions};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::Mutex;
use tempfile::TempDir;

pub(crate) struct Shell {
    stack: Stack,
    folder: TempDir,
    called: Mutex<BTreeSet<String>>,
}

/// Runs the command without a network.
pub(crate) fn ioht(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ioht"))
        .env_remove("IOHT_PROFILE")
        .args(arguments)
        .output()
        .unwrap()
}

/// The transaction that a line of the log tells of, with its target if there are several.
fn called(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("function=\"ioht:")?;
    let (name, rest) = rest.split_once('"')?;
    let target = rest.split_once(r#"\"target\":\""#).and_then(|(_, it)| it.split_once('\\'));
    Some(target.map_or_else(|| name.to_owned(), |(target, _)| format!("{name} {target}")))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Shell {
    /// Two custodians and a regulator.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = StackOptions::new(folder.path().join("network"));
        let organizations = options.policies.get_mut("organizations.json").unwrap();
        *organizations = organizations.replace("\"provider\"", "\"regulator\"");
        let stack = Stack::start(options).await.unwrap();
        Self { stack, folder, called: Mutex::default() }
    }

    /// Writes a profile, a key and a certificate for a client; `file` names them.
    pub(crate) fn enrol(&self, msp: &str, enrolment_id: &str, file: &str) {
        // The same participant may come again, with another key.
        let request = EnrollRequest { replace: true, ..EnrollRequest::client(msp, enrolment_id) };
        self.write(request, file);
    }

    /// The same for an administrator.
    pub(crate) fn enrol_admin(&self, msp: &str, file: &str) {
        let mut request = EnrollRequest::client(msp, file);
        request.role = Role::Admin;
        self.write(request, file);
    }

    fn write(&self, request: EnrollRequest, name: &str) {
        let devnet = self.stack.devnet();
        let enrolled = devnet.enroll(&request).unwrap();
        // Only custodians' peers hold health data.
        let gateway = devnet.gateway("Org1MSP").unwrap();
        self.file(&format!("{name}.pem"), &enrolled.certificate_pem);
        self.file(&format!("{name}-key.pem"), enrolled.private_key_pem.as_deref().unwrap());
        self.file("root.pem", &gateway.tls_root_pem);
        let profile = format!(
            "gateway = \"{}\"\nserver_name = \"{}\"\ntls_root = \"root.pem\"\nmsp_id = \"{}\"\n\
             certificate = \"{name}.pem\"\nprivate_key = \"{name}-key.pem\"\n",
            gateway.address, gateway.host_name, request.msp_id
        );
        self.file(&format!("{name}.toml"), &profile);
    }

    pub(crate) fn file(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn command(&self, who: &str, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ioht"));
        command.current_dir(self.folder.path()).env_remove("IOHT_PROFILE");
        command.env("RUST_LOG", "ioht=debug").args(["--json", "--profile", &format!("{who}.toml")]);
        command.args(words.split_whitespace());
        command
    }

    /// Runs the command for a reader that has gone: what was done is done.
    pub(crate) fn unread(&self, who: &str, words: &str) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = self.command(who, words);
        let status = tokio::task::block_in_place(|| command.stdout(writer).status().unwrap());
        assert!(status.success(), "{who}: {words}");
    }

    /// Runs the command as somebody; its words are separated by spaces. Its files are relative to the
    /// folder of the profiles.
    pub(crate) fn run(&self, who: &str, words: &str) -> Result<Value, String> {
        let mut command = self.command(who, words);
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let told = text(&output.stderr);
        if !output.status.success() {
            return Err(told);
        }
        self.called.lock().unwrap().extend(told.lines().filter_map(called));
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Runs the command as people do, without JSON: what they see, the answer and what is beside it.
    pub(crate) fn told(&self, who: &str, words: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ioht"));
        command.current_dir(self.folder.path()).env_remove("IOHT_PROFILE");
        command.args(["--profile", &format!("{who}.toml")]).args(words.split_whitespace());
        let output = tokio::task::block_in_place(|| command.output().unwrap());
        let seen = text(&[output.stdout, output.stderr].concat());
        assert!(output.status.success(), "{who}: {words}: {seen}");
        seen
    }

    pub(crate) fn ok(&self, who: &str, words: &str) -> Value {
        self.run(who, words).unwrap_or_else(|error| panic!("{who}: {words}: {error}"))
    }

    /// Expects a refusal: with this code, or else with this in its message.
    pub(crate) fn refused(&self, who: &str, words: &str, expected: &str) {
        match self.run(who, words) {
            Ok(told) => panic!("{who}: {words}: expected {expected}, got {told}"),
            Err(told) => {
                // What was called is told before, a line each.
                let (_, json) = told.split_once("{\n").unwrap_or_else(|| panic!("no JSON: {told}"));
                let error: Value = serde_json::from_str(&format!("{{{json}")).unwrap();
                let [code, message] = ["code", "message"].map(|it| error["error"][it].as_str());
                let said =
                    code == Some(expected) || message.is_some_and(|it| it.contains(expected));
                assert!(said, "{who}: {words}: {told}");
            }
        }
    }

    /// One text of an answer.
    pub(crate) fn word(&self, who: &str, words: &str, pointer: &str) -> String {
        let told = self.ok(who, words);
        let found = told.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        found.unwrap_or_else(|| panic!("{who}: {words}: nothing at {pointer} of {told}"))
    }

    pub(crate) fn pid(&self, who: &str) -> String {
        self.word(who, "whoami", "/pid")
    }

    /// The transactions that successful commands have called, each target by itself.
    pub(crate) fn called(&self) -> BTreeSet<String> {
        self.called.lock().unwrap().clone()
    }

    pub(crate) async fn shutdown(self) {
        self.stack.shutdown().await;
    }
}
