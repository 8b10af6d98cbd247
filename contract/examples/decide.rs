//! Decides cases: one JSON object a line on standard input, one decision a line on standard output.
//!
//! ```sh
//! cargo run -p ioht-contract --example decide < cases.jsonl
//! ```
//!
//! The schemas of both lines are `policies/schema/decision-case.schema.json` and
//! `decision-verdict.schema.json`; `docs/consent.md` has examples. A line that is no case is answered
//! by an error object, and the next one is read; a blank one is passed over. Policies are the ones
//! compiled in.

use ioht_contract::Policies;
use ioht_contract::decision::{CASE_BYTES_MAX, Verdict};
use std::io::{self, BufRead, Read, Write};

fn main() -> io::Result<()> {
    decide(io::stdin().lock(), io::BufWriter::new(io::stdout().lock()))
}

/// Answers line by line, so that whoever asks can wait for each answer.
pub(crate) fn decide(mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let policies = Policies::default();
    while let Some(line) = line(&mut input)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        serde_json::to_writer(&mut output, &Verdict::of_line(&policies, &line))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// The next line without its end, cut after the first byte that makes it too long.
fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let limit = u64::try_from(CASE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else {
        input.skip_until(b'\n')?;
    }
    Ok(Some(line))
}
