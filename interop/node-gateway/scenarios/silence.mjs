// What an evaluated or committed request and opening tell of the decision: nothing. Patients that
// permit, deny, pause, and say nothing are told apart by no length, no shape and no number of keys.

import { Report } from '../../lib/report.mjs';
import { readWriteSet } from '../../lib/blocks.mjs';
import { openDisclosure, outcome, permit, putConsent, requestAccess, setSharing } from './calls.mjs';
import { World, summary } from './world.mjs';

const report = new Report('silence');
const world = await World.open('silence');
const doctor = await world.employ('doctor', ['practitioner']);
const actors = [`pid:${doctor.pid}`];

/** What a patient says, and what becomes of a request then. */
const PATIENTS = {
    permits: ['PERMIT', (patient) => [putConsent(patient, permit(actors))]],
    'permits some of it': ['CONDITIONAL', (patient) => [putConsent(patient, permit(actors, { provision: [{ match: { sensitivity: ['PSY'] } }] }))]],
    'says nothing': ['DENY', () => []],
    denies: ['DENY', (patient) => [putConsent(patient, permit(actors)), putConsent(patient, { ...permit(actors), decision: 'deny' })]],
    'has paused': ['DENY', (patient) => [putConsent(patient, permit(actors)), setSharing(patient, 'paused')]],
    'shares in emergencies only': ['DENY', (patient) => [setSharing(patient, 'emergency_only')]],
    'permits under terms': ['DENY', (patient) => [putConsent(patient, permit(actors, { terms: { offer: 'o-1', version: 1 } }))]],
};

const text = (bytes) => new TextDecoder().decode(bytes);

/** An answer without the names that are drawn for it: what is left must be the same for all. */
function shape(answer) {
    const value = JSON.parse(answer);
    return { bytes: answer.length, fields: Object.keys(value), names: value.ids.map((id) => id.replace(/[0-9a-f]/g, 'x')), policy: value.policy };
}

/** What everybody on the channel sees of a transaction, in numbers. */
function onChain({ action }) {
    const sets = readWriteSet(action.getResults_asU8()).map(({ namespace, public: open, collections }) => {
        const counted = (set) => Object.entries(set).map(([kind, entries]) => [kind, entries.length]);
        return { namespace, open: counted(open), collections: collections.map(({ name, hashed }) => ({ name, keys: counted(hashed), writes: hashed.hashedWrites.map((write) => Object.keys(write)) })) };
    });
    const response = action.getResponse();
    return { sets, answer: shape(text(response.getPayload_asU8())), status: response.getStatus(), message: response.getMessage(), event: action.getEvents_asU8().length };
}

/** Evaluates, then submits; resolves to what each tells, and to the name that was answered. */
async function seen(call) {
    const evaluated = shape(text(await doctor.contract.evaluate(call[0], { arguments: [JSON.stringify(call[1])], transientData: { private: JSON.stringify(call[2]) } })));
    const { answer, transactionId, block } = await doctor.submit(...call);
    const committed = (await world.transactions(Number(block))).find(({ txId }) => txId === transactionId);
    return { name: answer.ids[0], evaluated, committed: onChain(committed) };
}

try {
    const found = [];
    for (const [at, [what, [expected, says]]] of Object.entries(PATIENTS).entries()) {
        const patient = await world.patient(`p${at}`);
        await patient.device.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(0), 'silence')));
        for (const call of says(patient)) await patient.actor.submit(...call);
        const requested = await seen(requestAccess(patient));
        const opened = await seen(openDisclosure(patient, requested.name));
        const { outcome: decided } = await outcome(doctor, patient, requested.name);
        report.equal(`a patient that ${what}: ${expected}, told after the commit`, decided, expected);
        found.push([what, { requested, opened }]);
    }
    const [[, first]] = found;
    report.check('a request writes one private key, an opening two', ['requested', 'opened'].every((step, at) => {
        const { collections } = first[step].committed.sets.find(({ collections: some }) => some.length > 0);
        return collections[0].writes.length === at + 1;
    }), () => JSON.stringify(first));
    for (const [what, { requested, opened }] of found.slice(1)) {
        for (const [step, ours, theirs] of [['RequestAccess', requested, first.requested], ['OpenDisclosure', opened, first.opened]]) {
            report.equal(`${step} evaluated, of a patient that ${what}: as of one that permits`, ours.evaluated, theirs.evaluated);
            report.equal(`${step} committed, of a patient that ${what}: as of one that permits`, ours.committed, theirs.committed);
        }
    }
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
