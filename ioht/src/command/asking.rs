//! What would be decided, and why.

use super::CommandError;
use super::args::{coded, from_json};
use super::output::{Told, accesses, explanation, simulation};
use super::side::Side;
use clap::{Args, Subcommand};
use ioht_contract::decision::RecordFacts;
use ioht_contract::{
    Action, Actor as Whom, Asking, Change, DirectiveId, ExplainDecision, ExplainDecisionPrivate,
    LoincCode, PurposeCode, Sharing, SimulateConsent, SimulateConsentPrivate, WhoCanAccess,
    WhoCanAccessPrivate,
};
use std::path::PathBuf;

/// Asks what is decided and why.
#[derive(Subcommand)]
pub(crate) enum AskingCommand {
    /// Tells what a change would do to a request, without making it.
    #[command(after_help = "Example: ioht patient simulate --end ward --who unit:ward@Org1MSP")]
    Simulate(Simulate),
    /// Tells who can see a kind of measurement, and what for.
    #[command(after_help = "Example: ioht patient who-can --code 8867-4")]
    WhoCan {
        /// What was measured.
        #[arg(long, value_name = "LOINC", default_value = "8867-4")]
        code: LoincCode,
    },
    /// Tells why somebody can or cannot see data.
    #[command(after_help = "Example: ioht patient explain --who role:researcher --purpose HRESCH")]
    Explain(Asked),
}

/// Somebody's request.
#[derive(Args)]
pub(crate) struct Asked {
    /// Who asks: `pid:…` for one of staff or a delegate, as the ledger knows it now, or whoever may ask
    /// and is of `care_team`, `unit:ward@Org1MSP`, `org:Org1MSP` or `role:researcher`.
    #[arg(long, value_name = "ACTOR")]
    who: Whom,
    /// What for, by its HL7 code.
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    purpose: PurposeCode,
    /// What is done with it, as directives name it: access, use, disclose, collect or correct.
    #[arg(long, value_name = "ACTION", default_value = "access", value_parser = coded::<Action>)]
    action: Action,
    /// What was measured; any kind, unless given.
    #[arg(long, value_name = "LOINC")]
    code: Option<LoincCode>,
    /// The length of the windows, in seconds; any, unless given.
    #[arg(long, value_name = "SECONDS")]
    grid: Option<u32>,
}

impl Asked {
    fn asking(self) -> Asking {
        let Self { who, purpose, action, code, grid } = self;
        let record = RecordFacts { code, grid_s: grid, ..RecordFacts::default() };
        Asking { who, purpose, action, record }
    }
}

/// A change, and a request to try it on.
#[derive(Args)]
pub(crate) struct Simulate {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    asked: Asked,
}

/// A change of consent.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ChangeArgs {
    /// Writing the directive of this file, as `share --print` makes one.
    #[arg(long, value_name = "FILE")]
    put: Option<PathBuf>,
    /// Withdrawing this directive.
    #[arg(long, value_name = "DIRECTIVE")]
    end: Option<DirectiveId>,
    /// Pausing all sharing.
    #[arg(long)]
    pause: bool,
    /// Resuming it.
    #[arg(long)]
    resume: bool,
}

impl ChangeArgs {
    fn change(self) -> Result<Change, CommandError> {
        Ok(match (self.put, self.end) {
            (Some(file), _) => Change::Put(Box::new(from_json(&file)?)),
            (None, Some(directive)) => Change::End(directive),
            (None, None) if self.pause => Change::Sharing(Sharing::Paused),
            (None, None) => Change::Sharing(Sharing::On),
        })
    }
}

impl AskingCommand {
    pub(super) async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let (actor, sid) = (side.actor, side.patient);
        match self {
            Self::Simulate(Simulate { change, asked }) => {
                let asking = vec![asked.asking()];
                let private = SimulateConsentPrivate { sid, change: change.change()?, asking };
                Ok(simulation(&actor.evaluate_private(&SimulateConsent {}, &private).await?))
            }
            Self::WhoCan { code } => {
                let private = WhoCanAccessPrivate { sid, code };
                Ok(accesses(&actor.evaluate_private(&WhoCanAccess {}, &private).await?))
            }
            Self::Explain(asked) => {
                let private = ExplainDecisionPrivate { sid, asking: asked.asking() };
                let told = actor.evaluate_private(&ExplainDecision {}, &private).await?;
                Ok(Told::new(explanation(&told), &told))
            }
        }
    }
}
