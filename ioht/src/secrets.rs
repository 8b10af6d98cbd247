//! The random values a client makes: nobody else knows them before they are used.

use ioht_contract::{DirectiveId, RecordsKey, Secret, SubjectId};
use ring::rand::{SecureRandom, SystemRandom};

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandom;

/// Random bytes from the operating system.
///
/// # Errors
/// [`NoRandom`].
pub fn random<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// A new subject id, for a registrar.
///
/// # Errors
/// [`NoRandom`].
pub fn subject_id() -> Result<SubjectId, NoRandom> {
    random().map(SubjectId::new)
}

/// A new records key, for a patient.
///
/// # Errors
/// [`NoRandom`].
pub fn records_key() -> Result<RecordsKey, NoRandom> {
    random().map(RecordsKey::new)
}

/// A new secret, from which salts will be derived.
///
/// # Errors
/// [`NoRandom`].
pub fn secret() -> Result<Secret, NoRandom> {
    random().map(Secret::new)
}

/// A name for a directive that nobody can guess.
///
/// # Errors
/// [`NoRandom`].
pub fn directive_id() -> Result<DirectiveId, NoRandom> {
    let digits: [u8; 8] = random()?;
    // A letter and hexadecimal digits are a name.
    format!("d{}", hex::encode(digits)).parse().map_err(|_| NoRandom)
}
