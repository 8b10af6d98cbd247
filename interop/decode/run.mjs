// Decodes and re-computes every block of two devnet ledgers: one with the health story, one with
// the judge contract's cases and transactions that do not become valid.

import { common, peer } from '@hyperledger/fabric-protos';
import { join } from 'node:path';
import { Clients } from '../lib/clients.mjs';
import { ROOT, folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';
import { Process } from '../lib/processes.mjs';
import { Report } from '../lib/report.mjs';
import { CASES } from '../shims/cases.mjs';
import { startDevnet } from '../shims/play.mjs';
import { MODES, SHIMS } from '../shims/shims.mjs';
import { checkLedger } from './checks.mjs';
import { invalidTransactions } from './invalid.mjs';
import { checkTampering } from './tampering.mjs';

const report = new Report('decode');
await judgeLedger();
await healthLedger();
report.close();

async function judgeLedger() {
    const dir = folder('decode-judge');
    const devnet = await startDevnet(dir, MODES[0]);
    const [shim] = SHIMS;
    const server = new Process(shim.program, shim.args, { log: join(dir, 'chaincode.log'), env: devnet.chaincode.env });
    await server.listens(devnet.chaincode.port);
    const clients = new Clients(devnet, 'judge');
    const told = new Map();
    try {
        for (const one of CASES) {
            if (one.submit) await clients.call(one);
        }
        for (const { txId, code } of await invalidTransactions(clients)) told.set(txId, code);
    } finally {
        clients.close();
        await server.stop();
        await devnet.stop();
    }
    const blocks = checkLedger(report, 'judge', devnet.blocks());
    const filter = new Map();
    for (const { transactions, codes } of blocks) {
        transactions.forEach(({ txId }, index) => {
            if (!filter.has(txId)) filter.set(txId, codes[index]);
        });
    }
    const wrong = [...told].filter(([txId, code]) => filter.get(txId) !== code);
    report.check('judge: the filter says what commit status told', told.size > 0 && wrong.length === 0, () => `${JSON.stringify(wrong)}`);
    const codes = new Set(blocks.flatMap((block) => [...block.codes]));
    for (const name of ['VALID', 'MVCC_READ_CONFLICT', 'PHANTOM_READ_CONFLICT', 'ENDORSEMENT_POLICY_FAILURE', 'DUPLICATE_TXID']) {
        report.check(`judge: the ledger has a transaction with ${name}`, codes.has(peer.TxValidationCode[name]), `codes are ${[...codes]}`);
    }
    report.check('judge: there are blocks with several transactions', blocks.some(({ envelopes }) => envelopes.length > 1), 'there are none');
    const [genesis] = blocks;
    report.check('judge: block 0 is one configuration of the channel', genesis.transactions.length === 1
        && genesis.transactions[0].channelHeader.getType() === common.HeaderType.CONFIG
        && genesis.transactions[0].channelHeader.getChannelId() === 'mychannel');
}

async function healthLedger() {
    const dir = folder('decode-health');
    const health = await healthDevnet(dir);
    let story;
    try {
        story = await health.run(process.execPath, [join(ROOT, 'interop/node-gateway/story.mjs'), health.devnet.organizations]);
    } finally {
        await health.stop();
    }
    report.equal('health: the story was told to its end', story, 0);
    const blocks = health.devnet.blocks();
    checkLedger(report, 'health', blocks);
    checkTampering(report, blocks);
}
