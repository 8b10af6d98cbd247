// The short story by Fabric's own Java client, on a devnet.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const health = await healthDevnet(folder('java'));
try {
    process.exitCode = await health.run('mvn', ['-q', '-B', '-Dstyle.color=never', '-f', HERE, 'compile', 'exec:java'], { shown: true });
} finally {
    await health.stop();
}
