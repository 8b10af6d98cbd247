//! Directives as FHIR `Consent`, in the forms of R4 and R5.
//!
//! FHIR's consent has a base decision and provisions that reverse it, level by level. A directive says
//! something where its context matches and nothing elsewhere, so that the context becomes the first
//! provision below a base: `deny` below which a permit's context permits, `permit` below which a deny's
//! context denies. A deny of everything has no context and is the base itself.
//!
//! What FHIR has no element for travels in modifier extensions, which a reader that does not know
//! them must not pass over: without them a permit would say more than the patient did.

use super::{
    Action, Actor, BreakGlass, Directive, DirectiveStatus, Draft, Effect, Matcher, Provision,
    Sharing,
};
use crate::head::Head;
use crate::ids::ParticipantId;
use crate::role::Role;
use crate::time::Period;
use fabric_contract_rs::TimestampMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A release of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FhirRelease {
    /// 4.0.1.
    R4,
    /// 5.0.0.
    R5,
}

const PURPOSE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const SENSITIVITY: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const LOINC: &str = "http://loinc.org";
/// IHE PCF's implicit policies.
const DISSENT: &str = "https://profiles.ihe.net/ITI/PCF/Policy-deny";
const BREAK_GLASS_ONLY: &str = "https://profiles.ihe.net/ITI/PCF/Policy-break-glass-only";
/// Of a directive's id: 160 bits, which nobody finds a second id for.
const HASH_DIGITS: usize = 40;
/// What a directive rests on that is none of those: its own provisions alone.
const OWN_PROVISIONS: &str = "urn:ioht:consent:provisions";

/// One directive of the patient `subject`, written at `written`, in this status.
pub(crate) fn consent(
    release: FhirRelease,
    directive: &Directive,
    subject: ParticipantId,
    written: TimestampMs,
    status: &str,
) -> Value {
    let form = Form { release };
    let mut resource = Map::new();
    let mut set = |name: &str, value: Value| {
        if !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty()) {
            resource.insert(name.to_owned(), value);
        }
    };
    set("resourceType", json!("Consent"));
    set("id", json!(resource_id(directive)));
    let identifier = json!({"system": "urn:ioht:directive", "value": directive.id});
    set("identifier", json!([identifier]));
    set("modifierExtension", form.of_directive(directive));
    set("status", json!(status));
    set("category", json!([concept(LOINC, "59284-0")]));
    let patient = identified("Patient", "urn:ioht:pid", &subject);
    let author = directive.author.unwrap_or(subject);
    let performer = if author == subject { "Patient" } else { "RelatedPerson" };
    let performer = json!([identified(performer, "urn:ioht:pid", &author)]);
    let (base, below) = base(directive);
    let provisions = form.provisions(&below);
    let policy = policy(directive);
    match release {
        FhirRelease::R4 => {
            set("scope", concept(SCOPE, "patient-privacy"));
            set("patient", patient);
            set("dateTime", json!(instant(written)));
            set("performer", performer);
            set("policy", json!([{"uri": policy}]));
            let mut root = Map::new();
            root.insert("type".to_owned(), json!(word(base)));
            root.insert("period".to_owned(), period(&directive.period));
            if !provisions.is_empty() {
                root.insert("provision".to_owned(), json!(provisions));
            }
            set("provision", Value::Object(root));
        }
        FhirRelease::R5 => {
            set("subject", patient);
            // R5's date has no time of day.
            set("date", json!(instant(written).split('T').next()));
            set("period", period(&directive.period));
            set("grantor", performer);
            set("policyBasis", json!({"uri": policy}));
            set("decision", json!(word(base)));
            set("provision", json!(provisions));
        }
    }
    Value::Object(resource)
}

/// What a patient that does not share says beside its directives: a deny of everything, which in
/// emergencies only leaves breaking the glass, unless a directive in force denies that too.
pub(crate) fn not_sharing(release: FhirRelease, head: &Head, at: TimestampMs) -> Option<Value> {
    let (subject, since) = (head.pid, head.meta.updated_at.min(at));
    let mut in_force = head.directives.iter().filter(|it| it.is_in_force(at));
    let (name, btg) = match head.sharing {
        Sharing::On => return None,
        Sharing::EmergencyOnly if in_force.all(|it| it.btg != BreakGlass::Deny) => {
            ("emergency_only", BreakGlass::Permit)
        }
        Sharing::EmergencyOnly => ("emergency_only", BreakGlass::Deny),
        Sharing::Paused => ("paused", BreakGlass::Deny),
    };
    let dissent = Draft {
        id: "sharing".parse().ok()?,
        decision: Effect::Deny,
        period: None,
        context: Matcher::default(),
        provision: Vec::new(),
        obligations: BTreeSet::new(),
        terms: None,
        btg,
        text: None,
        source: None,
    };
    let dissent = dissent.into_directive(1, Period { start: since, end: None });
    let mut resource = consent(release, &dissent, subject, since, "active");
    if let Some(fields) = resource.as_object_mut() {
        // No directive's id starts so.
        fields.insert("id".to_owned(), json!("-sharing"));
        let identifier = json!({"system": "urn:ioht:sharing", "value": name});
        fields.insert("identifier".to_owned(), json!([identifier]));
    }
    Some(resource)
}

