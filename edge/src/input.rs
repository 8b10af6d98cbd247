//! Recordings as devices write them: comma-separated rows of a time stamp and a pulse value.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use crate::fixed::{DecimalError, MICRO, parse_decimal};
use crate::stamp::parse_date_time;

/// Rows of one recording.
///
/// Twelve hours at 100 samples a second. A recording is worked on in memory, about 100 bytes a row
/// at the peak, and a home gateway has a gigabyte; longer ones are handed over in parts.
pub const ROWS_MAX: usize = 4_320_000;

/// Largest magnitude of a sample, in the sensor's unit.
///
/// Above every converter (a 24-bit one ends at 16,777,215), and small enough for the filters'
/// sums to be exact.
pub const VALUE_MAX: i64 = 1_000_000_000;

/// Largest magnitude of a time stamp, in microseconds: the years to 9999.
const STAMP_MAX_US: i64 = 253_402_300_800_000_000;

/// Fastest sample rate that can be declared, in thousandths of a hertz.
const RATE_MAX_MILLIHERTZ: u32 = 100_000_000;

/// Where in a row a cell stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The column whose header is this text. The file's first line must then be a header.
    Name(String),
    /// The column at this position, counted from 0.
    Index(usize),
}

impl Field {
    /// The column with this header.
    pub fn name(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// How a row's time is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeColumn {
    /// A decimal number of milliseconds, since the Unix epoch or since the recording's start.
    Milliseconds(Field),
    /// A date and time, `2016-11-24 13:58:58.081000`, with `T` or a space, UTC unless it ends in
    /// an offset such as `+01:00`.
    DateTime(Field),
    /// No clock in the file: the rows are this many thousandths of a hertz apart, from time 0.
    FixedRate {
        /// Sample rate in thousandths of a hertz: 100 Hz is 100,000.
        millihertz: u32,
    },
}

/// The layout of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// How a row's time is known.
    pub time: TimeColumn,
    /// The pulse value.
    pub value: Field,
    /// Whether the first line is a header. Must be true where a column is named.
    pub header: bool,
    /// The byte between cells.
    pub delimiter: u8,
}

impl Columns {
    /// A comma-separated file; it has a header exactly if one of the columns is named.
    pub fn new(time: TimeColumn, value: Field) -> Self {
        let named = matches!(
            time,
            TimeColumn::Milliseconds(Field::Name(_)) | TimeColumn::DateTime(Field::Name(_))
        ) || matches!(value, Field::Name(_));
        Self { time, value, header: named, delimiter: b',' }
    }
}

/// What the sensor said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A value, in millionths of the sensor's unit.
    Micro(i64),
    /// The device wrote `nan` or an infinity: there is a row, but no measurement.
    NotFinite,
}

/// One row of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its stamp, in microseconds.
    pub stamp_us: i64,
    /// What it says.
    pub reading: Reading,
}

/// The rows of one recording in the order of the file, each as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    rows: Vec<Row>,
}

impl Recording {
    /// A recording that did not come from a file.
    ///
    /// # Errors
    ///
    /// [`InputError::Empty`], [`InputError::TooManyRows`], or [`InputError::OutOfRange`] with the
    /// row's position counted from 1.
    pub fn from_rows(rows: Vec<Row>) -> Result<Self, InputError> {
        if rows.is_empty() {
            return Err(InputError::Empty);
        }
        if rows.len() > ROWS_MAX {
            return Err(InputError::TooManyRows { line: ROWS_MAX as u64 + 1 });
        }
        for (row, line) in rows.iter().zip(1_u64..) {
            if row.stamp_us.abs() > STAMP_MAX_US {
                return Err(InputError::OutOfRange { line, column: "time".to_owned() });
            }
            if matches!(row.reading, Reading::Micro(value) if value.abs() > VALUE_MAX * MICRO) {
                return Err(InputError::OutOfRange { line, column: "value".to_owned() });
            }
        }
        Ok(Self { rows })
    }

