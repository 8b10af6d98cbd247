//! What a patient decides, by itself or through a delegate.

use super::args::{coded, from_json};
use super::output::{Told, directives, findings, warnings, withdrawn};
use super::side::Side;
use super::when::{now_ms, time_ms};
use super::{CommandError, committed};
use clap::{Args, Subcommand};
use ioht::secrets;
use ioht_contract::{
    Actor as Whom, ChoosePreset, ChoosePresetPrivate, ConsentView, Directive, DirectiveId, Draft,
    Effect, EndConsent, EndConsentPrivate, Ending, ExportConsent, ExportConsentPrivate,
    FhirRelease, Findings, GetConsent, GetConsentPrivate, LoincCode, Matcher, OfferId, Period,
    PresetId, ProjectId, PurposeCode, PutConsent, PutConsentPrivate, SetSharing, SetSharingPrivate,
    Sharing, TermsReference, ValidateConsent, ValidateConsentPrivate,
};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Decides who sees a patient's data.
#[derive(Subcommand)]
pub(crate) enum ConsentCommand {
    /// Shares data with somebody for a purpose.
    #[command(after_help = "Example: ioht patient share --with unit:ward@Org1MSP --purpose TREAT")]
    Share(Share),
    /// Keeps somebody from data, whatever else permits it to staff. Delegates who may view are ended instead, by
    /// `delegate end`.
    #[command(after_help = "Example: ioht patient deny --to org:Org3MSP")]
    Deny(Deny),
    /// Makes one of the choices that the ledger offers, such as `care-team` or `research-no`. Warns of what others
    /// in force make of it.
    #[command(after_help = "Example: ioht patient choose care-team")]
    Choose(Choose),
    /// Stops all sharing with staff at once. What you decided stays, and holds again after `resume`. Delegates who
    /// may view go on: `delegate end` stops them.
    #[command(after_help = "Example: ioht patient pause")]
    Pause {
        /// Says that emergencies are an exception.
        #[arg(long)]
        emergency_only: bool,
    },
    /// Shares again as you had decided.
    #[command(after_help = "Example: ioht patient resume")]
    Resume,
    /// Withdraws consent: these directives, or all.
    #[command(after_help = "Example: ioht patient withdraw ward")]
    Withdraw {
        /// Which; all, unless given.
        directives: Vec<DirectiveId>,
        /// Says that they were never meant.
        #[arg(long)]
        entered_in_error: bool,
    },
    /// Shows what was decided.
    #[command(after_help = "Example: ioht patient consent --versions-of ward")]
    Consent {
        /// Also every version of this directive.
        #[arg(long, value_name = "DIRECTIVE")]
        versions_of: Option<DirectiveId>,
    },
    /// Writes a directive from a JSON file, as `share --print` makes one, if nothing is wrong with it. Warns as
    /// `validate` does.
    #[command(after_help = "Example: ioht patient put ward.json --replaces 1")]
    Put {
        /// The file.
        file: PathBuf,
        /// The version of it that the file was made from, when it is there already.
        #[arg(long, value_name = "VERSION", default_value_t = 0)]
        replaces: u32,
    },
    /// Tells what is wrong with a directive, without writing it.
    #[command(after_help = "Example: ioht patient validate ward.json")]
    Validate {
        /// The file.
        file: PathBuf,
    },
    /// Prints what is in force as a FHIR bundle of Consent resources.
    #[command(after_help = "Example: ioht patient export --fhir r5")]
    Export {
        /// The release of FHIR.
        #[arg(long, value_name = "r4|r5", ignore_case = true, value_parser = release)]
        fhir: FhirRelease,
    },
}

