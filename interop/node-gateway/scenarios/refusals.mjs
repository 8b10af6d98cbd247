// Everything that must be refused by real peers: a stable code, no block, nothing personal told.

import assert from 'node:assert/strict';
import { Report } from '../../lib/report.mjs';
import { refusal } from '../network.mjs';
import { Refusals } from './refusal.mjs';
import { GRID_MS, GRID_S, World, hex, registration, summary, told, until, withClock } from './world.mjs';

/** Stands in health data that must not come back in any error. */
const MARKER = `planted-marker-${hex(4)}`;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const MVCC_READ_CONFLICT = 11;
const DUPLICATE_TXID = 9;

const report = new Report('refusals');
const world = await World.open('refusals');
const one = await world.patient('one');
const two = await world.patient('two');
const secrets = [MARKER, one.sid, one.rk, one.actor.enrolmentId, '71.5'];
const refusals = new Refusals(report, world, secrets);
const { codes } = refusals;
const refusedText = (what, submit) => refusals.text(what, submit);
const refused = (what, actor, name, args, secret, code) => refusals.submit(what, actor, name, args, secret, code);
const unread = (what, actor, name, secret, code) => refusals.query(what, actor, name, secret, code);

const good = () => summary(one.window(1), MARKER);
const device = (of, status) => ['SetStatus', { target: 'device' }, { sid: of.sid, device: of.device.pid, status }];
const committed = (actor, [name, args, secret]) => actor.submit(name, args, secret);

async function malformed() {
    const submit = (what, args, secret, code) => refused(what, one.device, 'SubmitSummaries', args, secret, code);
    await refused('an unknown function', one.device, 'Nothing', {}, undefined, 'UNKNOWN_FUNCTION');
    await refused('another contract', one.device, 'other:SubmitSummaries', {}, undefined, 'UNKNOWN_FUNCTION');
    await submit('arguments that are no object', [], undefined, 'BAD_ARGUMENTS');
    await submit('an unknown field', { x: MARKER }, undefined, 'BAD_ARGUMENTS');
    await submit('health data as a plain argument', one.batch(good()), undefined, 'BAD_ARGUMENTS');
    for (const text of ['{', '{"a":1', '', MARKER, '\u0000']) {
        const error = await refusedText('malformed JSON', () => one.device.contract.submitAsync('SubmitSummaries', { arguments: [text] }));
        report.equal(`malformed JSON ${JSON.stringify(text.slice(0, 7))}: BAD_ARGUMENTS`, refusal(error), 'BAD_ARGUMENTS');
    }
    await submit('no private part', {}, undefined, 'PRIVATE_MISSING');
    await submit('an unknown private field', {}, { ...one.batch(good()), x: MARKER }, 'PRIVATE_MALFORMED');
    await submit('a private part of 300 KB', {}, { ...one.batch(good()), x: 'x'.repeat(300_000) }, 'PRIVATE_TOO_LARGE');
    await submit('an empty batch', {}, one.batch(), 'BATCH_SIZE');
    await submit('101 records', {}, one.batch(...Array.from({ length: 101 }, (_, number) => summary(one.window(number), MARKER))), 'BATCH_SIZE');
    await submit('a window twice in a batch', {}, one.batch(good(), good()), 'BATCH_DUPLICATE');
    const soon = Math.floor(Date.now() / GRID_MS) * GRID_MS + 10 * GRID_MS;
    for (const [what, changed] of [
        ['samples in place of statistics', { samples: [1, 2, 3] }],
        ['text where none belongs', { note: MARKER }],
        ['a statistic that is no number', { statistics: [{ stat: 'average', value: MARKER }] }],
        ['an implausible value', { statistics: [{ stat: 'average', value: '900.0' }] }],
        ['too few measurements', { count: 2 }],
        ['more beats than any heart has', { total_count: 29_000 }],
        ['an unaligned window', { start: one.window(1) + 1 }],
        ['a grid that is too fine', { grid_s: 60 }],
        ['an unknown code', { code: '8480-6' }],
        ['a digest that is none', { raw: { ...good().raw, digest: '00' } }],
        ['fewer samples than beats', { raw: { ...good().raw, sample_count: 10 } }],
        ["a window before the device's time", { start: one.window(-1) }],
        ['a window in the future', { start: soon }],
    ]) {
        await submit(`raw or unfit data: ${what}`, {}, one.batch({ ...good(), ...changed }), 'RAW_DATA_REJECTED');
    }
}

