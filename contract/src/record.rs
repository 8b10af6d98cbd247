//! Summarised records: the form clients send and the form the ledger keeps.

use crate::decimal::Decimal;
use crate::ids::{LoincCode, ParticipantId, RawDigest, Salt, SensitivityCode};
use crate::meta::Meta;
use fabric_contract_rs::TimestampMs;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A statistic over a window, by its FHIR observation-statistics code.
///
/// What a definition leaves open (which estimator of a deviation, which rule for a percentile) is
/// the device's; the contract checks that the values agree with each other.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[cbor(index_only)]
pub enum Stat {
    /// Arithmetic mean.
    #[n(0)]
    #[serde(rename = "average")]
    Average,
    /// Lowest.
    #[n(1)]
    #[serde(rename = "minimum")]
    Minimum,
    /// Highest.
    #[n(2)]
    #[serde(rename = "maximum")]
    Maximum,
    /// Middle one.
    #[n(3)]
    #[serde(rename = "median")]
    Median,
    /// Standard deviation.
    #[n(4)]
    #[serde(rename = "std-dev")]
    StdDev,
    /// Square of the standard deviation.
    #[n(5)]
    #[serde(rename = "variance")]
    Variance,
    /// Total.
    #[n(6)]
    #[serde(rename = "sum")]
    Sum,
    /// 20th percentile.
    #[n(7)]
    #[serde(rename = "20-percent")]
    Percent20,
    /// 80th percentile.
    #[n(8)]
    #[serde(rename = "80-percent")]
    Percent80,
    /// Lower quartile.
    #[n(9)]
    #[serde(rename = "4-lower")]
    LowerQuartile,
    /// Upper quartile.
    #[n(10)]
    #[serde(rename = "4-upper")]
    UpperQuartile,
}

/// One statistic and its value, rounded to the decimals it is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(array)]
pub struct Statistic {
    /// Which.
    #[n(0)]
    pub stat: Stat,
    /// Its value in the record's unit.
    #[n(1)]
    pub value: Decimal,
}

/// One component of a panel, such as the systolic pressure.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Component {
    /// Its LOINC code.
    #[n(0)]
    pub code: LoincCode,
    /// Its statistics.
    #[n(1)]
    pub statistics: Vec<Statistic>,
}

/// HL7 confidentiality, least to most.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[cbor(index_only)]
pub enum Confidentiality {
    /// Unrestricted.
    #[n(0)]
    U,
    /// Low.
    #[n(1)]
    L,
    /// Moderate.
    #[n(2)]
    M,
    /// Normal.
    #[default]
    #[n(3)]
    N,
    /// Restricted.
    #[n(4)]
    R,
    /// Very restricted.
    #[n(5)]
    V,
}

/// Security labels.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields, default)]
#[cbor(map)]
pub struct Labels {
    /// How confidential; normal unless said otherwise.
    #[n(0)]
    pub confidentiality: Confidentiality,
    /// HL7 v3 ActCode sensitivities out of `labels.json`, ascending.
    #[n(1)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensitivity: Vec<SensitivityCode>,
}

impl Labels {
    fn are_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The digest algorithm of a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[cbor(index_only)]
pub enum DigestAlgorithm {
    /// SHA-256.
    #[n(0)]
    #[serde(rename = "sha-256")]
    Sha256,
}

/// The commitment to the raw data a record summarises, which never leaves the device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[cbor(map)]
pub struct Raw {
    /// Digest algorithm.
    #[n(0)]
    pub alg: DigestAlgorithm,
    /// Digest over the canonical raw batch with a random salt, so that it cannot be searched for.
    #[n(1)]
    pub digest: RawDigest,
    /// Samples it is over.
    #[n(2)]
    pub sample_count: u64,
    /// Their encoding, out of `codes.json`.
    #[n(3)]
    pub format: String,
    /// Where the device finds them again: 1 to 64 letters, digits, `.`, `_`, `:`, `-`, opaque to
    /// everyone else.
    #[n(4)]
    pub locator: String,
}

/// How the values came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum Modality {
    /// By a sensor.
    #[n(0)]
    Sensed,
    /// By the patient's word.
    #[n(1)]
    SelfReported,
}

/// State of a record. The first two are submitted, the others are corrections'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum RecordStatus {
    /// More of the window may come; what does is a correction.
    #[n(0)]
    Preliminary,
    /// Complete.
    #[n(1)]
    Final,
    /// Complete, with something added.
    #[n(2)]
    Amended,
    /// Complete, with something put right.
    #[n(3)]
    Corrected,
    /// It never was the patient's, or never measured.
    #[n(4)]
    EnteredInError,
}

