// What breaks, and what holds then: chaincode servers that are wrong, absent or killed; on a real
// network, where each peer is a process, also a custodian's peer that is down. Nothing committed is
// lost or doubled, and no error tells anything of the data.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Report } from '../../lib/report.mjs';
import { chaincodeServer } from './chaincode.mjs';
import { IS_DEVNET, NETWORK_DIR, World, failure, hex, network, summary, told, until } from './world.mjs';

const BUSY_TRANSACTIONS = 60;
const BUSY_WORKERS = 8;
/** The server is killed when so many of them are committed. */
const KILL_AFTER = 15;
const ENDORSEMENT_SECONDS = 60;
const VALID = 0;
/** What a peer says that reaches no chaincode server; the reason is the operating system's. */
const REFUSED = /could not launch chaincode .*connection refused/i;
/** Stands in health data that must not come back in any error. */
const MARKER = `planted-marker-${hex(4)}`;

const report = new Report('faults');
const server = chaincodeServer();
if (IS_DEVNET) await server.start();
const world = await World.open('faults');
const patient = await world.patient('one');
const began = await world.height();
/** Ids of transactions that a client was told are committed, by the window. */
const committed = new Map();
/** Every error that a client got. */
const errors = [];

const batch = (of, number) => of.batch(summary(of.window(number), MARKER));

async function submit(number, of = patient) {
    try {
        return await of.device.submit('SubmitSummaries', {}, batch(of, number));
    } catch (error) {
        errors.push(told(error));
        throw error;
    }
}

async function commits(what, number) {
    try {
        const { answer, transactionId } = await submit(number);
        committed.set(number, transactionId);
        report.equal(`${what}: a transaction is committed`, answer.created, 1);
    } catch (error) {
        report.fail(`${what}: a transaction is committed`, told(error));
    }
}

/** An attempt that fails before anything is ordered, with an error that says what is wrong. */
async function fails(what, attempt, words) {
    const height = await world.height();
    const error = await failure(what, attempt());
    errors.push(told(error));
    report.check(`${what}: the client is told`, words.test(told(error)), () => told(error));
    report.equal(`${what}: nothing is written`, [await world.height(), await world.height()], [height, height]);
}

const numbers = (done) => [...done.keys()].sort((a, b) => a - b);

async function holdsWhatWasCommitted(when) {
    report.equal(`${when}: the ledger holds what was committed, once each`, await patient.windows(), numbers(committed));
}

/** The ids of a device's valid transactions, from a block on. */
async function onChain(device, from) {
    const height = await world.height();
    const key = Buffer.from(device.gateway.getIdentity().credentials);
    const found = [];
    for (let number = from; number < height; number += 1) {
        const own = (await world.transactions(number)).filter(({ signatureHeader }) => Buffer.from(signatureHeader.getCreator_asU8()).includes(key));
        found.push(...own.filter(({ code }) => code === VALID).map(({ txId }) => txId));
    }
    return found.sort();
}

async function absent() {
    await commits('to begin with', 0);
    await server.stop();
    await fails('no chaincode server', () => submit(1), REFUSED);
    await server.start();
    await commits('the chaincode server is back', 1);
    await server.kill();
    await server.start();
    await commits('killed and started again between two transactions', 2);
    await server.kill();
    await fails('killed, and not there yet', () => submit(3), REFUSED);
    await server.start();
    await commits('killed, and started again after a transaction had failed', 3);
}

async function wrongId() {
    await server.stop();
    const id = `ioht_1.0:${'0'.repeat(64)}`;
    const wrong = await server.another(id);
    const deadline = () => ({ deadline: Date.now() + ENDORSEMENT_SECONDS * 1000 });
    const transientData = { private: JSON.stringify(batch(patient, 4)) };
    const proposal = patient.device.contract.newProposal('SubmitSummaries', { arguments: ['{}'], transientData });
    await fails('the server of another package id', () => proposal.endorse(deadline()), /could not launch chaincode .*(registration failed|the handshake took too long|timeout expired)/);
    const said = readFileSync(wrong.log, 'utf8');
    report.check('the server of another package id: its log names the id and the remedy', said.includes(id) && said.includes('queryinstalled'), said);
    await wrong.stop();
    await server.start();
    await commits('the right server again', 4);
}