/// What is shared with whom.
#[derive(Args)]
pub(crate) struct Share {
    /// With whom: `care_team`, `pid:…`, `unit:ward@Org1MSP`, `org:Org1MSP`, `role:researcher`,
    /// `project:…`; may be given several times.
    #[arg(long = "with", value_name = "ACTOR", required = true)]
    whom: Vec<Whom>,
    /// What for, by its HL7 code; may be given several times.
    #[arg(long, value_name = "PURPOSE", default_value = "TREAT")]
    purpose: Vec<PurposeCode>,
    /// Only windows at least this long, in seconds.
    #[arg(long, value_name = "SECONDS")]
    min_grid: Option<u32>,
    /// Only under these terms of use.
    #[arg(long, value_name = "OFFER@VERSION", value_parser = terms)]
    terms: Option<TermsReference>,
    #[command(flatten)]
    about: About,
}

/// What is kept from whom.
#[derive(Args)]
pub(crate) struct Deny {
    /// From whom, as in `share`; from everybody, unless given.
    #[arg(long = "to", value_name = "ACTOR")]
    whom: Vec<Whom>,
    /// Only for this purpose; may be given several times.
    #[arg(long, value_name = "PURPOSE")]
    purpose: Vec<PurposeCode>,
    #[command(flatten)]
    about: About,
}

/// What both are about.
#[derive(Args)]
pub(crate) struct About {
    /// Only this kind of measurement; may be given several times.
    #[arg(long, value_name = "LOINC")]
    code: Vec<LoincCode>,
    /// Until when; until it is withdrawn, unless given.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
    /// A name for it, to withdraw it by; one at random, unless given.
    #[arg(long)]
    id: Option<DirectiveId>,
    /// Prints the directive instead of writing it.
    #[arg(long)]
    print: bool,
}

/// A choice that the ledger offers.
#[derive(Args)]
pub(crate) struct Choose {
    /// Its id in `presets.json`.
    preset: PresetId,
    /// The project, for a choice about one.
    #[arg(long)]
    project: Option<ProjectId>,
    /// The project's terms of use, for a choice about one.
    #[arg(long, value_name = "OFFER@VERSION", value_parser = terms)]
    terms: Option<TermsReference>,
    /// Until when; until another choice, unless given.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    until: Option<i64>,
}

impl ConsentCommand {
    pub(super) async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        match self {
            Self::Share(share) => share.run(side).await,
            Self::Deny(deny) => deny.run(side).await,
            Self::Choose(Choose { preset, project, terms, until }) => {
                let sid = side.sid().await?;
                let chosen = preset.clone();
                let private =
                    ChoosePresetPrivate { sid, preset, project, terms, until, text: None };
                let done = side.actor.submit_private(&ChoosePreset {}, &private).await?;
                // What a choice is made of is told by the ledger alone, so it is looked at afterwards.
                let made = view(side, None).await?.directives.into_iter();
                let mut warned = Vec::new();
                for directive in made.filter(|it| it.preset.as_ref() == Some(&chosen)) {
                    warned.extend(validated(side, again(directive)).await?.warnings);
                }
                Ok(warnings(committed("chosen", &done), &warned))
            }
            Self::Pause { emergency_only: true } => sharing(side, Sharing::EmergencyOnly).await,
            Self::Pause { emergency_only: false } => sharing(side, Sharing::Paused).await,
            Self::Resume => sharing(side, Sharing::On).await,
            Self::Withdraw { directives, entered_in_error } => {
                let sid = side.sid().await?;
                let directives = (!directives.is_empty()).then(|| directives.into_iter().collect());
                let ending =
                    if entered_in_error { Ending::EnteredInError } else { Ending::Withdrawn };
                let private = EndConsentPrivate { sid, directives, ending };
                let done = side.actor.submit_private(&EndConsent {}, &private).await?;
                let left = view(side, None).await?.directives;
                Ok(withdrawn(done.block_number, &done.transaction_id, &left))
            }
            Self::Consent { versions_of } => Ok(directives(&view(side, versions_of).await?)),
            Self::Put { file, replaces } => put(side, from_json(&file)?, replaces).await,
            Self::Validate { file } => Ok(findings(&validated(side, from_json(&file)?).await?)),
            Self::Export { fhir } => {
                let private = ExportConsentPrivate { sid: side.patient };
                let call = ExportConsent { release: fhir };
                let bundle = side.actor.evaluate_private(&call, &private).await?.bundle;
                Ok(Told::json(&bundle))
            }
        }
    }
}

