//! What is published of the engine: schemas and the examples in the documents.

use ioht_contract::Policies;
use ioht_contract::decision::{Case, Verdict};
use serde_json::Value;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(name)
}

/// `UPDATE_GOLDEN=1` writes the schemas anew.
#[test]
#[expect(clippy::disallowed_methods, reason = "golden files are read from disk")]
fn schemas_are_those_of_the_types() {
    for (name, schema) in
        [("case", schemars::schema_for!(Case)), ("verdict", schemars::schema_for!(Verdict))]
    {
        let path = folder("policies/schema").join(format!("decision-{name}.schema.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{name}: run UPDATE_GOLDEN=1");
    }
}

/// The `json` blocks of `docs/consent.md` that are cases, each with the block that follows it.
#[expect(clippy::disallowed_methods, reason = "documents are read from disk")]
fn documented() -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(folder("docs/consent.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let pairs = blocks.windows(2).filter(|pair| pair[0].contains("\"directives\""));
    pairs.map(|pair| (pair[0].to_owned(), serde_json::from_str(pair[1]).unwrap())).collect()
}

fn verdict(line: &str) -> Value {
    serde_json::to_value(Verdict::of_line(&Policies::default(), line.as_bytes())).unwrap()
}

#[test]
fn documented_cases_are_decided_as_documented() {
    let cases = documented();
    assert!(cases.len() >= 5, "{} cases", cases.len());
    for (case, expected) in cases {
        assert_eq!(verdict(&case), expected, "{case}");
    }
}

#[test]
fn what_is_read_and_written_fits_its_schema() {
    let validator =
        |schema: schemars::Schema| jsonschema::validator_for(schema.as_value()).unwrap();
    let (case, answer) =
        (validator(schemars::schema_for!(Case)), validator(schemars::schema_for!(Verdict)));
    for (text, _) in documented() {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let fits = verdict(&text).get("outcome").is_some();
        assert_eq!(case.is_valid(&value), fits, "{text}");
        assert!(answer.is_valid(&verdict(&text)));
        value["request"]["stray"] = 1.into();
        assert!(!case.is_valid(&value));
        assert_eq!(verdict(&value.to_string())["error"], "CASE_MALFORMED");
        assert!(answer.is_valid(&verdict(&value.to_string())));
    }
}

#[test]
fn lines_that_are_no_case_get_a_code() {
    let code = |line: &str| verdict(line)["error"].as_str().unwrap().to_owned();
    for line in ["", "{", "[]", "{}", "null", "{\"directives\":[],\"request\":{},\"at\":0}"] {
        assert_eq!(code(line), "CASE_MALFORMED", "{line}");
    }
    assert_eq!(code(&" ".repeat(ioht_contract::decision::CASE_BYTES_MAX + 1)), "CASE_TOO_LARGE");
}
