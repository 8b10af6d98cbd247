// Registers a run's participants where that is not done yet, and writes Caliper's files.
//
//   node prepare.mjs --organizations DIR --domain NAME --endpoint HOST:PORT --users NAME,… --out DIR …
//
// Users are enrolled: the registrar, then a patient and a device for each of Caliper's workers.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Organization } from './client.mjs';
import { GRPC_OPTIONS } from './endorse-again.cjs';
import { benchmark, rounds, SEEDED, windowsNeeded } from './plan.mjs';
import { ORIGIN, page, startOf, summary, windowsUntil } from './summary.cjs';

const RECORDS_PER_TRANSACTION = 100;
const FOREVER = 4_102_444_800_000; // 2100
const GOSSIP_MS_MAX = 60_000;
const hex = (bytes) => randomBytes(bytes).toString('hex');

const { values: given } = parseArgs({
    options: {
        organizations: { type: 'string' },
        msp: { type: 'string', default: 'Org1MSP' },
        domain: { type: 'string' },
        endpoint: { type: 'string' },
        channel: { type: 'string', default: 'mychannel' },
        contract: { type: 'string', default: 'ioht' },
        users: { type: 'string' },
        out: { type: 'string' },
        workload: { type: 'string' },
        transactions: { type: 'string' },
        'in-flight': { type: 'string' },
        short: { type: 'boolean', default: false },
        description: { type: 'string' },
    },
});

const [registrarUser, ...pairUsers] = given.users.split(',');
const workers = pairUsers.length / 2;
const plan = rounds({
    workload: given.workload,
    short: given.short,
    transactions: given.transactions?.split(',').map(Number),
    inFlight: given['in-flight'] && Number(given['in-flight']),
    workers,
});

const organization = new Organization({
    msp: given.msp,
    domain: given.domain,
    endpoint: given.endpoint,
    folder: join(given.organizations, 'peerOrganizations', given.domain),
    channel: given.channel,
    contract: given.contract,
});
try {
    await whenPeersKnowEachOther(registerOrganization);
    const registrar = await registerRegistrar();
    const users = Array.from({ length: workers }, (_, n) => pairUsers.slice(2 * n, 2 * n + 2));
    const pairs = await Promise.all(users.map((names) => preparePair(registrar, ...names)));
    const participants = join(given.out, 'participants.json');
    const tally = join(given.out, 'tally.txt');
    const shared = { contract: given.contract, participants, seeded: SEEDED, tally };
    write('participants.json', pairs.map(({ identities, ...pair }) => pair));
    write('network.json', network(pairs.flatMap(({ identities }) => identities)));
    write('benchmark.json', benchmark(plan, workers, given.description, shared));
    write('plan.json', plan);
} catch (error) {
    console.error(error.message);
    process.exitCode = 1;
} finally {
    organization.close();
}

function write(name, content) {
    writeFileSync(join(given.out, name), JSON.stringify(content, undefined, 2), { mode: 0o600 });
}

/** After a deployment it takes a peer some seconds of gossip to find the other endorsers. */
async function whenPeersKnowEachOther(attempt) {
    const deadline = Date.now() + GOSSIP_MS_MAX;
    for (;;) {
        try {
            return await attempt();
        } catch (error) {
            if (!/peer combination/.test(error.message) || Date.now() > deadline) throw error;
            await sleep(500);
        }
    }
}

async function registerOrganization() {
    const admin = organization.participant('Admin');
    const { organization: known } = await admin.evaluate('WhoAmI');
    if (!known) await admin.submit('RegisterOrganization', undefined, { kind: 'custodian' });
}

async function registerRegistrar() {
    const registrar = organization.participant(registrarUser);
    const { staff } = await registrar.evaluate('WhoAmI');
    if (!staff) {
        const plain = { unit: 'root', roles: ['registrar'], period: { start: 0, end: FOREVER } };
        await organization.participant('Admin').submit('RegisterStaff', { enrolment_id: registrar.enrolmentId }, plain);
    }
    return registrar;
}

