use crate::world::*;
use CommandStatus::{Accepted, Cancelled, Completed, Confirmed, Failed, Rejected, Requested};
use fabric_contract_rs::ClientIdentity;
use fabric_contract_rs::testing::Call;
use ioht_contract::policies::ParameterRange;
use ioht_contract::state::DEVICES;
use ioht_contract::*;

fn patient() -> ClientIdentity {
    client("Org1MSP", "patient")
}

fn doctor() -> ClientIdentity {
    client("Org1MSP", "doctor")
}

fn watch() -> ClientIdentity {
    client("Org1MSP", "watch")
}

fn allow(authorisation: Authorisation) -> Call {
    control(&patient(), "watch", ControlChange::Allow(authorisation))
}

/// The first patient has let the doctor command its watch.
fn world() -> World {
    let mut world = World::populated();
    world.ok(&allow(authorisation()));
    world
}

/// And its pump, whose rate changes the treatment.
fn with_pump() -> World {
    let mut world = world();
    let pump = RegisterDevicePrivate {
        profile: "insulin-pump".parse().unwrap(),
        ..device_part(SID, "pump")
    };
    world.ok(&private(&patient(), &RegisterDevice {}, &pump));
    world.ok(&confirm_device(&client("Org1MSP", "pump"), SID));
    let rate = AllowedCommand {
        command: "set-basal-rate".parse().unwrap(),
        parameters: vec![ParameterRange {
            parameter: "milliunits-per-hour".parse().unwrap(),
            min: 100,
            max: 1200,
        }],
    };
    let mut basal = Authorisation { commands: vec![rate], ..authorisation() };
    world.ok(&control(&patient(), "pump", ControlChange::Allow(basal.clone())));
    basal.grantee = "unit:root@Org1MSP".parse().unwrap();
    world.ok(&control(&patient(), "pump", ControlChange::Allow(basal)));
    world
}

fn basal(n: u8, value: i64) -> Call {
    order("pump", n, "set-basal-rate", &[parameter("milliunits-per-hour", value)])
}

fn listed(world: &mut World, by: &ClientIdentity) -> Vec<CommandView> {
    world.ask(&list_commands(by, "watch"), &ListCommands {}).commands
}

#[test]
fn an_authorised_command_is_given_accepted_and_done() {
    let mut world = world();
    world.ok(&order("watch", 1, "set-reporting-interval", &[parameter("seconds", 900)]));
    let found = &listed(&mut world, &watch())[0];
    assert_eq!((found.by, found.status, found.ended), (pid(&doctor()), Requested, false));
    assert_eq!(found.parameters, [parameter("seconds", 900)]);
    assert_eq!(found.class, policies::CommandClass::Configure);
    world.ok(&update(&watch(), "watch", 1, Accepted));
    let again = world.ok(&update(&watch(), "watch", 1, Accepted));
    assert_eq!(again.trips.write_batches(), 0);
    // Done after it expired: it had been accepted in time.
    world.ledger.advance(300_000);
    world.ok(&update(&client("Org1MSP", "phone"), "watch", 1, Completed));
    let seen = private(&doctor(), &GetCommand {}, &reference("watch", 1));
    assert_eq!(world.ask(&seen, &GetCommand {}).status, Completed);
    assert_eq!(listed(&mut world, &patient())[0].status, Completed);
    let told = &journalled(&mut world)[0];
    assert_eq!((told.name.as_str(), told.role.as_str()), ("IssueCommand", "practitioner"));
    assert_eq!(told.about, Some(pid(&watch())));
}

