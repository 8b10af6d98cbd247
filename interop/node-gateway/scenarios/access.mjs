// Whoever must not read, and whatever must not be asked, under a patient's consent: each refused by
// real peers with its code, or denied on record with nothing to be read by it.

import assert from 'node:assert/strict';
import { Report } from '../../lib/report.mjs';
import { refusal } from '../network.mjs';
import { accounting, delegate, endConsent, getAccess, openDisclosure, opened, outcome, permit, proposeDelegation, putConsent, readSummaries, requestAccess, scope, setSharing, ticket } from './calls.mjs';
import { Refusals } from './refusal.mjs';
import { CODE, GRID_MS, World, failure, hex, summary, told, until, withClock } from './world.mjs';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const YEAR_MS = 366 * 86_400_000;
const VALID = 0;
const MVCC_READ_CONFLICT = 11;
const DUPLICATE_TXID = 9;
const RECORDS = 3;
/** The name of no access that there is. */
const NOBODYS = `0000000000001.${'0'.repeat(32)}`;

const report = new Report('access');
const MARKER = `planted-marker-${hex(4)}`;
const world = await World.open('access');
const one = await world.patient('one');
const two = await world.patient('two');
const doctor = await world.employ('doctor', ['practitioner']);
const researcher = await world.employ('researcher', ['researcher']);
const abroad = await world.employ('abroad', ['practitioner'], 'root', world.second);
const provider = await world.employ('provider', ['practitioner'], 'root', world.provider);
const refusals = new Refusals(report, world, [MARKER, one.sid, one.rk, two.sid, one.actor.enrolmentId, one.actor.pid, '71.5']);
let denials = 0;

const submit = (what, actor, [name, args, secret], code) => refusals.submit(what, actor, name, args, secret, code);
const query = (what, actor, [name, args, secret], code) => refusals.query(what, actor, name, secret, code, args);

/** A request that is answered as every other is, and denied: it is on record, and nothing is read by it. */
async function denied(what, actor, patient, changes = {}, reason = 'NOT_PERMITTED') {
    const { access, disclosure } = await opened(actor, patient, changes);
    const { outcome: decided, reason: because, codes } = await outcome(actor, patient, access);
    const read = refusal(await failure(what, actor.evaluate(...readSummaries(patient, disclosure))));
    report.equal(`${what}: denied, ${reason}, and nothing is read`, [decided, because, codes, read], ['DENY', reason, [], 'NOT_DISCLOSED']);
    denials += 1;
}

/** Calls of a reader that has none of its own, with names that are the doctor's. */
async function notTheirs(who, actor, code, { access, disclosure }) {
    await query(`${who} asks what became of the doctor's request`, actor, getAccess(one, access), code);
    await submit(`${who} opens the doctor's access`, actor, openDisclosure(one, access), code);
    await query(`${who} reads by the doctor's disclosure`, actor, readSummaries(one, disclosure), code);
}

