//! Consent on a ledger: written, ended, read, tried out.

use crate::world::*;
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::Call;
use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
use ioht_contract::decision::{Element, Outcome, Reason};
use ioht_contract::state::{DIRECTIVES, HEADS};
use ioht_contract::*;
use serde_json::{Value, from_value, json};

const DAY: i64 = 86_400_000;

fn patient() -> ClientIdentity {
    client("Org1MSP", "patient")
}

pub(crate) fn draft(id: &str, changes: Value) -> Draft {
    let mut draft = json!({"id": id, "decision": "permit",
        "context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["TREAT"]}});
    for (name, change) in changes.as_object().unwrap() {
        draft[name] = change.clone();
    }
    from_value(draft).unwrap()
}

pub(crate) fn put_by(by: &ClientIdentity, draft: Draft, expected_version: u32) -> Call {
    let (sid, rk) = (SID.parse().unwrap(), RK.parse().unwrap());
    private(by, &PutConsent {}, &PutConsentPrivate { sid, rk, expected_version, draft })
}

pub(crate) fn put(id: &str, changes: Value, expected_version: u32) -> Call {
    put_by(&patient(), draft(id, changes), expected_version)
}

pub(crate) fn end_by(by: &ClientIdentity, ids: Option<&[&str]>) -> Call {
    let directives = ids.map(|ids| ids.iter().map(|id| id.parse().unwrap()).collect());
    let part =
        EndConsentPrivate { sid: SID.parse().unwrap(), directives, ending: Ending::Withdrawn };
    private(by, &EndConsent {}, &part)
}

fn end(ids: Option<&[&str]>) -> Call {
    end_by(&patient(), ids)
}

pub(crate) fn share_by(by: &ClientIdentity, sharing: Sharing) -> Call {
    private(by, &SetSharing {}, &SetSharingPrivate { sid: SID.parse().unwrap(), sharing })
}

fn share(sharing: Sharing) -> Call {
    share_by(&patient(), sharing)
}

pub(crate) fn revoke(by: &ClientIdentity, id: &str) -> Call {
    let (sid, directive) = (SID.parse().unwrap(), id.parse().unwrap());
    let reason = RevocationReason::CourtOrder;
    private(by, &RevokeConsent {}, &RevokeConsentPrivate { sid, directive, reason })
}

pub(crate) fn choose(preset: &str, project: Option<&str>) -> Call {
    choose_by(&patient(), preset, project)
}

pub(crate) fn choose_by(by: &ClientIdentity, preset: &str, project: Option<&str>) -> Call {
    let part = ChoosePresetPrivate {
        sid: SID.parse().unwrap(),
        preset: preset.parse().unwrap(),
        project: project.map(|it| it.parse().unwrap()),
        terms: None,
        until: None,
        text: None,
    };
    private(by, &ChoosePreset {}, &part)
}

fn view(world: &mut World) -> ConsentView {
    world.ask(&call(&patient(), &GetConsent {}), &GetConsent {})
}

fn versions(world: &mut World, id: &str) -> Vec<(u32, DirectiveStatus)> {
    let part =
        GetConsentPrivate { sid: None, versions_of: Some(id.parse().unwrap()), after_version: 0 };
    let view = world.ask(&private(&patient(), &GetConsent {}, &part), &GetConsent {});
    view.versions.into_iter().map(|it| (it.directive.version, it.directive.status)).collect()
}

fn ids(world: &mut World) -> Vec<String> {
    view(world).directives.iter().map(|it| format!("{} {}", it.id, it.version)).collect()
}

fn asking(who: Actor, purpose: &str) -> Asking {
    let record = from_value(json!({"code": "8867-4", "confidentiality": "N", "sensitivity": [],
        "grid_s": 300, "window": {"start": START, "end": START + 300_000}}));
    let action = Action::Access;
    Asking { who, purpose: purpose.parse().unwrap(), action, record: record.unwrap() }
}

pub(crate) fn anybody() -> Asking {
    asking("org:Org2MSP".parse().unwrap(), "TREAT")
}

pub(crate) fn one(msp: &str, name: &str) -> Actor {
    Actor::Participant(pid(&client(msp, name)))
}

fn explained(world: &mut World, who: Actor, purpose: &str) -> ioht_contract::decision::Explanation {
    let part = ExplainDecisionPrivate { sid: None, asking: asking(who, purpose) };
    world.ask(&private(&patient(), &ExplainDecision {}, &part), &ExplainDecision {})
}

fn reason(world: &mut World, name: &str, purpose: &str) -> Reason {
    explained(world, one("Org1MSP", name), purpose).decision.reason
}

#[test]
fn a_directive_is_in_force_until_it_is_withdrawn() {
    let mut world = World::populated();
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::NoApplicableConsent);
    world.ok(&put("ward", json!({}), 0));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::ConsentPermit);
    assert_eq!(reason(&mut world, "registrar", "TREAT"), Reason::RoleNotPermitted);
    world.ok(&put("ward", json!({"provision": [{"match": {"codes": ["8867-4"]}}]}), 1));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::ConsentDeny);
    world.ok(&end(Some(&["ward"])));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::NoApplicableConsent);
    use DirectiveStatus::{Active, Withdrawn};
    assert_eq!(versions(&mut world, "ward"), [(1, Active), (2, Active), (3, Withdrawn)]);
    assert_eq!(ids(&mut world), [""; 0]);
}

