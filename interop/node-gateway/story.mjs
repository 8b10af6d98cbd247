// The whole path by Fabric's own Node client: registration, summaries, reading back, refusals.
//
//   node story.mjs ORGANIZATIONS_FOLDER
//
// Participants are user folders of the first custodian (registrar, patient, device, stranger) and of
// the first provider (clinician). ENDPOINTS, a JSON object from MSP id to {domain, kind, endpoint},
// replaces the test network's; kind is by default that of the policies as they come.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Network, refusal } from './network.mjs';

const ENDPOINTS = JSON.parse(process.env.ENDPOINTS ?? 'null') ?? {
    Org1MSP: { domain: 'org1.example.com', endpoint: '127.0.0.1:7051' },
    Org2MSP: { domain: 'org2.example.com', endpoint: '127.0.0.1:9051' },
    Org3MSP: { domain: 'org3.example.com', endpoint: '127.0.0.1:11051' },
};
const KINDS = Object.entries(ENDPOINTS).map(([msp, { kind }]) => [msp, kind ?? (msp === 'Org3MSP' ? 'provider' : 'custodian')]);
const CUSTODIANS = KINDS.filter(([, kind]) => kind === 'custodian').map(([msp]) => msp);
const HOSPITAL = CUSTODIANS[0];
const PROVIDER = KINDS.find(([, kind]) => kind === 'provider')[0];
const GRID_S = 300;
const GRID_MS = GRID_S * 1000;

const organizations = process.argv[2];
if (!organizations) {
    console.error('usage: node story.mjs ORGANIZATIONS_FOLDER');
    process.exit(2);
}
const users = JSON.parse(process.env.USERS ?? 'null') ?? {
    registrar: 'registrar',
    patient: 'patient',
    device: 'device',
    stranger: 'stranger',
    clinician: 'clinician',
};
const hex = (bytes) => randomBytes(bytes).toString('hex');
let steps = 0;
const told = (who, what, outcome) => console.log(`  ${String(++steps).padStart(2)}  ${who.padEnd(18)} ${what.padEnd(44)} ${outcome}`);
const committed = ({ block, transactionId }) => `committed in block ${block}, transaction ${transactionId.slice(0, 12)}…`;

const network = new Network(organizations, ENDPOINTS);
try {
    await story();
    console.log(`\n${steps} passed, 0 failed`);
} finally {
    network.close();
}

async function refused(who, what, attempt, code) {
    let error;
    try {
        await attempt;
    } catch (caught) {
        error = caught;
    }
    assert.ok(error, `${who} ${what}: was not refused`);
    assert.equal(refusal(error), code, `${who} ${what}: ${error.message} ${JSON.stringify(error.details)}`);
    told(who, what, `refused: ${code}`);
}

function summary(start, marker) {
    return {
        code: '8867-4',
        grid_s: GRID_S,
        start,
        unit: '/min',
        statistics: [
            { stat: 'average', value: '71.5' },
            { stat: 'minimum', value: '58.0' },
            { stat: 'maximum', value: '96.2' },
            { stat: 'median', value: '70.9' },
        ],
        count: 355,
        total_count: 357,
        raw: { alg: 'sha-256', digest: hex(32), sample_count: 30000, format: 'ioht-raw/1', locator: marker },
        modality: 'sensed',
        status: 'final',
    };
}

