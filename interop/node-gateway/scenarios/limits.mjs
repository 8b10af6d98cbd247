// Bounds that are reached, identities and states that do not fit, and commands: every code that a
// client can bring about and that the other scenarios do not, each by real certificates.

import { Report } from '../../lib/report.mjs';
import { openDisclosure, opened, outcome, permit, proposeDelegation, putConsent, readSummaries } from './calls.mjs';
import { newKeys } from './certificates.mjs';
import { Refusals } from './refusal.mjs';
import { World, constant, failure, hex, summary, told, withClock } from './world.mjs';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const LEVELS = constant('organization.rs', 'UNIT_LEVELS_MAX');
const PROVISIONS = constant('consent/directive.rs', 'PROVISIONS_MAX');
const EXCEPTIONS = constant('consent/directive.rs', 'EXCEPTIONS_MAX');
const VERSIONS = constant('correction.rs', 'RECORD_VERSIONS_MAX');

const report = new Report('limits');
const MARKER = `planted-marker-${hex(4)}`;
const world = await World.open('limits');
const one = await world.patient('one');
const two = await world.patient('two');
const doctor = await world.employ('doctor', ['practitioner']);
const refusals = new Refusals(report, world, [MARKER, one.sid, one.rk, one.actor.enrolmentId, one.actor.pid]);
const submit = (what, actor, [name, args, secret], code) => refusals.submit(what, actor, name, args, secret, code);

async function organizations() {
    await submit('a provider registers as a custodian', world.admin(world.provider), ['RegisterOrganization', { kind: 'custodian' }], 'KIND_NOT_ALLOWED');
    await submit('a custodian registers as a regulator', world.hospital, ['RegisterOrganization', { kind: 'regulator' }], 'KIND_NOT_ALLOWED');
    let parent = 'root';
    for (let level = 2; level <= LEVELS; level += 1) {
        const unit = `limits-${level}`;
        await world.hospital.submit('PutUnit', { unit, parent, name: 'A unit' });
        parent = unit;
    }
    await submit(`a unit below ${LEVELS} levels`, world.hospital, ['PutUnit', { unit: 'limits-deep', parent, name: 'A unit' }], 'UNIT_TREE_FULL');
    const below = await world.employ('manager', ['org_admin'], 'limits-3');
    await submit('a manager adds a unit beside its own', below, ['PutUnit', { unit: 'limits-beside', parent: 'limits-2', name: 'A unit' }], 'OUTSIDE_AUTHORITY');
    await submit('a manager employs a manager beside itself', below, ['RegisterStaff', { unit: 'limits-3', roles: ['org_admin'], period: { start: 0 } }, { enrolment_id: 'limits-beside' }], 'OUTSIDE_AUTHORITY');
}

/** Devices are claimed until there is no room for more that have not confirmed. */
async function devices() {
    const claim = (changes) => ['RegisterDevice', {}, { sid: two.sid, device: hex(16), key_hash: hex(32), profile: 'ring', ...changes }];
    const keys = newKeys();
    const [first, second] = ['first', 'second'].map((name) => world.enroll(world.home, `ring-${name}`, world.home, `ring-${name}`, { keys }));
    for (const ring of [first, second]) await two.actor.submit(...claim({ device: ring.pid, key_hash: ring.keyHash }));
    await first.submit('ConfirmDevice', {}, { sid: two.sid });
    await submit('a device with the key of another', second, ['ConfirmDevice', {}, { sid: two.sid }], 'KEY_TAKEN');
    const impostor = world.enroll(world.home, 'ring-impostor', world.home, 'ring-second');
    await submit('a device with another key than the patient named', impostor, ['ConfirmDevice', {}, { sid: two.sid }], 'KEY_NOT_BOUND');
    await submit('a device that is its own gateway', two.actor, claim({ device: first.pid, gateway: { pid: first.pid, key_hash: first.keyHash } }), 'ARGUMENT_INVALID');
    await submit('a device whose data begins in the future', two.actor, claim({ active_from: Date.now() + DAY_MS }), 'ARGUMENT_INVALID');
    const twice = world.enroll(world.home, 'p-twice', world.home, 'p-twice', { keys });
    const sid = hex(16);
    await world.registrar.submit('RegisterPatient', {}, { sid, secret: hex(32), enrolment_id: twice.enrolmentId, key_hash: twice.keyHash });
    await submit("a patient with a device's key", twice, ['ConfirmRegistration', {}, { sid, rk: hex(16), secret: hex(32) }], 'KEY_TAKEN');
    const most = constant('head.rs', 'CLAIMS_MAX');
    const { claims } = await two.actor.evaluate('ListDevices', {}, {});
    for (let count = claims.length; count < most; count += 1) await two.actor.submit(...claim({}));
    await submit(`an unconfirmed device beyond ${most}`, two.actor, claim({}), 'CLAIMS_FULL');
}

