//! The workload on a devnet, and whether what is wrong would be noticed.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a network that cannot be set up has failed its tests"
)]

use bytes::Bytes;
use fabric_devnet::ReadyMode;
use fabric_judge::JudgeError;
use fabric_judge::devnet::Running;
use fabric_judge::drive::{Endorsed, drive};
use fabric_judge::plan::Plan;
use fabric_judge::verdict::{Verdict, differences, judge};
use fabric_protos::common::Block;
use prost::Message as _;

/// Enough for every kind of answer, few enough for every build.
const TRANSACTIONS: usize = 160;
const BATCH: u32 = 40;

struct Run {
    plan: Plan,
    endorsed: Vec<Endorsed>,
    blocks: Vec<Bytes>,
    roots: std::collections::BTreeMap<String, String>,
}

impl Run {
    async fn on_a_devnet(seed: u64, ready: ReadyMode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::new(seed, TRANSACTIONS, BATCH as usize);
        let devnet = Running::start(folder.path(), BATCH, ready).await.unwrap();
        let endorsed = drive(&devnet.network, &plan, seed, |_| ()).await.unwrap();
        let (blocks, roots) = (devnet.blocks().unwrap(), devnet.network.roots.clone());
        devnet.stop().await;
        Self { plan, endorsed, blocks, roots }
    }

    fn judge(&self) -> Verdict {
        let membership = fabric_judge::network::membership(&self.roots).unwrap();
        judge(&self.plan, &self.endorsed, &self.blocks, membership).unwrap()
    }

    /// What is found when a block is not as it was.
    fn with_block(&self, number: usize, change: impl FnOnce(&mut Block)) -> String {
        let mut blocks = self.blocks.clone();
        let mut block = Block::decode(blocks[number].clone()).unwrap();
        change(&mut block);
        blocks[number] = block.encode_to_vec().into();
        let changed = Self {
            plan: self.plan.clone(),
            endorsed: self.endorsed.clone(),
            blocks,
            roots: self.roots.clone(),
        };
        changed.judge().findings.join("\n")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_agrees_with_the_rules_and_changes_are_noticed() {
    let devnet = || Run::on_a_devnet(3, ReadyMode::Batched);
    let (run, other) = tokio::join!(devnet(), devnet());
    let verdict = run.judge();
    two_networks_agree(&run.plan, &verdict, &other.judge());
    assert_eq!(verdict.findings, Vec::<String>::new());
    assert_eq!(verdict.sequence.len(), TRANSACTIONS);
    assert!(verdict.batched && verdict.endorsements >= 140, "{}", verdict.endorsements);
    for code in ["VALID", "MVCC_READ_CONFLICT", "ENDORSEMENT_POLICY_FAILURE", "DUPLICATE_TXID"] {
        assert!(verdict.codes.contains_key(code), "{:?}", verdict.codes);
    }

    let check = |found: String, expected: &str| assert!(found.contains(expected), "{found}");
    let filter = |block: &mut Block| {
        let slots = &mut block.metadata.as_mut().unwrap().metadata;
        let mut filter = slots[2].to_vec();
        filter[1] = 11;
        slots[2] = filter.into();
    };
    check(run.with_block(1, filter), "transaction 1 is MVCC_READ_CONFLICT, here VALID");
    check(
        run.with_block(2, |block| block.metadata.as_mut().unwrap().metadata[4] = Bytes::new()),
        "block 2: its commit hash is another one",
    );
    check(
        run.with_block(2, |block| block.metadata.as_mut().unwrap().metadata[0] = Bytes::new()),
        "no orderer has signed it",
    );
    let header = |block: &mut Block| block.header.as_mut().unwrap().previous_hash = Bytes::new();
    let found = run.with_block(2, header);
    check(found.clone(), "block 2: it names another block as the one before");
    check(found.clone(), "block 2: the orderer's signature is not right");
    check(found, "block 3: it names another block as the one before");
    let order = |block: &mut Block| block.data.as_mut().unwrap().data.swap(0, 1);
    check(run.with_block(3, order), "block 3: its data has another hash");

    // Another answer of the peers, in a step that reads.
    let mut run = run;
    let reads = run.endorsed.len() - 1;
    run.endorsed[reads].responses[0] = run.endorsed[0].responses[0].clone();
    assert!(run.judge().findings.iter().any(|found| found.starts_with(&format!("step {reads}: "))));
}

/// Two networks with certificates and times of their own, which every history tells.
fn two_networks_agree(plan: &Plan, one: &Verdict, other: &Verdict) {
    assert_eq!(differences(plan, one, other), Vec::<String>::new());
    let steps = one.answers.keys().filter(|(_, turn)| *turn == 0).count();
    assert_eq!((plan.inspection.len(), steps), (14, plan.steps.len()));
    let asked = plan.inspection.clone().map(|index| one.answers[&(index, 0)].as_str());
    let asked: String = asked.collect();
    assert!(asked.contains("\nrows step ") && asked.contains("r000=row"), "{asked}");
    let mut changed = other.clone();
    let hashes = changed.answers.get_mut(&(plan.inspection.start + 8, 0)).unwrap();
    let end = hashes.pop();
    hashes.push_str("0\n");
    assert_eq!(end, Some('\n'));
    let found = differences(plan, one, &changed);
    assert!(found.len() == 1 && found[0].contains("told Some("), "{found:?}");
}

/// An orderer that cuts other blocks than planned: nothing is judged, and it is said why.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_one_block_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(3, BATCH as usize, BATCH as usize);
    let devnet = Running::start(folder.path(), BATCH / 2, ReadyMode::Batched).await.unwrap();
    let ended = drive(&devnet.network, &plan, 3, |_| ()).await;
    devnet.stop().await;
    assert!(matches!(ended, Err(JudgeError::Cut { batch: 0, blocks: 2 })), "{ended:?}");
    assert!(ended.unwrap_err().to_string().contains("run again with a longer BATCH_TIMEOUT"));
}

/// Every write and every read in a message of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_of_older_peers_agrees_with_the_rules() {
    let verdict = Run::on_a_devnet(4, ReadyMode::Plain).await.judge();
    assert_eq!(verdict.findings, Vec::<String>::new());
    assert!(!verdict.batched);
}
