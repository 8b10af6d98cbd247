//! The salted digest that ties a summary to the raw rows it came from.
//!
//! # Encoding
//!
//! SHA-256 over these bytes, integers big-endian, in two's complement where signed:
//!
//! | bytes | what |
//! |---|---|
//! | 11 | the text `ioht-raw/1` and a zero byte |
//! | 32 | the window's salt |
//! | 1 | length of the code |
//! | that many | the code, ASCII (`8867-4`) |
//! | 4 | grid in seconds, unsigned |
//! | 8 | start of the window in milliseconds since the Unix epoch, signed |
//! | 8 | number of rows, unsigned |
//! | 17 a row | stamp in microseconds, signed (8); 0 for a value, 1 for a row without a finite one (1); the value in millionths of the sensor's unit, signed, 0 where there is none (8) |
//!
//! The rows are all rows of the recording whose stamp lies in the window, in the order of the file,
//! the ones cleaning refused included: what was left out of a summary can be shown too. A recording
//! placed in time by [`Recording::starting_at`](crate::Recording::starting_at) is digested with the
//! stamps it has after that.
//!
//! The salt of a window is SHA-256 over `ioht-raw-salt/1`, a zero byte, the device's 32 secret
//! bytes, and length of code, code, grid and start as above. Each window so has a salt of its own,
//! and showing one to an auditor says nothing of the others.

use sha2::{Digest, Sha256};

use crate::input::{Reading, Row};
use crate::summary::Summary;

/// Name of the encoding, as it stands in a summary.
pub const RAW_FORMAT: &str = "ioht-raw/1";

const SALT_DOMAIN: &[u8] = b"ioht-raw-salt/1\0";
const ALGORITHM: &str = "sha-256";

/// A device's secret: 32 random bytes, made once and kept on the device.
#[derive(Clone, PartialEq, Eq)]
pub struct RawSalt([u8; 32]);

impl std::fmt::Debug for RawSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawSalt(secret)")
    }
}

impl RawSalt {
    /// Takes 32 bytes of a cryptographic random generator. With fewer random bits a digest could
    /// be searched for the pulse it hides.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The salt of one window.
    pub fn for_window(&self, window: RawWindow<'_>) -> WindowSalt {
        let mut hash = Sha256::new();
        hash.update(SALT_DOMAIN);
        hash.update(self.0);
        window.update(&mut hash);
        WindowSalt(hash.finalize().into())
    }
}

/// The salt of one window's digest. Whoever verifies the window's raw rows needs it.
#[derive(Clone, PartialEq, Eq)]
pub struct WindowSalt([u8; 32]);

impl std::fmt::Debug for WindowSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WindowSalt(secret)")
    }
}

impl WindowSalt {
    /// A salt received from the device.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to hand them to whoever is to verify.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Which window a digest is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawWindow<'a> {
    /// Code of the measurement, at most 255 bytes.
    pub code: &'a str,
    /// Length of the window in seconds.
    pub grid_s: u32,
    /// Its start in milliseconds since the Unix epoch.
    pub start_ms: i64,
}

impl RawWindow<'_> {
    fn update(self, hash: &mut Sha256) {
        let length = u8::try_from(self.code.len()).unwrap_or(u8::MAX);
        hash.update([length]);
        hash.update(self.code.as_bytes());
        hash.update(self.grid_s.to_be_bytes());
        hash.update(self.start_ms.to_be_bytes());
    }
}

/// The digest of a window's rows.
///
/// ```
/// use ioht_edge::{RawSalt, RawWindow, Reading, Row, raw_digest};
///
/// let window = RawWindow { code: "8867-4", grid_s: 300, start_ms: 0 };
/// let salt = RawSalt::new([7; 32]).for_window(window);
/// let rows = [Row { stamp_us: 0, reading: Reading::Micro(515_000_000) }];
/// assert_ne!(raw_digest(window, &salt, &rows), raw_digest(window, &salt, &[]));
/// ```
pub fn raw_digest(window: RawWindow<'_>, salt: &WindowSalt, rows: &[Row]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(RAW_FORMAT.as_bytes());
    hash.update([0]);
    hash.update(salt.0);
    window.update(&mut hash);
    hash.update((rows.len() as u64).to_be_bytes());
    for row in rows {
        let (tag, value) = match row.reading {
            Reading::Micro(value) => (0, value),
            Reading::NotFinite => (1, 0),
        };
        hash.update(row.stamp_us.to_be_bytes());
        hash.update([tag]);
        hash.update(value.to_be_bytes());
    }
    hash.finalize().into()
}

/// Why raw rows are not those of a summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawMismatch {
    /// The summary's digest is of another algorithm or encoding.
    #[error("the digest is {alg} over {format}; this version knows sha-256 over {RAW_FORMAT}")]
    Unknown {
        /// The summary's algorithm.
        alg: String,
        /// The summary's encoding.
        format: String,
    },
    /// There are more or fewer rows than were summarised.
    #[error("{found} rows where the summary has {expected}; take all rows of the window")]
    SampleCount {
        /// The summary's number of rows.
        expected: u64,
        /// The number of rows given.
        found: u64,
    },
    /// The rows or the salt are others.
    #[error("the digest of these rows under this salt is another")]
    Digest,
}

/// Checks that `rows` are the raw rows `summary` came from.
///
/// `rows` are those of the window in the order of the file
/// ([`Recording::window`](crate::Recording::window)).
///
/// # Errors
///
/// [`RawMismatch`] says what differs.
pub fn verify_raw(summary: &Summary, salt: &WindowSalt, rows: &[Row]) -> Result<(), RawMismatch> {
    let raw = &summary.raw;
    if raw.alg != ALGORITHM || raw.format != RAW_FORMAT {
        return Err(RawMismatch::Unknown { alg: raw.alg.clone(), format: raw.format.clone() });
    }
    let found = rows.len() as u64;
    if raw.sample_count != found {
        return Err(RawMismatch::SampleCount { expected: raw.sample_count, found });
    }
    let digest = raw_digest(summary.raw_window(), salt, rows);
    if hex::encode(digest) == raw.digest { Ok(()) } else { Err(RawMismatch::Digest) }
}

pub(crate) fn algorithm() -> String {
    ALGORITHM.to_owned()
}