/// Why a record is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cbor(index_only)]
pub enum CorrectionReason {
    /// More of the window has come.
    #[n(0)]
    LateData,
    /// The sensor was at fault.
    #[n(1)]
    SensorFault,
    /// The clock was wrong.
    #[n(2)]
    ClockError,
    /// The summary was computed wrongly.
    #[n(3)]
    CalculationError,
    /// Somebody else wore the device.
    #[n(4)]
    WrongPatient,
    /// Labels were missing or wrong.
    #[n(5)]
    Labelling,
}

/// A summarised record as a device sends it and a reader gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// What was measured.
    pub code: LoincCode,
    /// Length of the window in seconds: one of the code's grids.
    pub grid_s: u32,
    /// Start of the window: a multiple of the grid since 1970. It ends before `start + grid_s`.
    pub start: TimestampMs,
    /// Statistics of a single value, each at most once; empty for a panel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statistics: Vec<Statistic>,
    /// UCUM unit of the statistics: the code's.
    pub unit: String,
    /// Valid measurements the statistics are of: beats, not samples.
    pub count: u64,
    /// All measurements, ignored ones included.
    pub total_count: u64,
    /// Components of a panel, in the registry's order; empty for a single value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// Security labels, where they differ from the defaults.
    #[serde(default, skip_serializing_if = "Labels::are_default")]
    pub labels: Labels,
    /// The commitment to the raw data.
    pub raw: Raw,
    /// How the values came to be.
    pub modality: Modality,
    /// State of the record.
    pub status: RecordStatus,
}

impl Summary {
    /// The first millisecond after the window.
    pub fn end(&self) -> TimestampMs {
        self.start.saturating_add(window_ms(self.grid_s))
    }
}

/// The length of a window of `grid_s` seconds.
pub(crate) fn window_ms(grid_s: u32) -> i64 {
    i64::from(grid_s).saturating_mul(1000)
}

/// What a record says, without what its key says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecordBody {
    /// Statistics of a single value.
    #[n(0)]
    pub statistics: Vec<Statistic>,
    /// UCUM unit.
    #[n(1)]
    pub unit: String,
    /// Valid measurements.
    #[n(2)]
    pub count: u64,
    /// All measurements.
    #[n(3)]
    pub total_count: u64,
    /// Components of a panel.
    #[n(4)]
    pub components: Vec<Component>,
    /// Security labels.
    #[n(5)]
    pub labels: Labels,
    /// The commitment to the raw data.
    #[n(6)]
    pub raw: Raw,
    /// How the values came to be.
    #[n(7)]
    pub modality: Modality,
    /// State.
    #[n(8)]
    pub status: RecordStatus,
}

impl From<Summary> for RecordBody {
    fn from(summary: Summary) -> Self {
        Self {
            statistics: summary.statistics,
            unit: summary.unit,
            count: summary.count,
            total_count: summary.total_count,
            components: summary.components,
            labels: summary.labels,
            raw: summary.raw,
            modality: summary.modality,
            status: summary.status,
        }
    }
}

impl RecordBody {
    /// The record as readers get it.
    pub fn into_summary(self, code: LoincCode, grid_s: u32, start: TimestampMs) -> Summary {
        Summary {
            code,
            grid_s,
            start,
            statistics: self.statistics,
            unit: self.unit,
            count: self.count,
            total_count: self.total_count,
            components: self.components,
            labels: self.labels,
            raw: self.raw,
            modality: self.modality,
            status: self.status,
        }
    }
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// Its history; corrections raise the version.
    #[n(0)]
    pub meta: Meta<1>,
    /// Makes the value's hash unguessable.
    #[n(1)]
    pub salt: Salt,
    /// What it says.
    #[n(2)]
    pub body: RecordBody,
    /// The gateway that submitted it for the device.
    #[n(3)]
    pub gateway: Option<ParticipantId>,
    /// Why it differs from the version before.
    #[n(4)]
    pub reason: Option<CorrectionReason>,
    /// Who corrected it.
    #[n(5)]
    pub corrected_by: Option<ParticipantId>,
}

impl Record {
    /// Whether it is what correcting `version` to `body` made of it: correcting again is safe.
    pub(crate) fn is_corrected_to(
        &self,
        body: &RecordBody,
        version: u32,
        reason: CorrectionReason,
    ) -> bool {
        self.meta.version == version.saturating_add(1)
            && self.body == *body
            && self.reason == Some(reason)
    }
}
