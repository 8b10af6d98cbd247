//! The contract's description of itself, in the schema the other Fabric contract APIs answer with.

use crate::contract::{GET_METADATA, SYSTEM_CONTRACT};
use crate::{Contract, Kind, QueryReader, Route, TxError};
use bytes::Bytes;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schema of the whole document.
const DOCUMENT_SCHEMA: &str =
    "https://hyperledger.github.io/fabric-chaincode-node/main/api/contract-schema.json";
/// Where types with a name stand in the document.
const COMPONENTS: &str = "/components/schemas";
/// What a transaction's only argument is called.
const ARGUMENT: &str = "arguments";
/// Marks a query whose endorsements never agree.
const NEVER_ENDORSE: &str = "never-endorse";

/// What the document's schema admits beside a parameter or an answer. A type that needs more, such
/// as a choice between types, becomes a component of its own, where everything is admitted.
const PLAIN_KEYWORDS: &[&str] = &[
    "$ref",
    "additionalProperties",
    "allOf",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "readOnly",
    "required",
    "title",
    "type",
    "uniqueItems",
];

/// The document, the same bytes for the same contract.
pub(crate) fn document<C: Contract, R: QueryReader + 'static>() -> Result<Bytes, TxError> {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = COMPONENTS.into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut hoisted = Map::new();
    let transactions: Vec<Value> = C::routes::<R>()
        .iter()
        .map(|route| transaction(route, &mut generator, &mut hoisted))
        .collect();
    let mut schemas = generator.take_definitions(true);
    schemas.append(&mut hoisted);
    for (name, schema) in &mut schemas {
        component(name, schema);
    }
    let info = json!({ "title": C::NAME, "version": C::VERSION });
    let mut document = json!({
        "$schema": DOCUMENT_SCHEMA,
        "info": info,
        "contracts": {
            C::NAME: {
                "name": C::NAME,
                "default": true,
                "info": info,
                "transactions": transactions,
            },
            SYSTEM_CONTRACT: {
                "name": SYSTEM_CONTRACT,
                "default": false,
                "info": info,
                "transactions": [{
                    "name": GET_METADATA,
                    "tag": tags(Kind::Evaluate, &[], true),
                    "returns": { "type": "string" },
                }],
            },
        },
        "components": { "schemas": schemas },
    });
    // Whatever order the JSON library keeps in this build, the document's is alphabetical.
    document.sort_all_objects();
    serde_json::to_vec(&document)
        .map(Bytes::from)
        .map_err(|_| TxError::new(500, "NO_METADATA", "the contract cannot be described"))
}

fn transaction<S, R>(
    route: &Route<S, R>,
    generator: &mut SchemaGenerator,
    hoisted: &mut Map<String, Value>,
) -> Value {
    let arguments = route.arguments_schema(generator);
    let needed = resolve(generator, &arguments).is_some_and(|schema| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| !names.is_empty())
    });
    let arguments =
        plain(draft_07(generator, arguments), &format!("{}Arguments", route.name()), hoisted);
    let answer = route.answer_schema(generator);
    let answer = plain(draft_07(generator, answer), &format!("{}Answer", route.name()), hoisted);
    json!({
        "name": route.name(),
        "tag": tags(route.kind(), route.roles(), route.never_endorse()),
        "parameters": [{ "name": ARGUMENT, "required": needed, "schema": arguments }],
        "returns": answer,
    })
}

/// Tags are free text: the kind in the spellings that tools look for, then what only this library
/// knows.
fn tags(kind: Kind, roles: &[&str], never_endorse: bool) -> Vec<String> {
    let kind = match kind {
        Kind::Submit => ["submit", "SUBMIT"],
        Kind::Evaluate => ["evaluate", "EVALUATE"],
    };
    let mut tags: Vec<String> = kind.iter().map(|&tag| tag.to_owned()).collect();
    tags.extend(roles.iter().map(|role| format!("role:{role}")));
    tags.extend(never_endorse.then(|| NEVER_ENDORSE.to_owned()));
    tags
}

/// The schema behind a reference to a component.
fn resolve<'a>(generator: &'a SchemaGenerator, schema: &'a Schema) -> Option<&'a Value> {
    match component_of(schema.as_value()) {
        Some(name) => generator.definitions().get(name),
        None => Some(schema.as_value()),
    }
}

fn component_of(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix('#')?.strip_prefix(COMPONENTS)?.strip_prefix('/')
}

/// The schema in the dialect of the document; the generator sees to components only.
fn draft_07(generator: &mut SchemaGenerator, mut schema: Schema) -> Schema {
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema
}

/// The schema itself where the document admits it, else a reference to it as component `name`.
fn plain(schema: Schema, name: &str, hoisted: &mut Map<String, Value>) -> Value {
    let schema = schema.to_value();
    if is_plain(&schema) {
        return schema;
    }
    hoisted.insert(name.to_owned(), schema);
    json!({ "$ref": format!("#{COMPONENTS}/{name}") })
}

fn is_plain(schema: &Value) -> bool {
    let Value::Object(schema) = schema else { return false };
    schema.iter().all(|(keyword, value)| {
        let inner = match keyword.as_str() {
            "allOf" | "items" | "additionalProperties" => match value {
                Value::Array(all) => all.iter().all(is_plain),
                Value::Bool(_) => keyword == "additionalProperties",
                one => is_plain(one),
            },
            "properties" => value.as_object().is_some_and(|all| all.values().all(is_plain)),
            _ => true,
        };
        inner && PLAIN_KEYWORDS.contains(&keyword.as_str())
    })
}

/// Gives a component its id, and refers to others by theirs, as components do.
fn component(name: &str, schema: &mut Value) {
    shorten_references(schema);
    if !schema.is_object() {
        // `true` and `false` are schemas too, but not in the form a component has.
        let anything = schema.as_bool().unwrap_or(true);
        *schema = if anything { json!({}) } else { json!({ "not": {} }) };
    }
    if let Value::Object(schema) = schema {
        schema.insert("$id".to_owned(), Value::from(name));
        schema.entry("properties").or_insert_with(|| json!({}));
    }
}

fn shorten_references(value: &mut Value) {
    if let Some(name) = component_of(value).map(str::to_owned)
        && let Value::Object(schema) = value
    {
        schema.insert("$ref".to_owned(), Value::from(name));
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(shorten_references),
        Value::Array(elements) => elements.iter_mut().for_each(shorten_references),
        _ => {}
    }
}
