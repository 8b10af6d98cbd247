//! Chaincodes that have to be initialised.

use fabric_protos::protos::TxValidationCode::{MvccReadConflict, Valid};

use crate::support::{code, details, setup_with};

const MUST: &str =
    "chaincode 'script' has not been initialized for this version, must call as init first";

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_initialised_once_before_anything_else() {
    let setup = setup_with(|mut config| {
        config.chaincodes[0].init_required = true;
        config
    })
    .await;
    let client = setup.client("Org1MSP").await;
    let refused = client.evaluate(&["number"]).await.unwrap_err();
    assert!(details(&refused)[0].message.ends_with(MUST), "{refused}");

    // Private data is out of reach of an initialisation, public state is not.
    let init = |steps: &[&str]| {
        let mut draft = client.draft(steps);
        draft.is_init = true;
        draft
    };
    let refused = client.endorse(&init(&["putp health k 1"])).await.unwrap_err();
    let text = "private data APIs are not allowed in chaincode Init()";
    assert!(details(&refused)[0].message.ends_with(text), "{refused}");

    // Of two that meet, the first one counts.
    let (first, second) = (init(&["put a 1"]), init(&["put a 2"]));
    let prepared = [client.prepare(&first).await, client.prepare(&second).await];
    let mut codes = Vec::new();
    for (draft, prepared) in [first, second].iter().zip(prepared) {
        client.submit(draft, prepared).await.unwrap();
        codes.push(code(client.status(&draft.id()).await.unwrap().result));
    }
    assert_eq!(codes, [Valid, MvccReadConflict]);

    assert_eq!(client.read(&["get a"]).await, "1");
    assert_eq!(client.commit(&["putp health k 1"]).await, Valid);
    let refused = client.evaluate_draft(&init(&["number"])).await.unwrap_err();
    let again = "chaincode 'script' is already initialized but called as init";
    assert!(details(&refused)[0].message.ends_with(again), "{refused}");
}