#[test]
fn nobody_commands_without_the_patients_word() {
    let mut world = world();
    world.ok(&staff(&msp_admin("Org1MSP"), "robot", "root", &[StaffRole::Service]));
    let by = |name: &str, authorisation: Option<Actor>| {
        let part = IssueCommandPrivate { authorisation, ..command_part("watch", 1, "identify") };
        issue(&client("Org1MSP", name), &part)
    };
    let grantee = || Some(Actor::Participant(pid(&doctor())));
    for (call, code) in [
        (by("doctor", None), "ROLE_NOT_PERMITTED"),
        (by("other", None), "ROLE_NOT_PERMITTED"),
        (by("watch", None), "ROLE_NOT_PERMITTED"),
        (by("robot", grantee()), "NOT_AUTHORISED"),
        (by("robot", Some("unit:root@Org1MSP".parse().unwrap())), "NOT_AUTHORISED"),
        (by("registrar", grantee()), "ROLE_NOT_PERMITTED"),
        (by("stranger", grantee()), "IDENTITY_UNKNOWN"),
        (order("watch", 1, "report-now", &[]), "NOT_AUTHORISED"),
        (
            order("watch", 1, "set-reporting-interval", &[parameter("seconds", 599)]),
            "NOT_AUTHORISED",
        ),
        (
            order("watch", 1, "set-reporting-interval", &[parameter("seconds", 3601)]),
            "NOT_AUTHORISED",
        ),
        (order("ring", 1, "identify", &[]), "NOT_AUTHORISED"),
    ] {
        assert_eq!(world.refused(&call), code, "{call:?}");
    }
    // What is there and what is not is refused alike.
    let mut elsewhere = command_part("watch", 1, "identify");
    elsewhere.authorisation = grantee();
    for sid in [OTHER_SID, "00000000000000000000000000000000"] {
        elsewhere.reference.sid = sid.parse().unwrap();
        assert_eq!(world.refused(&issue(&doctor(), &elsewhere)), "NOT_AUTHORISED");
    }
    for (seconds, ok) in [(600, true), (3600, true)] {
        let call = order("watch", 2, "set-reporting-interval", &[parameter("seconds", seconds)]);
        assert_eq!(world.ledger.endorse(&call).is_ok(), ok);
    }
    // A doctor of a suspended unit is no doctor.
    let unit = "ward".parse().unwrap();
    world.ok(&call(&msp_admin("Org1MSP"), &SetStatus::Unit { unit, status: NewStatus::Suspended }));
    assert_eq!(world.refused(&order("watch", 1, "identify", &[])), "INACTIVE");
}

#[test]
fn the_patient_and_its_delegates_need_no_authorisation() {
    let mut world = world();
    world.add_delegate("aunt", &[Power::Control]);
    world.add_delegate("uncle", &[Power::Devices]);
    let interval = |n, seconds| IssueCommandPrivate {
        parameters: vec![parameter("seconds", seconds)],
        ..command_part("watch", n, "set-reporting-interval")
    };
    world.ok(&issue(&patient(), &interval(1, 300)));
    world.ok(&issue(&client("Org1MSP", "aunt"), &interval(2, 86_400)));
    let uncle = issue(&client("Org1MSP", "uncle"), &interval(3, 300));
    assert_eq!(world.refused(&uncle), "ROLE_NOT_PERMITTED");
    let none = IssueCommandPrivate { parameters: Vec::new(), ..interval(3, 300) };
    let twice = vec![parameter("seconds", 300); 2];
    for part in [
        interval(3, 299),
        interval(3, 86_401),
        IssueCommandPrivate { parameters: twice, ..interval(3, 300) },
        IssueCommandPrivate { parameters: vec![parameter("minutes", 300)], ..interval(3, 300) },
        command_part("watch", 3, "explode"),
        none,
    ] {
        assert_eq!(world.refused(&issue(&patient(), &part)), "COMMAND_NOT_IN_PROFILE");
    }
    assert_eq!(world.refused(&issue(&patient(), &interval(1, 600))), "COMMAND_EXISTS");
    let unknown = issue(&patient(), &command_part("ring", 3, "identify"));
    assert_eq!(world.refused(&unknown), "DEVICE_UNKNOWN");
    let forged = issue(&forged("Org1MSP", "patient"), &interval(3, 300));
    assert_eq!(world.refused(&forged), "KEY_NOT_BOUND");
    for n in 3..=60 {
        world.ok(&issue(&patient(), &interval(n, 300)));
    }
    world.ok(&issue(&patient(), &interval(61, 300)));
    assert_eq!(world.refused(&issue(&patient(), &interval(62, 300))), "RATE_EXCEEDED");
}

#[test]
fn commands_are_counted_by_the_hour() {
    let mut world = world();
    for n in 1..=3 {
        world.ok(&order("watch", n, "identify", &[]));
    }
    assert_eq!(world.refused(&order("watch", 4, "identify", &[])), "RATE_EXCEEDED");
    world.ok(&issue(&patient(), &command_part("watch", 4, "identify")));
    let later = authorisation();
    let later = Authorisation {
        period: Period { end: later.period.end.map(|end| end + 7_200_000), ..later.period },
        ..later
    };
    world.ok(&allow(later));
    world.ledger.advance(3_600_000);
    let mut part = IssueCommandPrivate {
        authorisation: Some(Actor::Participant(pid(&doctor()))),
        ..command_part("watch", 5, "identify")
    };
    part.reference.expires_at += 3_600_000;
    let two = [5, 6].map(|n| {
        part.reference.id = CommandId::new([n; 16]);
        world.ledger.endorse(&issue(&doctor(), &part)).unwrap()
    });
    use fabric_contract_rs::testing::TxValidationCode::{MvccReadConflict, Valid};
    assert_eq!(world.ledger.commit(two.into()), [Valid, MvccReadConflict]);
}