#[test]
fn versions_are_kept_and_never_overwritten() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    assert_eq!(world.refused(&put("ward", json!({}), 0)), "CONSENT_CONFLICT");
    assert_eq!(world.refused(&put("ward", json!({}), 2)), "CONSENT_CONFLICT");
    assert_eq!(world.refused(&put("other", json!({}), 1)), "CONSENT_CONFLICT");
    world.ok(&put("ward", json!({"decision": "deny"}), 1));
    assert_eq!(ids(&mut world), ["ward 2"]);
    world.ok(&end(None));
    // An id that was ended is not used again: its versions stand.
    assert_eq!(world.refused(&put("ward", json!({}), 0)), "CONSENT_CONFLICT");
    assert_eq!(world.refused(&put("ward", json!({}), 3)), "CONSENT_CONFLICT");
    let rk: RecordsKey = RK.parse().unwrap();
    let key = |version| (rk, "ward".parse().unwrap(), KeyVersion(version));
    let stored: DirectiveVersion = world.ledger.value(&DIRECTIVES, &key(1)).unwrap();
    assert_eq!(stored.directive.decision, Effect::Permit);
    assert_eq!(stored.directive.author, Some(pid(&patient())));
    let salts =
        [1, 2, 3].map(|version| world.ledger.value(&DIRECTIVES, &key(version)).unwrap().salt);
    assert!(salts[0] != salts[1] && salts[1] != salts[2] && salts[0] != salts[2]);
    assert_eq!(versions(&mut world, "ward").len(), 3);
    let part = GetConsentPrivate {
        sid: None,
        versions_of: Some("ward".parse().unwrap()),
        after_version: 2,
    };
    let view = world.ask(&private(&patient(), &GetConsent {}, &part), &GetConsent {});
    assert_eq!(view.versions.len(), 1);
    assert_eq!(view.versions[0].directive.version, 3);
}

#[test]
fn two_changes_at_once_do_not_both_win() {
    let mut world = World::populated();
    let race = [put("ward", json!({}), 0), put("ward", json!({"decision": "deny"}), 0)];
    let race = race.map(|call| world.ledger.endorse(&call).unwrap());
    assert_eq!(world.ledger.commit(race.into()), [Valid, MvccReadConflict]);
}

