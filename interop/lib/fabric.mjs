// Starts and stops a real Fabric network, with the same face as a devnet.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './devnet.mjs';
import { freePort } from './processes.mjs';

const SCRIPT = join(ROOT, 'network/network.sh');
const ORGANIZATIONS = [
    ['Org1MSP', 'custodian', 'org1.example.com'],
    ['Org2MSP', 'custodian', 'org2.example.com'],
    ['Org3MSP', 'provider', 'org3.example.com'],
];

export class Fabric {
    #env;
    #fetched = [];

    constructor(dir, endpoints, env) {
        this.dir = dir;
        this.endpoints = endpoints;
        this.organizations = join(dir, 'organizations');
        this.#env = env;
    }

    /**
     * Starts one orderer and three peers, and deploys a chaincode whose server has to be started
     * with `chaincode.env`.
     *
     * @param {string} policies a folder with `collections.json` and `endorsement-policy.txt`
     */
    static async start(dir, name, policies) {
        const network = join(dir, 'fabric');
        mkdirSync(network);
        const organizations = join(network, 'organizations.conf');
        const endpoints = {};
        const lines = [];
        for (const [msp, kind, domain] of ORGANIZATIONS) {
            const [port, chaincodePort, operationsPort] = [await freePort(), await freePort(), await freePort()];
            endpoints[msp] = { domain, endpoint: `127.0.0.1:${port}` };
            lines.push([msp, kind, domain, port, chaincodePort, operationsPort].join(' '));
        }
        writeFileSync(organizations, `${lines.join('\n')}\n`);
        const port = await freePort();
        const fabric = new Fabric(network, endpoints, {
            NETWORK_DIR: network,
            ORGANIZATIONS_FILE: organizations,
            POLICIES_DIR: policies,
            CHAINCODE: name,
            CHAINCODE_ADDRESS: `127.0.0.1:${port}`,
            CCAAS_SERVER: 'none',
            USERS_COUNT: '1',
            ORDERER_PORT: String(await freePort()),
            ORDERER_ADMIN_PORT: String(await freePort()),
            ORDERER_OPERATIONS_PORT: String(await freePort()),
        });
        process.on('exit', () => fabric.#script('down'));
        fabric.#script('up');
        fabric.#script('deploy');
        const id = readFileSync(join(network, 'package-id'), 'utf8').trim();
        fabric.chaincode = { port, env: { CHAINCODE_ID: id, CHAINCODE_SERVER_ADDRESS: `127.0.0.1:${port}` } };
        return fabric;
    }

    #script(command) {
        return execFileSync(SCRIPT, [command], { env: { ...process.env, ...this.#env }, stdio: ['ignore', 'pipe', 'inherit'] });
    }

    /** Runs the peer command as the administrator of Org1. */
    #peer(...args) {
        const command = `eval "$('${SCRIPT}' env Org1MSP)"; PATH=\${FABRIC_BIN:+$FABRIC_BIN:}$PATH; exec peer "$@"`;
        return execFileSync('bash', ['-c', command, 'peer', ...args], { env: { ...process.env, ...this.#env }, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
    }

    height() {
        return Number(/"height":(\d+)/.exec(this.#peer('channel', 'getinfo', '-c', 'mychannel'))[1]);
    }

    async stop() {
        const height = this.height();
        for (let number = 0; number < height; number += 1) {
            const file = join(this.dir, `${number}.block`);
            this.#peer('channel', 'fetch', String(number), file, '-c', 'mychannel');
            this.#fetched.push(readFileSync(file));
        }
        this.#script('down');
    }

    /** All blocks, as a peer stores them. */
    blocks() {
        return this.#fetched;
    }
}