async function otherPeople(doctors) {
    await notTheirs("another custodian's clinician", abroad, 'TICKET_NOT_VISIBLE', doctors);
    await notTheirs("a provider's clinician", provider, 'TICKET_NOT_VISIBLE', doctors);
    await notTheirs('a colleague', researcher, 'TICKET_NOT_VISIBLE', doctors);
    for (const [who, actor] of [['another patient', two.actor], ["the patient's device", one.device], ['a stranger', world.stranger], ['a registrar', world.registrar], ["the hospital's administrator", world.hospital], ['the patient itself', one.actor]]) {
        await submit(`${who} requests`, actor, requestAccess(one), 'ROLE_NOT_PERMITTED');
        await notTheirs(who, actor, 'ROLE_NOT_PERMITTED', doctors);
    }
    const of = { sid: one.sid };
    for (const [who, actor] of [['another patient', two.actor], ['the doctor', doctor], ["the patient's device", one.device], ["the hospital's administrator", world.hospital]]) {
        await submit(`${who} consents`, actor, putConsent(one, permit(['org:Org1MSP'])), 'ROLE_NOT_PERMITTED');
        await submit(`${who} withdraws`, actor, endConsent(one), 'ROLE_NOT_PERMITTED');
        await submit(`${who} resumes sharing`, actor, setSharing(one, 'on'), 'ROLE_NOT_PERMITTED');
        await submit(`${who} chooses a preset`, actor, ['ChoosePreset', {}, { ...of, preset: 'care-team' }], 'ROLE_NOT_PERMITTED');
        await submit(`${who} joins the care team`, actor, ['PutCareTeam', {}, { ...of, add: [`pid:${actor.pid}`] }], 'ROLE_NOT_PERMITTED');
        // Registrars name guardians: who is no staff at all is told that.
        await submit(`${who} names a delegate`, actor, proposeDelegation(one, actor, ['view']), actor === doctor || actor === world.hospital ? 'ROLE_NOT_PERMITTED' : 'IDENTITY_UNKNOWN');
        await query(`${who} reads the patient's consent`, actor, ['GetConsent', {}, of], 'ROLE_NOT_PERMITTED');
        await query(`${who} reads who looked`, actor, accounting(one, of), 'ROLE_NOT_PERMITTED');
        await query(`${who} reads the journal`, actor, ['ReadJournal', {}, { ...of, from: 1, until: Date.now() }], 'ROLE_NOT_PERMITTED');
        await query(`${who} asks who can access`, actor, ['WhoCanAccess', {}, { ...of, code: CODE }], 'ROLE_NOT_PERMITTED');
    }
    await submit("a regulator's word by no regulator", await world.employ('officer', ['privacy_officer']), ['RevokeConsent', {}, { ...of, directive: 'any', reason: 'court_order' }], 'OUTSIDE_AUTHORITY');
    await denied("another custodian's clinician, whom nobody permits", abroad, one);
    await denied("a provider's clinician, whom nobody permits", provider, one);
    await sameForNobody();
}

/** Who cannot ask is told the same of a patient that is there and of one that is not: every word. */
async function sameForNobody() {
    const nobody = { ...one, sid: hex(16), rk: hex(16), question: () => one.question() };
    const device = { device: one.device.pid };
    const calls = (of) => [
        putConsent(of, permit(['org:Org1MSP'], { id: 'guess' })), endConsent(of), setSharing(of, 'on'), proposeDelegation(of, doctor, ['view'], { period: { start: 0, end: 4e12 } }),
        requestAccess(of), requestAccess(of, { purpose: 'PATRQT' }), openDisclosure(of, NOBODYS),
        ...['AcceptDelegation', 'EndDelegation', 'ConfirmDevice'].map((name) => [name, {}, { sid: of.sid }]),
        ['PutCareTeam', {}, { sid: of.sid, add: [] }], ['ChoosePreset', {}, { sid: of.sid, preset: 'pause-all' }], ['SetCollection', {}, { sid: of.sid, collection: 'on' }],
        ...[hex(32), two.actor.keyHash].map((key_hash) => ['RebindKey', {}, { sid: of.sid, key_hash }]), ['RevokeConsent', {}, { sid: of.sid, directive: 'guess', reason: 'court_order' }],
        ['SetStatus', { target: 'patient' }, { sid: of.sid, status: 'suspended' }], ['SetStatus', { target: 'device' }, { sid: of.sid, ...device, status: 'suspended' }],
        ['RegisterDevice', {}, { sid: of.sid, ...device, key_hash: hex(32), profile: 'ring' }], ['PutGateway', {}, { sid: of.sid, ...device }], ['OfferDevice', {}, { sid: of.sid, ...device }],
        ['AcceptDevice', {}, { sid: two.sid, from: of.sid, ...device }], ['PutControl', {}, { sid: of.sid, ...device, change: { end: `pid:${doctor.pid}` } }],
        ['IssueCommand', {}, { reference: command(of), command: 'identify' }], ['UpdateCommand', {}, { reference: command(of), status: 'cancelled' }],
        ['SubmitSummaries', {}, { ...one.batch(summary(one.window(5), MARKER)), sid: of.sid, rk: of.rk, ...device }],
        ['CorrectSummary', {}, { sid: of.sid, rk: of.rk, version: 1, reason: 'sensor-fault', record: summary(one.window(1), MARKER), ...device }],
    ];
    const queries = (of) => [
        getAccess(of, NOBODYS), readSummaries(of, NOBODYS), accounting(of, { sid: of.sid }), ['ReadJournal', {}, { sid: of.sid, from: 1, until: 4e12 }],
        ...['GetConsent', 'ListDelegations', 'ListDevices', 'ExportConsent'].map((name) => [name, name === 'ExportConsent' ? { release: 'R5' } : {}, { sid: of.sid }]),
        ['WhoCanAccess', {}, { sid: of.sid, code: CODE }], ['ListCommands', {}, { sid: of.sid, ...device, from: 1, until: 4e12 }], ['GetCommand', {}, command(of)],
    ];
    // Staff that may ask learns that a patient is there: it has to be given the 128 bits before.
    const mayAsk = new Set(['RequestAccess', 'OpenDisclosure', 'GetAccess', 'ReadSummaries']);
    const clerk = await world.employ('clerk', ['registrar'], 'root', world.second);
    const former = await world.employ('former', ['practitioner', 'registrar']);
    await world.hospital.submit('SetStatus', { target: 'staff', staff: former.pid, status: 'suspended' });
    const listeners = { 'a stranger': world.stranger, 'another patient': two.actor, "another patient's device": two.device, "another custodian's registrar": clerk, 'suspended staff': former, "another custodian's clinician": abroad };
    for (const [who, actor] of Object.entries(listeners)) {
        const skipped = actor === abroad ? mayAsk : new Set();
        const different = [];
        const names = new Set();
        for (const [way, of] of [['endorse', calls], ['evaluate', queries]]) {
            const [there, absent] = [of(one), of(nobody)];
            for (const [at, call] of there.entries()) {
                if (skipped.has(call[0])) continue;
                const heard = [];
                for (const each of [call, absent[at]]) heard.push((await failure(`${who}: ${each[0]}`, actor[way](...each))).details.map(({ message }) => message));
                names.add(call[0]);
                // What is refused for its form would be the same for anybody.
                const formed = heard.flat().every((text) => /chaincode response 40[34], /.test(text));
                if (!formed || JSON.stringify(heard[0]) !== JSON.stringify(heard[1])) different.push([call[0], ...heard]);
            }
        }
        report.equal(`${who} hears the same of a patient that is there and of one that is not, in ${names.size} transactions`, different, []);
    }
}

