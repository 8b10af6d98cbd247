// The story by Fabric's own Node client, on a devnet, and on others the scenarios: those that
// stop and kill the chaincode's server have a devnet to themselves.
//
//   node run.mjs [SCENARIO...]        (the story and all of them by default)

import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';
import { Tally } from '../lib/tally.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
/** What plays together on a devnet, by the devnet's folder. */
const PLAYS = {
    node: { programs: ['story'] },
    'node-scenarios': { programs: ['refusals', 'events', 'impostors', 'withdrawal', 'access', 'limits', 'silence', 'crowd', 'guessing'].map((name) => `scenarios/${name}`) },
    'node-faults': { programs: ['scenarios/faults'], served: false },
};

// The chaincode server tells its log all it can.
process.env.RUST_LOG ??= 'info,ccaas_server=trace,ioht_contract=trace';
const tally = new Tally();

/** Runs programs one after the other on one devnet. */
async function play(name, programs, options) {
    const dir = folder(name);
    const health = await healthDevnet(dir, options);
    try {
        for (const program of programs) {
            const log = join(dir, `${program.replaceAll('/', '-')}.log`);
            console.log(`\n${program}:`);
            const code = await health.run(process.execPath, [join(HERE, `${program}.mjs`), health.devnet.organizations], { shown: true, log });
            tally.add(program, code, log);
        }
    } finally {
        await health.stop();
    }
}

const wanted = process.argv.slice(2);
for (const [name, { programs, ...options }] of Object.entries(PLAYS)) {
    const chosen = programs.filter((program) => wanted.length === 0 || wanted.includes(basename(program)));
    if (chosen.length > 0) await play(name, chosen, options);
}
tally.close('node');
