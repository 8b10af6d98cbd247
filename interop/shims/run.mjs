// The same invocations against the judge contract on every shim, each on a devnet of its own.
//
//   node run.mjs [SHIM...]        (all by default; the reference always runs)
//
// Compares what clients see and, byte for byte, what the blocks say was endorsed.

import { Report } from '../lib/report.mjs';
import { DIFFERENCES } from './differences.mjs';
import { compare, met, play } from './play.mjs';
import { MODES, SHIMS } from './shims.mjs';

const wanted = process.argv.slice(2);
const report = new Report('shims');
const [reference] = SHIMS;
const plain = MODES.at(-1);
const expected = await play(report, reference, plain);
const played = SHIMS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
for (const shim of played) {
    for (const mode of MODES) {
        if (shim === reference && mode === plain) continue;
        const { committed } = await play(report, shim, mode);
        compare(report, shim, mode, committed, expected.committed, reference.title);
    }
}
for (const one of DIFFERENCES.filter(({ shim }) => played.some(({ name }) => name === shim))) {
    report.check(`the listed difference of ${one.shim} still exists: ${one.title}`, met.has(one), 'nothing differs any more: remove the entry');
}
report.close();
