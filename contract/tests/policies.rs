//! The policy documents: defaults, schemas, and every way a document is refused.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "golden files are read from disk")]

use ioht_contract::policies::{CodeRule, CommandClass, Values, document_schemas};
use ioht_contract::{OrganizationKind, Policies, PolicyError, Role, StaffRole};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

type Documents = BTreeMap<String, String>;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies"))
}

/// The defaults with one document changed.
fn with(file: &str, change: impl FnOnce(&mut Value)) -> Documents {
    let mut documents = Policies::default_documents();
    let mut document: Value = serde_json::from_str(&documents[file]).unwrap();
    change(&mut document);
    documents.insert(file.to_owned(), document.to_string());
    documents
}

#[track_caller]
fn refused(documents: &Documents, file: &str, reason: &str) {
    let error = Policies::from_documents(documents).unwrap_err();
    assert_eq!(error.file(), file, "{error}");
    assert!(error.reason().contains(reason), "{error}");
}

fn code<'a>(document: &'a mut Value, wanted: &str) -> &'a mut Value {
    let codes = document["codes"].as_array_mut().unwrap();
    codes.iter_mut().find(|code| code["code"] == wanted).unwrap()
}

#[test]
fn the_folder_holds_what_is_compiled_in() {
    for (name, text) in Policies::default_documents() {
        assert_eq!(std::fs::read_to_string(folder().join(&name)).unwrap(), text, "{name}");
    }
}