#[test]
fn a_command_waits_for_a_day_at_most() {
    let mut world = world();
    let now = world.ledger.now();
    for expires_at in [now, now - 1, now + COMMAND_MS_MAX + 1, TIME_MS_MAX + 1] {
        let mut part = command_part("watch", 1, "identify");
        part.reference.expires_at = expires_at;
        assert_eq!(world.refused(&issue(&patient(), &part)), "ARGUMENT_INVALID", "{expires_at}");
    }
    world.ok(&issue(&patient(), &command_part("watch", 1, "identify")));
    world.ok(&issue(&patient(), &command_part("watch", 2, "identify")));
    world.ledger.advance(299_999);
    world.ok(&update(&watch(), "watch", 1, Accepted));
    world.ledger.advance(1);
    assert_eq!(world.refused(&update(&watch(), "watch", 2, Accepted)), "COMMAND_ENDED");
    world.ok(&update(&watch(), "watch", 2, Rejected));
}

#[test]
fn a_treatment_is_ordered_by_a_practitioner_and_confirmed_by_the_patient() {
    let mut world = with_pump();
    world.ok(&staff(&msp_admin("Org1MSP"), "robot", "root", &[StaffRole::Service]));
    world.add_delegate("aunt", &[Power::Control]);
    let pump = client("Org1MSP", "pump");
    let by_robot = IssueCommandPrivate {
        parameters: vec![parameter("milliunits-per-hour", 800)],
        authorisation: Some("unit:root@Org1MSP".parse().unwrap()),
        ..command_part("pump", 1, "set-basal-rate")
    };
    assert_eq!(world.refused(&issue(&client("Org1MSP", "robot"), &by_robot)), "NOT_AUTHORISED");
    let own = IssueCommandPrivate { authorisation: None, ..by_robot.clone() };
    assert_eq!(world.refused(&issue(&patient(), &own)), "NOT_AUTHORISED");
    // The same authorisation serves a practitioner of the unit.
    let by_doctor = IssueCommandPrivate { reference: reference("pump", 9), ..by_robot };
    world.ok(&issue(&doctor(), &by_doctor));
    assert_eq!(world.refused(&basal(1, 1201)), "NOT_AUTHORISED");
    world.ok(&basal(1, 1200));
    assert_eq!(world.refused(&update(&pump, "pump", 1, Accepted)), "STATUS_CONFLICT");
    for by in [doctor(), pump.clone(), client("Org1MSP", "other")] {
        assert_eq!(world.refused(&update(&by, "pump", 1, Confirmed)), "ROLE_NOT_PERMITTED");
    }
    let early = update(&patient(), "pump", 1, Confirmed).at(world.ledger.now() - 1);
    assert_eq!(world.refused(&early), "BACK_DATED");
    world.ok(&update(&client("Org1MSP", "aunt"), "pump", 1, Confirmed));
    world.ok(&update(&pump, "pump", 1, Accepted));
    world.ok(&update(&pump, "pump", 1, Failed));
    world.ok(&basal(2, 100));
    world.ledger.advance(300_000);
    assert_eq!(world.refused(&update(&patient(), "pump", 2, Confirmed)), "COMMAND_ENDED");
}

