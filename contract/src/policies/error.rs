/// Why policy documents cannot be used: the file, the entry, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct PolicyError {
    file: String,
    reason: String,
}

impl PolicyError {
    pub(crate) fn new(file: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), reason: reason.into() }
    }

    /// The document's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// What is wrong with which entry.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
