// The story by Fabric's own Node client, on a devnet, and on others the scenarios: those that
// stop and kill the chaincode's server have a devnet to themselves.
//
//   node run.mjs [SCENARIO...]        (the story and all of them by default)

import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** What plays together on a devnet, by the devnet's folder. */
const PLAYS = {
    node: { programs: ['story'] },
    'node-scenarios': { programs: ['refusals', 'impostors', 'withdrawal', 'access', 'limits', 'silence', 'crowd', 'guessing'].map((name) => `scenarios/${name}`) },
    'node-faults': { programs: ['scenarios/faults'], served: false },
};

// The chaincode server tells its log all it can.
process.env.RUST_LOG ??= 'info,ccaas_server=trace,ioht_contract=trace';
const counts = { passed: 0, failed: 0 };

/** Runs programs one after the other on one devnet. */
async function play(name, programs, options) {
    const dir = folder(name);
    const health = await healthDevnet(dir, options);
    try {
        for (const program of programs) {
            const log = join(dir, `${program.replaceAll('/', '-')}.log`);
            console.log(`\n${program}:`);
            const code = await health.run(process.execPath, [join(HERE, `${program}.mjs`), health.devnet.organizations], { shown: true, log });
            count(program, code, log);
        }
    } finally {
        await health.stop();
    }
}

/** Adds what a program's last line says; one that broke off has failed, whatever it counted. */
function count(program, code, log) {
    const [, passed = 0, failed = 0] = /(\d+) passed, (\d+) failed\n*$/.exec(readFileSync(log, 'utf8')) ?? [];
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    if (code !== 0 && Number(failed) === 0) {
        console.log(`  FAILED  ${program} ended with ${code}`);
        counts.failed += 1;
    }
}

const wanted = process.argv.slice(2);
for (const [name, { programs, ...options }] of Object.entries(PLAYS)) {
    const chosen = programs.filter((program) => wanted.length === 0 || wanted.includes(basename(program)));
    if (chosen.length > 0) await play(name, chosen, options);
}
console.log(`\nnode: ${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
