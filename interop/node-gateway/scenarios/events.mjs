// What followers of the channel are told: chaincode events, filtered blocks, whole blocks, and blocks with
// private data, from a block that they name, over lines that break, and on from a checkpoint in a file:
// everything, once, in order. Whole blocks are for custodians' administrators only.

import * as grpc from '@grpc/grpc-js';
import { checkpointers } from '@hyperledger/fabric-gateway';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Line } from '../../lib/line.mjs';
import { Report } from '../../lib/report.mjs';
import { CHANNEL } from '../network.mjs';
import { STREAMS, inClear, stored } from './streams.mjs';
import { World, failure, hex, summary, told } from './world.mjs';

/** Stands in health data that nobody may be told of. */
const MARKER = `planted-marker-${hex(4)}`;
const AT_ONCE = 12;
/** How often so many are sent until a block has two of them. */
const BURSTS_MAX = 10;
/** More connections than this for one stream mean that it does not get on. */
const CONNECTIONS_MAX = 500;
const MVCC_READ_CONFLICT = 11;
const VALID = 0;

const report = new Report('events');
const world = await World.open('events');
const patient = await world.patient('one');
const first = await world.height();
const line = await Line.to(world.endpoints[world.home].endpoint);
const files = mkdtempSync(join(tmpdir(), 'checkpoints-'));
/** The functions of what was submitted, by the transaction's id, with the code it ended with. */
const sent = new Map();
let windows = 0;

const batch = (number) => ['SubmitSummaries', {}, patient.batch(summary(patient.window(number), MARKER))];
const network = (actor) => actor.gateway.getNetwork(CHANNEL);
const custodian = () => world.network.participant(world.home, 'Admin', world.home);

/** Submits what was endorsed. */
async function order(name, endorsed) {
    const status = await (await endorsed.submit()).getStatus();
    sent.set(status.transactionId, [name, status.code]);
    return status;
}

async function submitOne() {
    const [name, args, secret] = batch(windows++);
    return order(name, await patient.device.endorse(name, args, secret));
}

/** Blocks of one, blocks of several, and one transaction that is not valid. */
async function fill() {
    for (let number = 0; number < 3; number += 1) await submitOne();
    let largest = 0;
    for (let bursts = 0; largest < 2 && bursts < BURSTS_MAX; bursts += 1) {
        const endorsed = await Promise.all(Array.from({ length: AT_ONCE }, () => patient.device.endorse(...batch(windows++))));
        const blocks = (await Promise.all(endorsed.map((one) => order('SubmitSummaries', one)))).map(({ blockNumber }) => blockNumber);
        largest = Math.max(...blocks.map((block) => blocks.filter((other) => other === block).length));
    }
    report.check(`a block has ${largest} transactions`, largest > 1, 'nothing was at once');
    const suspend = (status) => patient.actor.endorse('SetStatus', { target: 'device' }, { sid: patient.sid, device: patient.device.pid, status });
    const twice = [await suspend('suspended'), await suspend('suspended')];
    const codes = [];
    for (const endorsed of twice) codes.push((await order('SetStatus', endorsed)).code);
    report.equal('of two that read the same, the second is not valid', codes, [VALID, MVCC_READ_CONFLICT]);
    await order('SetStatus', await suspend('active'));
}

/** The ledger as the custodian's peer has it, from where this began. */
async function ledger() {
    const blocks = [];
    for (let number = first; number < (await world.height()); number += 1) blocks.push(stored(await world.block(number)));
    return blocks;
}

/** The first `count` that are told, by one connection. */
async function follow(stream, actor, startBlock, count) {
    const found = [];
    const open = await stream.open(network(actor), { startBlock: BigInt(startBlock) });
    try {
        for await (const one of open) {
            found.push(one);
            if (found.length === count) break;
        }
    } finally {
        open.close();
    }
    return found;
}

