use fabric_protos::protos::TxValidationCode;

use crate::support::setup;

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_endorsed_ordered_committed_and_read() {
    let setup = setup().await;
    let client = setup.client("Org1MSP").await;
    assert_eq!(client.read(&["get color"]).await, "");
    assert_eq!(client.commit(&["put color red"]).await, TxValidationCode::Valid);
    assert_eq!(client.read(&["get color"]).await, "red");
    assert_eq!(setup.devnet.height(), 2);
    let other = setup.client("Org3MSP").await;
    assert_eq!(other.read(&["get color"]).await, "red");
    setup.devnet.shutdown().await;
}
