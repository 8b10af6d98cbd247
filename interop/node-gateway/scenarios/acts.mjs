// One patient's whole life on the ledger, with a value planted wherever a client says something, and
// what an onlooker must never find of it.

import { delegate, opened, permit, proposeDelegation, putConsent, requestAccess, setSharing } from './calls.mjs';
import { failure, hex, summary } from './world.mjs';

const DAY_MS = 86_400_000;

/**
 * Every kind of act on a patient and in its name, and failures of each.
 *
 * Resolves to the patient, what was planted as [what, text] pairs, and names that guesses may use.
 */
export async function live(world) {
    const mark = `planted-${hex(8)}`;
    const planted = [];
    const plant = (what, text) => {
        planted.push([what, text]);
        return text;
    };
    const digest = (what) => plant(what, hex(32));
    const patient = await world.patient('life');
    const { sid, rk, actor, device } = patient;
    plant('subject id', sid);
    plant('records key', rk);
    const doctor = await world.employ('life-doctor', ['practitioner']);
    const [aunt, ring] = ['life-aunt', 'life-ring'].map((name) => world.enroll(world.home, name));
    const acts = [];
    const act = async (who, name, secret, args = {}) => {
        acts.push([who, name, args, secret]);
        return who.submit(name, args, secret);
    };

    const record = (at) => ({ ...summary(patient.window(at), plant(`locator ${at}`, `${mark}-l${at}`)), raw: { ...summary(0).raw, digest: digest(`raw data's digest ${at}`), locator: `${mark}-l${at}` } });
    await act(device, 'SubmitSummaries', patient.batch(record(0), record(1)));
    await act(device, 'CorrectSummary', { sid, rk, version: 1, reason: 'sensor-fault', record: { ...record(0), status: 'amended' } });

    const directive = plant('directive', `${mark}-d`);
    const draft = { ...permit([`pid:${doctor.pid}`]), id: directive, text: { digest: digest('text shown'), language: 'vi' }, source: digest('source of a directive') };
    const [, , consent] = putConsent(patient, draft);
    await act(actor, 'PutConsent', consent);
    const termed = { ...permit(['role:researcher'], { terms: { offer: plant('offer', `${mark}-o`), version: 1 } }) };
    await act(actor, 'PutConsent', putConsent(patient, termed)[2]);
    await act(actor, 'ChoosePreset', { sid, preset: 'join-project', project: plant('project', `${mark}-p`), terms: { offer: `${mark}-o`, version: 1 } });
    await act(actor, 'PutCareTeam', { sid, add: [`unit:${plant('unit of a care team', `${mark}-u`)}@${world.home}`] });
    const [, , request] = requestAccess(patient, {}, { justification: digest('justification') });
    await act(doctor, 'RequestAccess', request);
    const { access, disclosure } = await opened(doctor, patient);
    await act(actor, 'SetSharing', setSharing(patient, 'paused')[2]);
    await act(actor, 'SetSharing', setSharing(patient, 'on')[2]);

    await delegate(patient, aunt, ['view', 'consent', 'devices', 'control'], { evidence: digest('evidence') });
    acts.push([actor, ...proposeDelegation(patient, aunt, ['view'])]);
    const withdrawn = { sid, directives: [termed.id] };
    await act(aunt, 'EndConsent', withdrawn);
    await act(actor, 'RegisterDevice', { sid, device: ring.pid, key_hash: digest('key of a device that has not confirmed'), profile: 'pulse-watch', gateway: { pid: plant('gateway', hex(16)), key_hash: digest('key of a gateway') } });

    const now = Date.now();
    const grantee = `pid:${doctor.pid}`;
    const commands = [{ command: 'set-reporting-interval', parameters: [{ parameter: 'seconds', min: 300, max: 86_400 }] }];
    await act(actor, 'PutControl', { sid, device: device.pid, change: { allow: { grantee, commands, period: { start: now - DAY_MS, end: now + DAY_MS }, per_hour: 9 } } });
    const reference = { sid, device: device.pid, expires_at: now + 600_000, id: plant('command', hex(16)) };
    const issued = { reference, command: 'set-reporting-interval', parameters: [{ parameter: 'seconds', value: 41_957 }], authorisation: grantee };
    await act(doctor, 'IssueCommand', issued);
    await act(device, 'UpdateCommand', { reference, status: 'accepted' });
    await act(world.registrar, 'RebindKey', { sid, key_hash: digest('key that is asked for') });

    // The same with what does not belong there: refused, and no more is left behind.
    for (const [who, name, args, secret] of acts) {
        const odd = plant(`field of ${name}`, `${mark}-x${planted.length}`);
        await failure(`${name} with a field too many`, who.submit(name, args, { ...secret, note: odd }));
        await failure(`${name} by a stranger`, world.stranger.submit(name, args, secret));
    }
    return { patient, doctor, aunt, grantee, planted, directives: [directive, termed.id], tickets: { access, disclosure } };
}

/** What is planted as bytes to look for: hexadecimal also as what it stands for. */
export function needles(planted) {
    return planted.flatMap(([what, text]) => {
        const found = [[what, Buffer.from(text)]];
        if (/^([0-9a-f]{2}){16,}$/.test(text)) found.push([`${what}, in bytes`, Buffer.from(text, 'hex')]);
        return found;
    });
}