#[test]
fn a_directive_that_is_not_sound_is_not_written() {
    let mut world = World::populated();
    let empty = json!({"context": {"actors": [], "purposes": ["TREAT"]}});
    let no_actor = json!({"context": {"purposes": ["TREAT"]}});
    for changes in [empty, no_actor, json!({"period": {"start": 5, "end": 5}})] {
        assert_eq!(world.refused(&put("ward", changes.clone(), 0)), "CONSENT_INVALID");
        let part = ValidateConsentPrivate { sid: None, draft: draft("ward", changes) };
        let call = private(&patient(), &ValidateConsent {}, &part);
        assert_eq!(world.ask(&call, &ValidateConsent {}).errors.len(), 1);
    }
    let wrong_rk = PutConsentPrivate {
        sid: SID.parse().unwrap(),
        rk: OTHER_RK.parse().unwrap(),
        expected_version: 0,
        draft: draft("ward", json!({})),
    };
    let wrong_rk = private(&patient(), &PutConsent {}, &wrong_rk);
    assert_eq!(world.refused(&wrong_rk), "RECORDS_KEY_MISMATCH");
}

#[test]
fn a_draft_is_validated_without_being_written() {
    let mut world = World::populated();
    let now = world.ledger.now();
    let changes = json!({
        "context": {"actors": ["role:practitioner"], "purposes": ["TREAT"]},
        "period": {"start": now, "end": now + DAY / 2},
    });
    let part = ValidateConsentPrivate { sid: None, draft: draft("ward", changes) };
    let call = private(&patient(), &ValidateConsent {}, &part);
    let before = world.ledger.digest();
    let findings = world.ask(&call, &ValidateConsent {});
    let warnings: Vec<FindingCode> = findings.warnings.iter().map(|it| it.code).collect();
    assert_eq!(warnings, [FindingCode::ExpiresSoon, FindingCode::BroadPermit]);
    assert_eq!((findings.errors.len(), findings.used.directives), (0, 1));
    assert!(findings.used.bytes > 40 && findings.used.bytes < findings.used.bytes_max);
    assert_eq!(world.ledger.digest(), before);
    world.ok(&put("no", json!({"decision": "deny", "context": {}}), 0));
    let warned = world.ask(&call, &ValidateConsent {}).warnings;
    assert_eq!(warned[0].code, FindingCode::Shadowed);
}

#[test]
fn a_head_holds_so_many_directives_and_bytes() {
    let mut world = World::populated();
    for n in 0..DIRECTIVES_MAX {
        world.ok(&put(&format!("d{n}"), json!({}), 0));
    }
    assert_eq!(world.refused(&put("more", json!({}), 0)), "CONSENT_TOO_LARGE");
    world.ok(&put("d0", json!({"decision": "deny"}), 1));
    world.ok(&end(None));
    let actors: Vec<String> = (0..32).map(|n| format!("unit:{n:0>60}@Org1MSP")).collect();
    let context = json!({"actors": actors, "purposes": ["TREAT"]});
    let large = |n: usize| put(&format!("l{n}"), json!({"context": context}), 0);
    let written = (0..40).take_while(|n| world.ledger.submit(&large(*n)).is_ok()).count();
    let used = view(&mut world).used;
    assert_eq!(used.directives, written);
    assert!(written > 10 && used.bytes <= DIRECTIVES_BYTES_MAX);
    assert_eq!(world.refused(&large(written)), "CONSENT_TOO_LARGE");
}

/// What narrows is possible whatever the patient's status and whatever the clock says.
#[test]
fn nothing_stands_in_the_way_of_withdrawing() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    world.ok(&put("home", json!({"context": {"actors": ["care_team"], "purposes": ["COC"]}}), 0));
    let ahead = world.ledger.now() + DAY;
    world.ok(&share(Sharing::Paused).at(ahead));
    world.ok(&share(Sharing::On).at(ahead));
    // The clock that ran fast is put right.
    let now = ahead - DAY / 2;
    assert_eq!(world.refused(&put("more", json!({}), 0).at(now)), "BACK_DATED");
    world.ok(&put("not-him", json!({"decision": "deny"}), 0).at(now));
    world.ok(&share(Sharing::Paused).at(now));
    assert_eq!(world.refused(&share(Sharing::On).at(now)), "BACK_DATED");
    assert_eq!(world.refused(&choose("care-team", None).at(now)), "BACK_DATED");
    world.ok(&choose("pause-all", None).at(now));
    world.ok(&end(Some(&["ward"])).at(now));
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    assert_eq!(world.refused(&share(Sharing::On).at(ahead + 1)), "INACTIVE");
    assert_eq!(world.refused(&put("more", json!({}), 0).at(ahead + 1)), "INACTIVE");
    world.ok(&end(None).at(now));
    world.ok(&share(Sharing::Paused).at(now));
    assert_eq!(ids(&mut world), [""; 0]);
    // What has ended already is no error.
    world.ok(&end(Some(&["ward", "never"])).at(now));
    world.ok(&end(None).at(now));
}

