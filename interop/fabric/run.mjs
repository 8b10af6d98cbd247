// The judge contract's cases on a real Fabric network and on a devnet whose blocks have the same
// numbers: the same answers, and the same bytes endorsed. Blocks of both pass the same checks.
//
//   node run.mjs [SHIM...]        (by default the reference and ours)

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { checkLedger } from '../decode/checks.mjs';
import { invalidTransactions } from '../decode/invalid.mjs';
import { Fabric } from '../lib/fabric.mjs';
import { Report } from '../lib/report.mjs';
import { POLICIES, compare, play, startDevnet } from '../shims/play.mjs';
import { MODES, SHIMS } from '../shims/shims.mjs';

// Peers of 2.5 know neither write batches nor multi-gets; those of 3.1 offer both here.
const version = execFileSync(process.env.FABRIC_BIN ? join(process.env.FABRIC_BIN, 'peer') : 'peer', ['version']).toString();
const mode = MODES.find(({ name }) => name === (/Version: v?2\./.test(version) ? 'plain' : 'batched'));

const then = async (clients) => (await invalidTransactions(clients)).map(({ code }) => code);

const wanted = process.argv.slice(2);
const shims = wanted.length > 0 ? wanted : ['node', 'contract-rs'];
const report = new Report('fabric');
for (const shim of SHIMS.filter(({ name }) => shims.includes(name))) {
    console.log('\non a real network:');
    const real = await play(report, shim, mode, { start: (dir) => Fabric.start(dir, 'judge', POLICIES), then });
    checkLedger(report, `${shim.name} on Fabric`, real.blocks);
    console.log('\non a devnet:');
    const ours = await play(report, shim, mode, { start: startDevnet, first: real.first, then });
    compare(report, shim, mode, ours.committed, real.committed, "a real network's peers", false);
    for (const [title, words] of real.failures) {
        report.equal(`${title}: it fails with the code and words of a real network`, ours.failures.get(title), words);
    }
    report.equal('transactions that do not become valid have the codes of a real network', ours.rest, real.rest);
}
report.close();