const SOON = Date.now() + 10 * MINUTE_MS;
const command = (of) => ({ sid: of.sid, device: one.device.pid, expires_at: SOON, id: '0'.repeat(32) });

async function otherKeys() {
    const again = (msp, name, subject) => world.enroll(msp, name, world.home, subject);
    const patient = again(world.home, 'p-one-again', 'p-one');
    const device = again(world.home, 'd-one-again', 'd-one');
    assert.deepEqual([patient.pid, device.pid], [one.actor.pid, one.device.pid]);
    const own = [putConsent(one, permit(['org:Org1MSP'])), endConsent(one), setSharing(one, 'paused'), ['PutCareTeam', {}, { sid: one.sid, add: [`pid:${doctor.pid}`] }], proposeDelegation(one, doctor, ['view'])];
    for (const call of own) await submit(`the patient's name with another key: ${call[0]}`, patient, call, 'KEY_NOT_BOUND');
    for (const call of [['GetConsent', {}, {}], accounting(one), ['ReadOwnSummaries', {}, one.question()], ['ListDelegations', {}, {}]]) await query(`the patient's name with another key: ${call[0]}`, patient, call, 'KEY_NOT_BOUND');
    await submit("the device's name with another key", device, ['SubmitSummaries', {}, one.batch(summary(one.window(9), MARKER))], 'KEY_NOT_BOUND');
    // Another organisation's authority has no say over the name: it is another participant.
    const elsewhere = again(world.second, 'p-one-elsewhere', 'p-one');
    for (const call of own) await submit(`the patient's name of another organisation: ${call[0]}`, elsewhere, call, call[0] === 'ProposeDelegation' ? 'IDENTITY_UNKNOWN' : 'ROLE_NOT_PERMITTED');
    for (const [what, subjects, options] of [
        ['two enrolment ids', ['access-p-one', 'access-doctor'], {}],
        ['an enrolment id that is not its name', ['access-nobody'], { attributes: { 'hf.EnrollmentID': one.actor.enrolmentId } }],
    ]) {
        const odd = world.enroll(world.home, `odd-${hex(2)}`, world.home, '', { subjects, ...options });
        await submit(`a certificate with ${what} withdraws`, odd, endConsent(one), 'IDENTITY_UNUSABLE');
        await query(`a certificate with ${what} reads`, odd, ['GetConsent', {}, { sid: one.sid }], 'IDENTITY_UNUSABLE');
    }
    const revoked = await world.patient('revoked');
    await revoked.actor.submit('SetStatus', { target: 'device' }, { sid: revoked.sid, device: revoked.device.pid, status: 'revoked' });
    await submit('a revoked device submits', revoked.device, ['SubmitSummaries', {}, revoked.batch(summary(revoked.window(1), MARKER))], 'INACTIVE');
    await submit('a revoked device requests', revoked.device, requestAccess(one), 'ROLE_NOT_PERMITTED');
}