/// Taking back a deny lets through what it held back: it is not done in a suspended patient's name, nor
/// by a clock that is put back.
#[test]
fn ending_what_denies_widens() {
    let mut world = World::populated();
    let not_him = json!({"actors": [format!("pid:{}", pid(&client("Org1MSP", "doctor")))]});
    world.ok(&put("ward", json!({}), 0));
    world.ok(&put("bay", json!({"provision": [{"match": not_him.clone()}]}), 0));
    world.ok(&put("not-him", json!({"decision": "deny", "context": not_him}), 0));
    let back = world.ledger.now() - DAY;
    for ids in [&["not-him"][..], &["bay"], &["not-him", "bay"]] {
        assert_eq!(world.refused(&end(Some(ids)).at(back)), "BACK_DATED", "{ids:?}");
        assert!(world.ledger.endorse(&end(Some(ids))).is_ok());
    }
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    for ids in [&["not-him"][..], &["bay"]] {
        assert_eq!(world.refused(&end(Some(ids))), "INACTIVE", "{ids:?}");
    }
    // All of it, or what only permits, at any time.
    assert!(world.ledger.endorse(&end(None).at(back)).is_ok());
    world.ok(&end(Some(&["ward"])).at(back));
    assert_eq!(world.refused(&end(Some(&["not-him"]))), "INACTIVE", "`bay` stays");
    // With nothing left that permits, no deny holds anything back.
    world.ok(&end(Some(&["bay", "not-him"])).at(back));
    assert_eq!(ids(&mut world), [""; 0]);
}

#[test]
fn a_preset_that_undoes_a_deny_widens() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    world.ok(&choose("research-no", None));
    let back = world.ledger.now() - DAY;
    assert_eq!(world.refused(&choose("join-project", Some("p-1")).at(back)), "BACK_DATED");
    world.ok(&choose("care-team", None));
    world.ok(&choose("care-team-off", None).at(back));
}

#[test]
fn a_preset_that_only_denies_is_never_late() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    let back = world.ledger.now() - DAY;
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    assert_eq!(world.refused(&choose("research-yes", None)), "INACTIVE");
    world.ok(&choose("research-no", None).at(back));
}

#[test]
fn a_change_of_consent_overtakes_what_was_decided_before() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    let first = world.ledger.endorse(&share(Sharing::Paused)).unwrap();
    let second = world.ledger.endorse(&put("more", json!({}), 0)).unwrap();
    assert_eq!(world.ledger.commit(vec![first, second]), [Valid, MvccReadConflict]);
    let head: Head = world.ledger.value(&HEADS, &(SID.parse().unwrap(),)).unwrap();
    assert_eq!((head.sharing, head.directives.len()), (Sharing::Paused, 1));
}

/// Otherwise a delegate in a loop makes every withdrawal of the patient conflict.
#[test]
fn what_changes_nothing_writes_nothing() {
    let mut world = World::populated();
    world.add_delegate("aunt", &[Power::Consent]);
    let aunt = client("Org1MSP", "aunt");
    world.ok(&put("ward", json!({}), 0));
    let told = journal(&mut world);
    for call in [
        share_by(&aunt, Sharing::On),
        end_by(&aunt, Some(&["never"])),
        choose_by(&aunt, "resume", None),
        choose_by(&aunt, "care-team-off", None),
        revoke(&client("RegMSP", "officer"), "never"),
    ] {
        assert_eq!(world.ok(&call).trips.write_batches(), 0, "{call:?}");
    }
    assert_eq!(journal(&mut world), told);
    let race = [share_by(&aunt, Sharing::On), end(None)];
    let race = race.map(|call| world.ledger.endorse(&call).unwrap());
    assert_eq!(world.ledger.commit(race.into()), [Valid, Valid]);
}

