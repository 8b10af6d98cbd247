// The transactions of consent and access as [name, arguments, private part], to be submitted,
// evaluated or only endorsed; and the ways of a reader.

import { CODE, GRID_S, hex } from './world.mjs';

/** Everything of a patient's pulse, for treatment. */
export function scope(patient, changes = {}) {
    const { from, until } = patient.question();
    return { purpose: 'TREAT', codes: [CODE], data_period: { start: from, end: until }, ...changes };
}

/** A directive that permits treatment to some actors. */
export function permit(actors, changes = {}) {
    return { id: `d-${hex(8)}`, decision: 'permit', context: { actors, purposes: ['TREAT'] }, ...changes };
}

export const putConsent = (patient, draft, expected_version = 0) => ['PutConsent', {}, { sid: patient.sid, rk: patient.rk, expected_version, draft }];
export const endConsent = (patient, directives) => ['EndConsent', {}, { sid: patient.sid, directives }];
export const setSharing = (patient, sharing) => ['SetSharing', {}, { sid: patient.sid, sharing }];
export const requestAccess = (patient, changes = {}, rest = {}) => ['RequestAccess', {}, { subjects: [patient.sid], scope: scope(patient, changes), ...rest }];
export const getAccess = (patient, access) => ['GetAccess', {}, { accesses: [{ sid: patient.sid, access }] }];
export const openDisclosure = (patient, access, rest = {}) => ['OpenDisclosure', {}, { accesses: [{ sid: patient.sid, access }], ...rest }];

export function readSummaries(patient, disclosure, changes = {}) {
    const { code, from, until } = patient.question();
    return ['ReadSummaries', {}, { sid: patient.sid, disclosure, code, grid_s: GRID_S, from, until, ...changes }];
}

/** The first name that a request or an opening answers with. */
export async function ticket(actor, call) {
    const { answer } = await actor.submit(...call);
    return answer.ids[0];
}

/** Requests and opens; resolves to the names of both. */
export async function opened(actor, patient, changes = {}) {
    const access = await ticket(actor, requestAccess(patient, changes));
    return { access, disclosure: await ticket(actor, openDisclosure(patient, access)) };
}

/** What the requester is told of its request. */
export async function outcome(actor, patient, access) {
    const { accesses } = await actor.evaluate(...getAccess(patient, access));
    return accesses[0];
}

/** What the patient is told of who asked and who looked. */
export function accounting(patient, changes = {}) {
    return ['GetAccountingOfDisclosures', {}, { from: patient.from, until: Date.now() + 600_000, ...changes }];
}

/** A patient's delegate with these powers, by its own word too. */
export async function delegate(patient, actor, powers, changes = {}) {
    await patient.actor.submit(...proposeDelegation(patient, actor, powers, changes));
    await actor.submit('AcceptDelegation', {}, { sid: patient.sid });
}

export function proposeDelegation(patient, actor, powers, changes = {}) {
    const period = { start: 0, end: Date.now() + 86_400_000 };
    return ['ProposeDelegation', {}, { sid: patient.sid, delegate: actor.pid, key_hash: actor.keyHash, kind: 'caregiver', powers, period, ...changes }];
}