/// `UPDATE_GOLDEN=1` writes the schemas anew.
#[test]
fn schemas_are_those_of_the_parser_and_accept_the_defaults() {
    let documents = Policies::default_documents();
    for (name, schema) in document_schemas() {
        let path = folder().join("schema").join(name.replace(".json", ".schema.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{name}: run UPDATE_GOLDEN=1");
        let validator = jsonschema::validator_for(schema.as_value()).unwrap();
        let document: Value = serde_json::from_str(&documents[name]).unwrap();
        assert!(validator.is_valid(&document), "{name}");
        let mut stray = document.clone();
        match stray.as_array_mut() {
            Some(list) => list[0]["stray"] = json!(1),
            None => stray["stray"] = json!(1),
        }
        assert!(!validator.is_valid(&stray), "{name} with an unknown field");
    }
}

#[test]
fn defaults_are_the_reviewed_ones() {
    let policies = Policies::default();
    let heart_rate = policies.codes().rule("8867-4".parse().unwrap()).unwrap();
    assert_eq!((heart_rate.unit.as_str(), heart_rate.min_count), ("/min", 5));
    assert_eq!(heart_rate.grids_s, [300, 900, 3600, 86_400]);
    let pressure = policies.codes().rule("85354-9".parse().unwrap()).unwrap();
    assert!(matches!(pressure, CodeRule { values: Values::Panel(it), .. } if it.len() == 2));
    let allows = |msp: &str, kind| policies.allows_kind(&msp.parse().unwrap(), kind);
    use OrganizationKind::{Custodian, Provider, Regulator};
    assert!(allows("Org1MSP", Custodian) && allows("Org2MSP", Custodian));
    assert!(!allows("Org1MSP", Provider) && allows("Org3MSP", Provider));
    assert!(allows("ElseMSP", Provider));
    assert!(!allows("ElseMSP", Custodian) && !allows("ElseMSP", Regulator));
    let roles = policies.roles("RegisterPatient");
    assert!(roles.contains(Role::Staff(StaffRole::Registrar)) && roles.iter().count() == 1);
}

#[test]
fn the_digest_covers_every_document() {
    let default = Policies::default().digest();
    for name in Policies::default_documents().keys() {
        let mut documents = Policies::default_documents();
        documents.get_mut(name).unwrap().push('\n');
        let policies = Policies::from_documents(&documents).unwrap();
        assert_ne!(policies.digest(), default, "{name}");
    }
    assert_eq!(Policies::from_documents(&Policies::default_documents()), Ok(Policies::default()));
}

#[test]
fn documents_are_complete_and_known() {
    for name in Policies::default_documents().keys() {
        let mut documents = Policies::default_documents();
        documents.remove(name);
        refused(&documents, name, "missing");
    }
    let mut documents = Policies::default_documents();
    documents.insert("rules.json".to_owned(), "{}".to_owned());
    refused(&documents, "rules.json", "no policy document of this name");
    documents = Policies::default_documents();
    documents.insert("codes.json".to_owned(), "{".to_owned());
    refused(&documents, "codes.json", "line 1");
}

#[test]
fn roles_can_be_narrowed_only() {
    let roles = |transaction: &str, roles: Value| {
        with("roles.json", |it| it["transactions"][transaction] = roles)
    };
    let narrowed = Policies::from_documents(&roles("VerifyRaw", json!(["subject"]))).unwrap();
    assert!(!narrowed.roles("VerifyRaw").contains(Role::Device));
    let off = Policies::from_documents(&roles("VerifyRaw", json!([]))).unwrap();
    assert!(off.roles("VerifyRaw").is_empty());
    let file = "roles.json";
    refused(&roles("VerifyRaw", json!(["root"])), file, "unknown role `root`");
    refused(&roles("VerifyRaw", json!(["subject", "subject"])), file, "twice");
    refused(
        &roles("RegisterPatient", json!(["registrar", "practitioner"])),
        file,
        "`RegisterPatient` cannot serve `practitioner`; it can serve registrar",
    );
    refused(&roles("Unknown", json!(["anyone"])), file, "no transaction `Unknown`");
    let missing = with(file, |it| {
        it["transactions"].as_object_mut().unwrap().remove("WhoAmI");
    });
    refused(&missing, file, "`WhoAmI` is missing");
}

#[test]
fn organizations_need_two_custodians_each_named_once() {
    let file = "organizations.json";
    let one = with(file, |it| it["organizations"][1]["kind"] = json!("provider"));
    refused(&one, file, "at least 2");
    let twice = with(file, |it| it["organizations"][2]["msp"] = json!("Org1MSP"));
    refused(&twice, file, "`Org1MSP` is listed twice");
    let unknown = with(file, |it| it["organizations"][2]["kind"] = json!("insurer"));
    refused(&unknown, file, "insurer");
}

#[test]
fn collections_protect_as_much_as_the_contract_assumes() {
    let file = "collections.json";
    let changed = |field: &str, value: Value| with(file, |it| it[0][field] = value);
    refused(&changed("name", json!("other")), file, "`health`");
    refused(&changed("memberOnlyRead", json!(true)), file, "memberOnlyRead");
    refused(&changed("memberOnlyWrite", json!(true)), file, "memberOnlyWrite");
    refused(&changed("blockToLive", json!(10)), file, "blockToLive");
    refused(&changed("requiredPeerCount", json!(0)), file, "requiredPeerCount");
    refused(&changed("maxPeerCount", json!(0)), file, "maxPeerCount");
    for policy in [
        "OR('Org1MSP.member')",
        "OR('Org1MSP.member', 'Org2MSP.member', 'Org3MSP.member')",
        "OR('Org1MSP.peer', 'Org2MSP.peer')",
        "AND('Org1MSP.member', 'Org2MSP.member')",
    ] {
        refused(&changed("policy", json!(policy)), file, "`policy`");
    }
    let laxer = json!({"signaturePolicy": "OutOf(1, 'Org1MSP.peer', 'Org2MSP.peer')"});
    refused(&changed("endorsementPolicy", laxer), file, "endorsement-policy.txt");
    refused(&with(file, |it| *it = json!([])), file, "exactly one collection");
}

#[test]
fn two_custodians_endorse() {
    let file = "endorsement-policy.txt";
    let mut documents = Policies::default_documents();
    for policy in [
        "",
        "OR('Org1MSP.peer', 'Org2MSP.peer')",
        "OutOf(1, 'Org1MSP.peer', 'Org2MSP.peer')",
        "OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')",
        "OutOf(2, 'Org1MSP.member', 'Org2MSP.member')",
        "OutOf(2, Org1MSP.peer, Org2MSP.peer)",
        // Two peers of Org1 would do.
        "OutOf(2, 'Org1MSP.peer', 'Org1MSP.peer', 'Org2MSP.peer')",
    ] {
        documents.insert(file.to_owned(), policy.to_owned());
        refused(&documents, file, "n at least 2");
    }
}

#[test]
fn codes_stay_summaries() {
    let file = "codes.json";
    let changed = |field: &str, value: Value| with(file, |it| code(it, "8867-4")[field] = value);
    refused(&changed("min_count", json!(1)), file, "code 8867-4: `min_count`");
    refused(&changed("min_window_s", json!(1)), file, "`min_window_s`");
    refused(&changed("grids_s", json!([])), file, "`grids_s` is empty");
    refused(&changed("grids_s", json!([300, 450])), file, "grid 450");
    refused(&changed("grids_s", json!([600, 300])), file, "grid 300");
    refused(&changed("grids_s", json!([240])), file, "grid 240");
    refused(&changed("grids_s", json!([2_678_700])), file, "grid 2678700");
    refused(&changed("max_per_second", json!("0")), file, "`max_per_second`");
    refused(&changed("unit", json!("")), file, "`unit`");
    refused(&changed("code", json!("8867-5")), file, "LOINC");
    refused(&changed("code", json!("8310-5")), file, "listed twice");
    refused(&changed("value", Value::Null), file, "either `value` or `components`");
    refused(&changed("text", json!("free")), file, "unknown field `text`");
    let value =
        |field: &str, value: Value| with(file, |it| code(it, "8867-4")["value"][field] = value);
    refused(&value("statistics", json!([])), file, "`statistics` is empty");
    refused(&value("plausible", json!({"min": "2", "max": "1"})), file, "`min`");
    refused(&with(file, |it| it["codes"] = json!([])), file, "at least one code");
    let panel = |components: Value| with(file, |it| code(it, "85354-9")["components"] = components);
    let component = |code: &str| {
        json!({"code": code, "name": "x", "value": {
            "scale": 0, "plausible": {"min": "0", "max": "1"}, "statistics": ["average"]}})
    };
    refused(
        &panel(json!([component("8480-6"), component("8480-6")])),
        file,
        "8480-6 is listed twice",
    );
    refused(&panel(json!([component("85354-9")])), file, "85354-9 is listed twice");
    refused(&panel(Value::Array(vec![component("8480-6"); 17])), file, "at most 16");
}

#[test]
fn codes_have_a_category() {
    let none = with("codes.json", |it| {
        code(it, "8867-4").as_object_mut().unwrap().remove("category");
    });
    refused(&none, "codes.json", "category");
    let policies = Policies::default();
    let rule = policies.codes().rule("8867-4".parse().unwrap()).unwrap();
    assert_eq!(rule.category.as_str(), "vital-signs");
    assert!(policies.codes().knows_category(&rule.category));
    assert!(!policies.codes().knows_category(&"survey".parse().unwrap()));
}

fn entry<'a>(document: &'a mut Value, list: &str, wanted: &str) -> &'a mut Value {
    let entries = document[list].as_array_mut().unwrap();
    entries.iter_mut().find(|entry| entry["code"] == wanted).unwrap()
}