async function wrongPeople() {
    const batch = one.batch(good());
    const inName = { ...batch, device: one.device.pid };
    const submit = (what, actor, secret, code) => refused(what, actor, 'SubmitSummaries', {}, secret, code);
    await submit('a provider submits in a device\'s name', world.clinician, inName, 'ROLE_NOT_PERMITTED');
    await submit('a stranger submits', world.stranger, batch, 'ROLE_NOT_PERMITTED');
    await submit('another patient submits', two.actor, batch, 'ROLE_NOT_PERMITTED');
    await submit('another patient\'s device submits', two.device, batch, 'DEVICE_NOT_OF_SUBJECT');
    await submit('another device submits in this one\'s name', two.device, inName, 'ROLE_NOT_PERMITTED');
    const ring = { sid: one.sid, device: hex(16), key_hash: hex(32), profile: 'ring' };
    await refused('another patient registers a device', two.actor, 'RegisterDevice', {}, ring, 'ROLE_NOT_PERMITTED');
    await refused('a registrar registers a device', world.registrar, 'RegisterDevice', {}, ring, 'ROLE_NOT_PERMITTED');
    await refused('another patient suspends the device', two.actor, ...device(one, 'suspended'), 'ROLE_NOT_PERMITTED');
    await refused('a stranger registers a patient', world.stranger, 'RegisterPatient', {}, registration(hex(16), world.stranger), 'IDENTITY_UNKNOWN');
    await refused('a provider registers a patient', world.clinician, 'RegisterPatient', {}, registration(hex(16), world.stranger), 'IDENTITY_UNKNOWN');
    await refused('a stranger registers an organisation', world.stranger, 'RegisterOrganization', { kind: 'custodian' }, undefined, 'ROLE_NOT_PERMITTED');
    await refused('another organisation suspends a patient', world.admin(world.second), 'SetStatus', { target: 'patient' }, { sid: one.sid, status: 'suspended' }, 'ROLE_NOT_PERMITTED');
    await refused('a provider suspends a custodian', world.admin(world.provider), 'SetStatus', { target: 'organization', msp: world.home, status: 'suspended' }, undefined, 'ROLE_NOT_PERMITTED');
    const impostor = world.enroll(world.home, 'impostor', world.home, 'd-one');
    assert.equal(impostor.pid, one.device.pid);
    await submit('the device\'s name with another key', impostor, batch, 'KEY_NOT_BOUND');
    const question = one.question();
    for (const [what, actor] of [
        ['a provider', world.clinician],
        ['a stranger', world.stranger],
        ['a registrar', world.registrar],
        ["the hospital's administrator", world.hospital],
        ["the provider's administrator", world.admin(world.provider)],
        ['the device', one.device],
    ]) {
        await unread(`${what} reads the patient's record`, actor, 'ReadOwnSummaries', question, 'ROLE_NOT_PERMITTED');
    }
    report.equal('another patient reads: its own record only', await two.windows(), []);
    await unread('a window that is not there', one.actor, 'VerifyRaw', { code: good().code, grid_s: GRID_S, start: one.window(150), device: one.device.pid, digest: hex(32) }, 'RECORD_UNKNOWN');
}