    /// The rows, in the order of the file.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The rows whose stamp lies in the window that starts at `start_ms` and lasts `grid_s`
    /// seconds, in the order of the file: those its raw digest is over.
    pub fn window(&self, start_ms: i64, grid_s: u32) -> Vec<Row> {
        let start_us = start_ms.saturating_mul(1_000);
        let end_us = start_us.saturating_add(i64::from(grid_s) * 1_000_000);
        self.rows.iter().filter(|row| (start_us..end_us).contains(&row.stamp_us)).copied().collect()
    }

    /// The same recording with its first row at `start_ms` since the Unix epoch and the others as
    /// far from it as they were. For recordings whose clock starts at zero, and for replays.
    ///
    /// # Errors
    ///
    /// [`InputError::StartOutOfRange`] if a row would leave the years to 9999.
    pub fn starting_at(mut self, start_ms: i64) -> Result<Self, InputError> {
        let out_of_range = InputError::StartOutOfRange { start_ms };
        let Some(first) = self.rows.first() else {
            return Ok(self);
        };
        let shift = start_ms
            .checked_mul(1_000)
            .and_then(|start_us| start_us.checked_sub(first.stamp_us))
            .ok_or_else(|| out_of_range.clone())?;
        for row in &mut self.rows {
            row.stamp_us = row
                .stamp_us
                .checked_add(shift)
                .filter(|stamp| stamp.abs() <= STAMP_MAX_US)
                .ok_or_else(|| out_of_range.clone())?;
        }
        Ok(self)
    }
}

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
}

/// Reads a recording. Blank lines are skipped; cells are trimmed of spaces.
///
/// Values with more than six decimals are rounded to the nearest millionth, stamps to the nearest
/// microsecond (milliseconds) or cut to the microsecond (date and time).
///
/// # Errors
///
/// The first [`InputError`] met. Nothing is repaired: a file that is not what it is said to be
/// would give a patient a wrong heart rate.
pub fn read_csv(reader: impl Read, columns: &Columns) -> Result<Recording, InputError> {
    let mut lines = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(columns.delimiter)
        .trim(csv::Trim::All)
        .from_reader(reader);
    let mut record = StringRecord::new();
    let mut next = |record: &mut StringRecord| -> Result<Option<u64>, InputError> {
        let line = lines.position().line();
        match lines.read_record(record) {
            Ok(true) => Ok(Some(record.position().map_or(line, csv::Position::line))),
            Ok(false) => Ok(None),
            Err(error) => Err(reading_failed(&error, line)),
        }
    };

    let Some(mut line) = next(&mut record)? else {
        return Err(InputError::Empty);
    };
    let layout = Layout::new(columns, &record)?;
    if columns.header {
        line = next(&mut record)?.ok_or(InputError::NoRows)?;
    }
    let mut rows = Vec::new();
    loop {
        if rows.len() == ROWS_MAX {
            return Err(InputError::TooManyRows { line });
        }
        match layout.row(&record, line, rows.len()) {
            Ok(row) => rows.push(row),
            Err(error) => {
                let last = next(&mut record)?.is_none();
                return Err(if last { error.of_last_row() } else { error });
            }
        }
        match next(&mut record)? {
            Some(number) => line = number,
            None => return Ok(Recording { rows }),
        }
    }
}

impl InputError {
    /// In the last row, cells that are not there are a file that was cut.
    fn of_last_row(self) -> Self {
        match self {
            Self::RowShape { line, expected, found } if found < expected => {
                Self::Truncated { line }
            }
            Self::CellEmpty { line, .. } => Self::Truncated { line },
            other => other,
        }
    }
}

fn reading_failed(error: &csv::Error, line: u64) -> InputError {
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, .. } => {
            InputError::NotText { line: pos.as_ref().map_or(line, csv::Position::line) }
        }
        csv::ErrorKind::Io(error) => InputError::Io { line, kind: error.kind() },
        _ => InputError::Io { line, kind: std::io::ErrorKind::Other },
    }
}

/// A column found in the file.
struct Cell {
    index: usize,
    title: String,
}

enum Clock {
    Milliseconds(Cell),
    DateTime(Cell),
    FixedRate(u32),
}

/// [`Columns`] resolved against the first line of the file.
struct Layout {
    clock: Clock,
    value: Cell,
    width: usize,
}