/// A practitioner who is also the patient, or its delegate, needs a second person for what changes a
/// treatment.
#[test]
fn nobody_confirms_what_it_ordered_itself() {
    let rate =
        AllowedCommand { command: "set-basal-rate".parse().unwrap(), parameters: Vec::new() };
    for own in ["aunt", "patient"] {
        let mut world = with_pump();
        world.add_delegate("aunt", &[Power::Control]);
        let (by, admin) = (client("Org1MSP", own), msp_admin("Org1MSP"));
        world.ok(&staff(&admin, own, "bay", &[StaffRole::Practitioner]));
        let grantee = Actor::Participant(pid(&by));
        let allowed = vec![rate.clone()];
        let itself =
            Authorisation { grantee: grantee.clone(), commands: allowed, ..authorisation() };
        world.ok(&control(&by, "pump", ControlChange::Allow(itself)));
        let part = IssueCommandPrivate {
            parameters: vec![parameter("milliunits-per-hour", 800)],
            authorisation: Some(grantee),
            ..command_part("pump", 1, "set-basal-rate")
        };
        world.ok(&issue(&by, &part));
        assert_eq!(
            world.refused(&update(&by, "pump", 1, Confirmed)),
            "ROLE_NOT_PERMITTED",
            "{own}"
        );
        let second = if own == "aunt" { patient() } else { client("Org1MSP", "aunt") };
        world.ok(&update(&second, "pump", 1, Confirmed));
        assert_eq!(
            world.refused(&update(&by, "pump", 1, Confirmed)),
            "ROLE_NOT_PERMITTED",
            "{own}"
        );
    }
}

#[test]
fn a_command_ends_with_what_it_rests_on() {
    let mut world = world();
    let given = |world: &mut World| {
        world.ok(&order("watch", 1, "identify", &[]));
        update(&watch(), "watch", 1, Accepted)
    };
    let accept = given(&mut world);
    let grantee = authorisation().grantee;
    world.ok(&control(&patient(), "watch", ControlChange::End(grantee)));
    assert_eq!(world.refused(&accept), "COMMAND_ENDED");
    let narrower = Authorisation {
        commands: vec![AllowedCommand {
            command: "report-now".parse().unwrap(),
            parameters: Vec::new(),
        }],
        ..authorisation()
    };
    world.ok(&allow(narrower));
    assert_eq!(world.refused(&accept), "COMMAND_ENDED");
    world.ok(&allow(authorisation()));
    let own = |status| set_device(&patient(), Some(SID), "watch", status);
    world.ok(&own(DeviceStatus::Suspended));
    assert_eq!(world.refused(&accept), "INACTIVE");
    assert_eq!(world.refused(&order("watch", 2, "identify", &[])), "INACTIVE");
    world.ok(&own(DeviceStatus::Active));
    let registrar = client("Org1MSP", "registrar");
    world.ok(&set_patient(&registrar, SID, NewStatus::Suspended));
    assert_eq!(world.refused(&accept), "INACTIVE");
    assert_eq!(world.refused(&order("watch", 2, "identify", &[])), "INACTIVE");
    world.ok(&set_patient(&registrar, SID, NewStatus::Active));
    world.ok(&accept);
}

#[test]
fn a_command_is_taken_back_until_it_is_accepted() {
    let mut world = world();
    world.add_delegate("aunt", &[Power::Control]);
    world.ok(&staff(&msp_admin("Org1MSP"), "nurse", "bay", &[StaffRole::Practitioner]));
    for (n, by) in [(1, doctor()), (2, patient()), (3, client("Org1MSP", "aunt"))] {
        world.ok(&order("watch", n, "identify", &[]));
        for wrong in [client("Org1MSP", "nurse"), watch(), client("Org1MSP", "other")] {
            assert_eq!(world.refused(&update(&wrong, "watch", n, Cancelled)), "ROLE_NOT_PERMITTED");
        }
        let back = world.ledger.now() - 600_000;
        world.ok(&update(&by, "watch", n, Cancelled).at(back));
        assert_eq!(world.refused(&update(&watch(), "watch", n, Accepted)), "STATUS_CONFLICT");
    }
    world.ok(&issue(&patient(), &command_part("watch", 4, "identify")));
    world.ok(&update(&watch(), "watch", 4, Accepted));
    assert_eq!(world.refused(&update(&patient(), "watch", 4, Cancelled)), "STATUS_CONFLICT");
}