async function conflicts() {
    const { hospital, registrar } = world;
    await one.device.submit('SubmitSummaries', {}, one.batch(good()));
    await refused('other content for a window', one.device, 'SubmitSummaries', {}, one.batch(good()), 'RECORD_CONFLICT');
    await refused('another patient\'s records key', one.device, 'SubmitSummaries', {}, { ...one.batch(good()), rk: two.rk }, 'RECORDS_KEY_MISMATCH');
    await refused('the organisation again', hospital, 'RegisterOrganization', { kind: 'custodian' }, undefined, 'ORGANIZATION_EXISTS');
    await refused('the patient again', registrar, 'RegisterPatient', {}, registration(hex(16), one.actor), 'PATIENT_EXISTS');
    await refused('the confirmation again', one.actor, 'ConfirmRegistration', {}, { sid: one.sid, rk: one.rk, secret: hex(32) }, 'NOT_PENDING');
    const named = { sid: two.sid, device: one.device.pid, key_hash: one.device.keyHash, profile: 'watch' };
    await refused('a device confirms where nobody named it', one.device, 'ConfirmDevice', {}, { sid: two.sid }, 'ROLE_NOT_PERMITTED');
    await two.actor.submit('RegisterDevice', {}, named);
    await refused('a second patient\'s device', one.device, 'ConfirmDevice', {}, { sid: two.sid }, 'DEVICE_EXISTS');
    const staff = (roles, unit = 'root', person = registrar) => ['RegisterStaff', { unit, roles, period: { start: 0 } }, { enrolment_id: person.enrolmentId }];
    await refused('the registrar again', hospital, ...staff(['registrar']), 'STAFF_EXISTS');
    await refused('staff without a role', hospital, ...staff([]), 'ARGUMENT_INVALID');
    await refused('an auditor that registers', hospital, ...staff(['auditor', 'registrar']), 'ROLES_INCOMPATIBLE');
    await refused('staff of a unit that is not there', hospital, ...staff(['registrar'], 'nowhere', world.stranger), 'UNIT_UNKNOWN');
    await refused('the status of nobody', hospital, 'SetStatus', { target: 'staff', staff: hex(16), status: 'suspended' }, undefined, 'STAFF_UNKNOWN');
    await refused('the status of no device', one.actor, 'SetStatus', { target: 'device' }, { sid: one.sid, device: hex(16), status: 'suspended' }, 'DEVICE_UNKNOWN');
    await refused('a patient that is not there', registrar, 'SetStatus', { target: 'patient' }, { sid: hex(16), status: 'suspended' }, 'SUBJECT_UNKNOWN');
    const pending = world.enroll(world.home, 'p-pending');
    const sid = hex(16);
    await registrar.submit('RegisterPatient', {}, registration(sid, pending));
    await refused('a records key that is taken', pending, 'ConfirmRegistration', {}, { sid, rk: one.rk, secret: hex(32) }, 'RECORDS_KEY_TAKEN');
    await refused('a registration that nobody confirmed', registrar, 'SetStatus', { target: 'patient' }, { sid, status: 'active' }, 'STATUS_CONFLICT');
}

async function outOfForce() {
    const { hospital, registrar } = world;
    const submit = (what, of, code) => refused(what, of.device, 'SubmitSummaries', {}, of.batch(summary(of.window(2), MARKER)), code);
    await hospital.submit('PutUnit', { unit: 'refusals', parent: 'root', name: 'A ward' });
    await hospital.submit('PutUnit', { unit: 'refusals-bay', parent: 'refusals', name: 'A bay' });
    await refused('a unit in a second place', hospital, 'PutUnit', { unit: 'refusals-bay', parent: 'root', name: 'A bay' }, undefined, 'UNIT_EXISTS');
    await refused('the root unit alone', hospital, 'SetStatus', { target: 'unit', unit: 'root', status: 'suspended' }, undefined, 'OUTSIDE_AUTHORITY');
    const nurse = await world.employ('nurse', ['registrar'], 'refusals');
    await hospital.submit('SetStatus', { target: 'unit', unit: 'refusals', status: 'suspended' });
    await refused('staff of a suspended unit', nurse, 'RegisterPatient', {}, registration(hex(16), world.stranger), 'INACTIVE');
    const officer = await world.employ('officer', ['privacy_officer']);
    const provider = (status, msp = world.provider) => ['SetStatus', { target: 'organization', msp, status }];
    await refused('an organisation that is not there', officer, ...provider('suspended', 'NobodyMSP'), undefined, 'ORGANIZATION_UNKNOWN');
    await committed(officer, provider('suspended'));
    await refused('a suspended provider lifts it itself', world.admin(world.provider), ...provider('active'), undefined, 'SUSPENSION_HELD');
    await committed(officer, provider('active'));
    const patient = (status) => registrar.submit('SetStatus', { target: 'patient' }, { sid: one.sid, status });
    await patient('suspended');
    await submit('the device of a suspended patient', one, 'INACTIVE');
    await refused('a suspended patient registers a device', one.actor, 'RegisterDevice', {}, { sid: one.sid, device: hex(16), key_hash: hex(32), profile: 'ring' }, 'INACTIVE');
    await patient('active');
    await committed(one.actor, device(one, 'suspended'));
    await submit('a suspended device', one, 'INACTIVE');
    await committed(one.actor, device(one, 'active'));
    await committed(two.actor, device(two, 'revoked'));
    await submit('a revoked device', two, 'INACTIVE');
    await refused('a revoked device comes back', two.actor, ...device(two, 'active'), 'STATUS_CONFLICT');
}

