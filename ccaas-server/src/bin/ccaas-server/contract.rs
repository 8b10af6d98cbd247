//! The contract this binary serves, with the policies of a deployment.

use ioht_contract::{IohtContract, Policies, PolicyError};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What one policy document may weigh.
///
/// 1 MiB: the largest, the code registry, takes some 100 bytes an entry.
const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoliciesError {
    /// A document is missing or may not be read.
    #[error("cannot read the policy document {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// A document is implausibly large.
    #[error("the policy document {0} is larger than 1 MiB")]
    TooLarge(PathBuf),
    /// The documents do not make policies.
    #[error("the policies in {folder} cannot be used: {source}")]
    Refused { folder: PathBuf, source: PolicyError },
}

/// The contract with the policies of this folder, or with the ones compiled in.
pub(crate) fn load(folder: Option<&Path>) -> Result<IohtContract, PoliciesError> {
    let Some(folder) = folder else {
        tracing::info!("policies: the ones compiled in");
        return Ok(IohtContract::new(Policies::default()));
    };
    // The folder also holds schemas and texts for people; the contract names what it reads.
    let mut documents = BTreeMap::new();
    for (name, _) in Policies::default_documents() {
        let text = read(&folder.join(&name))?;
        documents.insert(name, text);
    }
    let policies = Policies::from_documents(&documents)
        .map_err(|source| PoliciesError::Refused { folder: folder.to_owned(), source })?;
    tracing::info!(folder = %folder.display(), digest = %policies.digest(), "policies");
    Ok(IohtContract::new(policies))
}

fn read(path: &Path) -> Result<String, PoliciesError> {
    let refused = |source| PoliciesError::Read { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(refused)?;
    let mut text = String::new();
    file.take(DOCUMENT_BYTES_MAX + 1).read_to_string(&mut text).map_err(refused)?;
    if u64::try_from(text.len()).is_ok_and(|len| len <= DOCUMENT_BYTES_MAX) {
        Ok(text)
    } else {
        Err(PoliciesError::TooLarge(path.to_owned()))
    }
}