async function suspended() {
    await world.hospital.submit('PutUnit', { unit: 'access-ward', parent: 'root', name: 'A ward' });
    await world.hospital.submit('PutUnit', { unit: 'access-bay', parent: 'access-ward', name: 'A bay' });
    const nurse = await world.employ('nurse', ['practitioner'], 'access-bay');
    await one.actor.submit(...putConsent(one, permit([`unit:access-ward@${world.home}`], { id: 'nurses' })));
    const { access, disclosure } = await opened(nurse, one);
    report.equal('a nurse of a unit below the one that is permitted reads', (await nurse.evaluate(...readSummaries(one, disclosure))).records.length, RECORDS);
    const ward = (status) => world.hospital.submit('SetStatus', { target: 'unit', unit: 'access-ward', status });
    await ward('suspended');
    await submit('the nurse of a suspended unit above requests', nurse, requestAccess(one), 'INACTIVE');
    await submit('the nurse of a suspended unit above opens', nurse, openDisclosure(one, access), 'INACTIVE');
    await query('the nurse of a suspended unit above reads what was opened', nurse, readSummaries(one, disclosure), 'INACTIVE');
    await query('the nurse of a suspended unit above asks what became of it', nurse, getAccess(one, access), 'INACTIVE');
    await ward('active');
    await refusals.attempt('the nurse dates its reading back, to before its ward was active again', () => withClock(-10 * MINUTE_MS, () => nurse.evaluate(...readSummaries(one, disclosure))), 'BACK_DATED');
    await one.actor.submit(...endConsent(one, ['nurses']));
    await query('the nurse reads after the consent was withdrawn', nurse, readSummaries(one, disclosure), 'NOT_DISCLOSED');
}

async function purposes() {
    const asks = (purpose, rest = {}) => requestAccess(one, { purpose, ...rest });
    await submit('an unknown purpose', doctor, asks('NOTHING'), 'ARGUMENT_INVALID');
    await submit('a purpose in small letters', doctor, asks('treat'), 'ARGUMENT_INVALID');
    await submit('a practitioner asks for research', doctor, asks('HRESCH'), 'PURPOSE_NOT_ASSERTABLE');
    await submit('a practitioner asks for marketing', doctor, asks('HMARKT'), 'PURPOSE_NOT_ASSERTABLE');
    await submit('a researcher asks for treatment', researcher, asks('TREAT'), 'PURPOSE_NOT_ASSERTABLE');
    await submit("a practitioner asks as the patient's family", doctor, asks('FAMRQT'), 'ROLE_NOT_PERMITTED');
    await submit('an unknown code', doctor, asks('TREAT', { codes: ['8480-6', CODE, '1-8'] }), 'ARGUMENT_INVALID');
    await denied('a practitioner breaks the glass by asking', doctor, one, { purpose: 'BTG' });
    const research = { purpose: 'HRESCH' };
    const permits = (context, rest = {}) => one.actor.submit(...putConsent(one, { id: `r-${hex(8)}`, decision: 'permit', context: { purposes: ['HRESCH'], ...context }, ...rest }));
    await denied('a researcher, whom nobody permits', researcher, one, research);
    await permits({ actors: ['project:p-1'] });
    await denied('a researcher of no project, where a project is permitted', researcher, one, research);
    await permits({ actors: ['role:researcher'] }, { terms: { offer: 'o-1', version: 1 } });
    await denied('a researcher, where the permit has terms', researcher, one, research, 'AGREEMENT_REQUIRED');
    await denied('the doctor, for a code that is not permitted', doctor, one, { codes: ['59408-5'] });
    await one.actor.submit('ChoosePreset', {}, { sid: one.sid, preset: 'research-yes' });
    const { access, disclosure } = await opened(researcher, one, research);
    const { outcome: decided } = await outcome(researcher, one, access);
    const { records } = await researcher.evaluate(...readSummaries(one, disclosure));
    report.equal('a researcher, who may see nothing finer than by the hour: five minutes are withheld without a word', [decided, records], ['CONDITIONAL', []]);
}