#[test]
fn only_the_device_answers_and_in_order() {
    let mut world = world();
    world.add_delegate("aunt", &[Power::Control]);
    world.ok(&issue(&patient(), &command_part("watch", 1, "identify")));
    for (by, status, code) in [
        (patient(), Accepted, "ROLE_NOT_PERMITTED"),
        (doctor(), Completed, "ROLE_NOT_PERMITTED"),
        (forged("Org1MSP", "watch"), Accepted, "KEY_NOT_BOUND"),
        (watch(), Completed, "STATUS_CONFLICT"),
        (watch(), Requested, "ARGUMENT_INVALID"),
        (patient(), Confirmed, "ROLE_NOT_PERMITTED"),
        (client("Org1MSP", "aunt"), Confirmed, "STATUS_CONFLICT"),
    ] {
        assert_eq!(world.refused(&update(&by, "watch", 1, status)), code, "{status:?}");
    }
    assert_eq!(world.refused(&update(&watch(), "watch", 2, Accepted)), "COMMAND_UNKNOWN");
    assert_eq!(world.refused(&update(&watch(), "ring", 1, Accepted)), "ROLE_NOT_PERMITTED");
    let mut elsewhere = UpdateCommandPrivate { reference: reference("watch", 1), status: Accepted };
    for sid in [OTHER_SID, "00000000000000000000000000000000"] {
        elsewhere.reference.sid = sid.parse().unwrap();
        let call = private(&watch(), &UpdateCommand {}, &elsewhere);
        assert_eq!(world.refused(&call), "ROLE_NOT_PERMITTED");
    }
    let early = update(&watch(), "watch", 1, Accepted).at(world.ledger.now() - 1);
    assert_eq!(world.refused(&early), "BACK_DATED");
    world.ok(&update(&watch(), "watch", 1, Rejected));
    assert_eq!(world.refused(&update(&watch(), "watch", 1, Failed)), "STATUS_CONFLICT");
}

#[test]
fn commands_are_listed_by_when_they_expire() {
    let mut world = world();
    for n in 1..=3 {
        let mut part = command_part("watch", n, "identify");
        part.reference.expires_at += i64::from(n);
        world.ok(&issue(&patient(), &part));
    }
    let mut asked = ListCommandsPrivate {
        sid: SID.parse().unwrap(),
        device: pid(&watch()),
        from: reference("watch", 1).expires_at + 1,
        until: TIME_MS_MAX,
        limit: Some(2),
        after: None,
    };
    let page = |world: &mut World, asked: &ListCommandsPrivate| {
        world.ask(&private(&watch(), &ListCommands {}, asked), &ListCommands {})
    };
    let first = page(&mut world, &asked);
    assert_eq!((first.commands.len(), first.more), (2, true));
    asked.after = Some(first.commands[1].place);
    let last = page(&mut world, &asked);
    assert_eq!((last.commands.len(), last.more), (1, false));
    asked.from += 1;
    asked.after = None;
    assert_eq!(page(&mut world, &asked).commands.len(), 2);
    let wrong = |change: fn(&mut ListCommandsPrivate)| {
        let mut part = asked.clone();
        change(&mut part);
        private(&watch(), &ListCommands {}, &part)
    };
    for call in [
        wrong(|it| it.limit = Some(0)),
        wrong(|it| it.limit = Some(101)),
        wrong(|it| it.until = it.from),
        wrong(|it| it.from = -1),
        wrong(|it| it.after = Some(CommandPlace { expires_at: 1, id: CommandId::new([1; 16]) })),
    ] {
        assert_eq!(world.denied(&call), "ARGUMENT_INVALID");
    }
    assert_eq!(world.denied(&list_commands(&doctor(), "watch")), "ROLE_NOT_PERMITTED");
    assert_eq!(
        world.denied(&list_commands(&client("Org1MSP", "other"), "watch")),
        "ROLE_NOT_PERMITTED"
    );
    // Staff sees what it gave itself.
    let get = |by: &ClientIdentity, reference| private(by, &GetCommand {}, &reference);
    let of_patient = CommandReference { expires_at: asked.from, ..reference("watch", 2) };
    assert_eq!(world.denied(&get(&doctor(), of_patient)), "COMMAND_UNKNOWN");
    assert_eq!(world.denied(&get(&doctor(), reference("ring", 1))), "COMMAND_UNKNOWN");
    let nowhere = CommandReference { expires_at: -1, ..of_patient };
    assert_eq!(world.denied(&get(&doctor(), nowhere)), "ARGUMENT_INVALID");
    assert_eq!(world.denied(&get(&patient(), of_patient)), "IDENTITY_UNKNOWN");
    assert_eq!(
        world.denied(&get(&client("Org1MSP", "registrar"), of_patient)),
        "ROLE_NOT_PERMITTED"
    );
}

