//! The `.proto` files against what Fabric publishes.
//!
//! `published.txt` lists the messages, fields, enum values and methods of Fabric's published definitions, taken by a
//! program from the descriptors compiled into Fabric 3.1.5 (and of `google.rpc.Status`). What is defined here must
//! be there with the same names, numbers and types, and nothing of a message may be missing here.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use protox::prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
};

const PUBLISHED: &str = include_str!("published.txt");

#[test]
fn definitions_are_those_published() {
    let ours = defined();
    let names: BTreeSet<&str> = ours.iter().map(|line| owner(line)).collect();
    let published: BTreeSet<&str> =
        PUBLISHED.lines().filter(|line| names.contains(owner(line))).collect();
    let ours: BTreeSet<&str> = ours.iter().map(String::as_str).collect();
    let missing: Vec<_> = published.difference(&ours).collect();
    let unknown: Vec<_> = ours.difference(&published).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing {missing:#?}, unknown {unknown:#?}");
}

#[test]
fn every_package_in_use_is_compared() {
    let defined = defined();
    let packages: BTreeSet<&str> =
        defined.iter().filter_map(|line| owner(line).split('.').next()).collect();
    let expected = [
        "common",
        "etcdraft",
        "gateway",
        "google",
        "kvrwset",
        "lifecycle",
        "msp",
        "orderer",
        "protos",
        "queryresult",
        "rwset",
    ];
    assert_eq!(packages, BTreeSet::from(expected));
}

/// Name of the message, enum or service that a line is about.
fn owner(line: &str) -> &str {
    let name = line.split(' ').nth(1).unwrap();
    name.split('/').next().unwrap()
}

/// Our definitions in the form of the published ones.
fn defined() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile(proto_files(&root), [&root]).unwrap();
    let pool = DescriptorPool::from_file_descriptor_set(descriptors).unwrap();
    let well_known = |name: &str| name.starts_with("google.protobuf.");
    let mut lines = BTreeSet::new();
    for message in pool.all_messages().filter(|message| !well_known(message.full_name())) {
        lines.insert(format!("message {}", message.full_name()));
        lines.extend(message.fields().map(|field| field_line(&message, &field)));
    }
    for values in pool.all_enums().filter(|values| !well_known(values.full_name())) {
        lines.extend(enum_lines(&values));
    }
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        lines.insert(format!(
            "method {}/{} {}{} returns {}{}",
            method.parent_service().full_name(),
            method.name(),
            if method.is_client_streaming() { "stream " } else { "" },
            method.input().full_name(),
            if method.is_server_streaming() { "stream " } else { "" },
            method.output().full_name(),
        ));
    }
    lines
}

fn field_line(message: &MessageDescriptor, field: &FieldDescriptor) -> String {
    let repeated = if field.cardinality() == Cardinality::Repeated { "repeated " } else { "" };
    let kind = match field.kind() {
        Kind::Message(inner) => inner.full_name().to_owned(),
        Kind::Enum(inner) => inner.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    format!("field {} {} {} {repeated}{kind}", message.full_name(), field.number(), field.name())
}

fn enum_lines(values: &EnumDescriptor) -> Vec<String> {
    let line = |number, name: &str| format!("enum {} {number} {name}", values.full_name());
    values.values().map(|value| line(value.number(), value.name())).collect()
}

fn proto_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(proto_files(&path));
        } else {
            files.push(path);
        }
    }
    files
}