impl Share {
    async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let context = Matcher {
            actors: Some(self.whom.into_iter().collect()),
            purposes: Some(self.purpose.into_iter().collect()),
            min_grid_s: self.min_grid,
            ..Matcher::default()
        };
        self.about.write(side, Effect::Permit, context, self.terms).await
    }
}

impl Deny {
    async fn run(self, side: &Side<'_>) -> Result<Told, CommandError> {
        let context =
            Matcher { actors: some(self.whom), purposes: some(self.purpose), ..Matcher::default() };
        self.about.write(side, Effect::Deny, context, None).await
    }
}

impl About {
    async fn write(
        self,
        side: &Side<'_>,
        decision: Effect,
        context: Matcher,
        terms: Option<TermsReference>,
    ) -> Result<Told, CommandError> {
        let id = match self.id {
            Some(id) => id,
            None => secrets::directive_id()?,
        };
        let draft = Draft {
            id,
            decision,
            period: self.until.map(|end| Period { start: now_ms(), end: Some(end) }),
            context: Matcher { codes: some(self.code), ..context },
            provision: Vec::new(),
            obligations: BTreeSet::new(),
            terms,
            btg: Default::default(),
            text: None,
            source: None,
        };
        if self.print {
            return Ok(Told::json(&draft));
        }
        put(side, draft, 0).await
    }
}

async fn put(side: &Side<'_>, draft: Draft, expected_version: u32) -> Result<Told, CommandError> {
    let found = validated(side, draft.clone()).await?;
    if !found.errors.is_empty() {
        return Err(CommandError::Unsound(found));
    }
    let sid = side.sid().await?;
    let rk = view(side, None).await?.rk;
    let what = format!("written as `{}`", draft.id);
    let private = PutConsentPrivate { sid, rk, expected_version, draft };
    let done = side.actor.submit_private(&PutConsent {}, &private).await?;
    Ok(warnings(committed(&what, &done), &found.warnings))
}

/// Everything that is wrong with a draft, and what the patient is warned of.
async fn validated(side: &Side<'_>, draft: Draft) -> Result<Findings, CommandError> {
    let private = ValidateConsentPrivate { sid: side.patient, draft };
    Ok(side.actor.evaluate_private(&ValidateConsent {}, &private).await?)
}

/// A directive in force as a draft of itself.
fn again(it: Directive) -> Draft {
    Draft {
        id: it.id,
        decision: it.decision,
        period: Some(it.period),
        context: it.context,
        provision: it.provision,
        obligations: it.obligations,
        terms: it.terms,
        btg: it.btg,
        text: it.text,
        source: it.source,
    }
}

async fn view(
    side: &Side<'_>,
    versions_of: Option<DirectiveId>,
) -> Result<ConsentView, CommandError> {
    let asked = GetConsentPrivate { sid: side.patient, versions_of, after_version: 0 };
    Ok(side.actor.evaluate_private(&GetConsent {}, &asked).await?)
}

async fn sharing(side: &Side<'_>, sharing: Sharing) -> Result<Told, CommandError> {
    let private = SetSharingPrivate { sid: side.sid().await?, sharing };
    let done = side.actor.submit_private(&SetSharing {}, &private).await?;
    Ok(committed("done", &done))
}

fn some<T: Ord>(all: Vec<T>) -> Option<BTreeSet<T>> {
    (!all.is_empty()).then(|| all.into_iter().collect())
}

fn terms(text: &str) -> Result<TermsReference, String> {
    let parsed = text
        .split_once('@')
        .and_then(|(offer, version)| Some((offer.parse::<OfferId>().ok()?, version.parse().ok()?)));
    let (offer, version) = parsed.ok_or_else(|| "write terms as OFFER@VERSION".to_owned())?;
    Ok(TermsReference { offer, version })
}

fn release(text: &str) -> Result<FhirRelease, String> {
    coded(&text.to_uppercase())
}