#[test]
fn sharing_stands_above_the_directives() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    world.ok(&share(Sharing::Paused));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::SharingPaused);
    world.ok(&share(Sharing::EmergencyOnly));
    assert_eq!(reason(&mut world, "doctor", "ETREAT"), Reason::EmergencyOnly);
    world.ok(&share(Sharing::On));
    assert_eq!(reason(&mut world, "doctor", "ETREAT"), Reason::ConsentPermit);
    assert_eq!(reason(&mut world, "doctor", "BTG"), Reason::BreakGlassNotDeclared);
}

#[test]
fn presets_are_plain_directives() {
    let mut world = World::populated();
    world.ok(&share(Sharing::Paused));
    world.ok(&choose("care-team", None));
    let consent = view(&mut world);
    assert_eq!((consent.sharing, consent.directives.len()), (Sharing::On, 1));
    assert_eq!(consent.directives[0].preset, Some("care-team".parse().unwrap()));
    let first = consent.directives[0].id.to_string();
    world.ok(&choose("care-team", None));
    let consent = view(&mut world);
    assert_eq!(consent.directives.len(), 1, "in the place of the earlier choice");
    assert_ne!(consent.directives[0].id.to_string(), first);
    use DirectiveStatus::{Active, Superseded};
    assert_eq!(versions(&mut world, &first), [(1, Active), (2, Superseded)]);
    world.ok(&choose("care-team-off", None));
    assert_eq!(ids(&mut world), [""; 0]);
    assert_eq!(world.refused(&choose("none", None)), "PRESET_UNKNOWN");
    world.ok(&choose("emergency-only", None));
    assert_eq!(view(&mut world).sharing, Sharing::EmergencyOnly);
    world.ok(&choose("pause-all", None));
    assert_eq!(view(&mut world).sharing, Sharing::Paused);
    world.ok(&choose("resume", None));
    assert_eq!(view(&mut world).sharing, Sharing::On);
}

#[test]
fn projects_are_joined_and_left_one_by_one() {
    let mut world = World::populated();
    let mut now = |preset: &str, project: Option<&str>| -> Vec<String> {
        world.ok(&choose(preset, project));
        let directives = view(&mut world).directives;
        let actors = directives.iter().map(|it| it.context.actors.clone().unwrap_or_default());
        let told = actors.map(|it| it.iter().map(ToString::to_string).collect::<String>());
        let mut told: Vec<String> = told.collect();
        told.sort_unstable();
        told
    };
    assert_eq!(now("research-no", None), [""], "a deny of all research");
    assert_eq!(now("join-project", Some("p-1")), ["project:p-1"]);
    assert_eq!(now("join-project", Some("p-2")), ["project:p-1", "project:p-2"]);
    assert_eq!(now("leave-project", Some("p-1")), ["project:p-2"]);
    assert_eq!(now("research-no", None), ["", "project:p-2"]);
    for (preset, project) in [("join-project", None), ("care-team", Some("p-1"))] {
        assert_eq!(world.refused(&choose(preset, project)), "ARGUMENT_INVALID");
    }
}

#[test]
fn a_regulator_revokes_and_the_patient_reads_why() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    for (msp, name) in [("Org1MSP", "officer"), ("Org2MSP", "officer"), ("RegMSP", "doctor")] {
        let code = world.refused(&revoke(&client(msp, name), "ward"));
        assert!(["OUTSIDE_AUTHORITY", "ROLE_NOT_PERMITTED"].contains(&code.as_str()), "{code}");
    }
    let regulator = client("RegMSP", "officer");
    world.ok(&put("not", json!({"decision": "deny"}), 0));
    assert_eq!(world.refused(&revoke(&regulator, "not")), "OUTSIDE_AUTHORITY");
    world.ok(&put("bay", json!({"provision": [{"match": {"codes": ["8867-4"]}}]}), 0));
    assert_eq!(
        world.refused(&revoke(&regulator, "bay")),
        "OUTSIDE_AUTHORITY",
        "it holds `ward` back"
    );
    world.ok(&revoke(&regulator, "ward"));
    world.ok(&revoke(&regulator, "bay"));
    world.ok(&end(Some(&["not"])));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::NoApplicableConsent);
    let part = GetConsentPrivate {
        sid: None,
        versions_of: Some("ward".parse().unwrap()),
        after_version: 1,
    };
    let read = world.ask(&private(&patient(), &GetConsent {}, &part), &GetConsent {});
    let revoked = &read.versions[0].directive;
    assert_eq!(revoked.status, DirectiveStatus::Revoked);
    assert_eq!((revoked.author, revoked.acting_for), (Some(pid(&regulator)), None));
    assert_eq!(read.versions[0].reason, Some(RevocationReason::CourtOrder));
    let told = journal(&mut world);
    assert!(told.contains(&("RevokeConsent".to_owned(), "privacy_officer".to_owned())), "{told:?}");
}