#[test]
fn purposes_are_a_forest_in_which_breaking_the_glass_is_exact() {
    let file = "purposes.json";
    let changed = |code: &str, field: &str, value: Value| {
        with(file, |it| entry(it, "purposes", code)[field] = value)
    };
    refused(&changed("COC", "parent", json!("NONE")), file, "`NONE`, which is not listed");
    refused(&changed("TREAT", "parent", json!("COC")), file, "more than 8 levels");
    refused(&changed("COC", "code", json!("POPHLTH")), file, "`POPHLTH` is listed twice");
    refused(&changed("COC", "code", json!("")), file, "name");
    refused(&changed("BTG", "exact", json!(false)), file, "`BTG` is `exact`");
    refused(&changed("COC", "parent", json!("BTG")), file, "the parent of `COC` is exact");
    let without = |code: &str| {
        with(file, |it| {
            it["purposes"].as_array_mut().unwrap().retain(|entry| entry["code"] != code);
        })
    };
    refused(&without("BTG"), file, "`BTG` is missing");
    refused(&without("COVERAGE"), file, "`COVERAGE`, which is not listed");
    refused(&with(file, |it| it["purposes"] = json!([])), file, "list 1 to 256");
}

/// The HL7 tree as published, by what covers what.
#[test]
fn the_default_purposes_are_hl7s() {
    let policies = Policies::default();
    let purposes = policies.purposes();
    let covering = |purpose: &str| -> Vec<String> {
        purposes.covering(&purpose.parse().unwrap()).map(ToString::to_string).collect()
    };
    assert_eq!(covering("ERTREAT"), ["ERTREAT", "ETREAT", "TREAT"]);
    assert_eq!(covering("CLINTRL"), ["CLINTRL", "TREAT"], "care, not research");
    assert_eq!(covering("CLINTRCHPC"), ["CLINTRCHPC", "CLINTRCH", "HRESCH"]);
    assert_eq!(covering("HTEST"), ["HTEST", "SYSDEV", "HOPERAT"]);
    assert_eq!(covering("BTG"), ["BTG"], "exact");
    assert_eq!(covering("NONE"), [""; 0]);
    let minimum = |purpose: &str| purposes.needs_minimum(&purpose.parse().unwrap());
    assert!(!minimum("BTG") && !minimum("COC") && !minimum("FAMRQT") && minimum("HRESCH"));
    assert!(purposes.stands_alone(&"HMARKT".parse().unwrap()));
}