async function delegates() {
    const [aunt, carer, former] = ['aunt', 'carer', 'former'].map((name) => world.enroll(world.home, name));
    const asks = requestAccess(one, { purpose: 'PATRQT' });
    await submit('somebody whom nobody named', aunt, asks, 'ROLE_NOT_PERMITTED');
    await submit('somebody whom nobody named accepts', aunt, ['AcceptDelegation', {}, { sid: one.sid }], 'IDENTITY_UNKNOWN');
    await one.actor.submit(...proposeDelegation(one, aunt, ['view']));
    await submit('a delegate that has not accepted', aunt, asks, 'ROLE_NOT_PERMITTED');
    await aunt.submit('AcceptDelegation', {}, { sid: one.sid });
    await submit('a delegation twice', one.actor, proposeDelegation(one, aunt, ['view']), 'DELEGATION_EXISTS');
    await submit('a delegation accepted twice', aunt, ['AcceptDelegation', {}, { sid: one.sid }], 'NOT_PROPOSED');
    await delegate(one, carer, ['devices']);
    await submit('a delegate without the power to view requests', carer, asks, 'ROLE_NOT_PERMITTED');
    await submit('a delegate without the power to consent withdraws', carer, endConsent(one), 'ROLE_NOT_PERMITTED');
    await submit('a delegate passes its powers on', aunt, proposeDelegation(one, carer, ['view']), 'IDENTITY_UNKNOWN');
    await submit('a delegate asks for treatment', aunt, requestAccess(one), 'ROLE_NOT_PERMITTED');
    await submit('a delegate of one patient asks of another', aunt, requestAccess(two, { purpose: 'PATRQT' }), 'ROLE_NOT_PERMITTED');
    const { access, disclosure } = await opened(aunt, one, { purpose: 'PATRQT' });
    report.equal('a delegate with the power to view reads', (await aunt.evaluate(...readSummaries(one, disclosure))).records.length, RECORDS);
    const impostor = world.enroll(world.home, 'aunt-again', world.home, 'aunt');
    await submit("the delegate's name with another key requests", impostor, asks, 'KEY_NOT_BOUND');
    await query("the delegate's name with another key reads", impostor, readSummaries(one, disclosure), 'KEY_NOT_BOUND');
    await one.actor.submit('EndDelegation', {}, { sid: one.sid, delegate: aunt.pid });
    await submit('a former delegate requests', aunt, asks, 'ROLE_NOT_PERMITTED');
    await submit('a former delegate opens', aunt, openDisclosure(one, access), 'ROLE_NOT_PERMITTED');
    await query('a former delegate reads what it opened', aunt, readSummaries(one, disclosure), 'ROLE_NOT_PERMITTED');
    await submit('a delegation that is over before it began', one.actor, proposeDelegation(one, former, ['view'], { period: { start: 5, end: 4 } }), 'ARGUMENT_INVALID');
}