#[test]
fn consent_is_nobody_elses_to_write_or_read() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    let forger = forged("Org1MSP", "patient");
    assert_eq!(world.refused(&end_by(&forger, None)), "KEY_NOT_BOUND");
    for (msp, name) in [("Org1MSP", "other"), ("Org1MSP", "doctor"), ("Org1MSP", "watch")] {
        let by = client(msp, name);
        assert_eq!(world.refused(&put_by(&by, draft("x", json!({})), 0)), "ROLE_NOT_PERMITTED");
        assert_eq!(world.refused(&end_by(&by, None)), "ROLE_NOT_PERMITTED");
        assert_eq!(world.refused(&share_by(&by, Sharing::On)), "ROLE_NOT_PERMITTED");
        let sid = Some(SID.parse().unwrap());
        let asked = GetConsentPrivate { sid, ..GetConsentPrivate::default() };
        assert_eq!(world.denied(&private(&by, &GetConsent {}, &asked)), "ROLE_NOT_PERMITTED");
    }
    assert_eq!(ids(&mut world), ["ward 1"]);
}

#[test]
fn a_simulation_compares_before_and_after() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    let asked = |change: Value| SimulateConsentPrivate {
        sid: None,
        change: from_value(change).unwrap(),
        asking: vec![
            asking(one("Org1MSP", "doctor"), "TREAT"),
            asking("org:Org2MSP".parse().unwrap(), "TREAT"),
        ],
    };
    let mut outcomes = |change: Value| -> Vec<(Outcome, Outcome)> {
        let call = private(&patient(), &SimulateConsent {}, &asked(change));
        let simulated = world.ask(&call, &SimulateConsent {}).outcomes.into_iter();
        simulated.map(|it| (it.before.decision.outcome, it.after.decision.outcome)).collect()
    };
    use Outcome::{Deny, Permit};
    let deny = json!({"put": {"id": "no", "decision": "deny"}});
    assert_eq!(outcomes(deny), [(Permit, Deny), (Deny, Deny)]);
    let wider = json!({"put": {"id": "ward", "decision": "permit",
        "context": {"actors": ["org:Org1MSP", "org:Org2MSP"], "purposes": ["TREAT"]}}});
    assert_eq!(outcomes(wider), [(Permit, Permit), (Deny, Permit)]);
    assert_eq!(outcomes(json!({"end": "ward"})), [(Permit, Deny), (Deny, Deny)]);
    assert_eq!(outcomes(json!({"sharing": "paused"})), [(Permit, Deny), (Deny, Deny)]);
    let unsound = asked(json!({"put": {"id": "x", "decision": "permit"}}));
    let call = private(&patient(), &SimulateConsent {}, &unsound);
    assert_eq!(world.denied(&call), "CONSENT_INVALID");
    let none = SimulateConsentPrivate { asking: Vec::new(), ..asked(json!({"end": "ward"})) };
    let call = private(&patient(), &SimulateConsent {}, &none);
    assert_eq!(world.denied(&call), "ARGUMENT_INVALID");
    assert_eq!(ids(&mut world), ["ward 1"]);
}

