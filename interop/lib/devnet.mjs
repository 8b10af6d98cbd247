// Starts and stops a devnet, and reads what it leaves.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process, freePort } from './processes.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const BINARIES = process.env.BINARIES ?? join(ROOT, 'target/debug');
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;

export const binary = (name) => join(BINARIES, name);

/** A folder for one devnet, below the one that the caller removes in the end. */
export const folder = (name) => mkdtempSync(join(process.env.INTEROP_DIR ?? '/tmp', `${name}-`));

export class Devnet {
    /** The first organisation's folder is `organizations/peerOrganizations/org1.example.com`. */
    constructor(dir, process, endpoints, chaincode) {
        this.dir = dir;
        this.process = process;
        this.endpoints = endpoints;
        this.chaincode = chaincode;
        this.organizations = join(dir, 'organizations');
    }

    /**
     * Starts a devnet with one chaincode, whose server has to be started with `chaincode.env`.
     *
     * @param {string} dir an empty folder
     * @param {string} name of the chaincode
     * @param {string[]} options further ones of `fabric-devnet up`
     */
    static async start(dir, name, options = []) {
        const port = await freePort();
        const label = `${name}_1.0`;
        const id = `${label}:${createHash('sha256').update(label).digest('hex')}`;
        const address = `127.0.0.1:${port}`;
        const args = ['up', '--dir', join(dir, 'devnet'), '--ports', '0,0,0', '--chaincode', `${name}=${address}`, '--package-id', id];
        const child = new Process(binary('fabric-devnet'), [...args, ...options], { log: join(dir, 'devnet.log') });
        const endpoints = {};
        let msp;
        await child.until((line) => {
            if (/^\w+MSP$/.test(line)) msp = line;
            const gateway = /gateway\s+localhost:(\d+) \(TLS, peer0\.(.+)\)/.exec(line);
            if (gateway) endpoints[msp] = { domain: gateway[2], endpoint: `127.0.0.1:${gateway[1]}` };
            return line === 'devnet is ready' || undefined;
        });
        const chaincode = { port, env: { CHAINCODE_ID: id, CHAINCODE_SERVER_ADDRESS: address } };
        return new Devnet(join(dir, 'devnet'), child, endpoints, chaincode);
    }

    /** How many blocks a new devnet has: the first one of the channel. */
    height() {
        return 1;
    }

    enroll(msp, name) {
        execFileSync(binary('fabric-devnet'), ['enroll', '--dir', this.dir, '--org', msp, '--name', name]);
    }

    async stop() {
        const code = await this.process.stop();
        if (code !== 0) throw new Error(`the devnet ended with ${code}; see ${this.process.log}`);
    }

    /** All blocks of a devnet that has been stopped, as the bytes that it stores. */
    blocks() {
        const read = (number) =>
            execFileSync(binary('fabric-devnet'), ['block', '--dir', this.dir, String(number)], {
                maxBuffer: BLOCK_BYTES_MAX,
                stdio: ['ignore', 'pipe', 'pipe'],
            });
        const blocks = [];
        for (;;) {
            try {
                blocks.push(read(blocks.length));
            } catch (error) {
                if (!/there is no block/.test(error.stderr ?? '')) throw error;
                return blocks;
            }
        }
    }
}