#[test]
fn labels_have_hl7s_order_and_a_forest() {
    let file = "labels.json";
    let order = |order: Value| with(file, |it| it["confidentiality"] = order);
    refused(&order(json!(["U", "L", "M", "R", "N", "V"])), file, "U, L, M, N, R, V");
    refused(&order(json!(["U"])), file, "U, L, M, N, R, V");
    refused(&with(file, |it| it["sensitivity"] = json!([])), file, "list 1 to 256");
    let lost = with(file, |it| entry(it, "sensitivity", "PSY")["parent"] = json!("NONE"));
    refused(&lost, file, "`NONE`, which is not listed");
    let told = with(file, |it| entry(it, "sensitivity", "TBOO")["code"] = json!("TOLD"));
    refused(&told, file, "`TBOO`");
    let waits = with(file, |it| it["obligations"] = json!(["MINEC", "HUAPRV"]));
    refused(&waits, file, "`HUAPRV`");
    let policies = Policies::default();
    let covering: Vec<String> =
        policies.labels().covering(&"OPIOIDUD".parse().unwrap()).map(ToString::to_string).collect();
    assert_eq!(covering, ["OPIOIDUD", "SUD", "SPI"]);
    let knows = |code: &str| policies.labels().knows_obligation(&code.parse().unwrap());
    assert!(knows("MINEC") && knows("NORDSCLCDS") && !knows("NORDSLCD"), "the last is retired");
}

/// Each code with what it is a kind of: what a directive that lists the last covers too. A code that
/// moves changes what patients have consented to.
#[test]
fn every_code_is_of_the_kind_that_was_reviewed() {
    let (policies, documents) = (Policies::default(), Policies::default_documents());
    let codes = |file: &str, list: &str| -> Vec<String> {
        let document: Value = serde_json::from_str(&documents[file]).unwrap();
        let codes = document[list].as_array().unwrap().iter();
        codes.map(|it| it["code"].as_str().unwrap().to_owned()).collect()
    };
    let mut text = String::from("Purposes and sensitivities, each with what it is a kind of.\n\n");
    for purpose in codes("purposes.json", "purposes") {
        let purpose = purpose.parse().unwrap();
        let above: Vec<_> = policies.purposes().covering(&purpose).map(|it| it.as_str()).collect();
        text.push_str(&format!("{}\n", above.join(" < ")));
    }
    text.push('\n');
    for label in codes("labels.json", "sensitivity") {
        let label = label.parse().unwrap();
        let above: Vec<_> = policies.labels().covering(&label).map(|it| it.as_str()).collect();
        text.push_str(&format!("{}\n", above.join(" < ")));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kinds.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text, "review it, then UPDATE_GOLDEN=1");
}

#[test]
fn a_refusal_names_the_file_first() {
    let error: PolicyError = Policies::from_documents(&Documents::new()).unwrap_err();
    assert!(error.to_string().starts_with("organizations.json: "), "{error}");
}

#[test]
fn duties_are_separated_and_the_least_is_fixed() {
    use StaffRole::{Auditor, OrgAdmin, Practitioner, PrivacyOfficer, Registrar, Service};
    let policies = Policies::default();
    for (roles, allowed) in [
        (&[Auditor, Practitioner][..], false),
        (&[PrivacyOfficer, OrgAdmin], false),
        (&[Service, PrivacyOfficer, Registrar], false),
        (&[Auditor, PrivacyOfficer], true),
        (&[OrgAdmin, Registrar, Practitioner], true),
        (&[Auditor, Service], true),
        (&[Practitioner], true),
    ] {
        assert_eq!(policies.separated(&roles.iter().copied().collect()), allowed, "{roles:?}");
    }
    let more = with("roles.json", |it| {
        it["separation"]["practitioner"] = json!(["researcher"]);
    });
    let more = Policies::from_documents(&more).unwrap();
    assert!(!more.separated(&[Practitioner, StaffRole::Researcher].into()));
    let check = |reason: &str, change: fn(&mut Value)| {
        refused(&with("roles.json", |it| change(&mut it["separation"])), "roles.json", reason);
    };
    check("`auditor` is separated from itself", |it| it["auditor"] = json!(["auditor"]));
    check("`privacy_officer` and `registrar` stay separated", |it| {
        it["privacy_officer"] = json!(["org_admin"]);
    });
    check("`privacy_officer` and `org_admin` stay separated", |it| {
        it["privacy_officer"] = json!(["registrar"]);
    });
    check("unknown variant", |it| it["janitor"] = json!(["auditor"]));
}