async function people() {
    const pids = (count) => Array.from({ length: count }, () => `pid:${hex(16)}`);
    await submit('a care team of 33', one.actor, ['PutCareTeam', {}, { sid: one.sid, add: pids(33) }], 'CARE_TEAM_FULL');
    const most = constant('delegation.rs', 'DELEGATIONS_MAX');
    for (let count = 0; count < most; count += 1) await one.actor.submit(...proposeDelegation(one, { pid: hex(16), keyHash: hex(32) }, ['view']));
    await submit(`${most + 1} delegates`, one.actor, proposeDelegation(one, { pid: hex(16), keyHash: hex(32) }, ['view']), 'DELEGATIONS_FULL');
    const newKey = { sid: one.sid, key_hash: hex(32) };
    await submit('a new key that nobody asked for is refused', one.actor, ['RebindKey', {}, newKey], 'NOT_PROPOSED');
    const officer = await world.employ('officer', ['privacy_officer'], 'root', world.second);
    await submit('a new key that nobody asked for is agreed to', officer, ['RebindKey', {}, newKey], 'NOT_PROPOSED');
    await world.registrar.submit('RebindKey', {}, newKey);
    await submit("the patient's own hospital agrees to a new key", await world.employ('own-officer', ['privacy_officer']), ['RebindKey', {}, newKey], 'OUTSIDE_AUTHORITY');
    await submit("another patient's key as the new one", world.registrar, ['RebindKey', {}, { sid: one.sid, key_hash: two.actor.keyHash }], 'KEY_TAKEN');
    await one.actor.submit('RebindKey', {}, newKey);
}

/** As nested as directives can be, as many bytes of them as fit; and decisions by them. */
async function consents() {
    const set = (count, make) => Array.from({ length: count }, make);
    const draft = (provisions, exceptions, devicesEach, changes = {}) => permit([`pid:${doctor.pid}`], {
        provision: set(provisions, () => ({ match: { sensitivity: ['PSY'], devices: set(devicesEach, () => hex(16)) }, provision: set(exceptions, () => ({ match: { confidentiality: 'N' } })) })),
        ...changes,
    });
    const invalid = [
        [`${PROVISIONS + 1} provisions`, draft(PROVISIONS + 1, 1, 1)],
        [`${EXCEPTIONS + 1} exceptions`, draft(1, EXCEPTIONS + 1, 1)],
        ['a permit to nobody in particular', { ...permit([]), context: { purposes: ['TREAT'] } }],
        ['a permit for nothing in particular', { ...permit([]), context: { actors: ['org:Org1MSP'] } }],
        ['nobody at all', permit([])],
        ['an unknown purpose', permit(['org:Org1MSP'], { context: { actors: ['org:Org1MSP'], purposes: ['NOTHING'] } })],
        ['marketing among other purposes', permit(['org:Org1MSP'], { context: { actors: ['org:Org1MSP'], purposes: ['TREAT', 'HMARKT'] } })],
        ['a period that ends before it starts', permit(['org:Org1MSP'], { period: { start: 5, end: 4 } })],
        ['33 actors', permit(set(33, () => `pid:${hex(16)}`))],
    ];
    for (const [what, each] of invalid) await submit(`a directive with ${what}`, one.actor, putConsent(one, each), 'CONSENT_INVALID');
    const deeper = draft(1, 1, 1);
    deeper.provision[0].provision[0].provision = [{ match: { confidentiality: 'R' } }];
    await submit('a directive nested deeper', one.actor, putConsent(one, deeper), 'PRIVATE_MALFORMED');
    await submit('a directive of 300 KB', one.actor, putConsent(one, { ...permit(['org:Org1MSP']), id: 'x'.repeat(300_000) }), 'PRIVATE_TOO_LARGE');

    let written = 0;
    let used;
    do {
        await one.actor.submit(...putConsent(one, draft(PROVISIONS, EXCEPTIONS, 16)));
        written += 1;
        ({ used } = await one.actor.evaluate('GetConsent', {}, {}));
    } while (used.bytes + used.bytes / written < used.bytes_max);
    await submit(`directive ${written + 1} of ${PROVISIONS} x ${EXCEPTIONS} exceptions, beyond ${used.bytes_max} bytes`, one.actor, putConsent(one, draft(PROVISIONS, EXCEPTIONS, 16)), 'CONSENT_TOO_LARGE');
    const { access, disclosure } = await opened(doctor, one);
    const { outcome: decided } = await outcome(doctor, one, access);
    const { records } = await doctor.evaluate(...readSummaries(one, disclosure));
    report.equal(`${written} directives of ${PROVISIONS} x ${EXCEPTIONS} exceptions decide: what is not psychiatric is read`, [decided, records.length], ['CONDITIONAL', 1]);
    const { directives } = await one.actor.evaluate('GetConsent', {}, {});
    await one.actor.submit('EndConsent', {}, { sid: one.sid });
    report.equal(`all ${directives.length} withdrawn in one call`, (await one.actor.evaluate('GetConsent', {}, {})).directives, []);
    await submit('opened after that, dated before it', { submit: (...call) => withClock(-10 * MINUTE_MS, () => doctor.submit(...call)) }, openDisclosure(one, access), 'BACK_DATED');
}

