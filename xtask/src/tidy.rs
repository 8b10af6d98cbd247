//! Repository rules that no compiler holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Each package and the packages of ours it may depend on outside tests: the arrows of
/// ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("fabric-protos", &[]),
    ("fabric-identity", &[]),
    ("fabric-ledger", &["fabric-protos"]),
    ("fabric-contract-rs", &["fabric-ledger"]),
    ("ioht-contract", &["fabric-contract-rs"]),
    ("ccaas-server", &["fabric-contract-rs", "fabric-protos", "ioht-contract"]),
    ("fabric-gateway-client", &["fabric-protos", "fabric-identity"]),
    ("fabric-devnet", &["fabric-ledger", "fabric-protos", "fabric-identity"]),
    ("ioht-edge", &[]),
    (
        "ioht",
        &[
            "fabric-contract-rs",
            "ioht-contract",
            "fabric-gateway-client",
            "fabric-devnet",
            "ccaas-server",
            "ioht-edge",
        ],
    ),
];

/// Packages outside the arrows: developer commands that nothing depends on.
const DEVELOPER_ONLY: &[&str] = &["bench", "fabric-judge", "xtask"];

/// Lines a source file may have: what a reader keeps in mind at once, with its tests.
const FILE_LINES_MAX: usize = 700;
/// Lines a function may have: one screen. Tests may be longer: a table of cases is read row by row.
const FUNCTION_LINES_MAX: usize = 90;

/// Checks the repository at `root` and returns what is wrong, one sentence each.
///
/// # Errors
/// When a file cannot be read or a manifest is not TOML.
pub fn check(root: &Path) -> io::Result<Vec<String>> {
    let mut findings = Vec::new();
    check_arrows(root, &mut findings)?;
    for path in sources(root)? {
        let text = fs::read_to_string(&path)?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        check_source(&shown, &text, &mut findings);
    }
    check_decisions(root, &mut findings)?;
    Ok(findings)
}

fn check_arrows(root: &Path, findings: &mut Vec<String>) -> io::Result<()> {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    for manifest in manifests(root)? {
        let text = fs::read_to_string(&manifest)?;
        let table: toml::Table = text.parse().map_err(io::Error::other)?;
        let name = table
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(toml::Value::as_str)
            .unwrap_or_default();
        if DEVELOPER_ONLY.contains(&name) {
            continue;
        }
        let Some(allowed_here) = allowed.get(name) else {
            findings.push(format!("{name}: a package that the table of arrows does not know"));
            continue;
        };
        let dependencies = table.get("dependencies").and_then(toml::Value::as_table);
        for dependency in dependencies.into_iter().flat_map(toml::Table::keys) {
            let ours = allowed.contains_key(dependency.as_str())
                || DEVELOPER_ONLY.contains(&dependency.as_str());
            if ours && !allowed_here.contains(&dependency.as_str()) {
                findings.push(format!("{name}: must not depend on {dependency}"));
            }
        }
    }
    Ok(())
}

fn check_source(path: &str, text: &str, findings: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        findings.push(format!("{path}: {lines} lines, more than {FILE_LINES_MAX}: split it"));
    }
    let mut function: Option<(usize, usize)> = None;
    for (at, line) in text.lines().enumerate() {
        let place = || format!("{path}:{}", at + 1);
        let trimmed = line.trim_start();
        if trimmed.starts_with(concat!("#[all", "ow"))
            || trimmed.starts_with(concat!("#![all", "ow"))
        {
            findings.push(format!("{}: use #[expect(…, reason = …)]", place()));
        }
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            if line.contains(word) {
                findings.push(format!("{}: finish it or file it, no {word}", place()));
            }
        }
        if trimmed.starts_with(concat!("#[ign", "ore")) {
            findings.push(format!("{}: a test that does not run proves nothing", place()));
        }
        let indent = line.len() - trimmed.len();
        match function {
            None if is_function(trimmed) && !trimmed.ends_with(';') => {
                function = Some((at, indent))
            }
            Some((start, depth)) if indent == depth && trimmed.starts_with('}') => {
                let length = at - start + 1;
                if length > FUNCTION_LINES_MAX && !path.contains("/tests/") {
                    findings.push(format!("{path}:{}: a function of {length} lines", start + 1));
                }
                function = None;
            }
            // A declaration without a body, its signature over several lines.
            Some((_, depth)) if indent == depth && trimmed.ends_with(';') => function = None,
            _ => {}
        }
    }
}

fn is_function(line: &str) -> bool {
    let line = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
    ["fn ", "async fn ", "const fn "].iter().any(|start| line.starts_with(start))
}

fn check_decisions(root: &Path, findings: &mut Vec<String>) -> io::Result<()> {
    let folder = root.join("docs/decisions");
    let index = fs::read_to_string(folder.join("README.md"))?;
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "README.md" && !index.contains(&name) {
            findings.push(format!("docs/decisions/{name}: not in the list of decisions"));
        }
    }
    Ok(())
}

fn manifests(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.is_file() {
            found.push(manifest);
        }
    }
    found.sort();
    Ok(found)
}

/// Every Rust file of every package, generated ones aside.
fn sources(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for manifest in manifests(root)? {
        if let Some(package) = manifest.parent() {
            for folder in ["src", "tests", "examples", "benches"] {
                collect(&package.join(folder), &mut found)?;
            }
        }
    }
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() || folder.ends_with("generated") {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        check_source("a.rs", text, &mut found);
        found
    }

    #[test]
    fn plain_code_passes() {
        assert_eq!(findings("fn a() {\n    b();\n}\n"), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_noticed() {
        let long = format!("fn a() {{\n{}}}\n", "    b();\n".repeat(FUNCTION_LINES_MAX));
        assert_eq!(findings(&long).len(), 1);
        let mut found = Vec::new();
        check_source("a/tests/b.rs", &long, &mut found);
        assert_eq!(found, Vec::<String>::new());
        assert_eq!(findings(concat!("#[all", "ow(dead_code)]")).len(), 1);
        assert_eq!(findings(concat!("// TO", "DO later")).len(), 1);
        assert_eq!(findings(&"\n".repeat(FILE_LINES_MAX + 1)).len(), 1);
    }

    #[test]
    fn a_declaration_without_a_body_does_not_swallow_what_follows() {
        let text = format!("fn a(\n    b: u8,\n);\n{}", "// c\n".repeat(FUNCTION_LINES_MAX));
        assert_eq!(findings(&text), Vec::<String>::new());
    }
}
