//! Recordings as devices write them: comma-separated rows of a time stamp and a pulse value.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use crate::error::InputError;
use crate::fixed::{DecimalError, MICRO, parse_decimal};
use crate::stamp::parse_date_time;

/// Rows of one recording.
///
/// Six hours at 100 samples a second. A recording is worked on in memory, about 100 bytes a row at
/// that rate, and a home gateway has a gigabyte; longer ones are handed over in parts.
pub const ROWS_MAX: usize = 2_160_000;

/// Largest magnitude of a sample, in the sensor's unit.
///
/// Above every converter (a 24-bit one ends at 16,777,215), and small enough for the detector's
/// sums to be exact.
pub const VALUE_MAX: i64 = 100_000_000;

/// Largest magnitude of a time stamp, in microseconds: the years to 9999.
const STAMP_MAX_US: u64 = 253_402_300_800_000_000;

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

impl Reading {
    fn in_range(self) -> bool {
        match self {
            Self::Micro(value) => (-VALUE_MAX * MICRO..=VALUE_MAX * MICRO).contains(&value),
            Self::NotFinite => true,
        }
    }
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
            if row.stamp_us.unsigned_abs() > STAMP_MAX_US {
                return Err(InputError::OutOfRange { line, column: "time".to_owned() });
            }
            if !row.reading.in_range() {
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
                .filter(|stamp| stamp.unsigned_abs() <= STAMP_MAX_US)
                .ok_or_else(|| out_of_range.clone())?;
        }
        Ok(self)
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

impl Clock {
    fn title(&self) -> &str {
        match self {
            Self::Milliseconds(cell) | Self::DateTime(cell) => &cell.title,
            Self::FixedRate(_) => "time",
        }
    }
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
        if stamp_us.unsigned_abs() > STAMP_MAX_US {
            return Err(InputError::OutOfRange { line, column: self.clock.title().to_owned() });
        }
        let reading = match self.value.text(record, line)? {
            text if is_not_finite(text) => Reading::NotFinite,
            _ => Reading::Micro(self.value.decimal(record, line, 6)?),
        };
        if !reading.in_range() {
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