#[test]
fn profiles_are_bounded_and_unambiguous() {
    let policies = Policies::default();
    let command = |profile: &str, command: &str| {
        policies.profiles().command(&profile.parse().unwrap(), &command.parse().unwrap())
    };
    let interval = command("pulse-sensor", "set-reporting-interval").unwrap();
    assert_eq!(interval.class, CommandClass::Configure);
    assert_eq!((interval.parameters[0].min, interval.parameters[0].max), (300, 86_400));
    assert_eq!(command("insulin-pump", "set-basal-rate").unwrap().class, CommandClass::Therapeutic);
    assert!(command("pulse-sensor", "set-basal-rate").is_none());
    assert!(command("toaster", "identify").is_none());
    let check = |reason: &str, change: fn(&mut Value)| {
        let documents = with("profiles.json", |it| change(&mut it["profiles"]));
        refused(&documents, "profiles.json", reason);
    };
    check("`pulse-sensor`: the profile is listed twice", |it| {
        let first = it[0].clone();
        it.as_array_mut().unwrap().push(first);
    });
    check("`identify` is listed twice", |it| it[0]["commands"][1] = it[0]["commands"][0].clone());
    check("at most 32 commands", |it| {
        let command = |n| json!({"command": format!("c{n}"), "class": "observe"});
        it[0]["commands"] = (0..33).map(command).collect();
    });
    check("`set-reporting-interval` has at most 8 parameters, each once", |it| {
        let parameters = &mut it[0]["commands"][2]["parameters"];
        let first = parameters[0].clone();
        parameters.as_array_mut().unwrap().push(first);
    });
    check("`set-reporting-interval` has at most 8 parameters, each once", |it| {
        let parameter = |n| json!({"parameter": format!("p{n}"), "min": 0, "max": 1});
        it[0]["commands"][2]["parameters"] = (0..9).map(parameter).collect();
    });
    check("`set-reporting-interval` has a range that holds nothing", |it| {
        it[0]["commands"][2]["parameters"][0]["min"] = json!(86_401);
    });
    check("unknown variant", |it| it[0]["commands"][0]["class"] = json!("magic"));
}

#[test]
fn purposes_are_asserted_by_role_and_kind() {
    let policies = Policies::default();
    let check = |purpose: &str, kind, roles: &[StaffRole], expected: bool| {
        let roles = roles.iter().copied().collect();
        let purposes = policies.purposes();
        let allowed =
            policies.assertions().allow(purposes, &purpose.parse().unwrap(), kind, &roles);
        assert_eq!(allowed, expected, "{purpose} {kind:?} {roles:?}");
    };
    use OrganizationKind::{Custodian, Provider, Regulator};
    use StaffRole::{Practitioner, PrivacyOfficer, Researcher, Service};
    check("TREAT", Custodian, &[Practitioner], true);
    check("ERTREAT", Provider, &[Practitioner], true);
    check("BTG", Custodian, &[Practitioner], false);
    check("HRESCH", Custodian, &[Practitioner], false);
    check("CLINTRCH", Provider, &[Researcher, Practitioner], true);
    check("TREAT", Provider, &[Researcher], false);
    check("TREAT", Regulator, &[Practitioner], false);
    check("PUBHLTH", Regulator, &[Service], true);
    check("PATRQT", Custodian, &[Practitioner, Service], false);
    check("TREAT", Custodian, &[PrivacyOfficer], false);
    check("TREAT", Custodian, &[], false);
    check("HMARKT", Provider, &[Service], false);
}

#[test]
fn what_nobody_asserts_is_not_listed() {
    let file = "assertions.json";
    for (purpose, reason) in
        [("NOTHING", "is no purpose"), ("FAMRQT", "by delegates only"), ("BTG", "is declared")]
    {
        let role = with(file, |it| it["roles"]["service"] = json!([purpose]));
        refused(&role, file, reason);
        let kind = with(file, |it| it["kinds"]["provider"] = json!([purpose]));
        refused(&kind, file, reason);
    }
    refused(&with(file, |it| it["roles"]["root"] = json!([])), file, "unknown variant");
    let bound = Policies::default();
    let purposes = bound.purposes();
    let accountable = |purpose: &str| purposes.is_accountable(&purpose.parse().unwrap());
    assert!(accountable("HRESCH") && accountable("THREAT"));
    for purpose in ["ERTREAT", "PMTDS", "HQUALIMP", "FAMRQT", "BTG"] {
        assert!(!accountable(purpose), "{purpose}");
    }
}
