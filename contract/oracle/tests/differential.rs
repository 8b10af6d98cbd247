//! Cedar decides the same as the contract's engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/decision/generated.rs"]
#[expect(dead_code, reason = "shared with the engine's own properties")]
mod generated;

use cedar_policy::Authorizer;
use generated::{AT, directives, known_request};
use ioht_contract::Policies;
use ioht_contract::decision::{Outcome, decide};
use ioht_contract_oracle as cedar;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn cedar_decides_the_same(given in directives(), requests in prop::collection::vec(known_request(), 4)) {
        let (policies, authorizer) = (Policies::default(), Authorizer::new());
        let translated = cedar::policies(&given);
        for request in &requests {
            let decision = decide(&policies, &given, request, AT);
            let allowed = cedar::allows(&authorizer, &translated, &cedar::asked(request, AT));
            prop_assert_eq!(decision.outcome == Outcome::Permit, allowed, "{:?}", decision);
        }
    }
}
