//! Files that are recordings, and files that are not.
#![expect(clippy::unwrap_used, reason = "helpers of tests; a panic is the failure")]

use std::io::{self, Read};

use ioht_edge::{
    Columns, Field, InputError, ROWS_MAX, Reading, Recording, Row, TimeColumn, VALUE_MAX, read_csv,
};

fn milliseconds() -> Columns {
    Columns::new(TimeColumn::Milliseconds(Field::name("ms")), Field::name("hr"))
}

fn dates() -> Columns {
    Columns::new(TimeColumn::DateTime(Field::name("when")), Field::name("hr"))
}

fn no_clock() -> Columns {
    Columns::new(TimeColumn::FixedRate { millihertz: 117_000 }, Field::Index(0))
}

/// Stamps and values, as text, of a file that can be read.
fn reads(columns: &Columns, file: &str, expected: &str) {
    let recording = read_csv(file.as_bytes(), columns).unwrap();
    let rows: Vec<String> = recording
        .rows()
        .iter()
        .map(|row| match row.reading {
            Reading::Micro(value) => format!("{}={value}", row.stamp_us),
            Reading::NotFinite => format!("{}=?", row.stamp_us),
        })
        .collect();
    assert_eq!(rows.join(" "), expected, "{file:?}");
}

/// Code and message of a file that cannot.
fn refuses(columns: &Columns, file: impl AsRef<[u8]>, code: &str, message: &str) {
    let error = read_csv(file.as_ref(), columns).unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), (code, message));
}

#[test]
fn the_layouts_of_the_recordings_at_hand() {
    reads(&milliseconds(), "ms,hr\n0.0,515\n8.54790319355,514.5\n", "0=515000000 8548=514500000");
    reads(&dates(), "when,hr\n2016-11-24 13:58:58.081000,326\n", "1479995938081000=326000000");
    reads(&no_clock(), "1\r\n2\r\n3\r\n", "0=1000000 8547=2000000 17094=3000000");
}

#[test]
fn columns_may_stand_anywhere() {
    reads(&milliseconds(), "hr,note,ms\n1,x,5\n", "5000=1000000");
    reads(&milliseconds(), "\u{feff}ms,hr\n5,1\n", "5000=1000000");
    reads(&milliseconds(), "ms , hr\n 5 , 1 \n\n6,2", "5000=1000000 6000=2000000");
    let mut columns = Columns::new(TimeColumn::Milliseconds(Field::Index(1)), Field::Index(0));
    columns.delimiter = b';';
    reads(&columns, "1;5\n", "5000=1000000");
    columns.header = true;
    reads(&columns, "pulse;clock\n1;5\n", "5000=1000000");
}

#[test]
fn rows_without_a_measurement_are_rows() {
    reads(
        &milliseconds(),
        "ms,hr\n1,nan\n2,NaN\n3,-inf\n4,Infinity\n",
        "1000=? 2000=? 3000=? 4000=?",
    );
}

#[test]
fn nothing_to_read() {
    refuses(&milliseconds(), "", "FILE_EMPTY", "the file is empty");
    refuses(&milliseconds(), "\n\n", "FILE_EMPTY", "the file is empty");
    refuses(&milliseconds(), "ms,hr\n", "NO_ROWS", "the file has a header but no rows");
}

#[test]
fn columns_that_are_not_there() {
    let missing = "line 1: there is no column `hr`; check the column names given";
    refuses(&milliseconds(), "ms,HR\n1,2\n", "COLUMN_MISSING", missing);
    refuses(
        &no_clock().at(Field::Index(3)),
        "1\n",
        "COLUMN_MISSING",
        "line 1: there is no column `#3`; check the column names given",
    );
    refuses(
        &milliseconds(),
        "ms,hr,hr\n1,2,3\n",
        "COLUMN_AMBIGUOUS",
        "line 1: there is more than one column `hr`; name it by its position",
    );
    let mut columns = milliseconds();
    columns.header = false;
    refuses(
        &columns,
        "1,2\n",
        "HEADER_NEEDED",
        "column `ms` is named, but the file is said to have no header line",
    );
}

trait At {
    fn at(self, value: Field) -> Self;
}

impl At for Columns {
    fn at(mut self, value: Field) -> Self {
        self.value = value;
        self
    }
}

#[test]
fn cells_that_say_nothing_usable() {
    let ms = milliseconds();
    refuses(&ms, "ms,hr\n1,2\n2,abc\n3,4\n", "NOT_A_NUMBER", "line 3: column `hr` is not a number");
    refuses(&ms, "ms,hr\nnan,2\n", "NOT_A_NUMBER", "line 2: column `ms` is not a number");
    refuses(&ms, "ms,hr\n1,0x1F\n", "NOT_A_NUMBER", "line 2: column `hr` is not a number");
    refuses(&ms, "ms,hr\n1,\n2,3\n", "CELL_EMPTY", "line 2: column `hr` is empty");
    let stamp = "line 2: column `when` is not a date and time (2016-11-24 13:58:58.081)";
    refuses(&dates(), "when,hr\n24.11.2016 13:58,1\n", "STAMP_INVALID", stamp);
    refuses(&dates(), "when,hr\n2016-02-30 13:58:58,1\n", "STAMP_INVALID", stamp);
    refuses(&ms, "ms,hr\n1,100000001\n", "OUT_OF_RANGE", "line 2: column `hr` is out of range");
    refuses(&ms, "ms,hr\n1,1e29\n", "OUT_OF_RANGE", "line 2: column `hr` is out of range");
    refuses(&ms, "ms,hr\n9e14,1\n", "OUT_OF_RANGE", "line 2: column `ms` is out of range");
    reads(&ms, "ms,hr\n1,-100000000\n", "1000=-100000000000000");
}

