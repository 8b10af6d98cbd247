//! The same directives, request and time in Cedar, to compare decisions and how long they take.
//!
//! Nothing of the engine is used: purposes and sensitivities are entities made from the policy
//! documents themselves, so that Cedar's `in` answers what is part of what.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's second opinion: what does not translate fails the test"
)]

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request as CedarRequest,
    RestrictedExpression,
};
use ioht_contract::decision::Request;
use ioht_contract::{Actor, Directive, DirectiveStatus, Effect, Matcher, Period, Policies};
use serde_json::{Value, json};
use std::fmt::Write;
use std::str::FromStr;

/// Everything about one request that Cedar is asked with.
#[derive(Debug)]
pub struct Asked {
    request: CedarRequest,
    entities: Entities,
}

/// The directives as Cedar policies: where the decision holds, and where an exception reverses it. Breaking
/// the glass is forbidden, because it is declared; terms of use take the permits of what they are on.
pub fn policies(directives: &[Directive]) -> PolicySet {
    let mut text =
        "forbid(principal, action, resource) when { context.purpose == Purpose::\"BTG\" };\n"
            .to_owned();
    for directive in directives.iter().filter(|it| it.status == DirectiveStatus::Active) {
        let decision = directive.decision;
        let fires = directive.provision.iter().map(|provision| {
            let restored = provision.provision.iter().map(|it| condition(&it.matcher, decision));
            let matches = condition(&provision.matcher, decision.reversed());
            format!("({matches} && !({}))", any(restored))
        });
        let fires = any(fires);
        let context = condition(&directive.context, decision);
        let context = format!("{} && {context}", during("context.at", directive.period));
        for (effect, when) in [(decision, "!"), (decision.reversed(), "")] {
            let word = match effect {
                // Nobody has agreed to the terms.
                Effect::Permit if directive.terms.is_some() => continue,
                Effect::Permit => "permit",
                Effect::Deny => "forbid",
            };
            let scope = "(principal, action, resource)";
            writeln!(text, "{word}{scope} when {{ {context} && {when}({fires}) }};").unwrap();
        }
    }
    PolicySet::from_str(&text).unwrap()
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = conditions.collect();
    if all.is_empty() { "false".to_owned() } else { all.join(" || ") }
}

fn during(value: &str, period: Period) -> String {
    let from = format!("{value} >= {}", period.start);
    period.end.map_or_else(|| from.clone(), |end| format!("{from} && {value} < {end}"))
}

fn list<T: ToString>(kind: &str, items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> =
        items.into_iter().map(|it| format!("{kind}{:?}", it.to_string())).collect();
    format!("[{}]", items.join(", "))
}

fn condition(matcher: &Matcher, effect: Effect) -> String {
    let permits = effect == Effect::Permit;
    let mut all = vec!["true".to_owned()];
    if let Some(actors) = &matcher.actors {
        all.push(format!("principal in {}", list("Actor::", actors)));
    }
    if let Some(purposes) = &matcher.purposes {
        all.push(format!("context.purpose in {}", list("Purpose::", purposes)));
    }
    if let Some(actions) = &matcher.actions {
        let actions = actions.iter().map(|it| json!(it).as_str().unwrap().to_owned());
        all.push(format!("action in {}", list("Action::", actions)));
    }
    if let Some(period) = matcher.period {
        all.push(during("context.at", period));
    }
    if let Some(codes) = &matcher.codes {
        all.push(format!("resource in {}", list("Code::", codes)));
    }
    if let Some(categories) = &matcher.categories {
        all.push(format!("resource in {}", list("Category::", categories)));
    }
    if let Some(devices) = &matcher.devices {
        all.push(format!("{}.contains(context.device)", list("", devices)));
    }
    if let Some(label) = matcher.confidentiality {
        let sign = if permits { "<=" } else { ">=" };
        all.push(format!("context.confidentiality {sign} {}", label as u8));
    }
    if let Some(labels) = &matcher.sensitivity {
        all.push(format!("resource in {}", list("Sensitivity::", labels)));
    }
    if let Some(grid_s) = matcher.min_grid_s {
        all.push(format!("context.grid_s {} {grid_s}", if permits { ">=" } else { "<" }));
    }
    if let Some(Period { start, end }) = matcher.data_period {
        all.push(match (permits, end) {
            (true, Some(end)) => format!("context.start >= {start} && context.end <= {end}"),
            (true, None) => format!("context.start >= {start}"),
            (false, Some(end)) => format!("context.end > {start} && context.start < {end}"),
            (false, None) => format!("context.end > {start}"),
        });
    }
    format!("({})", all.join(" && "))
}

