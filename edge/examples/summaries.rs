//! Prints what a recording comes to: its quality, its beats, and its summaries as JSON.
//!
//! ```text
//! cargo run -p ioht-edge --example summaries -- edge/data/data3.csv datetime hr 60
//! cargo run -p ioht-edge --example summaries -- edge/data/data2.csv ms:timer hr 30
//! cargo run -p ioht-edge --example summaries -- edge/data/data.csv 100Hz 0 10
//! ```
#![expect(clippy::print_stdout, reason = "a command's output")]

use std::error::Error;
use std::fs::File;
use std::io::BufReader;

use ioht_edge::{Columns, Field, PipelineOptions, RawSalt, TimeColumn, Verdict, pipeline};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("give: file, time column, value column, grid_s");
    let (file, time, value, grid_s) = (next()?, next()?, next()?, next()?);
    let columns = Columns::new(time_column(&time)?, field(&value));
    // An example has no patient; a device makes 32 random bytes once and keeps them.
    let mut options = PipelineOptions::heart_rate(RawSalt::new([0; 32]));
    options.grid.grid_s = grid_s.parse()?;
    let outcome = pipeline(BufReader::new(File::open(file)?), &columns, &options)?;

    println!("{:#?}", outcome.quality);
    for verdict in Verdict::ALL {
        println!("{verdict:?}: {} beats", outcome.beats.count(verdict));
    }
    if let Some(rate) = outcome.beats.mean_rate_milli() {
        println!("{}.{:03} beats a minute over the recording", rate / 1_000, rate % 1_000);
    }
    for refused in &outcome.summaries.refused {
        println!("{refused:?}");
    }
    for summary in &outcome.summaries.emitted {
        println!("{}", serde_json::to_string(summary)?);
    }
    Ok(())
}

/// `100Hz`, `ms:<column>`, or the name of a date-time column.
fn time_column(text: &str) -> Result<TimeColumn, Box<dyn Error>> {
    if let Some(hertz) = text.strip_suffix("Hz") {
        let hertz: u32 = hertz.parse()?;
        let millihertz = hertz.checked_mul(1_000).ok_or("the rate is too high")?;
        return Ok(TimeColumn::FixedRate { millihertz });
    }
    Ok(match text.strip_prefix("ms:") {
        Some(column) => TimeColumn::Milliseconds(field(column)),
        None => TimeColumn::DateTime(field(text)),
    })
}

/// A position, or a name.
fn field(text: &str) -> Field {
    text.parse().map_or_else(|_| Field::name(text), Field::Index)
}
