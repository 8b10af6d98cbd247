// Plays the cases against one shim and compares what was endorsed.

import { ledger as ledgers } from '@hyperledger/fabric-protos';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { hex, readWriteSet, transactions } from '../lib/blocks.mjs';
import { Clients } from '../lib/clients.mjs';
import { Devnet, folder } from '../lib/devnet.mjs';
import { Process } from '../lib/processes.mjs';
import { show } from '../lib/report.mjs';
import { CASES } from './cases.mjs';
import { DIFFERENCES } from './differences.mjs';

export const POLICIES = dirname(fileURLToPath(import.meta.url));
const NOOP = { fn: 'Noop', args: {}, submit: true };
/** Written by peers, with every transaction: the definition of the chaincode that it ran. */
const LIFECYCLE = '_lifecycle';

/** A new devnet for the judge contract. */
export function startDevnet(dir, mode) {
    const options = ['--collections', join(POLICIES, 'collections.json'), '--endorsement-policy', join(POLICIES, 'endorsement-policy.txt')];
    return Devnet.start(dir, 'judge', [...options, ...mode.options]);
}

/** The listed differences that were met. */
export const met = new Set();

/**
 * Plays all cases on a new ledger.
 *
 * Resolves to what each case `committed` and which `failures` clients saw, by the case's title;
 * `blocks` are all blocks of the ledger, and `first` is the number of the first one that is a case's.
 *
 * @param start makes the ledger in a folder
 * @param first the number of the block that the first case commits, at least; `Noop`s come before
 * @param then what clients do after the cases; its result is `rest`
 */
export async function play(report, shim, mode, { start = startDevnet, first = 0, then = async () => undefined } = {}) {
    console.log(`\n${shim.title}, ${mode.name}`);
    const dir = folder(`${shim.name}-${mode.name}`);
    const ledger = await start(dir, mode);
    const log = join(dir, 'chaincode.log');
    const server = new Process(shim.program, shim.args, { log, env: ledger.chaincode.env });
    await server.listens(ledger.chaincode.port);
    const clients = new Clients(ledger, 'judge');
    const [committed, failures] = [new Map(), new Map()];
    let height = ledger.height();
    let rest;
    try {
        for (; height < first; height += 1) await clients.call(NOOP);
        for (const one of CASES) {
            const outcome = await playOne(report, shim, mode, clients, one);
            if (outcome?.txId) committed.set(one.title, outcome.txId);
            // One detail a peer that was asked; how many were is the gateway's choice.
            if (outcome?.code) failures.set(one.title, [outcome.code, ...new Set(outcome.text.split('\n'))]);
        }
        rest = await then(clients);
    } finally {
        clients.close();
        await server.stop();
        await ledger.stop();
    }
    if (shim.name === 'contract-rs') {
        report.check(`the peers' READY is understood as ${mode.name}`, mode.offers.test(readFileSync(log, 'utf8')), `see ${log}`);
    }
    const blocks = ledger.blocks();
    const own = blocks.slice(height, height + committed.size).map(transactions);
    report.equal('each submitted transaction has a block of its own', own.map((block) => block.map(({ txId }) => txId)), [...committed.values()].map((id) => [id]));
    const endorsed = new Map(own.flat().map((tx) => [tx.txId, tx]));
    return { committed: new Map([...committed].map(([title, txId]) => [title, endorsed.get(txId)])), failures, blocks, first: height, rest };
}

async function playOne(report, shim, mode, clients, one) {
    if (one.without?.includes(shim.name)) {
        return one.submit && one.fault === undefined ? clients.call(NOOP) : undefined;
    }
    const expected = expectation(shim, mode, one);
    const outcome = await clients.call(one);
    const { title } = one;
    if ('fault' in expected) {
        report.check(title, outcome.text?.includes(expected.fault), () => `expected a failure with ${show(expected.fault)}\nfound ${show(outcome)}`);
    } else if ('refused' in expected) {
        report.equal(title, outcome.refused ?? outcome, expected.refused);
    } else {
        report.equal(title, 'answer' in outcome ? outcome.answer : outcome, expected.answer);
    }
    return outcome;
}

function difference(shim, mode, one) {
    return DIFFERENCES.find((other) => other.shim === shim.name && other.title === one.title && (other.modes ?? [mode.name]).includes(mode.name));
}

function expectation(shim, mode, one) {
    const other = difference(shim, mode, one);
    if (!other || !['answer', 'refused', 'fault'].some((kind) => kind in other)) return one;
    met.add(other);
    return other;
}

/**
 * Compares everything that endorsers signed, transaction by transaction, with what they signed
 * where `reference` names; differences are allowed for where that is another shim.
 */
export function compare(report, shim, mode, committed, expectedOnes, reference, differences = true) {
    for (const one of CASES) {
        if (!one.submit || one.without?.includes(shim.name)) continue;
        const [found, expected] = [committed.get(one.title), expectedOnes.get(one.title)];
        if (found === undefined && expected === undefined) continue;
        const listed = differences ? difference(shim, mode, one) : undefined;
        const same = found !== undefined && expected !== undefined && isDeepStrictEqual(signed(found), signed(expected));
        if (listed?.readWriteSet) {
            met.add(listed);
            report.check(`${one.title}: endorsed otherwise than by ${reference}, as listed`, !same, 'nothing differs: remove the entry');
        } else {
            report.check(`${one.title}: endorsed as by ${reference}, byte for byte`, same, () =>
                `expected ${expected && show(readable(expected))}\nfound    ${found && show(readable(found))}`);
        }
    }
}

/** What endorsers signed, without what the transaction's id changes. */
function signed({ action, code, txId }) {
    const event = action.getEvents_asU8();
    return {
        code,
        results: hex(ownResults(action)),
        event: hex(event).replaceAll(hex(Buffer.from(txId)), '<tx>'),
        response: hex(action.getResponse().serializeBinary()).replaceAll(hex(Buffer.from(txId)), '<tx>'),
        chaincode: hex(action.getChaincodeId().serializeBinary()),
    };
}

/** The read-write set without what the peer itself adds to it. */
function ownResults(action) {
    const set = ledgers.rwset.TxReadWriteSet.deserializeBinary(action.getResults_asU8());
    set.setNsRwsetList(set.getNsRwsetList().filter((one) => one.getNamespace() !== LIFECYCLE));
    return set.serializeBinary();
}

function readable(tx) {
    return { ...signed(tx), results: readWriteSet(ownResults(tx.action)), response: tx.action.getResponse().toObject() };
}