/// A stolen device, and who has its gateway, learn nothing more.
#[test]
fn a_device_that_is_not_active_reads_no_commands() {
    let mut world = world();
    world.ok(&issue(&patient(), &command_part("watch", 1, "identify")));
    for status in [DeviceStatus::Suspended, DeviceStatus::Revoked] {
        world.ok(&set_device(&patient(), Some(SID), "watch", status));
        for by in [watch(), client("Org1MSP", "phone")] {
            assert_eq!(world.denied(&list_commands(&by, "watch")), "INACTIVE", "{status:?}");
        }
        assert_eq!(listed(&mut world, &patient()).len(), 1);
    }
}

#[test]
fn an_authorisation_is_bounded() {
    let mut world = World::populated();
    let now = world.ledger.now();
    let wrong = |change: fn(&mut Authorisation, i64)| {
        let mut it = authorisation();
        change(&mut it, now);
        allow(it)
    };
    for call in [
        wrong(|it, _| it.grantee = Actor::CareTeam),
        wrong(|it, _| it.grantee = "org:Org1MSP".parse().unwrap()),
        wrong(|it, _| it.per_hour = 0),
        wrong(|it, _| it.per_hour = 61),
        wrong(|it, _| it.period.end = None),
        wrong(|it, now| it.period = Period { start: now - 10, end: Some(now) }),
        wrong(|it, now| {
            it.period = Period { start: now, end: Some(now + AUTHORISATION_MS_MAX + 1) };
        }),
        wrong(|it, _| it.commands.clear()),
        wrong(|it, _| it.commands.push(it.commands[0].clone())),
    ] {
        assert_eq!(world.refused(&call), "ARGUMENT_INVALID", "{call:?}");
    }
    for call in [
        wrong(|it, _| it.commands[0].command = "explode".parse().unwrap()),
        wrong(|it, _| it.commands[1].parameters[0].max = 86_401),
        wrong(|it, _| it.commands[1].parameters[0].min = 299),
        wrong(|it, _| it.commands[1].parameters[0].min = 3601),
        wrong(|it, _| it.commands[1].parameters[0].parameter = "minutes".parse().unwrap()),
    ] {
        assert_eq!(world.refused(&call), "COMMAND_NOT_IN_PROFILE", "{call:?}");
    }
    let good = allow(authorisation());
    let (aunt, other) = (client("Org1MSP", "aunt"), client("Org1MSP", "other"));
    world.add_delegate("aunt", &[Power::Devices]);
    for by in [&aunt, &other, &doctor(), &watch()] {
        let call = control(by, "watch", ControlChange::Allow(authorisation()));
        assert_eq!(world.refused(&call), "ROLE_NOT_PERMITTED");
    }
    let unknown = control(&patient(), "ring", ControlChange::Allow(authorisation()));
    assert_eq!(world.refused(&unknown), "DEVICE_UNKNOWN");
    assert_eq!(world.refused(&good.clone().at(now - 1)), "BACK_DATED");
    world.ok(&set_device(&patient(), Some(SID), "watch", DeviceStatus::Suspended));
    assert_eq!(world.refused(&good), "INACTIVE");
    world.ok(&set_device(&patient(), Some(SID), "watch", DeviceStatus::Active));
    let units = (0..AUTHORISATIONS_MAX).map(|n| format!("unit:u{n}@Org1MSP").parse().unwrap());
    for grantee in units {
        world.ok(&allow(Authorisation { grantee, ..authorisation() }));
    }
    assert_eq!(world.refused(&good), "AUTHORISATIONS_FULL");
    let again = Authorisation { grantee: "unit:u0@Org1MSP".parse().unwrap(), ..authorisation() };
    world.ok(&allow(Authorisation { per_hour: 60, ..again.clone() }));
    assert_eq!(
        world.ok(&allow(Authorisation { per_hour: 60, ..again.clone() })).trips.write_batches(),
        0
    );
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Suspended));
    assert_eq!(world.refused(&allow(again.clone())), "INACTIVE");
    let end = control(&patient(), "watch", ControlChange::End(again.grantee));
    world.ok(&end.clone().at(now - 600_000));
    assert_eq!(world.ok(&end).trips.write_batches(), 0);
    // What has run out makes room.
    world.ok(&set_patient(&client("Org1MSP", "registrar"), SID, NewStatus::Active));
    world.ledger.advance(3_600_000);
    let next = Period { start: now, end: Some(now + 7_200_000) };
    world.ok(&allow(Authorisation { period: next, ..authorisation() }));
    let stored = world.ledger.value(&DEVICES, &(pid(&watch()),)).unwrap();
    assert_eq!(stored.authorisations.len(), 1);
}
