//! What many, or careless, clients must not do to others.

use bytes::Bytes;
use fabric_protos::protos::TxValidationCode::Valid;

use crate::support::{CHAINCODE, setup};

/// Bytes of a full batch of health records, generously.
const BATCH_BYTES: usize = 256 * 1024;
/// Transactions that a busy gateway has endorsed and not committed yet.
const UNDER_WAY: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_of_a_transaction_outlasts_what_others_have_endorsed_meanwhile() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    let draft = client.draft(&["putpt health k1 secret"]).transient("secret", "whisper");
    let endorsed = client.prepare(&draft).await;
    let mut other = client.draft(&["putpt health k2 secret"]);
    for number in 0..UNDER_WAY {
        other.nonce = number.to_be_bytes().to_vec();
        let value = Bytes::from(vec![b'x'; BATCH_BYTES]);
        other.transient.insert("secret".to_owned(), value);
        assert_eq!(client.evaluate_draft(&other).await.unwrap().status, 200);
    }
    client.submit(&draft, endorsed).await.unwrap();
    let status = client.status(&draft.id()).await.unwrap();
    assert_eq!(crate::support::code(status.result), Valid);
    for msp_id in ["Org1MSP", "Org2MSP"] {
        let held = setup.devnet.private_data(msp_id, CHAINCODE, "health").unwrap();
        assert_eq!(held.len(), 1, "{msp_id} has lost the plaintext");
    }
    setup.devnet.shutdown().await;
}
