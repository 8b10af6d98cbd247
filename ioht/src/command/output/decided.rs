//! What a patient decided, and what follows from it.

use super::{Told, lines, list, word};
use crate::command::when::clock;
use ioht_contract::decision::{Determining, Explanation};
use ioht_contract::{
    Accesses, Action, ConsentView, Directive, Finding, FindingCode, Findings, Matcher, Period,
    Simulation,
};
use serde_json::json;

pub(in crate::command) fn directives(view: &ConsentView) -> Told {
    let mut all = vec![format!("sharing: {}", word(&view.sharing))];
    all.extend(view.directives.iter().map(directive));
    for version in &view.versions {
        let reason = version.reason.map_or_else(String::new, |it| format!(", {}", word(&it)));
        all.push(format!("{}  {}{reason}", clock(version.at), directive(&version.directive)));
    }
    Told::new(lines(all), view)
}

/// What was withdrawn is gone, whether it was there or not: so what is left is said as well.
pub(in crate::command) fn withdrawn(block: u64, transaction: &str, left: &[Directive]) -> Told {
    let ids: Vec<&str> = left.iter().map(|it| it.id.as_str()).collect();
    let still = if ids.is_empty() { "nothing".to_owned() } else { ids.join(", ") };
    let text =
        format!("withdrawn: block {block}, transaction {transaction}\nstill in force: {still}");
    Told::new(text, &json!({"transaction": transaction, "block": block, "in_force": ids}))
}

fn directive(it: &Directive) -> String {
    let mut text =
        format!("{} version {} ({}): {}", it.id, it.version, word(&it.status), word(&it.decision));
    text.push_str(&matcher(&it.context));
    if let Some(terms) = &it.terms {
        text.push_str(&format!(", under {} version {}", terms.offer, terms.version));
    }
    if let Period { end: Some(end), .. } = it.period {
        text.push_str(&format!(", until {}", clock(end)));
    }
    for provision in &it.provision {
        text.push_str(&format!("\n    but not{}", matcher(&provision.matcher)));
        for exception in &provision.provision {
            text.push_str(&format!("\n        except{}", matcher(&exception.matcher)));
        }
    }
    text
}

/// What a matcher is about, in words that follow a verb.
fn matcher(it: &Matcher) -> String {
    let mut text = String::new();
    let mut add = |word: &str, items: Option<String>| {
        if let Some(items) = items {
            text.push_str(&format!(" {word} {items}"));
        }
    };
    add("to", it.actors.as_ref().map(list));
    add("for", it.purposes.as_ref().map(list));
    add("to", it.actions.as_ref().map(list));
    add("of", it.codes.as_ref().map(list));
    add("of", it.categories.as_ref().map(list));
    add("by device", it.devices.as_ref().map(list));
    add("with confidentiality", it.confidentiality.as_ref().map(word));
    add("with sensitivity", it.sensitivity.as_ref().map(list));
    add("with a window limit of", it.min_grid_s.map(|seconds| format!("{seconds} s")));
    add("measured", it.data_period.as_ref().map(period));
    add("asked", it.period.as_ref().map(period));
    text
}

fn period(period: &Period) -> String {
    let end = period.end.map_or_else(String::new, |end| format!(" until {}", clock(end)));
    format!("from {}{end}", clock(period.start))
}

/// A warning in words.
pub(crate) fn warning(it: &Finding) -> String {
    let code = word(&it.code);
    let about = match it.code {
        FindingCode::Shadowed => "a deny in force makes it void",
        FindingCode::ExpiresSoon => "it ends within a day",
        FindingCode::BroadPermit => "it is a permit to many for everything",
        _ => "look at it again",
    };
    format!("{about} ({code} at {})", word(&it.path))
}

/// What keeps a directive from being written.
pub(in crate::command) fn unsound(findings: &Findings) -> String {
    let told = |it: &Finding| format!("{} at {}", word(&it.code), word(&it.path));
    findings.errors.iter().map(told).collect::<Vec<_>>().join(", ")
}

pub(in crate::command) fn findings(findings: &Findings) -> Told {
    let told =
        |kind: &str, it: &Finding| format!("{kind}: {} at {}", word(&it.code), word(&it.path));
    let errors = findings.errors.iter().map(|it| told("error", it));
    let warnings = findings.warnings.iter().map(|it| told("warning", it));
    let verdict = if findings.errors.is_empty() { "it can be written" } else { "it is refused" };
    Told::new(lines(errors.chain(warnings).chain([verdict.to_owned()])), findings)
}

pub(in crate::command) fn explanation(told: &Explanation) -> String {
    let decision = &told.decision;
    let mut all = vec![format!("{}: {}", word(&decision.outcome), word(&decision.reason))];
    all.extend(decision.determining.iter().map(|it| format!("by {}", determining(it))));
    for it in &decision.residual {
        all.push(format!("depends on {} version {}: {}", it.directive, it.version, list(&it.open)));
    }
    for it in &told.near_misses {
        let (path, failed) = (word(&it.path), word(&it.failed));
        all.push(format!("not by {} version {} ({path}): {failed}", it.directive, it.version));
    }
    lines(all)
}

fn determining(it: &Determining) -> String {
    format!("{} version {} ({})", it.directive, it.version, word(&it.path))
}

pub(in crate::command) fn simulation(simulation: &Simulation) -> Told {
    let told = simulation
        .outcomes
        .iter()
        .map(|it| format!("now\n{}\nthen\n{}", explanation(&it.before), explanation(&it.after)));
    Told::new(lines(told), simulation)
}

pub(in crate::command) fn accesses(accesses: &Accesses) -> Told {
    let told = accesses.accesses.iter().map(|it| {
        let by: Vec<String> = it.determining.iter().map(determining).collect();
        let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
        let all = it.actions.len() == Action::ALL.len();
        let done = if all { String::new() } else { format!(" to {}", list(&it.actions)) };
        let (outcome, reason) = (word(&it.outcome), word(&it.reason));
        format!("{} for {}{done}: {outcome} {reason}{by}", it.actor, it.purpose)
    });
    let count = match (accesses.accesses.len(), accesses.more) {
        (0, _) => "nobody can".to_owned(),
        (count, false) => format!("{count} can"),
        (count, true) => format!("{count} can, and more"),
    };
    Told::new(lines(told.chain([count])), accesses)
}