fn uid(kind: &str, id: impl ToString) -> Value {
    json!({"type": kind, "id": id.to_string()})
}

fn document(name: &str) -> Value {
    serde_json::from_str(&Policies::default_documents()[name]).unwrap()
}

/// A document's codes as entities below their parents.
fn forest(document: &Value, kind: &str) -> Vec<Value> {
    let entities = document.as_array().unwrap().iter().map(|entry| {
        let text = |field: &str| entry[field].as_str().map(|id| uid(kind, id));
        let exact = entry["exact"] == true;
        let parents: Vec<Value> = text("parent").filter(|_| !exact).into_iter().collect();
        json!({"uid": text("code"), "attrs": {}, "parents": parents})
    });
    entities.collect()
}

/// The request, all of whose record is known.
pub fn asked(request: &Request, at: i64) -> Asked {
    let Request { actor, purpose, action, record } = request;
    let mut memberships: Vec<Actor> =
        vec![Actor::Participant(actor.pid), Actor::Organization(actor.org.clone())];
    let units = actor.units.iter().cloned();
    memberships.extend(units.map(|unit| Actor::Unit { unit, msp: actor.org.clone() }));
    memberships.extend(actor.roles.iter().map(|role| Actor::Role(*role)));
    memberships.extend(actor.care_team.then_some(Actor::CareTeam));
    let memberships: Vec<Value> = memberships.iter().map(|it| uid("Actor", it)).collect();

    let code = record.code.unwrap();
    let codes = document("codes.json");
    let rule = codes["codes"].as_array().unwrap().iter().find(|it| it["code"] == code.to_string());
    let mut kinds = vec![uid("Code", code)];
    kinds.extend(rule.map(|it| uid("Category", it["category"].as_str().unwrap())));
    kinds.extend(record.sensitivity.iter().flatten().map(|it| uid("Sensitivity", it)));

    let mut entities = forest(&document("purposes.json")["purposes"], "Purpose");
    entities.extend(forest(&document("labels.json")["sensitivity"], "Sensitivity"));
    entities.push(json!({"uid": uid("User", "u"), "attrs": {}, "parents": memberships}));
    entities.push(json!({"uid": uid("Record", "r"), "attrs": {}, "parents": kinds}));
    let entities = Entities::from_json_value(Value::Array(entities), None).unwrap();

    let number = RestrictedExpression::new_long;
    let entity = |text: String| EntityUid::from_str(&text).unwrap();
    let window = record.window.unwrap();
    let device = RestrictedExpression::new_string(record.device.unwrap().to_string());
    let purpose = entity(format!("Purpose::\"{purpose}\""));
    let context = Context::from_pairs([
        ("at".to_owned(), number(at)),
        ("purpose".to_owned(), RestrictedExpression::new_entity_uid(purpose)),
        ("device".to_owned(), device),
        ("confidentiality".to_owned(), number(record.confidentiality.unwrap() as i64)),
        ("grid_s".to_owned(), number(record.grid_s.unwrap().into())),
        ("start".to_owned(), number(window.start)),
        ("end".to_owned(), number(window.end)),
    ]);
    let action = json!(action).as_str().unwrap().to_owned();
    let request = CedarRequest::new(
        entity("User::\"u\"".to_owned()),
        entity(format!("Action::\"{action}\"")),
        entity("Record::\"r\"".to_owned()),
        context.unwrap(),
        None,
    );
    Asked { request: request.unwrap(), entities }
}

/// Whether Cedar allows it. Its own errors, which it would skip, count as a fault of the test.
pub fn allows(authorizer: &Authorizer, policies: &PolicySet, asked: &Asked) -> bool {
    let response = authorizer.is_authorized(&asked.request, policies, &asked.entities);
    assert_eq!(response.diagnostics().errors().count(), 0);
    response.decision() == Decision::Allow
}