/// The directives as one collection.
pub(crate) fn bundle(entries: Vec<Value>) -> Value {
    let entries: Vec<Value> = entries.into_iter().map(|it| json!({"resource": it})).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "collection"});
    if let Some(fields) = bundle.as_object_mut().filter(|_| !entries.is_empty()) {
        fields.insert("entry".to_owned(), Value::Array(entries));
    }
    bundle
}

/// FHIR's ids have no `_`, and no more room than a directive's: one with a `_` becomes a hash, behind a
/// sign that no directive's id starts with.
fn resource_id(directive: &Directive) -> String {
    let id = directive.id.as_str();
    if !id.contains('_') {
        return id.to_owned();
    }
    let mut hash = hex::encode(Sha256::digest(id));
    hash.truncate(HASH_DIGITS);
    format!("-{hash}")
}

/// How a directive stands at `at`. While the patient does not share, none permits anything: neither a
/// permit nor what a deny leaves open.
pub(crate) fn status(directive: &Directive, sharing: Sharing, at: TimestampMs) -> &'static str {
    let over = directive.period.end.is_some_and(|end| end <= at);
    let permits = directive.decision == Effect::Permit || !directive.provision.is_empty();
    match directive.status {
        DirectiveStatus::Draft => "draft",
        DirectiveStatus::Active if over || (permits && sharing != Sharing::On) => "inactive",
        DirectiveStatus::Active => "active",
        DirectiveStatus::Superseded | DirectiveStatus::Withdrawn | DirectiveStatus::Revoked => {
            "inactive"
        }
        DirectiveStatus::EnteredInError => "entered-in-error",
    }
}

fn policy(directive: &Directive) -> &'static str {
    let dissent = is_dissent(directive) && directive.provision.is_empty();
    match directive.btg {
        BreakGlass::Permit if dissent => BREAK_GLASS_ONLY,
        BreakGlass::Deny if dissent => DISSENT,
        _ => OWN_PROVISIONS,
    }
}

/// A deny of everything but its provisions.
fn is_dissent(directive: &Directive) -> bool {
    directive.decision == Effect::Deny && directive.context == Matcher::default()
}

/// A provision with the effect it is read by and what is below it.
struct Level<'a> {
    matcher: &'a Matcher,
    effect: Effect,
    below: Vec<Level<'a>>,
}

fn base(directive: &Directive) -> (Effect, Vec<Level<'_>>) {
    let decision = directive.decision;
    let exceptions: Vec<Level<'_>> =
        directive.provision.iter().map(|it| level(it, decision)).collect();
    if is_dissent(directive) {
        return (Effect::Deny, exceptions);
    }
    let context = Level { matcher: &directive.context, effect: decision, below: exceptions };
    (decision.reversed(), vec![context])
}

fn level(provision: &Provision, decision: Effect) -> Level<'_> {
    let inner = provision.provision.iter();
    let inner = inner.map(|it| Level { matcher: &it.matcher, effect: decision, below: Vec::new() });
    Level { matcher: &provision.matcher, effect: decision.reversed(), below: inner.collect() }
}

struct Form {
    release: FhirRelease,
}

impl Form {
    fn provisions(&self, levels: &[Level<'_>]) -> Vec<Value> {
        levels.iter().map(|level| self.provision(level)).collect()
    }

    fn provision(&self, level: &Level<'_>) -> Value {
        let matcher = level.matcher;
        let mut provision = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() && value.as_array().is_none_or(|it| !it.is_empty()) {
                provision.insert(name.to_owned(), value);
            }
        };
        set("modifierExtension", Value::Array(of_matcher(matcher)));
        if self.release == FhirRelease::R4 {
            set("type", json!(word(level.effect)));
        }
        set("period", matcher.period.as_ref().map_or(Value::Null, period));
        let actors = matcher.actors.iter().flatten();
        set("actor", actors.map(|it| self.actor(it)).collect());
        let actions = matcher.actions.iter().flatten();
        set("action", actions.map(|it| concept(ACTION, action(*it))).collect());
        set("securityLabel", security_labels(matcher));
        let purposes = matcher.purposes.iter().flatten();
        set("purpose", purposes.map(|it| coding(PURPOSE, it.as_str())).collect());
        let codes = matcher.codes.iter().flatten();
        set("code", codes.map(|it| concept(LOINC, &it.to_string())).collect());
        set("dataPeriod", matcher.data_period.as_ref().map_or(Value::Null, period));
        let below = self.provisions(&level.below);
        set("provision", json!(below));
        Value::Object(provision)
    }

