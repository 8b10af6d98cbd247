//! The file that a checkpoint is kept in.

use std::fs;
use std::path::PathBuf;

use fabric_gateway_client::{Checkpoint, Checkpointer, FileCheckpointError, FileCheckpointer};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("done.json");
    (dir, file)
}

fn reopened(file: &PathBuf) -> Checkpoint {
    FileCheckpointer::open(file).unwrap().checkpoint().clone()
}

#[test]
fn what_is_done_outlives_the_process() {
    let (_dir, file) = folder();
    let mut done = FileCheckpointer::open(&file).unwrap();
    assert_eq!(*done.checkpoint(), Checkpoint::default());
    assert!(!file.exists());
    for checkpoint in [
        Checkpoint::after_transaction(7, "c0ffee"),
        Checkpoint::after_block(7),
        Checkpoint::after_block(u64::MAX - 1),
        Checkpoint::default(),
    ] {
        done.save(checkpoint.clone()).unwrap();
        assert_eq!(*done.checkpoint(), checkpoint);
        drop(done);
        assert_eq!(reopened(&file), checkpoint);
        done = FileCheckpointer::open(&file).unwrap();
    }
}

#[test]
fn files_of_other_clients_are_read_and_their_form_is_written() {
    let (_dir, file) = folder();
    let within = Checkpoint::after_transaction(12, "ab");
    for text in [
        r#"{"blockNumber":"12","transactionId":"ab"}"#,
        r#"{"blockNumber":12,"transactionId":"ab"}"#,
        "{\"transactionId\":\"ab\",\n \"blockNumber\":\"12\"}\n",
    ] {
        fs::write(&file, text).unwrap();
        assert_eq!(reopened(&file), within, "{text}");
    }
    fs::write(&file, "{}").unwrap();
    let mut done = FileCheckpointer::open(&file).unwrap();
    assert_eq!(*done.checkpoint(), Checkpoint::default());
    done.save(within).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, r#"{"blockNumber":"12","transactionId":"ab"}"#);
}

#[test]
fn a_damaged_file_is_never_taken_for_an_empty_one() {
    let (_dir, file) = folder();
    for text in [
        "",
        "{",
        "[]",
        "7",
        r#"{"blockNumber":"-1"}"#,
        r#"{"blockNumber":1.5}"#,
        r#"{"blockNumber":null}"#,
        r#"{"blockNumber":"1","transactionId":7}"#,
        r#"{"transactionId":"ab"}"#,
        r#"{"blockNumber":"1","more":true}"#,
    ] {
        fs::write(&file, text).unwrap();
        let error = FileCheckpointer::open(&file).unwrap_err();
        assert!(matches!(error, FileCheckpointError::Damaged(_)), "{text}: {error}");
    }
}

/// A crash leaves a draft of any content behind, and the file as it was.
#[test]
fn a_draft_that_a_crash_left_behind_does_no_harm() {
    let (dir, file) = folder();
    FileCheckpointer::open(&file).unwrap().block_done(3).unwrap();
    fs::write(dir.path().join("done.json.new"), "{\"blockNu").unwrap();
    let mut done = FileCheckpointer::open(&file).unwrap();
    assert_eq!(*done.checkpoint(), Checkpoint::after_block(3));
    done.block_done(4).unwrap();
    drop(done);
    assert_eq!(reopened(&file), Checkpoint::after_block(4));
}

#[test]
fn a_file_has_one_follower() {
    let (_dir, file) = folder();
    let first = FileCheckpointer::open(&file).unwrap();
    let error = FileCheckpointer::open(&file).unwrap_err();
    assert!(matches!(&error, FileCheckpointError::InUse(used) if *used == file), "{error}");
    drop(first);
    FileCheckpointer::open(&file).unwrap();
}

#[test]
fn what_cannot_be_kept_is_told_and_not_believed() {
    let (dir, file) = folder();
    let mut done = FileCheckpointer::open(&file).unwrap();
    done.block_done(1).unwrap();
    // Where the draft would be written there is a folder.
    fs::create_dir(dir.path().join("done.json.new")).unwrap();
    let error = done.block_done(2).unwrap_err();
    assert!(matches!(error, FileCheckpointError::Io { .. }), "{error}");
    assert_eq!(*done.checkpoint(), Checkpoint::after_block(1));
    drop(done);
    assert_eq!(reopened(&file), Checkpoint::after_block(1));

    let error = FileCheckpointer::open(dir.path().join("absent/done.json")).unwrap_err();
    assert!(matches!(error, FileCheckpointError::Io { .. }), "{error}");
}