async function story() {
    const hospital = network.participant(HOSPITAL, 'Admin');
    const registrar = network.participant(HOSPITAL, users.registrar);
    const patient = network.participant(HOSPITAL, users.patient);
    const device = network.participant(HOSPITAL, users.device);
    const stranger = network.participant(HOSPITAL, users.stranger);
    const clinician = network.participant(PROVIDER, users.clinician, HOSPITAL);

    for (const [msp, kind] of KINDS) {
        const admin = network.participant(msp, 'Admin', HOSPITAL);
        const { organization } = await admin.evaluate('WhoAmI');
        const outcome = organization ? 'it is registered already' : committed(await admin.submit('RegisterOrganization', { kind }));
        told(msp, `registers as a ${kind}`, outcome);
    }
    const staff = await hospital.submit(
        'RegisterStaff',
        { unit: 'root', roles: ['registrar'], period: { start: 0, end: 4_102_444_800_000 } },
        { enrolment_id: registrar.enrolmentId },
    );
    assert.equal(staff.answer.staff, registrar.pid);
    told(HOSPITAL, 'employs a registrar', committed(staff));

    const sid = hex(16);
    told('registrar', 'registers the patient by its key', committed(await registrar.submit('RegisterPatient', {}, {
        sid,
        secret: hex(32),
        enrolment_id: patient.enrolmentId,
        key_hash: patient.keyHash,
    })));
    const pending = await patient.evaluate('WhoAmI');
    assert.equal(pending.pid, patient.pid);
    assert.equal(pending.patient.sid, sid);
    assert.equal(pending.patient.status, 'pending');

    const rk = hex(16);
    told('patient', 'confirms, with secrets of its own', committed(
        await patient.submit('ConfirmRegistration', {}, { sid, rk, secret: hex(32) }),
    ));
    const now = Date.now();
    const first = Math.floor(now / GRID_MS) * GRID_MS - 3 * GRID_MS;
    told('patient', 'registers the device by its key', committed(await patient.submit('RegisterDevice', {}, {
        sid,
        device: device.pid,
        key_hash: device.keyHash,
        profile: 'pulse-sensor',
        active_from: first,
    })));
    told('device', 'confirms whose it is, with its key', committed(await device.submit('ConfirmDevice', {}, { sid })));
    const measured = (await device.evaluate('WhoAmI')).devices[0].submits;
    assert.equal(measured.sid, sid);
    assert.equal(measured.rk, rk);

    const marker = `m-${hex(12)}`;
    const records = [summary(first, marker), summary(first + GRID_MS, marker)];
    const batch = { sid, rk, records };
    const created = await device.submit('SubmitSummaries', {}, batch);
    assert.equal(created.answer.created, 2);
    told('device', 'submits two summaries', committed(created));
    const again = await device.submit('SubmitSummaries', {}, batch);
    assert.deepEqual([again.answer.created, again.answer.existing], [0, 2]);
    told('device', 'submits them again: they are there already', committed(again));

    const question = { code: '8867-4', grid_s: GRID_S, from: first, until: first + 2 * GRID_MS };
    const page = await patient.evaluate('ReadOwnSummaries', {}, question);
    // Labels are the contract's own default where a device gives none.
    const sent = page.records.map(({ summary: { labels, components, ...rest } }) => rest);
    assert.deepEqual(sent, records);
    told('patient', 'reads its own record', `${page.records.length} records, each value as submitted`);
    const raw = { code: '8867-4', grid_s: GRID_S, start: first, device: device.pid };
    assert.equal((await patient.evaluate('VerifyRaw', {}, { ...raw, digest: records[0].raw.digest })).matches, true);
    assert.equal((await patient.evaluate('VerifyRaw', {}, { ...raw, digest: hex(32) })).matches, false);
    told('patient', 'checks a window against its raw samples', 'the digest on the ledger matches');

    await refused('clinician', 'asks for the patient\'s records', clinician.evaluate('ReadOwnSummaries', {}, question), 'ROLE_NOT_PERMITTED');
    await refused('stranger', 'asks for the patient\'s records', stranger.evaluate('ReadOwnSummaries', {}, question), 'ROLE_NOT_PERMITTED');
    await refused('stranger', 'submits in the device\'s name', stranger.submit('SubmitSummaries', {}, { ...batch, device: device.pid }), 'ROLE_NOT_PERMITTED');
    await refused('registrar', 'asks for the patient\'s records', registrar.evaluate('ReadOwnSummaries', {}, question), 'ROLE_NOT_PERMITTED');
    await refused('device', 'sends health data as a plain argument', device.submit('SubmitSummaries', batch), 'BAD_ARGUMENTS');
    await refused('device', 'rewrites a window', device.submit('SubmitSummaries', {}, { sid, rk, records: [summary(first, 'other')] }), 'RECORD_CONFLICT');
    await refused('anyone', 'calls a function that is not there', patient.evaluate('ReadEverything'), 'UNKNOWN_FUNCTION');
    await assert.rejects(
        patient.submit('ReadOwnSummaries', {}, question, { endorsingOrganizations: CUSTODIANS }),
        (error) => error.details?.some((detail) => /ProposalResponsePayloads do not match/.test(detail.message)),
    );
    told('patient', 'puts a query on the chain by mistake', 'refused: two endorsements of a query never agree');
}
