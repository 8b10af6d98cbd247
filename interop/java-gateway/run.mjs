// By Fabric's own Java client, on a devnet: the short story, and what followers of the channel are told.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';
import { Tally } from '../lib/tally.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROGRAMS = ['Story', 'Events'];

const dir = folder('java');
const health = await healthDevnet(dir);
const tally = new Tally();
try {
    for (const program of PROGRAMS) {
        console.log(`\n${program}:`);
        const log = join(dir, `${program}.log`);
        const options = ['-q', '-B', '-Dstyle.color=never', `-Dexec.mainClass=interop.${program}`, '-f', HERE];
        tally.add(program, await health.run('mvn', [...options, 'compile', 'exec:java'], { shown: true, log }), log);
    }
} finally {
    await health.stop();
}
tally.close('java');