async function times({ access }) {
    const words = process.env.FABRIC_RELEASE?.startsWith('2.') ? /timestamp is \d+ s away from this endorser's clock/ : /incorrect timestamp/;
    for (const [when, offset] of [['an hour ago', -HOUR_MS], ['in an hour', HOUR_MS], ['before 1970', -Date.now() - HOUR_MS], ['in three hundred years', 300 * YEAR_MS]]) {
        for (const call of [requestAccess(one), openDisclosure(one, access), endConsent(one)]) {
            const actor = call[0] === 'EndConsent' ? one.actor : doctor;
            const error = await refusals.text(`${call[0]} dated ${when}`, () => withClock(offset, () => actor.endorse(...call)));
            report.check(`${call[0]} dated ${when}: refused before the contract sees it`, words.test(told(error)), () => told(error));
        }
    }
    const nameOf = async (offset, call) => {
        const endorsed = await withClock(offset, () => doctor.endorse(...call));
        assert.equal((await (await endorsed.submit()).getStatus()).code, VALID);
        return JSON.parse(new TextDecoder().decode(endorsed.getResult())).ids[0];
    };
    await submit('a patient widens, dated before its last change', { submit: (...call) => withClock(-10 * MINUTE_MS, () => one.actor.submit(...call)) }, putConsent(one, permit(['org:Org1MSP'])), 'BACK_DATED');
    await submit('staff requests, dated before it was staff', { submit: (...call) => withClock(-10 * MINUTE_MS, () => doctor.submit(...call)) }, requestAccess(one), 'BACK_DATED');
    const ahead = await nameOf(5 * MINUTE_MS, requestAccess(one));
    const seen = async (until) => (await one.actor.evaluate(...accounting(one, { until }))).entries.some(({ id }) => id === ahead);
    report.equal('a request dated ahead is told to a patient that asks until then', [await seen(Date.now()), await seen(Date.now() + 15 * MINUTE_MS)], [false, true]);
    const opening = await ticket(doctor, openDisclosure(one, ahead));
    report.equal('opened before the time that its request claims: denied', refusal(await failure('a reading', doctor.evaluate(...readSummaries(one, opening)))), 'NOT_DISCLOSED');
    const short = await ticket(doctor, openDisclosure(one, access, { minutes: 1 }));
    await refusals.attempt('read when the minutes of the disclosure are over', () => withClock(2 * MINUTE_MS, () => doctor.evaluate(...readSummaries(one, short))), 'TICKET_EXPIRED');
    await refusals.attempt('read dated before it was opened', () => withClock(-2 * MINUTE_MS, () => doctor.evaluate(...readSummaries(one, short))), 'BACK_DATED');
    await submit('a request that ends before it begins', doctor, requestAccess(one, {}, { until: Date.now() - HOUR_MS }), 'ARGUMENT_INVALID');
    const paused = withClock(-10 * MINUTE_MS, () => one.actor.submit(...setSharing(one, 'paused')));
    report.check('a patient pauses, dated before its last change: never refused', (await paused).block !== undefined);
    await denied('the doctor, while sharing is paused', doctor, one);
    await one.actor.submit(...setSharing(one, 'on'));
}

/** Envelopes that were committed, or endorsed for the same use. */
async function replays({ access }) {
    const before = (await outcome(doctor, one, access)).uses;
    const [endorsed, rival] = await Promise.all([doctor.endorse(...openDisclosure(one, access)), doctor.endorse(...openDisclosure(one, access))]);
    const status = await (await endorsed.submit()).getStatus();
    const second = await (await rival.submit()).getStatus();
    report.equal('two openings of one access endorsed at once: one is valid', [status.code, second.code], [VALID, MVCC_READ_CONFLICT]);
    const height = await world.height();
    await endorsed.submit();
    const replayed = await until('the block of the replayed opening', async () => (await world.height()) > height && world.transactions(height));
    report.equal('the same opening again: DUPLICATE_TXID', replayed.map(({ txId, code }) => [txId, code]), [[endorsed.getTransactionId(), DUPLICATE_TXID]]);
    report.equal('it was opened once', (await outcome(doctor, one, access)).uses, before + 1);
}

async function guesses({ access, disclosure }) {
    const flipped = (name) => name.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    for (const [what, name] of [['a guessed name', flipped(access)], ['a name of no time', NOBODYS], ["a disclosure's name", disclosure]]) {
        await query(`what became of ${what}`, doctor, getAccess(one, name), 'TICKET_NOT_VISIBLE');
        await submit(`${what} is opened`, doctor, openDisclosure(one, name), 'TICKET_NOT_VISIBLE');
    }
    for (const [what, name] of [['a guessed name', flipped(disclosure)], ["an access's name", access]]) await query(`reading by ${what}`, doctor, readSummaries(one, name), 'TICKET_NOT_VISIBLE');
    await submit("an access under another patient's name", doctor, openDisclosure(two, access), 'TICKET_NOT_VISIBLE');
    await query("a disclosure under another patient's name", doctor, readSummaries(two, disclosure), 'TICKET_NOT_VISIBLE');
    const nobody = { ...one, sid: hex(16), question: () => one.question() };
    for (const call of [requestAccess(nobody), openDisclosure(nobody, access)]) await submit(`${call[0]} of a guessed subject id`, doctor, call, 'SUBJECT_UNKNOWN');
    for (const call of [getAccess(nobody, access), readSummaries(nobody, disclosure)]) await query(`${call[0]} of a guessed subject id`, doctor, call, 'SUBJECT_UNKNOWN');
    for (const name of ['', 'x', access.toUpperCase(), `${access}0`, access.slice(1), `${access}\u0000`, '9999999999999.']) await submit(`an access called ${JSON.stringify(name.slice(0, 16))}`, doctor, openDisclosure(one, name), 'PRIVATE_MALFORMED');
    await submit("another patient's records key", one.actor, putConsent({ ...one, rk: two.rk }, permit(['org:Org1MSP'])), 'RECORDS_KEY_MISMATCH');
    await submit("another patient's directive is ended", two.actor, ['RevokeConsent', {}, { sid: one.sid, directive: 'any', reason: 'court_order' }], 'IDENTITY_UNKNOWN');
    const draft = permit(['org:Org1MSP']);
    for (const id of ['', '../x', 'a\u0000b', 'a/b', 'x'.repeat(65), '\u{10FFFF}']) await submit(`a directive called ${JSON.stringify(id.slice(0, 8))}`, one.actor, putConsent(one, { ...draft, id }), 'PRIVATE_MALFORMED');
    await submit('a directive in another version than is in force', one.actor, putConsent(one, draft, 3), 'CONSENT_CONFLICT');
    await one.actor.submit(...putConsent(one, draft));
    await one.actor.submit(...endConsent(one, [draft.id]));
    await submit("an ended directive's id again", one.actor, putConsent(one, draft), 'CONSENT_CONFLICT');
    await submit('a preset that is not there', one.actor, ['ChoosePreset', {}, { sid: one.sid, preset: 'everything' }], 'PRESET_UNKNOWN');
}

