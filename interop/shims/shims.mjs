// The platforms that the judge contract is written on, and how its server is started on each.

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { binary } from '../lib/devnet.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));

/** The first one is the reference that the others are compared with. */
export const SHIMS = [
    { name: 'node', title: "Fabric's Node shim", program: process.execPath, args: [join(HERE, 'node/judge.mjs')] },
    { name: 'go', title: "Fabric's Go shim", program: process.env.JUDGE_GO ?? join(HERE, 'go/judge'), args: [] },
    { name: 'shim-crate', title: 'the crate fabric-shim', program: binary('judge-shim-crate'), args: [] },
    { name: 'contract-rs', title: 'fabric-contract-rs on ccaas-server', program: binary('judge-contract-rs'), args: [] },
];

/** What the peers' READY message offers chaincode. */
export const MODES = [
    { name: 'batched', options: [], offers: /write_batch: Some\(1000\), multi_get: Some\(1000\)/ },
    { name: 'plain', options: ['--plain'], offers: /write_batch: None, multi_get: None/ },
];