    fn actor(&self, actor: &Actor) -> Value {
        let reference = match actor {
            Actor::Participant(pid) => identified("Practitioner", "urn:ioht:pid", pid),
            Actor::Unit { unit, msp } => {
                identified("Organization", "urn:ioht:unit", &format!("{unit}@{msp}"))
            }
            Actor::Organization(msp) => identified("Organization", "urn:ioht:org", msp),
            Actor::Role(role) => {
                identified("PractitionerRole", "urn:ioht:role", &Role::Staff(*role).name())
            }
            Actor::Project(project) => identified("Group", "urn:ioht:project", project),
            Actor::CareTeam => identified("CareTeam", "urn:ioht:care-team", &"care_team"),
        };
        json!({"role": concept(PARTICIPATION, "IRCP"), "reference": reference})
    }

    /// What FHIR's consent has no element for.
    fn of_directive(&self, directive: &Directive) -> Value {
        let mut extensions = Vec::new();
        if directive.decision == Effect::Deny && !is_dissent(directive) {
            // The base permits, and must not be taken for a permit of everything else.
            extensions.push(extension("silent-outside-context", "valueBoolean", json!(true)));
        }
        for obligation in &directive.obligations {
            let value = json!(obligation.as_str());
            extensions.push(extension("obligation", "valueCode", value));
        }
        if let Some(terms) = &directive.terms {
            let value = json!(format!("{}/{}", terms.offer, terms.version));
            extensions.push(extension("terms", "valueString", value));
        }
        match directive.btg {
            BreakGlass::Domain => {}
            BreakGlass::Permit => extensions.push(extension("btg", "valueCode", json!("permit"))),
            BreakGlass::Deny => extensions.push(extension("btg", "valueCode", json!("deny"))),
        }
        Value::Array(extensions)
    }
}

fn of_matcher(matcher: &Matcher) -> Vec<Value> {
    let mut extensions = Vec::new();
    for category in matcher.categories.iter().flatten() {
        extensions.push(extension("category", "valueCode", json!(category.as_str())));
    }
    for device in matcher.devices.iter().flatten() {
        let device = identified("Device", "urn:ioht:pid", device);
        extensions.push(extension("device", "valueReference", device));
    }
    if let Some(grid_s) = matcher.min_grid_s {
        extensions.push(extension("min-grid-s", "valuePositiveInt", json!(grid_s)));
    }
    // Labels are alternatives of each other, and these two are not.
    if matcher.confidentiality.is_some() {
        for label in matcher.sensitivity.iter().flatten() {
            let value = coding(SENSITIVITY, label.as_str());
            extensions.push(extension("sensitivity", "valueCoding", value));
        }
    }
    extensions
}

fn security_labels(matcher: &Matcher) -> Value {
    match (matcher.confidentiality, &matcher.sensitivity) {
        (Some(label), _) => json!([coding(CONFIDENTIALITY, &format!("{label:?}"))]),
        (None, Some(labels)) => {
            labels.iter().map(|label| coding(SENSITIVITY, label.as_str())).collect()
        }
        (None, None) => Value::Null,
    }
}

fn extension(name: &str, field: &str, value: Value) -> Value {
    let url = format!("urn:ioht:fhir:{name}");
    let mut extension = Map::from_iter([("url".to_owned(), json!(url))]);
    extension.insert(field.to_owned(), value);
    Value::Object(extension)
}

fn coding(system: &str, code: &str) -> Value {
    json!({"system": system, "code": code})
}

fn concept(system: &str, code: &str) -> Value {
    json!({"coding": [coding(system, code)]})
}

fn identified(kind: &str, system: &str, value: &impl ToString) -> Value {
    json!({"type": kind, "identifier": {"system": system, "value": value.to_string()}})
}

fn word(effect: Effect) -> &'static str {
    match effect {
        Effect::Permit => "permit",
        Effect::Deny => "deny",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Collect => "collect",
        Action::Access => "access",
        Action::Use => "use",
        Action::Disclose => "disclose",
        Action::Correct => "correct",
    }
}

/// FHIR's periods include their end: its last millisecond.
fn period(period: &Period) -> Value {
    let mut value = Map::from_iter([("start".to_owned(), json!(instant(period.start)))]);
    if let Some(end) = period.end {
        value.insert("end".to_owned(), json!(instant(end.saturating_sub(1))));
    }
    Value::Object(value)
}

/// A moment as FHIR writes it, in UTC: by the civil calendar of days since 1970, whose eras of 400 years
/// begin in March.
fn instant(at: TimestampMs) -> String {
    let (day, ms) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000));
    let shifted = day.saturating_add(719_468);
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let leaps = (day / 1460).saturating_sub(day / 36_524).saturating_add(day / 146_096);
    let year = day.saturating_sub(leaps) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let day = day.saturating_sub(before);
    let month = day.saturating_mul(5).saturating_add(2) / 153;
    let before = month.saturating_mul(153).saturating_add(2) / 5;
    let day = day.saturating_sub(before).saturating_add(1);
    let (month, next) =
        if month < 10 { (month.saturating_add(3), 0) } else { (month.saturating_sub(9), 1) };
    let year = era.saturating_mul(400).saturating_add(year).saturating_add(next);
    let (s, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (s / 3600, s / 60 % 60, s % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_704_067_200_000, "2024-01-01T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (crate::TIME_MS_MAX, "2286-11-20T17:46:39.999Z"),
        ] {
            assert_eq!(instant(at), text);
        }
    }
}
