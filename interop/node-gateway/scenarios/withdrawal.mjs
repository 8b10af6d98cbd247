// A patient withdraws or pauses while somebody is about to ask or to open: whatever is ordered after
// it is invalid, in a later block and in the same one, and what was opened before is not read after.

import { Report } from '../../lib/report.mjs';
import { refusal } from '../network.mjs';
import { endConsent, openDisclosure, opened, outcome, permit, putConsent, readSummaries, requestAccess, setSharing, ticket } from './calls.mjs';
import { World, failure, summary } from './world.mjs';

const VALID = 0;
const MVCC_READ_CONFLICT = 11;
/** Two envelopes sent at once mostly share a block; so often it is tried until they did, in both orders. */
const ATTEMPTS_MAX = 60;
const RECORDS = 3;

const report = new Report('withdrawal');
const world = await World.open('withdrawal');

/** What the patient does, and how it shares again. */
const CHANGES = [
    { name: 'EndConsent', change: endConsent, share: (patient) => patient.actor.submit(...putConsent(patient, permit([`pid:${doctor.pid}`]))) },
    { name: 'SetSharing', change: (patient) => setSharing(patient, 'paused'), share: (patient) => patient.actor.submit(...setSharing(patient, 'on')) },
];

/** What the doctor does, given an access of its own. */
const ATTEMPTS = [
    { name: 'OpenDisclosure', attempt: openDisclosure },
    { name: 'RequestAccess', attempt: (patient) => requestAccess(patient) },
];

const doctor = await world.employ('doctor', ['practitioner']);

/** The doctor may read, and has opened before. */
async function standing(patient) {
    const { access, disclosure } = await opened(doctor, patient);
    const { records } = await doctor.evaluate(...readSummaries(patient, disclosure));
    if (records.length !== RECORDS) throw new Error(`the doctor reads ${records.length} records`);
    return { access, disclosure };
}

const readRefused = async (patient, disclosure) => refusal(await failure('a reading', doctor.evaluate(...readSummaries(patient, disclosure))));

/** Submits both at once; tells their codes, and whether one block has both and in which order. */
async function race(first, second) {
    const commits = await Promise.all([first.submit(), second.submit()]);
    const [one, other] = await Promise.all(commits.map((commit) => commit.getStatus()));
    const together = one.blockNumber === other.blockNumber;
    const order = together ? (await world.transactions(Number(one.blockNumber))).map(({ txId }) => txId) : [];
    const before = together ? order.indexOf(one.transactionId) < order.indexOf(other.transactionId) : one.blockNumber < other.blockNumber;
    return { codes: [one.code, other.code], together, before };
}

/** The change is committed, then what was endorsed before is submitted. */
async function later(patient, { name, change, share }, { name: attempted, attempt }) {
    await share(patient);
    const { access, disclosure } = await standing(patient);
    const hoarded = await doctor.endorse(...attempt(patient, access));
    const [promised] = JSON.parse(new TextDecoder().decode(hoarded.getResult())).ids;
    await patient.actor.submit(...change(patient));
    const { code } = await (await hoarded.submit()).getStatus();
    const what = `${attempted} endorsed before ${name} and ordered in a later block`;
    report.equal(`${what}: MVCC_READ_CONFLICT`, code, MVCC_READ_CONFLICT);
    report.equal(`${what}: it leaves no trace`, (await outcome(doctor, patient, access)).uses, 1);
    const promise = attempt === openDisclosure ? readSummaries(patient, promised) : openDisclosure(patient, promised);
    const error = await failure('what was never opened', attempt === openDisclosure ? doctor.evaluate(...promise) : doctor.submit(...promise));
    report.equal(`${what}: the name it answered with is nobody's`, refusal(error), 'TICKET_NOT_VISIBLE');
    report.equal(`${name}: what was opened before is not read after`, await readRefused(patient, disclosure), 'NOT_DISCLOSED');
    const fresh = await ticket(doctor, requestAccess(patient));
    report.equal(`${name}: a new request is denied`, (await outcome(doctor, patient, fresh)).outcome, 'DENY');
}

/** Both at once, until they shared a block in both orders. */
async function atOnce(patient, { name, change, share }, { name: attempted, attempt }) {
    const seen = { first: 0, last: 0 };
    const wrong = [];
    let attempts = 0;
    for (; attempts < ATTEMPTS_MAX && (seen.first === 0 || seen.last === 0); attempts += 1) {
        await share(patient);
        const { access, disclosure } = await standing(patient);
        const [changing, trying] = await Promise.all([patient.actor.endorse(...change(patient)), doctor.endorse(...attempt(patient, access))]);
        // The order that is still to be seen is the one that is tried.
        const changeFirst = seen.first === 0;
        const raced = await (changeFirst ? race(changing, trying) : race(trying, changing));
        const [changed, tried] = changeFirst ? raced.codes : [...raced.codes].reverse();
        const won = changeFirst === raced.before;
        if (raced.together) seen[won ? 'first' : 'last'] += 1;
        const expected = [VALID, won ? MVCC_READ_CONFLICT : VALID];
        const read = await readRefused(patient, disclosure);
        const { uses } = await outcome(doctor, patient, access);
        const opening = attempt === openDisclosure && tried === VALID;
        if (changed !== expected[0] || tried !== expected[1] || read !== 'NOT_DISCLOSED' || uses !== (opening ? 2 : 1)) wrong.push({ won, changed, tried, read, uses });
    }
    const what = `${name} and ${attempted} at once`;
    report.equal(`${what}, ${attempts} times: whichever is first is valid, ${attempted} only then; nothing is read after`, wrong, []);
    report.check(`${what}: ${seen.first} times in one block, ${name} first`, seen.first > 0, `in ${attempts} attempts it never was`);
    report.check(`${what}: ${seen.last} times in one block, ${name} last`, seen.last > 0, `in ${attempts} attempts it never was`);
}

try {
    const patient = await world.patient('one');
    await patient.device.submit('SubmitSummaries', {}, patient.batch(...Array.from({ length: RECORDS }, (_, number) => summary(patient.window(number), 'withdrawal'))));
    // Sharing is paused and resumed over a consent that stays; that one goes last.
    for (const change of CHANGES) {
        if (change.name === 'SetSharing') await CHANGES[0].share(patient);
        for (const attempt of ATTEMPTS) {
            await later(patient, change, attempt);
            await atOnce(patient, change, attempt);
        }
    }
    const { entries } = await patient.actor.evaluate('GetAccountingOfDisclosures', {}, { from: patient.from, until: Date.now() + 600_000 });
    const outcomes = new Set(entries.map(({ verdict }) => verdict.outcome));
    report.equal('the patient sees permissions and denials', [outcomes.has('PERMIT'), outcomes.has('DENY')], [true, true]);
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
