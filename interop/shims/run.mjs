// The same invocations against the judge contract on every shim, each on a devnet of its own.
//
//   node run.mjs [SHIM...]        (all by default; the reference always runs)
//
// Compares what clients see and, byte for byte, what the blocks say was endorsed.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { hex, readWriteSet, transactions } from '../lib/blocks.mjs';
import { Clients } from '../lib/clients.mjs';
import { Devnet, folder } from '../lib/devnet.mjs';
import { Process } from '../lib/processes.mjs';
import { Report, show } from '../lib/report.mjs';
import { CASES } from './cases.mjs';
import { DIFFERENCES } from './differences.mjs';
import { MODES, SHIMS } from './shims.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const NOOP = { fn: 'Noop', args: {}, submit: true };

const wanted = process.argv.slice(2);
const report = new Report('shims');
const [reference] = SHIMS;
const used = new Set();
const expectedBlocks = await play(reference, MODES.at(-1));
for (const shim of SHIMS) {
    if (wanted.length > 0 && !wanted.includes(shim.name)) continue;
    for (const mode of MODES) {
        if (shim === reference && mode === MODES.at(-1)) continue;
        compare(shim, mode, await play(shim, mode));
    }
}
if (wanted.length === 0) {
    for (const one of DIFFERENCES) {
        report.check(`the listed difference of ${one.shim} still exists: ${one.title}`, used.has(one), 'nothing differs any more: remove the entry');
    }
}
report.close();

/** Plays all cases on a new devnet; resolves to what each committed, by its title. */
async function play(shim, mode) {
    console.log(`\n${shim.title}, ${mode.name}`);
    const dir = folder(`${shim.name}-${mode.name}`);
    const options = ['--collections', join(HERE, 'collections.json'), '--endorsement-policy', "AND('Org1MSP.peer','Org2MSP.peer')"];
    const devnet = await Devnet.start(dir, 'judge', [...options, ...mode.options]);
    const log = join(dir, 'chaincode.log');
    const server = new Process(shim.program, shim.args, { log, env: devnet.chaincode.env });
    await server.listens(devnet.chaincode.port);
    const clients = new Clients(devnet, 'judge');
    const committed = new Map();
    try {
        for (const one of CASES) await playOne(shim, mode, clients, one, committed);
    } finally {
        clients.close();
        await server.stop();
        await devnet.stop();
    }
    if (shim.name === 'contract-rs') {
        report.check(`the peers' READY is understood as ${mode.name}`, mode.offers.test(readFileSync(log, 'utf8')), `see ${log}`);
    }
    const found = devnet.blocks().slice(1).map(transactions);
    report.equal('each submitted transaction has a block of its own', found.map((block) => block.length), [...committed].map(() => 1));
    const endorsed = new Map(found.flat().map((tx) => [tx.txId, tx]));
    return new Map([...committed].map(([title, txId]) => [title, endorsed.get(txId)]));
}

async function playOne(shim, mode, clients, one, committed) {
    if (one.without?.includes(shim.name)) {
        if (one.submit && one.fault === undefined) committed.set(one.title, (await clients.call(NOOP)).txId);
        return;
    }
    const expected = expectation(shim, mode, one);
    const outcome = await clients.call(one);
    if (outcome.txId) committed.set(one.title, outcome.txId);
    const title = `${one.title}`;
    if ('fault' in expected) {
        report.check(title, outcome.text?.includes(expected.fault), () => `expected a failure with ${show(expected.fault)}\nfound ${show(outcome)}`);
    } else if ('refused' in expected) {
        report.equal(title, outcome.refused ?? outcome, expected.refused);
    } else {
        report.equal(title, 'answer' in outcome ? outcome.answer : outcome, expected.answer);
    }
}

function difference(shim, mode, one) {
    return DIFFERENCES.find((other) => other.shim === shim.name && other.title === one.title && (other.modes ?? [mode.name]).includes(mode.name));
}

function expectation(shim, mode, one) {
    const other = difference(shim, mode, one);
    if (!other || !['answer', 'refused', 'fault'].some((kind) => kind in other)) return one;
    used.add(other);
    return other;
}

/** Compares everything that endorsers signed, transaction by transaction. */
function compare(shim, mode, blocks) {
    for (const one of CASES) {
        if (!one.submit || one.without?.includes(shim.name)) continue;
        const [found, expected] = [blocks.get(one.title), expectedBlocks.get(one.title)];
        if (found === undefined && expected === undefined) continue;
        const listed = difference(shim, mode, one);
        const same = found !== undefined && expected !== undefined && isDeepStrictEqual(signed(found), signed(expected));
        if (listed?.readWriteSet) {
            used.add(listed);
            report.check(`${one.title}: endorsed otherwise than by ${reference.title}, as listed`, !same, 'nothing differs: remove the entry');
        } else {
            report.check(`${one.title}: endorsed as by ${reference.title}, byte for byte`, same, () =>
                `expected ${expected && show(readable(expected))}\nfound    ${found && show(readable(found))}`);
        }
    }
}

/** What endorsers signed, without what the transaction's id changes. */
function signed({ action, code, txId }) {
    const event = action.getEvents_asU8();
    return {
        code,
        results: hex(action.getResults_asU8()),
        event: hex(event).replaceAll(hex(Buffer.from(txId)), '<tx>'),
        response: hex(action.getResponse().serializeBinary()).replaceAll(hex(Buffer.from(txId)), '<tx>'),
        chaincode: hex(action.getChaincodeId().serializeBinary()),
    };
}

function readable(tx) {
    return { ...signed(tx), results: readWriteSet(tx.action.getResults_asU8()), response: tx.action.getResponse().toObject() };
}