async function times() {
    const submit = (record) => {
        const transientData = { private: JSON.stringify(one.batch(record)) };
        return one.device.contract.newProposal('SubmitSummaries', { arguments: ['{}'], transientData });
    };
    // From 3.0 on the peer looks at the time that a client claims; under 2.5 the server does.
    const words = process.env.FABRIC_RELEASE?.startsWith('2.') ? /timestamp is \d+ s away from this endorser's clock/ : /incorrect timestamp/;
    for (const [what, offset] of [['an hour ago', -HOUR_MS], ['in an hour', HOUR_MS]]) {
        const error = await refusedText(what, () => withClock(offset, () => submit(summary(one.window(3), MARKER))).endorse());
        report.check(`a transaction dated ${what} is refused`, words.test(told(error)), () => told(error));
    }
    const newcomer = world.enroll(world.home, 'p-newcomer');
    const transientData = { private: JSON.stringify(registration(hex(16), newcomer)) };
    const back = () => withClock(-10 * MINUTE_MS, () => world.registrar.contract.newProposal('RegisterPatient', { arguments: ['{}'], transientData }));
    const error = await refusedText('dated back', () => back().endorse());
    report.equal('a transaction dated before the state it builds on: BACK_DATED', refusal(error), 'BACK_DATED');
    codes.add('BACK_DATED');
}

/** Transactions that are endorsed, and must not become valid. */
async function replays() {
    const endorse = (actor, [name, args, secret]) => actor.contract.newProposal(name, { arguments: [JSON.stringify(args)], transientData: { private: JSON.stringify(secret) } }).endorse();
    const hoarded = await endorse(one.device, ['SubmitSummaries', {}, one.batch(summary(one.window(4), MARKER))]);
    const lift = async () => endorse(one.actor, device(one, 'active'));
    await committed(one.actor, device(one, 'suspended'));
    const late = await (await hoarded.submit()).getStatus();
    report.equal('endorsed before the device was suspended, submitted after it', late.code, MVCC_READ_CONFLICT);
    const lifted = await lift();
    const first = await (await lifted.submit()).getStatus();
    report.check('the suspension is lifted once', first.successful);
    await committed(one.actor, device(one, 'suspended'));
    const height = await world.height();
    await lifted.submit();
    const replayed = await until('the block of the replayed transaction', async () => (await world.height()) > height && world.transactions(height));
    report.equal('the same envelope again', replayed.map(({ txId, code }) => [txId, code]), [[lifted.getTransactionId(), DUPLICATE_TXID]]);
    report.equal('the device is still suspended', (await one.device.evaluate('WhoAmI')).devices[0].status, 'suspended');
    await committed(one.actor, device(one, 'active'));
}

try {
    await malformed();
    await wrongPeople();
    await conflicts();
    await outOfForce();
    await times();
    await replays();
    refusals.close();
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
