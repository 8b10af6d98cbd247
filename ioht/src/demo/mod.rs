//! The whole story, told as it happens: a patient's device, its clinician, a curious colleague, a
//! researcher, and a caregiver that acts for the patient.

mod care;
mod caregiver;
mod cast;
mod device;
mod narrator;
mod recording;
mod refusals;
mod research;
mod story;

use crate::stack::{Stack, StackError, StackOptions};
use crate::{ClientError, secrets::NoRandom};
use narrator::Narrator;
use std::io::{self, Write};
use std::path::PathBuf;

/// Why the demonstration ended early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The network or the chaincode server.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A step that should have succeeded.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The recording.
    #[error(transparent)]
    Recording(#[from] ioht_edge::PipelineError),
    /// A summary that the contract's types do not take.
    #[error("a summary does not have the ledger's form: {0}")]
    Form(#[from] serde_json::Error),
    /// Something that had to be refused was not, or for another reason.
    #[error("{step}: expected {expected}, got {got}")]
    NotRefused {
        /// What was tried.
        step: &'static str,
        /// The code that had to come.
        expected: &'static str,
        /// What came.
        got: String,
    },
    /// What came back is not what was sent.
    #[error("the ledger returned other summaries than were submitted")]
    Differs,
    /// The system's clock is before 1970 or gives no time.
    #[error("the system's clock shows no usable time")]
    Clock,
    /// Random values.
    #[error(transparent)]
    Random(#[from] NoRandom),
    /// Writing the story down.
    #[error("the story cannot be printed: {0}")]
    Output(#[from] io::Error),
}

/// Plays the story in `dir`, which keeps the ledger afterwards, and prints it to `output`.
///
/// # Errors
/// [`DemoError`] when a step does not go as the story says.
pub async fn run(dir: PathBuf, output: &mut (dyn Write + Send)) -> Result<(), DemoError> {
    let mut narrator = Narrator::new(output);
    narrator
        .line("Starting an embedded Fabric (three organisations) and the chaincode server …")?;
    let stack = Stack::start(StackOptions::new(dir)).await?;
    let told = story::tell(&stack, &mut narrator).await;
    let dir = stack.dir().to_owned();
    stack.shutdown().await;
    told?;
    narrator.line(&format!("\nThe ledger and the identities stay in {}", dir.display()))?;
    Ok(())
}
