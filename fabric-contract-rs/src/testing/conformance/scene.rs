use super::backend::{Backend, Destination, Invocation, Verdict};
use super::contract::{Answer, Apply, Ask, Look};
use super::step::{Cell, KeyText, Place, RangeText, Step, TableName};
use crate::Event;
use fabric_ledger::TxValidationCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Why a case did not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The ledger did something else than Fabric does.
    #[error("{0}")]
    Diverges(String),
    /// The backend has no means to run the case.
    #[error("skipped: {0}")]
    Skipped(&'static str),
}

pub(super) type CaseResult<T = ()> = Result<T, CaseError>;

/// A case's view of the ledger: keys of its own, and what it expects.
#[derive(Debug)]
pub struct Scene<'b, B> {
    pub(super) backend: &'b mut B,
    /// Begins every key of the case.
    own: String,
}

impl<'b, B: Backend> Scene<'b, B> {
    pub(super) fn new(backend: &'b mut B, run_id: &str, case: &str) -> Self {
        Self { backend, own: format!("{run_id}/{case}") }
    }

    /// The text of a simple key of this case.
    pub(super) fn name(&self, key: &str) -> String {
        format!("{}/{key}", self.own)
    }

    pub(super) fn simple(&self, key: &str) -> KeyText {
        KeyText::Simple(self.name(key))
    }

    pub(super) fn cell(&self, place: Place, key: &str) -> Cell {
        Cell { place, key: self.simple(key) }
    }

    pub(super) fn public(&self, key: &str) -> Cell {
        self.cell(Place::Public, key)
    }

    pub(super) fn private(&self, key: &str) -> Cell {
        self.cell(Place::Private, key)
    }

    /// Attributes behind one that is the case's own.
    pub(super) fn attributes(&self, attributes: &[&str]) -> Vec<String> {
        let own = std::iter::once(self.own.as_str());
        own.chain(attributes.iter().copied()).map(str::to_owned).collect()
    }

    pub(super) fn composite(&self, table: TableName, attributes: &[&str]) -> Cell {
        let key = KeyText::Composite(table, self.attributes(attributes));
        Cell { place: Place::Public, key }
    }

    /// All simple keys of this case.
    pub(super) fn all(&self, place: Place, limit: u32) -> Step {
        // The successor of `/`: no key of the case begins with it.
        let range = RangeText::Simple(self.name(""), format!("{}0", self.own));
        Step::Range { place, range, limit }
    }

    pub(super) fn below(&self, table: TableName, attributes: &[&str]) -> Step {
        let range = RangeText::Below(table, self.attributes(attributes));
        Step::Range { place: Place::Public, range, limit: 1000 }
    }

    pub(super) async fn submit(&mut self, steps: Vec<Step>) -> Verdict {
        self.backend.submit(apply(steps)).await
    }

    pub(super) async fn evaluate(&mut self, steps: Vec<Step>) -> Verdict {
        self.backend.evaluate(look(steps)).await
    }

    /// Commits these steps; answers what they read.
    pub(super) async fn commit(&mut self, steps: Vec<Step>) -> CaseResult<Vec<Answer>> {
        answers("a transaction", self.submit(steps).await)
    }

    pub(super) async fn submit_planned(&mut self, steps: Vec<Step>) -> CaseResult<Verdict> {
        let verdict = self.backend.submit_planned(apply(steps)).await;
        verdict.ok_or(CaseError::Skipped("the backend plans no endorsements"))
    }

    /// As [`commit`](Self::commit), endorsed by whom a gateway plans for.
    pub(super) async fn commit_planned(&mut self, steps: Vec<Step>) -> CaseResult<Vec<Answer>> {
        answers("a planned transaction", self.submit_planned(steps).await?)
    }

    /// As [`commit`](Self::commit), with the event.
    pub(super) async fn commit_for_event(&mut self, steps: Vec<Step>) -> CaseResult<Option<Event>> {
        let (_, event) = success("a transaction", self.submit(steps).await)?;
        Ok(event)
    }

    /// Evaluates these steps; answers what they read.
    pub(super) async fn look(&mut self, steps: Vec<Step>) -> CaseResult<Vec<Answer>> {
        answers("a query", self.evaluate(steps).await)
    }

    /// Expects a key's committed value.
    pub(super) async fn expect(&mut self, cell: &Cell, value: Option<&str>) -> CaseResult {
        let answers = self.look(vec![Step::Get(cell.clone())]).await?;
        same(&format!("the value of {cell:?}"), &answers, &vec![one(value)])
    }

    /// Commits these steps elsewhere; answers what they read.
    pub(super) async fn commit_to(
        &mut self,
        to: Destination,
        steps: Vec<Step>,
    ) -> CaseResult<Vec<Answer>> {
        let call = Invocation { to, ..apply(steps) };
        answers("a transaction elsewhere", self.backend.submit(call).await)
    }

