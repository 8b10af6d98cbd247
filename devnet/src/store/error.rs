use fabric_ledger::StoreError;

/// The ledger's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another process has the file open.
    #[error(
        "{0} is in use by another process: stop the devnet that runs there, or use another directory"
    )]
    InUse(String),
    /// The file was made for something else.
    #[error("{path} {reason}: use the version of fabric-devnet that made it, or another directory")]
    Foreign {
        /// The file.
        path: String,
        /// What it has.
        reason: String,
    },
    /// Blocks and state contradict each other or themselves.
    #[error(
        "the ledger in {path} is damaged: {reason}. Restore it from a copy, or remove the \
         directory `ledger` to start with an empty one (identities stay)"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        reason: String,
    },
    /// The database failed.
    #[error("the ledger's database failed: {0}")]
    Database(#[from] Box<redb::Error>),
    /// The directory could not be made.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
    /// State could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for LedgerError {
            fn from(err: redb::$error) -> Self {
                Self::Database(Box::new(err.into()))
            }
        }
    )*};
}
from_redb!(StorageError, TableError, TransactionError, CommitError, SetDurabilityError);
