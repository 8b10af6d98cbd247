//! `codes.json`: what may be recorded, and how coarse a summary has to be.

use super::{Labels, PolicyError};
use crate::decimal::Decimal;
use crate::ids::{CategoryCode, LoincCode, SensitivityCode};
use crate::record::Stat;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const FILE: &str = "codes.json";

/// The shortest window any registry may allow, in seconds: below it a summary is a recording.
pub const WINDOW_S_FLOOR: u32 = 60;
/// The fewest measurements any registry may allow: a summary of one is the measurement itself.
pub const COUNT_FLOOR: u64 = 2;
/// The longest grid any registry may allow, in seconds: 31 days.
pub const GRID_S_CEILING: u32 = 2_678_400;
/// Most components of a panel; blood pressure has two.
pub const COMPONENTS_MAX: usize = 16;

/// The registry of codes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CodesDocument {
    /// Where an editor finds this schema.
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// Encodings of the raw data that a record's digest may be over.
    raw_formats: BTreeSet<String>,
    /// What may be recorded.
    codes: Vec<CodeEntry>,
}

/// One code.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CodeEntry {
    /// LOINC code.
    code: LoincCode,
    /// What it is.
    name: String,
    /// FHIR observation category, by which consent can name many codes at once.
    category: CategoryCode,
    /// What one measurement is: `count` and `total_count` are numbers of these.
    measurement: String,
    /// UCUM unit, the only one accepted.
    unit: String,
    /// Lengths of windows, in seconds, ascending. All are multiples of the first, so that windows of
    /// two lengths cannot be subtracted into ones finer than that.
    grids_s: Vec<u32>,
    /// The shortest window, in seconds: no grid is shorter.
    min_window_s: u32,
    /// The fewest valid measurements a window may summarise.
    min_count: u64,
    /// The most measurements a second; more are taken for samples.
    max_per_second: Decimal,
    /// For a single value: its statistics.
    #[serde(default)]
    value: Option<ValueRule>,
    /// For a panel: its components.
    #[serde(default)]
    components: Vec<ComponentRule>,
}

/// What the statistics of a value may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueRule {
    /// Most decimals a statistic may have.
    pub scale: u8,
    /// What one measurement can be.
    pub plausible: Range,
    /// What the sum over a window can be, where that is narrower than count times `plausible`.
    #[serde(default)]
    pub sum: Option<Range>,
    /// The statistics accepted.
    pub statistics: BTreeSet<Stat>,
}

/// One component of a panel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComponentRule {
    /// LOINC code.
    pub code: LoincCode,
    /// What it is.
    pub name: String,
    /// Its statistics.
    pub value: ValueRule,
}

/// From `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The least.
    pub min: Decimal,
    /// The greatest.
    pub max: Decimal,
}

/// What a code's record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// One value.
    Single(ValueRule),
    /// Several, each with statistics of its own, such as blood pressure.
    Panel(Vec<ComponentRule>),
}

/// The rules of one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRule {
    /// What it is.
    pub name: String,
    /// FHIR observation category.
    pub category: CategoryCode,
    /// What one measurement is.
    pub measurement: String,
    /// UCUM unit.
    pub unit: String,
    /// Lengths of windows in seconds, ascending multiples of the first.
    pub grids_s: Vec<u32>,
    /// The fewest valid measurements a window may summarise.
    pub min_count: u64,
    /// The most measurements a second.
    pub max_per_second: Decimal,
    /// What a record holds.
    pub values: Values,
}

/// The registry of codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRegistry {
    raw_formats: BTreeSet<String>,
    sensitivities: BTreeSet<SensitivityCode>,
    codes: BTreeMap<LoincCode, CodeRule>,
}

impl CodeRegistry {
    /// The rules of `code`.
    pub fn rule(&self, code: LoincCode) -> Option<&CodeRule> {
        self.codes.get(&code)
    }

    /// Every code with its rules.
    pub fn codes(&self) -> impl Iterator<Item = (LoincCode, &CodeRule)> {
        self.codes.iter().map(|(code, rule)| (*code, rule))
    }

