// No hot keys: many devices of one patient and many clinicians who ask of it, all at once, and every
// transaction is valid.

import { Report } from '../../lib/report.mjs';
import { accounting, outcome, permit, putConsent, requestAccess } from './calls.mjs';
import { World, hex, summary } from './world.mjs';

const AT_ONCE = 200;
/** They are registered one after the other: on a real network two hundred take their time. */
const DEVICES = Number(process.env.CROWD_DEVICES ?? AT_ONCE);
const VALID = 0;

const report = new Report('crowd');
const world = await World.open('crowd');

/** Endorses and submits all at once; tells how many blocks took them, and every code. */
async function together(what, submissions) {
    const statuses = await Promise.all(submissions.map(async ([actor, [name, args, secret]]) => {
        const endorsed = await actor.endorse(name, args, secret);
        const status = await (await endorsed.submit()).getStatus();
        return { ...status, code: status.code, block: Number(status.blockNumber), answer: JSON.parse(new TextDecoder().decode(endorsed.getResult())) };
    }));
    const wrong = statuses.filter(({ code }) => code !== VALID).map(({ code }) => code);
    report.equal(`${what}: all ${submissions.length} are valid`, wrong, []);
    const blocks = new Map();
    for (const { block } of statuses) blocks.set(block, (blocks.get(block) ?? 0) + 1);
    const largest = Math.max(...blocks.values());
    report.check(`${what}: ${blocks.size} blocks, up to ${largest} of them in one`, largest > 1, 'no block had two of them: nothing was at once');
    return statuses;
}

async function devices(patient) {
    const named = [patient.device];
    for (let number = 1; number < DEVICES; number += 1) {
        const device = world.enroll(world.home, `d-${number}`);
        await patient.actor.submit('RegisterDevice', {}, { sid: patient.sid, device: device.pid, key_hash: device.keyHash, profile: 'pulse-sensor', active_from: patient.from });
        await device.submit('ConfirmDevice', {}, { sid: patient.sid });
        named.push(device);
    }
    const submissions = Array.from({ length: AT_ONCE }, (_, number) => {
        const window = patient.window(Math.floor(number / DEVICES));
        return [named[number % DEVICES], ['SubmitSummaries', {}, patient.batch(summary(window, hex(8)))]];
    });
    const statuses = await together(`${DEVICES} devices of one patient submit ${AT_ONCE} batches at once`, submissions);
    report.equal('each has created its record', statuses.filter(({ answer }) => answer.created !== 1), []);
    report.equal('the patient reads all of them', (await patient.windows()).length, AT_ONCE);
}

async function clinicians(patient) {
    const staff = Array.from({ length: AT_ONCE }, (_, number) => world.enroll(world.home, `s-${number}`));
    const employ = (person) => ['RegisterStaff', { unit: 'root', roles: ['practitioner'], period: { start: 0 } }, { enrolment_id: person.enrolmentId }];
    await together(`one administrator employs ${AT_ONCE} people at once`, staff.map((person) => [world.hospital, employ(person)]));
    await patient.actor.submit(...putConsent(patient, permit([`unit:root@${world.home}`])));
    const statuses = await together(`${AT_ONCE} clinicians request of one patient at once`, staff.map((person) => [person, requestAccess(patient)]));
    const last = AT_ONCE - 1;
    const view = await outcome(staff[last], patient, statuses[last].answer.ids[0]);
    report.equal('the last of them is permitted', view.outcome, 'PERMIT');
    const who = [];
    let bookmark;
    do {
        const page = await patient.actor.evaluate(...accounting(patient, { bookmark }));
        who.push(...page.entries.map((entry) => entry.who));
        ({ bookmark } = page);
    } while (bookmark);
    report.equal('the patient sees each of them once', who.sort(), staff.map(({ pid }) => pid).sort());
}

try {
    const patient = await world.patient('one');
    await devices(patient);
    await clinicians(patient);
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
