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

pub use backend::{Backend, Destination, Invocation, MockBackend, Ordered, Verdict, mock_ledger};
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

    /// The cases that the backend has no means to run, and why.
    pub fn skipped(&self) -> Vec<(&'static str, &'static str)> {
        let skipped = |(name, outcome): &(&'static str, Result<(), CaseError>)| match outcome {
            Err(CaseError::Skipped(why)) => Some((*name, *why)),
            _ => None,
        };
        self.cases.iter().filter_map(skipped).collect()
    }

    /// What is not as it has to be on a backend that has no means to run exactly `skips`, one line
    /// for each case: it diverges, it was skipped and should have run, or the other way round.
    pub fn findings(&self, skips: &[&str]) -> Vec<String> {
        let finding = |(name, outcome): &(&'static str, Result<(), CaseError>)| match outcome {
            Err(CaseError::Diverges(found)) => Some(format!("{name}: {found}")),
            Err(CaseError::Skipped(why)) if !skips.contains(name) => {
                Some(format!("{name}: skipped, and expected to run: {why}"))
            }
            Ok(()) if skips.contains(name) => {
                Some(format!("{name}: ran, and expected to be skipped"))
            }
            _ => None,
        };
        self.cases.iter().filter_map(finding).collect()
    }

    /// How many cases ended how, and what was skipped.
    pub fn summary(&self) -> String {
        let (all, failed, skipped) = (self.cases.len(), self.failures(), self.skipped());
        let ok = all.saturating_sub(failed.len()).saturating_sub(skipped.len());
        let mut told = format!("{all} cases: {ok} ok");
        if !failed.is_empty() {
            told.push_str(&format!(", {} failed", failed.len()));
        }
        if !skipped.is_empty() {
            let why = skipped.iter().map(|(name, why)| format!("{name}: {why}"));
            let why = why.collect::<Vec<_>>().join("; ");
            told.push_str(&format!(", {} skipped ({why})", skipped.len()));
        }
        told
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