/** What is private stands in no argument, and nothing else in what is private. */
async function misplaced({ access }) {
    const calls = [
        [doctor, requestAccess(one)], [doctor, openDisclosure(one, access)],
        [one.actor, putConsent(one, permit(['org:Org1MSP']))], [one.actor, endConsent(one, ['any'])], [one.actor, setSharing(one, 'on')],
        [one.actor, ['PutCareTeam', {}, { sid: one.sid, add: [`pid:${doctor.pid}`] }]], [one.actor, proposeDelegation(one, doctor, ['view'])],
        [one.actor, ['RegisterDevice', {}, { sid: one.sid, device: hex(16), key_hash: hex(32), profile: 'ring' }]],
    ];
    for (const [actor, [name, args, secret]] of calls) {
        await submit(`${name} with its private part as arguments`, actor, [name, secret, undefined], 'BAD_ARGUMENTS');
        await submit(`${name} with its private part in both`, actor, [name, secret, secret], 'BAD_ARGUMENTS');
        await submit(`${name} without its private part`, actor, [name, args, undefined], 'PRIVATE_MISSING');
        await submit(`${name} with a field too many`, actor, [name, args, { ...secret, note: MARKER }], 'PRIVATE_MALFORMED');
        const entries = { private: JSON.stringify(secret), more: MARKER };
        await refusals.attempt(`${name} with a second transient entry`, () => actor.contract.submit(name, { arguments: ['{}'], transientData: entries }), 'PRIVATE_MALFORMED');
    }
    const raw = (what, text) => refusals.attempt(`a private part that is ${what}`, () => doctor.contract.submit('RequestAccess', { arguments: ['{}'], transientData: { private: text } }), 'PRIVATE_MALFORMED');
    await raw('nested without end', `{"subjects":${'['.repeat(100_000)}`);
    await raw('a list', JSON.stringify([requestAccess(one)[2]]));
    await raw('twice the same field', `{"subjects":["${one.sid}"],${JSON.stringify(requestAccess(one)[2]).slice(1)}`);
    await raw('no text', Buffer.from([0xff, 0xfe, 0x7b]));
}