/** Up to `count` by as many connections as it takes, each from the checkpoint that the one before left in a file. */
async function resume(stream, file, count, { leaves = false, bytesMax = () => Infinity } = {}) {
    const found = [];
    let connections = 0;
    for (; found.length < count; connections += 1) {
        assert.ok(connections < CONNECTIONS_MAX, `${found.length} of ${count} were told by ${connections} connections`);
        line.bytesMax = bytesMax(connections);
        const checkpoint = await checkpointers.file(file);
        const clients = world.by(world.home, line.endpoint);
        const open = await stream.open(network(clients.participant(world.home, 'Admin', world.home)), { startBlock: BigInt(first), checkpoint });
        try {
            for await (const one of open) {
                found.push(one);
                await stream.keep(checkpoint, one);
                if (found.length === count || leaves) break;
            }
        } catch (error) {
            if (error.code !== grpc.status.UNAVAILABLE) throw error;
        } finally {
            open.close();
            clients.close();
        }
    }
    return { found, connections };
}

const WAYS = {
    'the client leaves after each': { leaves: true },
    // The first break during the handshake; where a whole block does not fit, a later one lets it pass.
    'the line breaks after so many bytes': { bytesMax: (connections) => 1024 * (connections + 1) },
};

async function everything(name, stream, blocks) {
    const due = blocks.flatMap(stream.due);
    const all = (found) => found.map(stream.told);
    const count = due.length;
    report.equal(`${name}: ${count}, all of them, in order`, all(await follow(stream, custodian(), first, count)), due);
    const middle = blocks[Math.floor(blocks.length / 2)].number;
    const rest = blocks.filter(({ number }) => number >= middle).flatMap(stream.due);
    report.equal(`${name}, from a block in the middle`, all(await follow(stream, custodian(), middle, rest.length)), rest);
    for (const [way, how] of Object.entries(WAYS)) {
        const { found, connections } = await resume(stream, join(files, `${name}, ${way}`), count, how);
        report.equal(`${name}, ${way}: none is lost and none comes twice`, all(found), due);
        report.check(`${name}, ${way}: by ${connections} connections`, connections > 1);
    }
}

/** Whoever was away gets what was committed meanwhile. */
async function away(known) {
    for (let number = 0; number < 2; number += 1) await submitOne();
    const blocks = (await ledger()).slice(known);
    for (const [name, stream] of Object.entries(STREAMS)) {
        const due = blocks.flatMap(stream.due);
        for (const way of Object.keys(WAYS)) {
            const { found } = await resume(stream, join(files, `${name}, ${way}`), due.length);
            report.equal(`${name}, ${way}: then the two that came while it was away, and those alone`, found.map(stream.told), due);
        }
    }
}

/** Whoever asks for a block that is not there waits for it. */
async function next() {
    for (const [name, stream] of Object.entries(STREAMS)) {
        const height = await world.height();
        const waiting = follow(stream, custodian(), height, 1);
        await submitOne();
        report.equal(`${name}: whoever waits for the next block gets it`, (await waiting).map(stream.told), (await ledger()).slice(height - first).flatMap(stream.due));
    }
}

/** Who names no block hears what comes: from the first that is told on, everything. */
async function fromNow() {
    const events = STREAMS['chaincode events'];
    const open = await events.open(network(custodian()));
    const iterator = open[Symbol.asyncIterator]();
    const height = await world.height();
    const pending = iterator.next().then((one) => [one.value]);
    let found;
    pending.then((one) => (found = one));
    // The stream begins when its request arrives.
    while (found === undefined) await submitOne();
    await submitOne();
    const due = (await ledger()).slice(height - first).flatMap(events.due);
    const begin = due.findIndex(([, txId]) => txId === found[0].transactionId);
    while (found.length < due.length - begin) found.push((await iterator.next()).value);
    open.close();
    report.equal('chaincode events from no block named: all from the first one on', found.map(events.told), due.slice(begin));
}

