//! What can be wrong with a recording's file.

use crate::input::ROWS_MAX;

/// Why a file cannot be read as a recording.
///
/// Lines are counted from 1, a header included. Messages repeat no cell: what a file holds is the
/// patient's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Nothing in the file, not even a header.
    #[error("the file is empty")]
    Empty,
    /// A header, and nothing after it.
    #[error("the file has a header but no rows")]
    NoRows,
    /// The header lacks a column that was asked for.
    #[error("line 1: there is no column `{column}`; check the column names given")]
    ColumnMissing {
        /// The column that was asked for.
        column: String,
    },
    /// The header has a column that was asked for more than once.
    #[error("line 1: there is more than one column `{column}`; name it by its position")]
    ColumnAmbiguous {
        /// The column that was asked for.
        column: String,
    },
    /// A column was asked for by name from a file said to have no header.
    #[error("column `{column}` is named, but the file is said to have no header line")]
    HeaderNeeded {
        /// The column that was asked for.
        column: String,
    },
    /// The declared sample rate is zero or above 100 kHz.
    #[error("a sample rate of {millihertz} mHz is not usable; give 1 to 100000000")]
    RateInvalid {
        /// The declared rate.
        millihertz: u32,
    },
    /// A row with more or fewer cells than the first line.
    #[error("line {line}: {found} cells where {expected} are expected")]
    RowShape {
        /// The row's line.
        line: u64,
        /// Cells in the first line.
        expected: usize,
        /// Cells in this row.
        found: usize,
    },
    /// The last row stops short: the file was cut while it was written or copied.
    #[error("line {line}: the last row is cut off; copy the file again, or delete that line")]
    Truncated {
        /// The row's line.
        line: u64,
    },
    /// A cell that should hold something is empty.
    #[error("line {line}: column `{column}` is empty")]
    CellEmpty {
        /// The row's line.
        line: u64,
        /// The cell's column.
        column: String,
    },
    /// A cell that should hold a number does not.
    #[error("line {line}: column `{column}` is not a number")]
    NotANumber {
        /// The row's line.
        line: u64,
        /// The cell's column.
        column: String,
    },
    /// A cell that should hold a date and time does not.
    #[error("line {line}: column `{column}` is not a date and time (2016-11-24 13:58:58.081)")]
    StampInvalid {
        /// The row's line.
        line: u64,
        /// The cell's column.
        column: String,
    },
    /// A number beyond what a sensor or clock can say.
    #[error("line {line}: column `{column}` is out of range")]
    OutOfRange {
        /// The row's line.
        line: u64,
        /// The cell's column.
        column: String,
    },
    /// More rows than [`ROWS_MAX`].
    #[error("line {line}: more than {ROWS_MAX} rows; hand the recording over in parts")]
    TooManyRows {
        /// The first line too many.
        line: u64,
    },
    /// The bytes are not UTF-8 text.
    #[error("line {line}: not UTF-8 text")]
    NotText {
        /// The line.
        line: u64,
    },
    /// The start asked for puts a row outside the years to 9999.
    #[error("a recording cannot start at {start_ms} ms")]
    StartOutOfRange {
        /// The start asked for.
        start_ms: i64,
    },
    /// Reading failed.
    #[error("line {line}: reading failed: {kind}")]
    Io {
        /// The line after which it failed.
        line: u64,
        /// The cause.
        kind: std::io::ErrorKind,
    },
}

impl InputError {
    /// The name of the cause, which never changes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "FILE_EMPTY",
            Self::NoRows => "NO_ROWS",
            Self::ColumnMissing { .. } => "COLUMN_MISSING",
            Self::ColumnAmbiguous { .. } => "COLUMN_AMBIGUOUS",
            Self::HeaderNeeded { .. } => "HEADER_NEEDED",
            Self::RateInvalid { .. } => "RATE_INVALID",
            Self::RowShape { .. } => "ROW_SHAPE",
            Self::Truncated { .. } => "TRUNCATED",
            Self::CellEmpty { .. } => "CELL_EMPTY",
            Self::NotANumber { .. } => "NOT_A_NUMBER",
            Self::StampInvalid { .. } => "STAMP_INVALID",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::TooManyRows { .. } => "TOO_MANY_ROWS",
            Self::NotText { .. } => "NOT_TEXT",
            Self::StartOutOfRange { .. } => "START_OUT_OF_RANGE",
            Self::Io { .. } => "IO",
        }
    }

    /// In the last row, cells that are not there are a file that was cut.
    pub(crate) fn of_last_row(self) -> Self {
        match self {
            Self::RowShape { line, expected, found } if found < expected => {
                Self::Truncated { line }
            }
            Self::CellEmpty { line, .. } => Self::Truncated { line },
            other => other,
        }
    }
}