async function commands() {
    const allow = (changes) => ['PutControl', {}, { sid: one.sid, device: one.device.pid, change: { allow: { grantee: `pid:${doctor.pid}`, commands: [{ command: 'identify' }], period: { start: 0, end: Date.now() + DAY_MS }, per_hour: 1, ...changes } } }];
    const reference = (changes) => ({ sid: one.sid, device: one.device.pid, expires_at: Date.now() + 10 * MINUTE_MS, id: hex(16), ...changes });
    const issue = (changes = {}, at = {}) => ['IssueCommand', {}, { reference: reference(at), command: 'identify', authorisation: `pid:${doctor.pid}`, ...changes }];
    await submit('a command that nobody allowed', doctor, issue(), 'NOT_AUTHORISED');
    // From 1970 on for a day at the most a year later.
    await submit('an authorisation without end', one.actor, allow({ period: { start: 0 } }), 'ARGUMENT_INVALID');
    const period = { start: Date.now() - MINUTE_MS, end: Date.now() + DAY_MS };
    await submit('an authorisation for what the device cannot do', one.actor, allow({ period, commands: [{ command: 'set-basal-rate' }] }), 'COMMAND_NOT_IN_PROFILE');
    await one.actor.submit(...allow({ period }));
    const grantees = constant('control.rs', 'AUTHORISATIONS_MAX');
    for (let count = 1; count < grantees; count += 1) await one.actor.submit(...allow({ period, grantee: `pid:${hex(16)}` }));
    await submit(`${grantees + 1} authorisations`, one.actor, allow({ period, grantee: `pid:${hex(16)}` }), 'AUTHORISATIONS_FULL');
    await submit('a command that the device does not have', doctor, issue({ command: 'set-basal-rate' }), 'NOT_AUTHORISED');
    await submit('a command that the device does not have, by the patient', one.actor, issue({ command: 'set-basal-rate', authorisation: undefined }), 'COMMAND_NOT_IN_PROFILE');
    await submit("a colleague under the doctor's authorisation", await world.employ('colleague', ['practitioner']), issue(), 'NOT_AUTHORISED');
    await submit('a command that waits for two days', doctor, issue({}, { expires_at: Date.now() + 2 * DAY_MS }), 'ARGUMENT_INVALID');
    const given = reference();
    const given2 = { reference: given };
    await doctor.submit(...issue(given2));
    // Commands are counted by the hour: one more may fall into the next.
    await refusals.attempt('more commands than an hour may have', async () => {
        for (let count = 0; count < 2; count += 1) await doctor.submit(...issue());
    }, 'RATE_EXCEEDED');
    await submit("a command's id again, by the patient", one.actor, issue({ ...given2, authorisation: undefined }), 'COMMAND_EXISTS');
    const update = (status, changes = {}) => ['UpdateCommand', {}, { reference: { ...given, ...changes }, status }];
    await submit('another device accepts', two.device, update('accepted'), 'ROLE_NOT_PERMITTED');
    await submit('a command that is not there', one.device, update('accepted', { id: hex(16) }), 'COMMAND_UNKNOWN');
    await submit('a command is confirmed that needs no confirmation', one.actor, update('confirmed'), 'STATUS_CONFLICT');
    await submit('a command is done before it is accepted', one.device, update('completed'), 'STATUS_CONFLICT');
    await refusals.attempt('a command is accepted after it expired', () => withClock(12 * MINUTE_MS, () => one.device.submit(...update('accepted'))), 'COMMAND_ENDED');
    await one.actor.submit('PutControl', {}, { sid: one.sid, device: one.device.pid, change: { end: `pid:${doctor.pid}` } });
    await submit('a command is accepted whose authorisation has ended', one.device, update('accepted'), 'COMMAND_ENDED');
    for (const [who, actor] of [['a stranger', world.stranger], ['another patient', two.actor], ['a registrar', world.registrar]]) {
        await submit(`${who} cancels`, actor, update('cancelled'), 'ROLE_NOT_PERMITTED');
        await submit(`${who} cancels what is not there`, actor, update('cancelled', { sid: hex(16) }), 'ROLE_NOT_PERMITTED');
    }
}