/** What was recorded of each act is what the ledger says, so that comparing with the ledger means something. */
function agrees(blocks) {
    const codes = blocks.flatMap(({ transactions }) => transactions.map(({ txId, code }) => [txId, code])).sort();
    report.equal(`the ledger has the ${sent.size} transactions with the codes that their clients were told`, codes, [...sent].map(([txId, [, code]]) => [txId, code]).sort());
    const names = blocks.flatMap(STREAMS['chaincode events'].due).map(([, txId, , name]) => [txId, name]);
    report.equal('an event has its function\'s name', names, names.map(([txId]) => [txId, sent.get(txId)[0]]));
}

const PUBLIC = ['chaincode events', 'filtered blocks'];
const WHOLE = ['whole blocks', 'blocks with private data'];

async function whoMay(blocks) {
    const due = (name) => blocks.flatMap(STREAMS[name].due);
    const gets = async (who, actor, name) => {
        const found = await follow(STREAMS[name], actor, first, due(name).length);
        report.equal(`${who}: all ${name}`, found.map(STREAMS[name].told), due(name));
    };
    const isRefused = async (who, actor, name) => {
        const error = await failure(`${who}: ${name}`, follow(STREAMS[name], actor, first, 1));
        report.check(`${who}: no ${name}`, error.code === grpc.status.PERMISSION_DENIED || /status response: 403$/.test(error.message), told(error));
    };
    const clinician = (msp) => world.network.participant(world.provider, 'events-clinician', msp);
    for (const [where, msp] of [["at a custodian's gateway", world.home], ['at its own', world.provider]]) {
        for (const name of PUBLIC) await gets(`the provider ${where}`, clinician(msp), name);
        for (const name of WHOLE) await isRefused(`the provider ${where}`, clinician(msp), name);
    }
    for (const name of PUBLIC) await gets("a custodian's client", world.stranger, name);
    for (const name of WHOLE) await isRefused("a custodian's client", world.stranger, name);
    const second = world.network.participant(world.second, 'Admin', world.second);
    for (const name of [...PUBLIC, ...WHOLE]) await gets('another custodian at its own gateway', second, name);
    const impostor = world.enroll(world.home, 'impostor', world.home, 'impostor', { authority: world.falseAuthority(world.home) });
    for (const name of [...PUBLIC, ...WHOLE]) await isRefused('somebody whom no authority has certified', impostor, name);
}

async function tellsNothing(blocks) {
    const read = (name) => follow(STREAMS[name], custodian(), first, blocks.flatMap(STREAMS[name].due).length);
    const secrets = [MARKER, patient.sid, patient.rk].map((text) => Buffer.from(text));
    const heard = [
        ...(await read('chaincode events')).map(({ eventName, payload }) => Buffer.concat([Buffer.from(eventName), payload])),
        ...[...(await read('filtered blocks')), ...(await read('whole blocks'))].map((block) => Buffer.from(block.serializeBinary())),
    ];
    report.equal(`${heard.length} events and blocks tell nothing of the data`, heard.filter((bytes) => secrets.some((secret) => bytes.includes(secret))).length, 0);
    // What a custodian may have is there, so that finding nothing above means something.
    const isRecord = ({ txId, code }) => code === VALID && sent.get(txId)[0] === 'SubmitSummaries';
    const clear = (await read('blocks with private data')).flatMap((one, at) => blocks[at].transactions.map((transaction, position) => isRecord(transaction) && inClear(one, position).includes(MARKER)));
    report.equal('blocks with private data have every record in clear', clear.filter(Boolean).length, windows);
}

try {
    await fill();
    const blocks = await ledger();
    agrees(blocks);
    for (const [name, stream] of Object.entries(STREAMS)) await everything(name, stream, blocks);
    await away(blocks.length);
    await next();
    await fromNow();
    const all = await ledger();
    agrees(all);
    await whoMay(all);
    await tellsNothing(all);
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
    line.close();
    rmSync(files, { recursive: true });
}
report.close();