#[test]
fn rows_of_another_width() {
    let ms = milliseconds();
    refuses(&ms, "ms,hr\n1\n2,3\n", "ROW_SHAPE", "line 2: 1 cells where 2 are expected");
    refuses(&ms, "ms,hr\n1,2,3\n", "ROW_SHAPE", "line 2: 3 cells where 2 are expected");
    // A decimal comma splits the value.
    refuses(&ms, "ms,hr\n1,2,5\n2,2,6\n", "ROW_SHAPE", "line 2: 3 cells where 2 are expected");
}

#[test]
fn a_file_that_was_cut() {
    let cut = "line 3: the last row is cut off; copy the file again, or delete that line";
    refuses(&milliseconds(), "ms,hr\n1,2\n2", "TRUNCATED", cut);
    refuses(&milliseconds(), "ms,hr\n1,2\n2,", "TRUNCATED", cut);
    refuses(&dates(), "when,hr\n2016-11-24 13:58:58,2\n2016-11-2", "TRUNCATED", cut);
}

#[test]
fn bytes_that_are_no_text() {
    refuses(&milliseconds(), b"ms,hr\n1,2\n2,\xff\n", "NOT_TEXT", "line 3: not UTF-8 text");
}

#[test]
fn rates_that_are_none() {
    for millihertz in [0, 100_000_001] {
        let columns = Columns::new(TimeColumn::FixedRate { millihertz }, Field::Index(0));
        let message =
            format!("a sample rate of {millihertz} mHz is not usable; give 1 to 100000000");
        refuses(&columns, "1\n", "RATE_INVALID", &message);
    }
}

#[test]
fn a_reader_that_fails() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let file = "ms,hr\n1,2\n".as_bytes().chain(Broken);
    let error = read_csv(file, &milliseconds()).unwrap_err();
    assert_eq!(error.code(), "IO");
    assert!(error.to_string().contains("connection reset"), "{error}");
}

#[test]
fn more_rows_than_fit() {
    let endless = io::repeat(b'1').take(1).chain(RepeatRows);
    let error = read_csv(endless, &no_clock()).unwrap_err();
    assert_eq!(error, InputError::TooManyRows { line: ROWS_MAX as u64 + 1 });
    assert_eq!(error.code(), "TOO_MANY_ROWS");
}

/// `\n1\n1\n1...` without an end.
struct RepeatRows;

impl Read for RepeatRows {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len() / 2 * 2;
        for (byte, next) in buffer.iter_mut().zip(b"\n1".iter().cycle()) {
            *byte = *next;
        }
        Ok(length)
    }
}

#[test]
fn no_message_repeats_a_cell() {
    for file in ["ms,hr\n1,secret\n2,3\n", "ms,hr\nsecret,1\n2,3\n", "ms,hr\n1,2,secret\n"] {
        let error = read_csv(file.as_bytes(), &milliseconds()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn a_recording_can_be_placed_in_time() {
    let file = "ms,hr\n5,1\n1005,2\n4,3\n";
    let recording = read_csv(file.as_bytes(), &milliseconds()).unwrap();
    let placed = recording.clone().starting_at(1_700_000_000_000).unwrap();
    let stamps: Vec<i64> = placed.rows().iter().map(|row| row.stamp_us).collect();
    assert_eq!(stamps, [1_700_000_000_000_000, 1_700_000_001_000_000, 1_699_999_999_999_000]);
    for start_ms in [i64::MAX, i64::MIN, 253_402_300_800_000] {
        let error = recording.clone().starting_at(start_ms).unwrap_err();
        assert_eq!(error, InputError::StartOutOfRange { start_ms });
        assert_eq!(error.code(), "START_OUT_OF_RANGE");
    }
}

#[test]
fn rows_from_elsewhere_obey_the_same_bounds() {
    let row = |stamp_us, value| Row { stamp_us, reading: Reading::Micro(value) };
    let code = |rows| Recording::from_rows(rows).unwrap_err().code();
    assert_eq!(code(Vec::new()), "FILE_EMPTY");
    assert_eq!(code(vec![row(0, VALUE_MAX * 1_000_000 + 1)]), "OUT_OF_RANGE");
    assert_eq!(code(vec![row(0, i64::MIN)]), "OUT_OF_RANGE");
    assert_eq!(code(vec![row(0, 0), row(i64::MIN, 0)]), "OUT_OF_RANGE");
    assert_eq!(code(vec![row(0, 0); ROWS_MAX + 1]), "TOO_MANY_ROWS");
    assert!(Recording::from_rows(vec![row(-5, VALUE_MAX * 1_000_000)]).is_ok());
}
