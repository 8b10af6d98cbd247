use fabric_protos::protos::TxValidationCode::{MvccReadConflict, Valid};

use crate::support::{CHAINCODE, ORGS, Setup, code, details, setup};

fn health(setup: &Setup, msp_id: &str) -> Vec<(String, String)> {
    held(setup, msp_id, "health")
}

fn held(setup: &Setup, msp_id: &str, collection: &str) -> Vec<(String, String)> {
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let rows = setup.devnet.private_data(msp_id, CHAINCODE, collection).unwrap();
    rows.into_iter().map(|(key, value)| (text(key), text(value))).collect()
}

fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_reaches_members_alone_and_never_a_block() {
    let setup = setup().await;
    let client = setup.client("Org3MSP").await;
    let draft = client
        .draft(&["putpt health k1 secret"])
        .transient("secret", "whisper")
        .endorsers(&["Org1MSP", "Org2MSP"]);
    assert_eq!(client.commit_draft(&draft).await, Valid);
    for (msp_id, expected) in [("Org1MSP", 1), ("Org2MSP", 1), ("Org3MSP", 0)] {
        assert_eq!(health(&setup, msp_id).len(), expected, "{msp_id}");
    }
    assert_eq!(health(&setup, "Org2MSP"), rows(&[("k1", "whisper")]));
    for number in 0..setup.devnet.height() {
        let block = setup.devnet.block(number).unwrap().unwrap();
        assert!(!block.windows(7).any(|part| part == b"whisper"));
    }
    let member = setup.client("Org2MSP").await;
    assert_eq!(member.read(&["getp health k1"]).await, "whisper");
    // The provider's own peer knows the hash, and that it lacks the value.
    let hash = fabric_ledger::sha256(b"whisper");
    assert_eq!(client.read(&["hash health k1"]).await, hex::encode(hash));
    let draft = client.draft(&["getp health k1"]).endorsers(&["Org3MSP"]);
    let refused = client.evaluate_draft(&draft).await.unwrap_err();
    let text = "private data matching public hash version is not available";
    assert!(refused.message().contains(text), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_the_collection_decides_who_endorses() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["putp health k 1"]).await, Valid);
    let draft = client.draft(&["putp health k 2"]).endorsers(&["Org1MSP"]);
    assert_ne!(client.commit_draft(&draft).await, Valid);
    assert_eq!(health(&setup, "Org1MSP"), rows(&[("k", "1")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn private_reads_conflict_by_their_hashes() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["putp health k 1"]).await, Valid);
    let draft = client.draft(&["getp health k", "putp health k 2"]);
    let late = client.prepare(&draft).await;
    assert_eq!(client.commit(&["putp health k 3"]).await, Valid);
    client.submit(&draft, late).await.unwrap();
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!(code(status.result), MvccReadConflict);
    assert_eq!(health(&setup, "Org1MSP"), rows(&[("k", "3")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_and_purges_remove_plaintext_everywhere() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["putp health a 1", "putp health b 2"]).await, Valid);
    assert_eq!(client.commit(&["delp health a"]).await, Valid);
    assert_eq!(health(&setup, "Org2MSP"), rows(&[("b", "2")]));
    assert_eq!(client.commit(&["purge health b"]).await, Valid);
    for msp_id in ORGS {
        assert!(health(&setup, msp_id).is_empty());
    }
    assert_eq!(client.read(&["getp health b", "hash health b"]).await, "\n");
    // Keys that never were can be purged, too.
    assert_eq!(client.commit(&["purge health c"]).await, Valid);
}

#[tokio::test(flavor = "multi_thread")]
async fn member_only_collections_ask_who_the_creator_is() {
    let setup = setup().await;
    let member = setup.client("Org1MSP").await;
    assert_eq!(member.commit(&["putp guarded k 1"]).await, Valid);
    let stranger = setup.client("Org3MSP").await;
    for (step, access) in [("getp guarded k", "read"), ("putp guarded k 2", "write")] {
        let draft = stranger.draft(&[step]).endorsers(&["Org1MSP"]);
        let refused = stranger.evaluate_draft(&draft).await.unwrap_err();
        let text = format!(
            "tx creator does not have {access} access permission on privatedata in \
             chaincodeName:script collectionName: guarded"
        );
        assert!(refused.message().ends_with(&text), "{refused}");
    }
    let refused = member.evaluate(&["getp nowhere k"]).await.unwrap_err();
    let text = "collection mychannel/script/nowhere could not be found";
    assert!(refused.message().ends_with(text), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_lived_values_are_gone_after_their_blocks() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    // Written in block 1 with one block to live: there in block 2, gone with block 3.
    assert_eq!(client.commit(&["putp brief a 1"]).await, Valid);
    assert_eq!(client.commit(&["putp brief b 1"]).await, Valid);
    assert_eq!(held(&setup, "Org1MSP", "brief").len(), 2);
    // Written again in block 3, `b` lives on.
    assert_eq!(client.commit(&["putp brief b 2"]).await, Valid);
    assert_eq!(held(&setup, "Org1MSP", "brief"), rows(&[("b", "2")]));
    assert_eq!(client.read(&["hash brief a"]).await, "");
    assert_eq!(client.commit(&["put x 1"]).await, Valid);
    assert_eq!(held(&setup, "Org2MSP", "brief"), rows(&[("b", "2")]));
    assert_eq!(client.commit(&["put x 2"]).await, Valid);
    assert!(held(&setup, "Org2MSP", "brief").is_empty());
    assert_eq!(client.read(&["getp brief b", "hash brief b"]).await, "\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_the_plaintext_refuses_to_read_it() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    setup.devnet.withhold_private_data("Org2MSP", true);
    assert_eq!(client.commit(&["putp health k 1"]).await, Valid);
    assert_eq!(health(&setup, "Org1MSP"), rows(&[("k", "1")]));
    assert!(health(&setup, "Org2MSP").is_empty());
    let refused = client.endorse(&client.draft(&["getp health k", "put a 1"])).await.unwrap_err();
    let details = details(&refused);
    assert_eq!(details[0].msp_id, "Org2MSP");
    let text = "private data matching public hash version is not available. Public hash version = \
                {BlockNum: 1, TxNum: 0}, Private data version = <nil>";
    assert!(details[0].message.ends_with(text), "{details:?}");

    setup.devnet.withhold_private_data("Org2MSP", false);
    assert_eq!(client.commit(&["putp health k 2"]).await, Valid);
    assert_eq!(health(&setup, "Org2MSP"), rows(&[("k", "2")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_is_obeyed_even_without_its_plaintext() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["putp health a 1", "putp health b 2"]).await, Valid);
    setup.devnet.withhold_private_data("Org2MSP", true);
    assert_eq!(client.commit(&["purge health a"]).await, Valid);
    assert_eq!(health(&setup, "Org2MSP"), rows(&[("b", "2")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_has_missed_it_gets_when_it_is_reconciled() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.commit(&["putp health old 1", "putp health gone 1"]).await, Valid);
    setup.devnet.withhold_private_data("Org2MSP", true);
    let missed = ["putp health k 1", "putp health old 2", "putp health purged 1"];
    assert_eq!(client.commit(&missed).await, Valid);
    assert_eq!(client.commit(&["delp health gone", "putp brief short 1"]).await, Valid);
    setup.devnet.withhold_private_data("Org2MSP", false);
    assert_eq!(client.commit(&["putp health later 1"]).await, Valid);
    assert_eq!(client.commit(&["purge health purged", "putp brief shorter 1"]).await, Valid);
    assert_eq!(held(&setup, "Org2MSP", "brief"), rows(&[("shorter", "1")]));
    let before = rows(&[("gone", "1"), ("later", "1"), ("old", "1")]);
    assert_eq!(health(&setup, "Org2MSP"), before);

    // Three collections of two transactions. What was purged or has expired stays away.
    assert_eq!(setup.devnet.reconcile_private_data("Org2MSP").unwrap(), 3);
    let after = rows(&[("k", "1"), ("later", "1"), ("old", "2")]);
    assert_eq!(health(&setup, "Org2MSP"), after);
    assert_eq!(health(&setup, "Org1MSP"), after);
    assert_eq!(held(&setup, "Org2MSP", "brief"), rows(&[("shorter", "1")]));
    // It endorses again what reads them.
    assert_eq!(client.commit(&["getp health k", "getp health old", "put a 1"]).await, Valid);
    assert_eq!(setup.devnet.reconcile_private_data("Org2MSP").unwrap(), 0);
    assert_eq!(setup.devnet.reconcile_private_data("Org9MSP").unwrap(), 0);
}