#[test]
fn who_can_access_is_everyone_that_is_named_and_not_denied() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({"provision": [{"match": {"sensitivity": ["PSY"]}}]}), 0));
    let team = json!({"context": {"actors": ["care_team", "org:Org3MSP"], "purposes": ["COC"],
        "codes": ["8867-4"]}});
    world.ok(&put("team", team, 0));
    let not = json!({"decision": "deny", "context": {"actors": ["org:Org3MSP"]}});
    world.ok(&put("not", not, 0));
    let mut who = |code: &str| -> Vec<String> {
        let part = WhoCanAccessPrivate { sid: None, code: code.parse().unwrap() };
        let found =
            world.ask(&private(&patient(), &WhoCanAccess {}, &part), &WhoCanAccess {}).accesses;
        found.iter().map(|it| format!("{} {} {:?}", it.actor, it.purpose, it.outcome)).collect()
    };
    // The record decides of the ward; of the care team who is of Org3MSP is denied, and who is of the
    // ward is permitted by that.
    let both = ["unit:ward@Org1MSP TREAT Conditional", "care_team COC Conditional"];
    assert_eq!(who("8867-4"), both);
    assert_eq!(who("8310-5"), both);
    world.ok(&end(Some(&["ward"])));
    let mut who = |code: &str| {
        let part = WhoCanAccessPrivate { sid: None, code: code.parse().unwrap() };
        let call = private(&patient(), &WhoCanAccess {}, &part);
        world.ask(&call, &WhoCanAccess {}).accesses.len()
    };
    assert_eq!((who("8867-4"), who("8310-5")), (1, 0));
}

#[test]
fn an_explanation_tells_what_decided_and_what_nearly_did() {
    let mut world = World::populated();
    world.ok(&put("ward", json!({}), 0));
    let research = json!({"context": {"actors": ["unit:ward@Org1MSP"], "purposes": ["HRESCH"]}});
    world.ok(&put("study", research, 0));
    let told = explained(&mut world, one("Org1MSP", "doctor"), "COC");
    assert_eq!(told.decision.determining[0].directive.as_str(), "ward");
    assert_eq!(told.decision.determining[0].version, 1);
    let near = &told.near_misses[0];
    assert_eq!((near.directive.as_str(), near.failed), ("study", Element::Purposes));
    let doctor = pid(&client("Org1MSP", "doctor"));
    let suspended = SetStatus::Staff { staff: doctor, status: NewStatus::Suspended };
    world.ok(&call_of(&suspended));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::Inactive);
}

fn call_of(status: &SetStatus) -> Call {
    call(&msp_admin("Org1MSP"), status)
}

#[test]
fn a_delegate_with_the_power_acts_in_the_patients_name() {
    let mut world = World::populated();
    world.add_delegate("aunt", &[Power::Consent]);
    world.add_delegate("uncle", &[Power::View, Power::Devices]);
    let (aunt, uncle) = (client("Org1MSP", "aunt"), client("Org1MSP", "uncle"));
    world.ok(&put_by(&aunt, draft("ward", json!({})), 0));
    assert_eq!(world.refused(&put_by(&uncle, draft("x", json!({})), 0)), "ROLE_NOT_PERMITTED");
    assert_eq!(world.refused(&end_by(&uncle, None)), "ROLE_NOT_PERMITTED");
    let written = view(&mut world).directives.remove(0);
    assert_eq!(written.author, Some(pid(&aunt)));
    assert_eq!(written.acting_for, Some(pid(&patient())));
    let asked = GetConsentPrivate { sid: Some(SID.parse().unwrap()), ..Default::default() };
    let read = private(&aunt, &GetConsent {}, &asked);
    assert_eq!(world.ask(&read, &GetConsent {}).directives.len(), 1);
    assert_eq!(world.denied(&private(&uncle, &GetConsent {}, &asked)), "ROLE_NOT_PERMITTED");
    world.ok(&end_by(&aunt, None));
    let told = journal(&mut world);
    for name in ["PutConsent", "EndConsent"] {
        assert!(told.contains(&(name.to_owned(), "delegate".to_owned())), "{told:?}");
    }
}