async function corrections() {
    const record = summary(one.window(1), MARKER);
    await one.device.submit('SubmitSummaries', {}, one.batch(record));
    const correct = (version, changes = {}) => ['CorrectSummary', {}, { sid: one.sid, rk: one.rk, version, reason: 'sensor-fault', record: { ...summary(one.window(1), MARKER), status: 'amended' }, ...changes }];
    await submit('a correction of a version that is not there', one.device, correct(2), 'RECORD_VERSION');
    await submit('a correction of a record that is not there', one.device, correct(1, { record: { ...summary(one.window(190), MARKER), status: 'amended' } }), 'RECORD_UNKNOWN');
    await submit('another patient corrects', two.actor, correct(1, { device: one.device.pid }), 'ROLE_NOT_PERMITTED');
    await submit('the doctor corrects', doctor, correct(1, { device: one.device.pid }), 'ROLE_NOT_PERMITTED');
    for (let version = 1; version < VERSIONS; version += 1) await one.device.submit(...correct(version));
    await submit(`correction ${VERSIONS}`, one.device, correct(VERSIONS), 'RECORD_VERSIONS_FULL');
}

/** What is refused before the contract could: which is why these codes are seen nowhere. */
async function never() {
    const words = process.env.FABRIC_RELEASE?.startsWith('2.') ? /timestamp is \d+ s away from this endorser's clock/ : /incorrect timestamp/;
    const confirm = () => two.device.endorse('ConfirmDevice', {}, { sid: two.sid });
    for (const [what, offset] of [['seven days later, when a claim has lapsed (OFFER_LAPSED)', 7 * DAY_MS], ['at a time that no key holds (PROPOSAL_UNUSABLE)', -Date.now() - DAY_MS]]) {
        const error = await refusals.text(what, () => withClock(offset, confirm));
        report.check(`a transaction dated ${what}: the contract never sees it`, words.test(told(error)), () => told(error));
    }
}

/** A peer that is no member knows that there is a value, and neither has it nor takes it for missing. */
async function elsewhere() {
    const asked = one.actor.evaluate('GetConsent', {}, {}, { endorsingOrganizations: [world.provider] });
    const error = await failure("a query at a provider's peer", asked);
    const [code] = /PRIVATE_DATA_UNAVAILABLE/.exec(told(error)) ?? [];
    report.check("the patient's query at a provider's peer: PRIVATE_DATA_UNAVAILABLE", code !== undefined, () => told(error));
    if (code) refusals.codes.add(code);
}

try {
    await organizations();
    await people();
    await corrections();
    await commands();
    await consents();
    await devices();
    await never();
    await elsewhere();
    refusals.close();
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