    /// Whether a digest may be over raw data of this encoding.
    pub fn knows_raw_format(&self, format: &str) -> bool {
        self.raw_formats.contains(format)
    }

    /// Whether a record may carry this sensitivity label: those of `labels.json`.
    pub fn knows_sensitivity(&self, label: &SensitivityCode) -> bool {
        self.sensitivities.contains(label)
    }

    /// Whether some code is of this category.
    pub fn knows_category(&self, category: &CategoryCode) -> bool {
        self.codes.values().any(|rule| rule.category == *category)
    }
}

pub(super) fn parse(document: CodesDocument, labels: &Labels) -> Result<CodeRegistry, PolicyError> {
    let mut codes = BTreeMap::new();
    for entry in document.codes {
        let code = entry.code;
        let rule = rule(entry)
            .map_err(|reason| PolicyError::new(FILE, format!("code {code}: {reason}")))?;
        if codes.insert(code, rule).is_some() {
            return Err(PolicyError::new(FILE, format!("code {code} is listed twice")));
        }
    }
    if codes.is_empty() || document.raw_formats.is_empty() {
        return Err(PolicyError::new(FILE, "list at least one code and one raw format"));
    }
    let sensitivities = labels.sensitivities().cloned().collect();
    Ok(CodeRegistry { raw_formats: document.raw_formats, sensitivities, codes })
}

fn rule(entry: CodeEntry) -> Result<CodeRule, String> {
    check_windows(&entry)?;
    if entry.unit.is_empty() {
        return Err("`unit` is missing".to_owned());
    }
    if entry.min_count < COUNT_FLOOR {
        return Err(format!("`min_count` is at least {COUNT_FLOOR}: less is no summary"));
    }
    if entry.max_per_second.scaled() <= 0 {
        return Err("`max_per_second` is above 0".to_owned());
    }
    let values = match (entry.value, entry.components) {
        (Some(value), components) if components.is_empty() => {
            check_value(&value)?;
            Values::Single(value)
        }
        (None, components) if !components.is_empty() => {
            check_components(entry.code, &components)?;
            Values::Panel(components)
        }
        _ => return Err("give either `value` or `components`".to_owned()),
    };
    Ok(CodeRule {
        name: entry.name,
        category: entry.category,
        measurement: entry.measurement,
        unit: entry.unit,
        grids_s: entry.grids_s,
        min_count: entry.min_count,
        max_per_second: entry.max_per_second,
        values,
    })
}

fn check_windows(entry: &CodeEntry) -> Result<(), String> {
    if entry.min_window_s < WINDOW_S_FLOOR {
        return Err(format!("`min_window_s` is at least {WINDOW_S_FLOOR}"));
    }
    let Some(&smallest) = entry.grids_s.first() else {
        return Err("`grids_s` is empty".to_owned());
    };
    let mut before = 0;
    for &grid in &entry.grids_s {
        let multiple = grid.checked_rem(smallest) == Some(0);
        if grid <= before || !multiple || grid < entry.min_window_s || grid > GRID_S_CEILING {
            return Err(format!(
                "grid {grid}: grids ascend, are multiples of the first, not shorter than \
                 `min_window_s` and at most {GRID_S_CEILING}"
            ));
        }
        before = grid;
    }
    Ok(())
}

fn check_components(panel: LoincCode, components: &[ComponentRule]) -> Result<(), String> {
    if components.len() > COMPONENTS_MAX {
        return Err(format!("a panel has at most {COMPONENTS_MAX} components"));
    }
    let mut seen = BTreeSet::from([panel]);
    for component in components {
        let code = component.code;
        if !seen.insert(code) {
            return Err(format!("component {code} is listed twice"));
        }
        check_value(&component.value).map_err(|reason| format!("component {code}: {reason}"))?;
    }
    Ok(())
}

fn check_value(value: &ValueRule) -> Result<(), String> {
    if value.statistics.is_empty() {
        return Err("`statistics` is empty".to_owned());
    }
    let ordered = |range: &Range| range.min.scaled() <= range.max.scaled();
    if !ordered(&value.plausible) || !value.sum.as_ref().is_none_or(ordered) {
        return Err("a range starts with its `min`".to_owned());
    }
    Ok(())
}
