// What breaks on a real network, and what holds then: chaincode servers that are wrong, absent or
// killed, a custodian's peer that is down. Nothing committed is lost or doubled.

import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Process } from '../../lib/processes.mjs';
import { Report } from '../../lib/report.mjs';
import { NETWORK_DIR, World, failure, network, summary, told, until } from './world.mjs';

const BUSY_TRANSACTIONS = 60;
const BUSY_WORKERS = 8;
/** The server is killed when so many of them are committed. */
const KILL_AFTER = 15;
const CHAINCODE_PORT = Number(process.env.CHAINCODE_ADDRESS.split(':').at(-1));
const ENDORSEMENT_SECONDS = 60;

const report = new Report('faults');
const world = await World.open('faults');
const patient = await world.patient('one');
const submit = (number, of = patient) => of.device.submit('SubmitSummaries', {}, of.batch(summary(of.window(number), 'faults')));
const committed = new Set();

const pid = (name) => Number(readFileSync(join(NETWORK_DIR, 'pids', name), 'utf8').split(' ')[0]);

/** Kills the chaincode server and waits until it is gone. */
async function kill() {
    const server = pid('chaincode');
    process.kill(server, 'SIGKILL');
    await until('the end of the server', () => {
        try {
            return /^State:\s*Z/m.test(readFileSync(`/proc/${server}/status`, 'utf8'));
        } catch {
            return true;
        }
    });
}

async function commits(what, number) {
    try {
        report.equal(`${what}: a transaction is committed`, (await submit(number)).answer.created, 1);
        committed.add(number);
    } catch (error) {
        report.fail(`${what}: a transaction is committed`, told(error));
    }
}

/** An attempt that fails before anything is ordered, with an error that says what is wrong. */
async function fails(what, attempt, words) {
    const height = await world.height();
    const error = await failure(what, attempt());
    report.check(`${what}: the client is told`, words.test(told(error)), () => told(error));
    report.equal(`${what}: nothing is written`, [await world.height(), await world.height()], [height, height]);
}

async function holdsWhatWasCommitted(when) {
    report.equal(`${when}: the ledger holds what was committed, once each`, await patient.windows(), [...committed].sort((a, b) => a - b));
}

async function absent() {
    await commits('to begin with', 0);
    network('down', 'chaincode');
    await fails('no chaincode server', () => submit(1), /could not launch chaincode .*connection refused/);
    network('serve');
    await commits('the chaincode server is back', 1);
    await kill();
    network('serve');
    await commits('killed and started again between two transactions', 2);
}

async function wrongId() {
    network('down', 'chaincode');
    const id = `ioht_1.0:${'0'.repeat(64)}`;
    const log = join(NETWORK_DIR, 'logs', 'wrong-id.log');
    const wrong = new Process(process.env.CCAAS_SERVER, [], { log, env: { CHAINCODE_ID: id, CHAINCODE_SERVER_ADDRESS: process.env.CHAINCODE_ADDRESS } });
    await wrong.listens(CHAINCODE_PORT);
    const deadline = () => ({ deadline: Date.now() + ENDORSEMENT_SECONDS * 1000 });
    const transientData = { private: JSON.stringify(patient.batch(summary(patient.window(3), 'faults'))) };
    const proposal = patient.device.contract.newProposal('SubmitSummaries', { arguments: ['{}'], transientData });
    await fails('the server of another package id', () => proposal.endorse(deadline()), /could not launch chaincode .*(registration failed|the handshake took too long|timeout expired)/);
    const said = readFileSync(log, 'utf8');
    report.check('the server of another package id: its log names the id and the remedy', said.includes(id) && said.includes('queryinstalled'), said);
    await wrong.stop();
    network('serve');
    await commits('the right server again', 3);
}

/** Bytes that reached the chaincode server's connections and that it has not read. */
function unread() {
    const port = CHAINCODE_PORT.toString(16).toUpperCase().padStart(4, '0');
    const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1).map((row) => row.trim().split(/\s+/));
    const connections = rows.filter(([, local, , state]) => local.endsWith(`:${port}`) && state === '01');
    return connections.reduce((sum, [, , , , queues]) => sum + parseInt(queues.split(':')[1], 16), 0);
}

/** Kills the chaincode server when it has a transaction to run that it has not read yet. */
async function killWhileRunning() {
    process.kill(pid('chaincode'), 'SIGSTOP');
    await until('the arrival of a transaction at the server', () => unread() > 0);
    await kill();
}

async function killedInFlight() {
    await fails('killed while a transaction runs', async () => {
        const running = submit(4);
        // Whoever waits for it below is told.
        running.catch(() => {});
        await killWhileRunning();
        return running;
    }, /chaincode stream terminated/);
    network('serve');
    await commits('the next transaction', 4);
}

async function killedUnderLoad() {
    const busy = await world.patient('busy');
    const done = new Map();
    const broken = [];
    let next = 0;
    let killed = false;
    const worker = async () => {
        while (next < BUSY_TRANSACTIONS) {
            const number = next++;
            try {
                done.set(number, (await submit(number, busy)).answer.created);
            } catch (error) {
                assert.equal(error.constructor.name, 'EndorseError', told(error));
                broken.push(number);
            }
            if (done.size >= KILL_AFTER && !killed) {
                killed = true;
                await killWhileRunning();
                network('serve');
            }
        }
    };
    await Promise.all(Array.from({ length: BUSY_WORKERS }, worker));
    report.check('killed under load: some transactions failed', broken.length > 0);
    const windows = await busy.windows();
    report.equal(`killed under load: exactly what ${done.size} clients were told is on the ledger`, windows, [...done.keys()].sort((a, b) => a - b));
    for (const number of broken) done.set(number, (await submit(number, busy)).answer.created);
    report.equal(`killed under load: ${broken.length} that failed are sent again, and all are there once`, [await busy.windows(), [...new Set(done.values())]], [[...Array(BUSY_TRANSACTIONS).keys()], [1]]);
}

async function custodianDown() {
    const transientData = { private: JSON.stringify(patient.batch(summary(patient.window(5), 'faults'))) };
    const endorsed = await patient.device.contract.newProposal('SubmitSummaries', { arguments: ['{}'], transientData }).endorse();
    network('down', `peer-${world.second}`);
    // Both have endorsed: it may be committed, and the absent one has to fetch it.
    const status = await (await endorsed.submit()).getStatus();
    report.check('endorsed by both and submitted while one is down: committed', status.successful);
    committed.add(5);
    await fails('a custodian\'s peer is down', () => submit(6), /failed to distribute private collection|no combination of peers|no peers available/);
    await holdsWhatWasCommitted('a custodian\'s peer is down');
    // What it kept until the commit is lost as well: it has the block and not the data.
    rmSync(join(NETWORK_DIR, 'data', world.second, 'transientstore'), { recursive: true });
    network('up');
    await until("the custodian's catching up", async () => (await world.height(world.second)) === (await world.height()));
    const there = world.network.participant(world.home, 'faults-p-one', world.second);
    const windows = await until('the reconciliation of private data', async () => {
        const found = await patient.windows(there, { endorsingOrganizations: [world.second] });
        return found.includes(5) && found;
    });
    report.equal('the custodian that is back has got what it missed', windows, [...committed].sort((a, b) => a - b));
    await until('the meeting of the peers', async () => submit(6).then(() => true, () => false));
    committed.add(6);
    report.pass('the custodian is back: transactions are committed again');
}

try {
    await absent();
    await wrongId();
    await killedInFlight();
    await killedUnderLoad();
    await custodianDown();
    await holdsWhatWasCommitted('in the end');
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