/** A patient with a device: registered, with records to read and a free place on the calendar. */
async function preparePair(registrar, patientUser, deviceUser) {
    const patient = organization.participant(patientUser);
    const device = organization.participant(deviceUser);
    const sid = await registerPatient(registrar, patient);
    const { pid, submits } = await registerDevice(patient, sid, device);
    const { rk } = submits;
    if (plan.some(({ workload }) => workload === 'query')) await seed(device, { pid, sid, rk });
    const free = Math.max(SEEDED, await firstFree(patient));
    const room = windowsUntil(Date.now()) - free;
    if (submits.active_from > ORIGIN || room < windowsNeeded(plan, workers)) {
        throw new Error(`${deviceUser} has no room for the records of this run: start with an empty ledger`);
    }
    return {
        patient: { user: patientUser },
        device: { user: deviceUser, pid },
        sid,
        rk,
        free,
        identities: [patient, device],
    };
}

async function registerPatient(registrar, patient) {
    let { patient: known } = await patient.evaluate('WhoAmI');
    if (!known) {
        await registrar.submit('RegisterPatient', {
            sid: hex(16),
            secret: hex(32),
            enrolment_id: patient.enrolmentId,
            key_hash: patient.keyHash,
        });
        ({ patient: known } = await patient.evaluate('WhoAmI'));
    }
    if (known.status === 'pending') {
        await patient.submit('ConfirmRegistration', { sid: known.sid, rk: hex(16), secret: hex(32) });
    }
    return known.sid;
}

async function registerDevice(patient, sid, device) {
    let { pid, devices } = await device.evaluate('WhoAmI');
    if (devices.length === 0) {
        await patient.submit('RegisterDevice', {
            sid,
            device: pid,
            key_hash: device.keyHash,
            profile: 'pulse-sensor',
            active_from: ORIGIN,
        });
        await device.submit('ConfirmDevice', { sid });
        ({ devices } = await device.evaluate('WhoAmI'));
    }
    const [{ submits }] = devices;
    if (submits?.sid !== sid) throw new Error(`${device.user} is not an active device of ${patient.user}`);
    return { pid, submits };
}

/** Writes the records that queries ask for; those that are there already stay. */
async function seed(device, { pid, sid, rk }) {
    for (let first = 0; first < SEEDED; first += RECORDS_PER_TRANSACTION) {
        const count = Math.min(RECORDS_PER_TRANSACTION, SEEDED - first);
        const records = Array.from({ length: count }, (_, n) => summary(pid, first + n));
        await device.submit('SubmitSummaries', { sid, rk, records });
    }
}

/** The first window of the patient's calendar after which nothing is recorded. */
async function firstFree(patient) {
    let [low, high] = [0, windowsUntil(Date.now())];
    while (low < high) {
        const middle = Math.floor((low + high) / 2);
        const question = { ...page(middle, 1), until: startOf(high), limit: 1 };
        const { records } = await patient.evaluate('ReadOwnSummaries', question);
        if (records.length === 0) high = middle;
        else low = middle + 1;
    }
    return low;
}

/** Caliper's network file: the organisation's gateway and the identities that workers use. */
function network(identities) {
    const { msp, endpoint, peer, tlsRoot } = organization;
    return {
        name: 'ioht',
        version: '2.0.0',
        caliper: { blockchain: 'fabric' },
        channels: [{ channelName: given.channel, contracts: [{ id: given.contract }] }],
        organizations: [
            {
                mspid: msp,
                identities: {
                    certificates: identities.map(({ user, keyFile, certificateFile }) => ({
                        name: user,
                        clientPrivateKey: { path: keyFile },
                        clientSignedCert: { path: certificateFile },
                    })),
                },
                peers: [
                    {
                        endpoint,
                        tlsCACerts: { pem: tlsRoot },
                        grpcOptions: { ...GRPC_OPTIONS, 'ssl-target-name-override': peer },
                    },
                ],
            },
        ],
    };
}
