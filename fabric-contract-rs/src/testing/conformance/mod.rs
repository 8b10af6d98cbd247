//! What every ledger a contract may run on must do alike: one list of named cases.
//!
//! The cases drive the [`ConformanceContract`] through a [`Backend`], which is the mock ledger, an
//! embedded network or a real one: wherever that contract is installed, with the private data
//! collections [`COLLECTION`], [`SHORT_LIVED`], [`MEMBERS_ONLY`] and [`UNENDORSED`], and a second time
//! as [`CALLEE`]. Cases keep to keys of their own, so that a ledger can be tested again
//! and again, each time under another run id.
//!
//! ```
//! use fabric_contract_rs::testing::conformance::{self, ConformanceContract};
//! use fabric_contract_rs::testing::block_on;
//!
//! let mut ledger = conformance::mock_ledger();
//! let report = block_on(conformance::run(&mut ledger, "run-1"));
//! assert_eq!(report.failures(), []);
//! ```

mod backend;
mod cases;
mod contract;
mod scene;
mod step;

pub use backend::{Backend, Destination, Invocation, MockBackend, Verdict, mock_ledger};
pub use cases::{CASES, run_case};
pub use contract::{
    CALLEE, COLLECTION, ConformanceContract, MEMBERS_ONLY, OTHER_CHANNEL, SHORT_LIVED, UNENDORSED,
};
pub use scene::{CaseError, Scene};
pub use step::{Callee, Cell, KeyText, Place, RangeText, Step, TableName};

/// How each case ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// By case, in the order of [`CASES`].
    pub cases: Vec<(&'static str, Result<(), CaseError>)>,
}

impl Report {
    /// The cases in which the ledger did something else than Fabric does.
    pub fn failures(&self) -> Vec<(&'static str, CaseError)> {
        let failed = |(_, outcome): &&(_, Result<(), CaseError>)| {
            matches!(outcome, Err(CaseError::Diverges(_)))
        };
        let failures = self.cases.iter().filter(failed);
        failures.filter_map(|(name, outcome)| Some((*name, outcome.clone().err()?))).collect()
    }

    /// The cases that the backend has no means to run.
    pub fn skipped(&self) -> Vec<&'static str> {
        let skipped = |(_, outcome): &&(_, Result<(), CaseError>)| {
            matches!(outcome, Err(CaseError::Skipped(_)))
        };
        self.cases.iter().filter(skipped).map(|(name, _)| *name).collect()
    }
}

/// Runs every case. `run_id` becomes part of every key: another one for each run on one ledger.
pub async fn run<B: Backend>(backend: &mut B, run_id: &str) -> Report {
    let mut report = Report::default();
    for &name in CASES {
        let outcome = run_case(backend, run_id, name).await;
        report.cases.push((name, outcome));
    }
    report
}