    /// Expects a key's committed value elsewhere.
    pub(super) async fn expect_at(
        &mut self,
        to: Destination,
        cell: &Cell,
        value: Option<&str>,
    ) -> CaseResult {
        let call = Invocation { to, ..look(vec![Step::Get(cell.clone())]) };
        let answers = answers("a query elsewhere", self.backend.evaluate(call).await)?;
        same(&format!("the value of {cell:?} in {to:?}"), &answers, &vec![one(value)])
    }

    /// Expects these simple keys of the case, with their values.
    pub(super) async fn expect_all(
        &mut self,
        place: Place,
        expected: &[(&str, &str)],
    ) -> CaseResult {
        let step = self.all(place, 1000);
        let answers = self.look(vec![step]).await?;
        let expected = self.entries(expected);
        same("the case's keys", &answers, &vec![expected])
    }

    pub(super) fn entries(&self, entries: &[(&str, &str)]) -> Answer {
        let entry = |(key, value): &(&str, &str)| (self.name(key), (*value).to_owned());
        Answer::Entries(entries.iter().map(entry).collect())
    }

    /// Endorses two transactions before either is ordered; expects the first to be valid.
    pub(super) async fn race(
        &mut self,
        first: Vec<Step>,
        second: Vec<Step>,
        expected: TxValidationCode,
    ) -> CaseResult {
        self.race_of(apply(first), apply(second), expected).await
    }

    /// As [`race`](Self::race), of any two calls.
    pub(super) async fn race_of(
        &mut self,
        first: Invocation,
        second: Invocation,
        expected: TxValidationCode,
    ) -> CaseResult {
        let calls = vec![first, second];
        let outcomes = self.backend.submit_together(calls).await;
        let codes: Vec<_> = outcomes
            .iter()
            .map(|outcome| match &outcome.verdict {
                Verdict::Success { .. } => Ok(TxValidationCode::Valid),
                Verdict::Invalid(code) => Ok(*code),
                other => Err(other.clone()),
            })
            .collect();
        same("the codes of the race", &codes, &vec![Ok(TxValidationCode::Valid), Ok(expected)])
    }
}

pub(super) fn apply(steps: Vec<Step>) -> Invocation {
    invocation("Apply", &Apply { steps })
}

pub(super) fn look(steps: Vec<Step>) -> Invocation {
    invocation("Look", &Look { steps })
}

pub(super) fn ask(steps: Vec<Step>) -> Invocation {
    invocation("Ask", &Ask { steps })
}

fn invocation(function: &str, arguments: &impl Serialize) -> Invocation {
    // Steps are plain data: they always have a JSON form.
    let arguments = serde_json::to_string(arguments).unwrap_or_default();
    let (to, transient) = (Destination::Main, BTreeMap::new());
    Invocation { to, function: function.to_owned(), arguments, transient }
}

pub(super) fn one(value: Option<&str>) -> Answer {
    Answer::One(value.map(str::to_owned))
}

pub(super) fn many(values: &[Option<&str>]) -> Answer {
    Answer::Many(values.iter().map(|value| value.map(str::to_owned)).collect())
}

/// The answers of a call that must succeed.
pub(super) fn answers(what: &str, verdict: Verdict) -> CaseResult<Vec<Answer>> {
    success(what, verdict).map(|(answers, _)| answers)
}

/// As [`answers`], with the event.
fn success(what: &str, verdict: Verdict) -> CaseResult<(Vec<Answer>, Option<Event>)> {
    let Verdict::Success { payload, event } = verdict else {
        return Err(CaseError::Diverges(format!("{what} should succeed: {verdict:?}")));
    };
    let answers = serde_json::from_slice(&payload)
        .map_err(|error| CaseError::Diverges(format!("{what} answers oddly: {error}")))?;
    Ok((answers, event))
}

/// Expects a refusal by the contract with this code.
pub(super) fn refused(what: &str, verdict: &Verdict, code: &str) -> CaseResult {
    match verdict {
        Verdict::Refused(text) if text.split_once(':').is_some_and(|(found, _)| found == code) => {
            Ok(())
        }
        other => Err(CaseError::Diverges(format!("{what} should be refused as {code}: {other:?}"))),
    }
}

/// Expects that an ordered transaction lacks an endorsement that a policy wants.
pub(super) fn unendorsed(what: &str, verdict: &Verdict) -> CaseResult {
    match verdict {
        Verdict::Invalid(TxValidationCode::EndorsementPolicyFailure) => Ok(()),
        other => Err(CaseError::Diverges(format!("{what} should lack endorsement: {other:?}"))),
    }
}

/// Expects that the endorsers of what is no transaction did not sign the same.
pub(super) fn disagreed(what: &str, verdict: &Verdict) -> CaseResult {
    match verdict {
        Verdict::Disagreement => Ok(()),
        other => Err(CaseError::Diverges(format!("{what} was submitted: {other:?}"))),
    }
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> CaseResult {
    if found == expected {
        return Ok(());
    }
    Err(CaseError::Diverges(format!("{what}: found {found:?}, expected {expected:?}")))
}
