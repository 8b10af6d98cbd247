//! A checkpoint in a file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thiserror::Error;

use super::{Checkpoint, Checkpointer};

/// Keeps a checkpoint in a file, for what a crash must neither lose nor double.
///
/// The file is replaced as a whole and reaches the disk before [`save`](Checkpointer::save) returns, which takes the time
/// of a disk write and holds up the task: after a block rather than after each transaction where there are many. Its
/// content is that of the official Node client's file checkpointer, `{"blockNumber":"7","transactionId":"…"}`.
///
/// ```
/// use fabric_gateway_client::{Checkpointer, FileCheckpointer};
///
/// # let dir = std::env::temp_dir().join(format!("checkpoint-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// let file = dir.join("events.json");
/// let mut done = FileCheckpointer::open(&file)?;
/// done.block_done(7)?;
/// drop(done);
/// assert_eq!(FileCheckpointer::open(&file)?.checkpoint().block_number(), Some(8));
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileCheckpointer {
    file: PathBuf,
    /// Written first, then renamed.
    draft: PathBuf,
    /// Locked as long as this lives.
    _lock: File,
    checkpoint: Checkpoint,
}

/// Why a checkpoint could not be read or kept.
#[derive(Debug, Error)]
pub enum FileCheckpointError {
    /// The file, its folder or the files beside it cannot be used.
    #[error("the checkpoint file {}: {source}", .file.display())]
    Io {
        /// The checkpoint file.
        file: PathBuf,
        /// What the system reports.
        source: io::Error,
    },
    /// Another one follows with this file: both would do everything.
    #[error(
        "the checkpoint file {} is in use; give each follower a file of its own",
        .0.display()
    )]
    InUse(PathBuf),
    /// The file holds something else. Starting anew would double everything.
    #[error(
        "{} is not a checkpoint; restore it, or remove it to start anew",
        .0.display()
    )]
    Damaged(PathBuf),
}

impl FileCheckpointer {
    /// Reads the checkpoint in a file, whose folder must exist; without the file nothing is done yet. Files with `.lock`
    /// and `.new` after its name belong to it.
    ///
    /// # Errors
    /// When the file cannot be read, is not a checkpoint, or is in use.
    pub fn open(file: impl Into<PathBuf>) -> Result<Self, FileCheckpointError> {
        let file = file.into();
        let failed = |source| FileCheckpointError::Io { file: file.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = options.open(beside(&file, ".lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileCheckpointError::InUse(file)),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let checkpoint = match fs::read(&file) {
            Ok(text) => parse(&text).ok_or_else(|| FileCheckpointError::Damaged(file.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Checkpoint::default(),
            Err(source) => return Err(failed(source)),
        };
        Ok(Self { draft: beside(&file, ".new"), file, _lock: lock, checkpoint })
    }

    /// The new content is on the disk before it takes the old one's place, and the replacement before this returns.
    fn replace(&self, content: &[u8]) -> io::Result<()> {
        let mut draft = File::create(&self.draft)?;
        draft.write_all(content)?;
        draft.sync_all()?;
        fs::rename(&self.draft, &self.file)?;
        sync_folder_of(&self.file)
    }
}

impl Checkpointer for FileCheckpointer {
    type Error = FileCheckpointError;

    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn save(&mut self, checkpoint: Checkpoint) -> Result<(), FileCheckpointError> {
        self.replace(render(&checkpoint).as_bytes())
            .map_err(|source| FileCheckpointError::Io { file: self.file.clone(), source })?;
        self.checkpoint = checkpoint;
        Ok(())
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn sync_folder_of(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Elsewhere folders cannot be opened, and renaming is as durable as the system makes it.
#[cfg(not(unix))]
fn sync_folder_of(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The number is a text, since JSON's numbers lose digits beyond 2^53 in many readers.
fn render(checkpoint: &Checkpoint) -> String {
    let mut fields = serde_json::Map::new();
    if let Some(number) = checkpoint.block_number() {
        fields.insert(BLOCK_NUMBER.to_owned(), json!(number.to_string()));
    }
    if let Some(id) = checkpoint.transaction_id() {
        fields.insert(TRANSACTION_ID.to_owned(), json!(id));
    }
    Value::Object(fields).to_string()
}

const BLOCK_NUMBER: &str = "blockNumber";
const TRANSACTION_ID: &str = "transactionId";

fn parse(text: &[u8]) -> Option<Checkpoint> {
    let Value::Object(mut fields) = serde_json::from_slice(text).ok()? else { return None };
    let block_number = match fields.remove(BLOCK_NUMBER) {
        None => None,
        Some(Value::String(number)) => Some(number.parse().ok()?),
        Some(number) => Some(number.as_u64()?),
    };
    let transaction_id = match fields.remove(TRANSACTION_ID) {
        None => None,
        Some(Value::String(id)) if block_number.is_some() => Some(id),
        Some(_) => return None,
    };
    fields.is_empty().then(|| Checkpoint::at(block_number, transaction_id))
}