async function pages({ disclosure }) {
    const { from, until: end } = one.question();
    const invalid = {
        'no records': { limit: 0 },
        '201 records': { limit: 201 },
        'an empty range': { until: from },
        'a range that runs backwards': { from: end, until: from },
        'a time before 1970': { from: -1 },
        'a time without end': { until: 1e15 },
        "a bookmark of another's range": { bookmark: `${String(from - GRID_MS).padStart(13, '0')}.${two.device.pid}` },
    };
    const malformed = {
        'a negative number of records': { limit: -1 },
        '70000 records': { limit: 70_000 },
        'one and a half records': { limit: 1.5 },
        'records in words': { limit: '1' },
        'a bookmark that is none': { bookmark: 'x' },
        'a grid of no length that there is': { grid_s: 2 ** 32 },
        'a negative grid': { grid_s: -GRID_MS },
        'a time in words': { from: 'yesterday' },
    };
    for (const [what, changes] of Object.entries(invalid)) await query(`a page: ${what}`, doctor, readSummaries(one, disclosure, changes), 'ARGUMENT_INVALID');
    for (const [what, changes] of Object.entries(malformed)) await query(`a page: ${what}`, doctor, readSummaries(one, disclosure, changes), 'PRIVATE_MALFORMED');
    await query('a code that was not disclosed', doctor, readSummaries(one, disclosure, { code: '59408-5' }), 'NOT_DISCLOSED');
    const { entries: theirs } = await one.actor.evaluate(...accounting(one));
    const [{ id: newest }] = theirs;
    const limits = {
        'no entries': { limit: 0 },
        '101 entries': { limit: 101 },
        'seven years': { from: Date.now() - 7 * YEAR_MS },
        'from the beginning': { from: 0, until: YEAR_MS },
        backwards: { from: Date.now(), until: from },
        'a bookmark of another range': { bookmark: newest, until: from + 1 },
    };
    for (const [what, changes] of Object.entries(limits)) await query(`the accounting: ${what}`, one.actor, accounting(one, changes), 'ARGUMENT_INVALID');
    await query('the accounting: a bookmark that is none', one.actor, accounting(one, { bookmark: 'x' }), 'PRIVATE_MALFORMED');
    // Another patient's bookmark is a place in time, not a way into another's entries.
    await ticket(doctor, requestAccess(two));
    const { entries: [early] } = await two.actor.evaluate(...accounting(two));
    const { entries } = await two.actor.evaluate(...accounting(two, { bookmark: newest }));
    report.equal("another patient's bookmark leads to no entry of that patient", entries.filter(({ id }) => theirs.some((their) => their.id === id)), []);
    const { entries: own } = await one.actor.evaluate(...accounting(one, { bookmark: early.id }));
    report.check("another patient's bookmark is followed by the patient's own entries", own.length > 0 && own.every(({ id }) => theirs.some((their) => their.id === id)));
}

async function sizes() {
    const many = (count) => Array.from({ length: count }, () => hex(16));
    const accesses = (count) => many(count).map((sid) => ({ sid, access: NOBODYS }));
    const requests = {
        nobody: { subjects: [] },
        '51 patients': { subjects: many(51) },
        'a patient twice': { subjects: [one.sid, one.sid] },
        'no code': { scope: scope(one, { codes: [] }) },
        'no time': { scope: scope(one, { data_period: { start: 5, end: 5 } }) },
        'a grid of no length': { scope: scope(one, { min_grid_s: 0 }) },
    };
    for (const [what, changes] of Object.entries(requests)) await submit(`a request of ${what}`, doctor, ['RequestAccess', {}, { subjects: [one.sid], scope: scope(one), ...changes }], 'ARGUMENT_INVALID');
    for (const [what, some] of [['none', []], ['51', accesses(51)], ['one twice', Array(2).fill(accesses(1)[0])]]) await submit(`accesses to open: ${what}`, doctor, ['OpenDisclosure', {}, { accesses: some }], 'ARGUMENT_INVALID');
    for (const minutes of [0, 61]) await submit(`a disclosure of ${minutes} minutes`, doctor, openDisclosure(one, NOBODYS, { minutes }), 'ARGUMENT_INVALID');
    await submit('a disclosure of 256 minutes', doctor, openDisclosure(one, NOBODYS, { minutes: 256 }), 'PRIVATE_MALFORMED');
    for (const count of [0, 51]) await query(`what became of ${count} accesses`, doctor, ['GetAccess', {}, { accesses: accesses(count) }], 'ARGUMENT_INVALID');
}

try {
    await one.device.submit('SubmitSummaries', {}, one.batch(...Array.from({ length: RECORDS }, (_, number) => summary(one.window(number), MARKER))));
    await one.actor.submit(...putConsent(one, permit([`pid:${doctor.pid}`], { context: { actors: [`pid:${doctor.pid}`], purposes: ['TREAT'], codes: [CODE] } })));
    const doctors = await opened(doctor, one);
    report.equal('the doctor, whom the patient permits, reads', (await doctor.evaluate(...readSummaries(one, doctors.disclosure))).records.length, RECORDS);
    await otherPeople(doctors);
    await otherKeys();
    await suspended();
    await purposes();
    await delegates();
    await guesses(doctors);
    await misplaced(doctors);
    const now = await opened(doctor, one);
    await pages(now);
    await sizes();
    await replays(now);
    await times(now);
    console.log(`  ${denials} denials on record`);
    refusals.close();
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
