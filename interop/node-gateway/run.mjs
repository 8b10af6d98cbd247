// The story by Fabric's own Node client, on a devnet.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const health = await healthDevnet(folder('node'));
try {
    process.exitCode = await health.run(process.execPath, [join(HERE, 'story.mjs'), health.devnet.organizations], { shown: true });
} finally {
    await health.stop();
}