#[test]
fn the_care_team_is_the_one_of_the_moment() {
    let mut world = World::populated();
    world.ok(&choose("care-team", None));
    assert_eq!(reason(&mut world, "doctor", "TREAT"), Reason::NoApplicableConsent);
    let mut change = |add: &[&str], remove: &[&str]| {
        let actors = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let part = PutCareTeamPrivate {
            sid: SID.parse().unwrap(),
            add: actors(add),
            remove: actors(remove),
        };
        world.ok(&private(&patient(), &PutCareTeam {}, &part));
        reason(&mut world, "doctor", "TREAT")
    };
    assert_eq!(change(&["unit:ward@Org1MSP"], &[]), Reason::ConsentPermit, "the bay is below it");
    assert_eq!(change(&[], &["unit:ward@Org1MSP"]), Reason::NoApplicableConsent);
    let doctor = format!("pid:{}", pid(&client("Org1MSP", "doctor")));
    assert_eq!(change(&[&doctor], &[]), Reason::ConsentPermit);
}

#[test]
fn what_the_clinician_tells_first_is_not_read_before() {
    let mut world = World::populated();
    let taboo = Labels { sensitivity: vec!["TBOO".parse().unwrap()], ..Labels::default() };
    let records = vec![heart_rate(0), Summary { labels: taboo.clone(), ..heart_rate(1) }];
    world.submit(records);
    let asked = read("8867-4", START, START + 600_000);
    let page = private(&patient(), &ReadOwnSummaries {}, &asked);
    let told = world.ask(&page, &ReadOwnSummaries {}).records;
    assert_eq!(told.iter().map(|it| it.summary.start).collect::<Vec<_>>(), [START]);
    // Nor does the end of a page tell where it is, nor its versions what it is.
    let one = ReadOwnSummariesPrivate { limit: Some(1), ..asked };
    let page = world.ask(&private(&patient(), &ReadOwnSummaries {}, &one), &ReadOwnSummaries {});
    assert_eq!((page.records.len(), page.bookmark), (1, None));
    let versions = |n: i64| {
        let device = pid(&client("Org1MSP", "watch"));
        let (code, start) = ("8867-4".parse().unwrap(), START + n * 300_000);
        let asked = ReadVersionsPrivate { code, grid_s: 300, start, device };
        private(&patient(), &ReadVersions {}, &asked)
    };
    assert_eq!(world.denied(&versions(1)), "RECORD_UNKNOWN");
    // Nor does a digest of what was measured, or a correction.
    let verified = |by: &ClientIdentity, n| private(by, &VerifyRaw {}, &verify(n));
    for n in [1, 2] {
        assert_eq!(world.denied(&verified(&patient(), n)), "RECORD_UNKNOWN");
        assert_eq!(
            world.refused(&correct(&patient(), &correction(n, 1, "72.4"))),
            "RECORD_UNKNOWN"
        );
    }
    assert_eq!(world.refused(&correct(&patient(), &correction(1, 9, "72.4"))), "RECORD_UNKNOWN");
    world.ask(&verified(&client("Org1MSP", "watch"), 1), &VerifyRaw {});
    // Nor when it names itself the gateway.
    world.ok(&set_gateway(&patient(), SID, "watch", Some("patient")));
    assert_eq!(world.denied(&verified(&patient(), 1)), "RECORD_UNKNOWN");
    assert_eq!(world.refused(&correct(&patient(), &correction(1, 1, "72.4"))), "RECORD_UNKNOWN");
    let mut freed = correction(1, 1, "72.4");
    freed.record.labels = Labels::default();
    world.ok(&correct(&client("Org1MSP", "watch"), &freed));
    let told = world.ask(&versions(1), &ReadVersions {}).versions;
    assert_eq!(told.iter().map(|it| it.version).collect::<Vec<_>>(), [2]);
}

#[test]
fn consent_costs_one_round_trip_and_one_write_batch() {
    let mut world = World::populated();
    let changes =
        [put("ward", json!({}), 0), share(Sharing::Paused), choose("care-team", None), end(None)];
    for call in changes {
        let trips = world.ok(&call).trips;
        assert_eq!((trips.total(), trips.write_batches()), (2, 1), "{call:?}");
    }
}