impl Layout {
    fn new(columns: &Columns, first: &StringRecord) -> Result<Self, InputError> {
        let find = |field: &Field| find_cell(field, columns.header, first);
        let clock = match &columns.time {
            TimeColumn::Milliseconds(field) => Clock::Milliseconds(find(field)?),
            TimeColumn::DateTime(field) => Clock::DateTime(find(field)?),
            TimeColumn::FixedRate { millihertz } => {
                if !(1..=RATE_MAX_MILLIHERTZ).contains(millihertz) {
                    return Err(InputError::RateInvalid { millihertz: *millihertz });
                }
                Clock::FixedRate(*millihertz)
            }
        };
        Ok(Self { clock, value: find(&columns.value)?, width: first.len() })
    }

    fn row(&self, record: &StringRecord, line: u64, position: usize) -> Result<Row, InputError> {
        if record.len() != self.width {
            let (expected, found) = (self.width, record.len());
            return Err(InputError::RowShape { line, expected, found });
        }
        let stamp_us = match &self.clock {
            Clock::Milliseconds(cell) => cell.decimal(record, line, 3)?,
            Clock::DateTime(cell) => {
                let text = cell.text(record, line)?;
                parse_date_time(text)
                    .ok_or_else(|| InputError::StampInvalid { line, column: cell.title.clone() })?
            }
            Clock::FixedRate(millihertz) => fixed_rate_stamp(position, *millihertz),
        };
        if stamp_us.abs() > STAMP_MAX_US {
            return Err(InputError::OutOfRange { line, column: "time".to_owned() });
        }
        let reading = match self.value.text(record, line)? {
            text if is_not_finite(text) => Reading::NotFinite,
            _ => Reading::Micro(self.value.decimal(record, line, 6)?),
        };
        if matches!(reading, Reading::Micro(value) if value.abs() > VALUE_MAX * MICRO) {
            return Err(InputError::OutOfRange { line, column: self.value.title.clone() });
        }
        Ok(Row { stamp_us, reading })
    }
}

impl Cell {
    fn text<'a>(&self, record: &'a StringRecord, line: u64) -> Result<&'a str, InputError> {
        match record.get(self.index) {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(InputError::CellEmpty { line, column: self.title.clone() }),
        }
    }

    fn decimal(&self, record: &StringRecord, line: u64, scale: u32) -> Result<i64, InputError> {
        let column = || self.title.clone();
        parse_decimal(self.text(record, line)?, scale).map_err(|error| match error {
            DecimalError::Syntax => InputError::NotANumber { line, column: column() },
            DecimalError::Range => InputError::OutOfRange { line, column: column() },
        })
    }
}

fn find_cell(field: &Field, header: bool, first: &StringRecord) -> Result<Cell, InputError> {
    match field {
        Field::Index(index) => {
            let column = format!("#{index}");
            if *index >= first.len() {
                return Err(InputError::ColumnMissing { column });
            }
            Ok(Cell { index: *index, title: column })
        }
        Field::Name(column) if !header => Err(InputError::HeaderNeeded { column: column.clone() }),
        Field::Name(column) => {
            let mut found = first
                .iter()
                .enumerate()
                .filter(|(_, title)| title.trim_start_matches('\u{feff}') == column);
            match (found.next(), found.next()) {
                (Some((index, _)), None) => Ok(Cell { index, title: column.clone() }),
                (None, _) => Err(InputError::ColumnMissing { column: column.clone() }),
                (Some(_), Some(_)) => Err(InputError::ColumnAmbiguous { column: column.clone() }),
            }
        }
    }
}

/// Row `position` at a fixed rate, rounded to the nearest microsecond from the exact time, so that
/// no error builds up.
fn fixed_rate_stamp(position: usize, millihertz: u32) -> i64 {
    let (position, millihertz) = (position as i128, i128::from(millihertz));
    let stamp = (position * 1_000_000_000 + millihertz / 2) / millihertz;
    i64::try_from(stamp).unwrap_or(i64::MAX)
}

fn is_not_finite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    ["nan", "inf", "infinity"].iter().any(|word| unsigned.eq_ignore_ascii_case(word))
}
