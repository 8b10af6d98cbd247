//! Generates `fabric-protos/src/generated/` from `fabric-protos/proto/`, without protoc.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why code was not generated, or is not what is committed.
#[derive(Debug, Error)]
pub enum CodegenError {
    /// A `.proto` file is wrong; the text points into it.
    #[error("the .proto files do not compile: {0}")]
    Proto(#[from] protox::Error),
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The committed code is not what the `.proto` files generate.
    #[error("stale generated code: {}; run `cargo run -p xtask -- codegen` and commit", .0.join(", "))]
    Stale(Vec<String>),
}

/// Writes the generated code of the `fabric-protos` package at `package`.
///
/// # Errors
/// When the `.proto` files do not compile or a file cannot be written.
pub fn write(package: &Path) -> Result<(), CodegenError> {
    let folder = generated_folder(package);
    let generated = generate(package)?;
    fs::create_dir_all(&folder).map_err(file_error(&folder))?;
    for name in read_rust_files(&folder)?.into_keys() {
        if !generated.contains_key(&name) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(file_error(&path))?;
        }
    }
    for (name, text) in generated {
        let path = folder.join(name);
        fs::write(&path, text).map_err(file_error(&path))?;
    }
    Ok(())
}

/// Compares the committed code of the `fabric-protos` package at `package` with what would be generated.
///
/// # Errors
/// [`CodegenError::Stale`] with the files that differ, are missing or should not be there; else as [`write()`].
pub fn check(package: &Path) -> Result<(), CodegenError> {
    let committed = read_rust_files(&generated_folder(package))?;
    let generated = generate(package)?;
    let stale = differing(&committed, &generated);
    if stale.is_empty() { Ok(()) } else { Err(CodegenError::Stale(stale)) }
}

/// File name to text, of the code for one protobuf package each.
fn generate(package: &Path) -> Result<BTreeMap<String, String>, CodegenError> {
    let includes = package.join("proto");
    let descriptors = protox::compile(proto_files(&includes)?, [&includes])?;
    let scratch = tempfile::tempdir().map_err(file_error(Path::new("temporary folder")))?;
    tonic_prost_build::configure()
        .out_dir(scratch.path())
        .bytes(".")
        .btree_map(".")
        // A method named Connect would meet the constructor of the same name.
        .build_transport(false)
        .client_mod_attribute(".", r#"#[cfg(feature = "grpc")]"#)
        .server_mod_attribute(".", r#"#[cfg(feature = "grpc")]"#)
        .compile_fds(descriptors)
        .map_err(file_error(scratch.path()))?;
    read_rust_files(scratch.path())
}

/// All `.proto` files below `folder`, in a fixed order.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, CodegenError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn read_rust_files(folder: &Path) -> Result<BTreeMap<String, String>, CodegenError> {
    let mut files = BTreeMap::new();
    for path in entries(folder)? {
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_name()
        {
            let text = fs::read_to_string(&path).map_err(file_error(&path))?;
            files.insert(name.to_string_lossy().into_owned(), text);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, CodegenError> {
    let listing = fs::read_dir(folder).map_err(file_error(folder))?;
    listing.map(|entry| Ok(entry.map_err(file_error(folder))?.path())).collect()
}

fn differing(
    committed: &BTreeMap<String, String>,
    generated: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut names: Vec<String> = committed.keys().chain(generated.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| committed.get(name) != generated.get(name));
    names
}

fn generated_folder(package: &Path) -> PathBuf {
    package.join("src/generated")
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> CodegenError {
    let path = path.to_owned();
    move |source| CodegenError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A package with one message, its code generated.
    fn package() -> tempfile::TempDir {
        let package = tempfile::tempdir().unwrap();
        fs::create_dir_all(package.path().join("proto/inner")).unwrap();
        set_proto(package.path(), "message Thing { bytes value = 1; }");
        write(package.path()).unwrap();
        package
    }

    fn set_proto(package: &Path, body: &str) {
        let text = format!("syntax = \"proto3\";\npackage thing;\n{body}\n");
        fs::write(package.join("proto/inner/thing.proto"), text).unwrap();
    }

    fn stale(package: &Path) -> Vec<String> {
        match check(package) {
            Ok(()) => Vec::new(),
            Err(CodegenError::Stale(names)) => names,
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn committed_code_is_current() {
        check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fabric-protos")).unwrap();
    }

    #[test]
    fn what_was_written_is_current() {
        assert_eq!(stale(package().path()), [""; 0]);
    }

    #[test]
    fn a_changed_message_is_stale() {
        let package = package();
        set_proto(package.path(), "message Thing { bytes value = 2; }");
        assert_eq!(stale(package.path()), ["thing.rs"]);
    }

    #[test]
    fn an_edited_a_missing_and_a_leftover_file_are_stale() {
        let package = package();
        let folder = generated_folder(package.path());
        fs::write(folder.join("thing.rs"), "// edited").unwrap();
        assert_eq!(stale(package.path()), ["thing.rs"]);
        fs::remove_file(folder.join("thing.rs")).unwrap();
        fs::write(folder.join("gone.rs"), "").unwrap();
        assert_eq!(stale(package.path()), ["gone.rs", "thing.rs"]);
        write(package.path()).unwrap();
        assert_eq!(stale(package.path()), [""; 0]);
    }

    #[test]
    fn a_wrong_proto_file_is_reported() {
        let package = package();
        set_proto(package.path(), "message Thing { Missing value = 1; }");
        let error = write(package.path()).unwrap_err();
        assert!(matches!(error, CodegenError::Proto(_)), "{error}");
    }
}
