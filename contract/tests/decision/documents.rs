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

/// The program that reads cases line by line: whatever a line is, the next one is answered.
#[test]
fn the_program_answers_each_line() {
    let case = serde_json::to_string(&serde_json::from_str::<Value>(&documented()[0].0).unwrap());
    let (case, most) = (case.unwrap(), ioht_contract::decision::CASE_BYTES_MAX);
    let answered = |input: &str| -> Vec<String> {
        let mut output = Vec::new();
        crate::program::decide(input.as_bytes(), &mut output).unwrap();
        let output = String::from_utf8(output).unwrap();
        assert!(output.is_empty() || output.ends_with('\n'));
        let told = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        told.map(|it| it.get("error").unwrap_or(&it["outcome"]).as_str().unwrap().to_owned())
            .collect()
    };
    let padded = |bytes: usize| format!("{case}{}", " ".repeat(bytes - case.len()));
    for (input, expected) in [
        (String::new(), &[][..]),
        ("\n \r\n\n".to_owned(), &[]),
        (format!("{case}\n"), &["PERMIT"]),
        (format!("{case}\r\n\n{case}"), &["PERMIT", "PERMIT"]),
        (format!("{{}}\n{case}\n"), &["CASE_MALFORMED", "PERMIT"]),
        (format!("{}\n{case}\n", padded(most)), &["PERMIT", "PERMIT"]),
        (padded(most), &["PERMIT"]),
        (format!("{}\n{case}\n", padded(most + 1)), &["CASE_TOO_LARGE", "PERMIT"]),
        (format!("{}\n{case}", padded(3 * most)), &["CASE_TOO_LARGE", "PERMIT"]),
        (padded(most + 1), &["CASE_TOO_LARGE"]),
    ] {
        assert_eq!(answered(&input), expected, "{} bytes", input.len());
    }
}