async function killedInFlight() {
    await fails('killed while a transaction runs', async () => {
        const running = submit(5);
        // Whoever waits for it below is told.
        running.catch(() => {});
        await server.killWhileRunning();
        return running;
    }, /chaincode stream terminated/);
    await server.start();
    await commits('the next transaction', 5);
}

async function killedUnderLoad() {
    const busy = await world.patient('busy');
    const from = await world.height();
    const done = new Map();
    const broken = [];
    const created = [];
    let next = 0;
    let killed = false;
    const attempt = async (number) => {
        const { answer, transactionId } = await submit(number, busy);
        done.set(number, transactionId);
        created.push(answer.created);
    };
    const worker = async () => {
        while (next < BUSY_TRANSACTIONS) {
            const number = next++;
            try {
                await attempt(number);
            } catch (error) {
                assert.equal(error.constructor.name, 'EndorseError', told(error));
                broken.push(number);
            }
            if (done.size >= KILL_AFTER && !killed) {
                killed = true;
                await server.killWhileRunning();
                await server.start();
            }
        }
    };
    await Promise.all(Array.from({ length: BUSY_WORKERS }, worker));
    report.check('killed under load: some transactions failed', broken.length > 0);
    report.equal(`killed under load: exactly what ${done.size} clients were told is on the ledger`, await busy.windows(), numbers(done));
    for (const number of broken) await attempt(number);
    report.equal(`killed under load: ${broken.length} that failed are sent again, and all are there once`, [await busy.windows(), created], [[...Array(BUSY_TRANSACTIONS).keys()], Array(BUSY_TRANSACTIONS).fill(1)]);
    report.equal('killed under load: the chain has these transactions, and no other of the device', await onChain(busy.device, from), [...done.values()].sort());
}

/** Whether a transaction is committed by now. */
async function attempted(number) {
    try {
        committed.set(number, (await submit(number)).transactionId);
        return true;
    } catch {
        return false;
    }
}

/** The patient at the gateway of a custodian, and that its peer alone is asked. */
const at = (msp) => [world.network.participant(world.home, 'faults-p-one', msp), { endorsingOrganizations: [msp] }];

async function custodianDown() {
    const transientData = { private: JSON.stringify(batch(patient, 6)) };
    const endorsed = await patient.device.contract.newProposal('SubmitSummaries', { arguments: ['{}'], transientData }).endorse();
    network('down', `peer-${world.second}`);
    // Both have endorsed: it may be committed, and the absent one has to fetch it.
    const status = await (await endorsed.submit()).getStatus();
    report.check('endorsed by both and submitted while one is down: committed', status.successful);
    committed.set(6, status.transactionId);
    await fails('a custodian\'s peer is down', () => submit(7), /failed to distribute private collection|no combination of peers|no peers available/);
    await holdsWhatWasCommitted('a custodian\'s peer is down');
    // What it kept until the commit is lost as well: it has the block and not the data.
    rmSync(join(NETWORK_DIR, 'data', world.second, 'transientstore'), { recursive: true });
    network('up');
    await until("the custodian's catching up", async () => (await world.height(world.second)) === (await world.height()));
    const windows = await until('the reconciliation of private data', async () => {
        const found = await patient.windows(...at(world.second));
        return found.includes(6) && found;
    });
    report.equal('the custodian that is back has got what it missed', windows, numbers(committed));
    await until('the meeting of the peers', () => attempted(7));
    report.pass('the custodian is back: transactions are committed again');
}

async function inTheEnd() {
    await holdsWhatWasCommitted('in the end');
    report.equal('the chain has these transactions, and no other of the device', await onChain(patient.device, began), [...committed.values()].sort());
    await until("the other custodian's block", async () => (await world.height(world.second)) === (await world.height()));
    report.equal("the other custodian's peer has the same records", await patient.windows(...at(world.second)), numbers(committed));
    const secrets = [MARKER, patient.sid, patient.rk, patient.actor.enrolmentId, '71.5'];
    report.equal(`${errors.length} errors tell nothing of the data`, errors.filter((text) => secrets.some((secret) => text.includes(secret))), []);
}

try {
    await absent();
    await wrongId();
    await killedInFlight();
    await killedUnderLoad();
    // A devnet's peers are one process: no custodian's goes down alone.
    if (!IS_DEVNET) await custodianDown();
    await inTheEnd();
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
    await server.leave();
}
report.close();
