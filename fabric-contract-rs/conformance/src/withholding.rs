use crate::GatewayBackend;
use crate::backend::{ATTEMPT_INTERVAL, committed, is_refusal, verdict};
use fabric_contract_rs::testing::conformance::{Backend, Invocation, Ordered, Verdict};
use fabric_gateway_client::Transaction;
use std::path::PathBuf;
use std::process::Command;

/// Attempts at a call of a peer that has just been started, or that fetches what it misses: a minute.
const ATTEMPTS: u32 = 600;

/// A gateway's network of which one peer can be made to miss private data.
///
/// A program does it, which is called with one of these words:
///
/// - `lose`, after a transaction was endorsed and before it is ordered: what the peer keeps of it
///   until the commit is lost, and the peer asks no other one for it;
/// - `settle`: waits until the peer has committed every block;
/// - `return`: the peer asks the others again.
#[derive(Debug, Clone)]
pub struct WithholdingBackend {
    gateway: GatewayBackend,
    program: PathBuf,
    msp_id: String,
    /// Whether the next transactions are lost.
    losing: bool,
    /// Whether the peer ever was made to miss something: then it is the one that queries ask.
    asked: bool,
    /// What the peer was last endorsing when it lost it.
    lost: Option<Invocation>,
    /// What the peer last had no data for.
    unavailable: Option<Invocation>,
}

impl WithholdingBackend {
    /// Lets `program` make the peer of `msp_id`, one of the endorsing organisations, miss private data.
    pub fn new(gateway: GatewayBackend, program: PathBuf, msp_id: String) -> Self {
        Self {
            gateway,
            program,
            msp_id,
            losing: false,
            asked: false,
            lost: None,
            unavailable: None,
        }
    }

    /// Runs the program; the error is what it has to say.
    fn tell(&self, word: &str) -> Result<(), Verdict> {
        let failed =
            |text: String| Verdict::Failed(format!("{} {word}: {text}", self.program.display()));
        // Nothing else is under way meanwhile.
        let output = Command::new(&self.program).arg(word).output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    /// What the peer in question answers, when it answers.
    async fn ask(&self, call: &Invocation) -> Verdict {
        let mut attempt = 1;
        loop {
            let answered = self.gateway.ask(&self.msp_id, call).await;
            match answered {
                Verdict::Failed(_) if attempt < ATTEMPTS => attempt += 1,
                answered => return answered,
            }
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
    }

    async fn submit_and_lose(&mut self, call: Invocation) -> Result<Verdict, Verdict> {
        let transaction = self.endorse(&call).await?;
        self.lost = Some(call);
        self.tell("lose")?;
        let verdict = committed(&transaction).await;
        self.tell("settle")?;
        Ok(verdict)
    }

    /// Endorses a call when the peers have found each other.
    async fn endorse(&self, call: &Invocation) -> Result<Transaction, Verdict> {
        let mut attempt = 1;
        loop {
            match self.gateway.endorse(call.clone()).await {
                Ok(transaction) => return Ok(transaction),
                Err(error) if attempt == ATTEMPTS || is_refusal(&error) => {
                    return Err(verdict(&error));
                }
                Err(_) => attempt += 1,
            }
            tokio::time::sleep(ATTEMPT_INTERVAL).await;
        }
    }

    /// Waits until the peer has fetched what it missed, and endorses as before.
    async fn recover(&mut self) -> Result<(), Verdict> {
        self.tell("return")?;
        if let Some(call) = self.unavailable.take() {
            let mut attempt = 1;
            loop {
                match self.ask(&call).await {
                    Verdict::Success { .. } => break,
                    other if attempt == ATTEMPTS => return Err(other),
                    _ => attempt += 1,
                }
                tokio::time::sleep(ATTEMPT_INTERVAL).await;
            }
        }
        if let Some(call) = self.lost.take() {
            self.endorse(&call).await?;
        }
        Ok(())
    }
}

impl Backend for WithholdingBackend {
    async fn evaluate(&mut self, call: Invocation) -> Verdict {
        if !self.asked {
            return self.gateway.evaluate(call).await;
        }
        if let Err(failed) = self.tell("settle") {
            return failed;
        }
        let verdict = self.ask(&call).await;
        if self.losing && matches!(verdict, Verdict::Refused(_)) {
            self.unavailable = Some(call);
        }
        verdict
    }

    async fn submit(&mut self, call: Invocation) -> Verdict {
        if !self.losing {
            return self.gateway.submit(call).await;
        }
        self.submit_and_lose(call).await.unwrap_or_else(|failed| failed)
    }

    async fn submit_planned(&mut self, call: Invocation) -> Option<Verdict> {
        self.gateway.submit_planned(call).await
    }

    async fn submit_together(&mut self, calls: Vec<Invocation>) -> Vec<Ordered> {
        self.gateway.submit_together(calls).await
    }

    fn endorsers(&self) -> usize {
        self.gateway.endorsers()
    }

    fn chaincode(&self) -> String {
        self.gateway.chaincode()
    }

    fn has_other_channel(&self) -> bool {
        self.gateway.has_other_channel()
    }

    async fn withhold_private_data(&mut self, withheld: bool) -> bool {
        self.losing = withheld;
        self.asked = true;
        withheld || self.recover().await.is_ok()
    }
}
