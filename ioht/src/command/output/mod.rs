//! What a command prints.

mod decided;
mod ledger;

pub(crate) use decided::warning;
pub(super) use decided::{
    accesses, directives, explanation, findings, simulation, unsound, withdrawn,
};
pub(super) use ledger::{commands, devices, journal, myself, relations};

use super::when::clock;
use ioht::{Disclosed, Reading};
use ioht_contract::access::{AccountingEntry, Occasion};
use ioht_contract::{Action, Finding, StoredSummary};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// An answer, for people and for programs.
pub(crate) struct Told {
    text: String,
    json: Value,
    warnings: Vec<Finding>,
}

impl Told {
    pub(crate) fn new(text: impl Into<String>, json: &impl Serialize) -> Self {
        // The contract's types have text keys only: no JSON is lacking.
        let mut json = serde_json::to_value(json).unwrap_or_default();
        hide_records_key(&mut json);
        Self { text: text.into(), json, warnings: Vec::new() }
    }

    /// The same for both.
    pub(crate) fn json(json: &impl Serialize) -> Self {
        let told = Self::new("", json);
        Self { text: format!("{:#}", told.json), ..told }
    }

    /// What the patient is to know beside what was done; part of the JSON.
    pub(crate) fn warnings(&self) -> &[Finding] {
        &self.warnings
    }

    /// As it is printed.
    pub(crate) fn shown(&self, json: bool) -> String {
        if json { format!("{:#}", self.json) } else { self.text.clone() }
    }
}

/// What was done, and what to know about it.
pub(super) fn warnings(mut told: Told, warnings: &[Finding]) -> Told {
    if let Value::Object(fields) = &mut told.json {
        fields.insert("warnings".to_owned(), serde_json::to_value(warnings).unwrap_or_default());
    }
    Told { warnings: warnings.to_vec(), ..told }
}

/// Commands ask for the records key whenever they need it: no screen or log has to show it.
fn hide_records_key(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            fields.remove("rk");
            fields.values_mut().for_each(hide_records_key);
        }
        Value::Array(items) => items.iter_mut().for_each(hide_records_key),
        _ => {}
    }
}

/// A code as the ledger writes it.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

/// Several, with commas between.
fn list<'a, T: Serialize + 'a>(all: impl IntoIterator<Item = &'a T>) -> String {
    all.into_iter().map(word).collect::<Vec<_>>().join(", ")
}

fn lines(all: impl IntoIterator<Item = String>) -> String {
    all.into_iter().collect::<Vec<_>>().join("\n")
}

pub(super) fn records(records: &[StoredSummary]) -> String {
    let mut text = String::new();
    for record in records {
        let summary = &record.summary;
        let mut line =
            format!("{}  {} {:>6} s ", clock(summary.start), summary.code, summary.grid_s);
        let components = summary.components.iter().flat_map(|it| it.statistics.iter());
        for statistic in summary.statistics.iter().chain(components) {
            line.push_str(&format!(" {} {}", word(&statistic.stat), statistic.value));
        }
        line.push_str(&format!(" {} (n = {})\n", summary.unit, summary.count));
        text.push_str(&line);
    }
    text.push_str(&format!("{} records", records.len()));
    text
}

pub(super) fn reading(reading: &Reading) -> Told {
    let access = &reading.access;
    let mut text = format!("{}: {}", word(&access.outcome), word(&access.reason));
    if reading.disclosure.is_some() {
        text = format!("{text}\n{}", disclosed(&reading.disclosed));
    }
    Told::new(text, reading)
}

pub(super) fn disclosed(found: &Disclosed) -> String {
    let mut text = records(&found.records);
    for it in &found.entered_in_error {
        let (record, code) = (&it.record, it.code);
        text.push_str(&format!(
            "\n{}  {code} of {} was entered in error: do not rely on it",
            clock(record.start),
            record.device
        ));
    }
    if !found.obligations.is_empty() {
        let codes: Vec<String> = found.obligations.iter().map(ToString::to_string).collect();
        text.push_str(&format!("\nyou are obliged to: {}", codes.join(", ")));
    }
    text
}

pub(super) fn accounting(entries: &[AccountingEntry]) -> Told {
    let mut text = String::new();
    for entry in entries {
        let what = match entry.occasion {
            Occasion::Request { .. } => "asked for",
            Occasion::Opening { .. } => "opened",
        };
        let codes: Vec<String> = entry.scope.codes.iter().map(ToString::to_string).collect();
        let done = match entry.scope.action {
            Action::Access => String::new(),
            other => format!(" to {}", word(&other)),
        };
        let by: Vec<String> =
            entry.verdict.determining.iter().map(|it| it.directive.to_string()).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        // Writing to a text never fails.
        let _ = writeln!(
            text,
            "{}  {} of {} {what} {}{done} for {}: {} ({}{by})",
            clock(entry.at),
            entry.who,
            entry.msp,
            codes.join(", "),
            entry.scope.purpose,
            word(&entry.verdict.outcome),
            word(&entry.verdict.reason),
        );
    }
    text.push_str(&format!("{} entries", entries.len()));
    Told::new(text, &entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn warnings_are_told_beside_what_was_done() {
        let shadowed: Finding =
            serde_json::from_value(json!({"code": "SHADOWED", "path": "context"})).unwrap();
        let told = warnings(Told::new("written", &json!({"block": 7})), &[shadowed]);
        assert_eq!(told.shown(false), "written");
        let warned = json!([{"code": "SHADOWED", "path": "context"}]);
        assert_eq!(told.json, json!({"block": 7, "warnings": warned}));
        assert_eq!(warning(&shadowed), "a deny in force makes it void (SHADOWED at context)");
        assert_eq!(told.warnings(), [shadowed]);
    }

    #[test]
    fn no_answer_shows_the_records_key() {
        let told = Told::new("", &json!([{"patient": {"rk": "00", "sid": "11"}}, {"rk": "22"}]));
        assert_eq!(told.json, json!([{"patient": {"sid": "11"}}, {}]));
    }
}
