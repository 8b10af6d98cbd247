//! What leaves the device.

use serde::{Deserialize, Serialize};

use crate::raw::RawWindow;

/// LOINC code of the heart rate.
pub const HEART_RATE_CODE: &str = "8867-4";

/// UCUM unit of the heart rate.
pub(crate) const HEART_RATE_UNIT: &str = "/min";

/// Longest locator of raw rows, in bytes: room for an opaque name, not for data.
pub const LOCATOR_BYTES_MAX: usize = 64;

/// A summarised record, in the shape the ledger takes. The submitting device adds itself as
/// `device`, and labels where they differ from the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// LOINC code of the measurement.
    pub code: String,
    /// Length of the window in seconds.
    pub grid_s: u32,
    /// Start of the window in milliseconds since the Unix epoch, a multiple of the grid. The window
    /// ends before `start + grid_s * 1000`.
    pub start: i64,
    /// Statistics of the valid beats' rates.
    pub statistics: Vec<Statistic>,
    /// UCUM unit of the statistics.
    pub unit: String,
    /// Valid beats: the measurements the statistics are of.
    pub count: u64,
    /// All detected beats, rejected ones included.
    pub total_count: u64,
    /// The commitment to the raw rows.
    pub raw: Raw,
    /// How the values came to be.
    pub modality: Modality,
    /// State of the record.
    pub status: Status,
}

/// One statistic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistic {
    /// Which.
    pub stat: Stat,
    /// Its value, decimal text such as `72.4`.
    pub value: String,
}

/// Statistics by their FHIR observation-statistics codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stat {
    /// Arithmetic mean of the beats' rates.
    #[serde(rename = "average")]
    Average,
    /// Lowest.
    #[serde(rename = "minimum")]
    Minimum,
    /// Highest.
    #[serde(rename = "maximum")]
    Maximum,
    /// Middle one; the mean of the two middle ones of an even number.
    #[serde(rename = "median")]
    Median,
    /// Sample standard deviation.
    #[serde(rename = "std-dev")]
    StdDev,
    /// The lowest that a fifth of them do not exceed (nearest rank).
    #[serde(rename = "20-percent")]
    Percent20,
    /// The lowest that four fifths of them do not exceed (nearest rank).
    #[serde(rename = "80-percent")]
    Percent80,
}

/// The commitment to a window's raw rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// Digest algorithm.
    pub alg: String,
    /// Digest in lower-case hexadecimal.
    pub digest: String,
    /// Rows it is over.
    pub sample_count: u64,
    /// Encoding of the rows: [`RAW_FORMAT`](crate::RAW_FORMAT).
    pub format: String,
    /// Where the device finds them again: opaque to everyone else.
    pub locator: String,
}

/// How values came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modality {
    /// By a sensor.
    Sensed,
}

/// State of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Complete.
    Final,
}

impl Summary {
    /// The value of one statistic.
    pub fn statistic(&self, stat: Stat) -> Option<&str> {
        self.statistics.iter().find(|entry| entry.stat == stat).map(|entry| entry.value.as_str())
    }

    /// The window the raw digest is of.
    pub fn raw_window(&self) -> RawWindow<'_> {
        RawWindow { code: &self.code, grid_s: self.grid_s, start_ms: self.start }
    }
}
