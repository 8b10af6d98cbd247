// A network with its people: what every scenario starts from.
//
// The network is the one that network/network.sh finds by its settings in the environment, up and
// deployed; or a devnet, where ORGANIZATIONS is its folder and ENDPOINTS a JSON object from MSP id to
// {domain, endpoint}. Everybody but administrators is issued a certificate with the keys of the
// authorities that cryptogen or the devnet left, so that a name can have a second key.

import { common } from '@hyperledger/fabric-protos';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transactions } from '../../lib/blocks.mjs';
import { CHANNEL, Network } from '../network.mjs';
import { Authority, newKeys } from './certificates.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const NETWORK_DIR = process.env.NETWORK_DIR;
/** Whether it is a devnet, which has neither a second process to stop nor files of each peer. */
export const IS_DEVNET = process.env.ORGANIZATIONS !== undefined;
export const GRID_S = 300;
export const GRID_MS = GRID_S * 1000;
export const CODE = '8867-4';
/** How many windows a patient's device has to submit for. */
const WINDOWS = 200;
const WAIT_MS = 90_000;
const POLL_MS = 100;

export const hex = (bytes) => randomBytes(bytes).toString('hex');

/** Runs a command of network.sh and returns what it prints. */
export function network(...command) {
    return execFileSync(join(ROOT, 'network/network.sh'), command, { stdio: ['ignore', 'pipe', 'inherit'] }).toString();
}

/** A bound that the contract's source names, so that whoever changes it need change nothing here. */
export function constant(file, name) {
    const text = readFileSync(join(ROOT, 'contract/src', file), 'utf8');
    const [, value] = new RegExp(`const ${name}: \\w+ = ([\\d_]+);`).exec(text) ?? assert.fail(`${file} has no ${name}`);
    return Number(value.replaceAll('_', ''));
}

/** What `probe` resolves to as soon as that is neither undefined nor false. */
export async function until(what, probe) {
    const deadline = Date.now() + WAIT_MS;
    for (;;) {
        const found = await probe();
        if (found !== undefined && found !== false) return found;
        if (Date.now() > deadline) throw new Error(`${what} did not happen within ${WAIT_MS / 1000} s`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
}

/** Everything that an error tells its client. */
export function told(error) {
    return JSON.stringify([error.message, error.details ?? [], error.cause?.message]);
}

/** The error that an attempt ends with. */
export async function failure(what, attempt) {
    try {
        await attempt;
    } catch (error) {
        return error;
    }
    return assert.fail(`${what}: it did not fail`);
}

/** Calls `build`, which must not wait, with the clock so many milliseconds off. */
export function withClock(offset, build) {
    const Real = Date;
    globalThis.Date = class extends Real {
        constructor(...args) {
            if (args.length === 0) super(Real.now() + offset);
            else super(...args);
        }
    };
    try {
        return build();
    } finally {
        globalThis.Date = Real;
    }
}

/** The organisations by MSP id; a devnet's have the kinds of the policies as they come. */
function organizations() {
    if (!IS_DEVNET) return JSON.parse(network('endpoints'));
    const endpoints = Object.entries(JSON.parse(process.env.ENDPOINTS));
    return Object.fromEntries(endpoints.map(([msp, one]) => [msp, { ...one, kind: msp === 'Org3MSP' ? 'provider' : 'custodian' }]));
}

export class World {
    #folder = process.env.ORGANIZATIONS ?? join(NETWORK_DIR, 'organizations');
    #authorities = new Map();
    #tag;

    /** @param {string} tag goes into every name, so that scenarios can share a network */
    constructor(tag) {
        this.#tag = tag;
        this.endpoints = organizations();
        const kinds = (wanted) => Object.keys(this.endpoints).filter((msp) => this.endpoints[msp].kind === wanted);
        this.custodians = kinds('custodian');
        [this.home, this.second] = this.custodians;
        [this.provider] = kinds('provider');
        this.network = new Network(this.#folder, this.endpoints);
    }

    /** Registers what is not registered yet, and employs a registrar of this scenario's own. */
    static async open(tag) {
        const world = new World(tag);
        for (const [msp, { kind }] of Object.entries(world.endpoints)) {
            const admin = world.admin(msp);
            const { organization } = await admin.evaluate('WhoAmI');
            if (!organization) await admin.submit('RegisterOrganization', { kind });
        }
        world.hospital = world.admin(world.home);
        world.registrar = await world.employ('registrar', ['registrar']);
        world.clinician = world.enroll(world.provider, 'clinician');
        world.stranger = world.enroll(world.home, 'stranger');
        return world;
    }

    close() {
        this.network.close();
    }

    /** The same people where an organisation's gateway is reached by another endpoint. */
    by(msp, endpoint) {
        return new Network(this.#folder, { ...this.endpoints, [msp]: { ...this.endpoints[msp], endpoint } });
    }

    /** An organisation's administrator, at the gateway of the first custodian. */
    admin(msp) {
        return this.network.participant(msp, 'Admin', this.home);
    }

    /** What an organisation's certificate authority can do. */
    authority(msp) {
        if (!this.#authorities.has(msp)) this.#authorities.set(msp, new Authority(join(this.#organization(msp), 'ca')));
        return this.#authorities.get(msp);
    }

    /** Somebody who calls itself that authority. */
    falseAuthority(msp) {
        return new Authority(join(this.#organization(msp), 'ca'), newKeys().privateKey);
    }

    #organization(msp) {
        return join(this.#folder, 'peerOrganizations', this.endpoints[msp].domain);
    }

    /**
     * A new client of an organisation at the gateway of one.
     *
     * @param {string} subject whose name the certificate bears
     * @param {object} options of `Authority.issue`; `subjects`, for a certificate with other names; `authority`,
     * which certifies; `signer`, a pair that signs in the place of the certified one
     */
    enroll(msp, name, gatewayMsp = this.home, subject = name, { subjects = [`${this.#tag}-${subject}`], authority = this.authority(msp), signer, ...options } = {}) {
        const user = `${this.#tag}-${name}`;
        const { certificate, keys } = authority.issue(subjects, options);
        const folder = join(this.#organization(msp), 'users', `${user}@${this.endpoints[msp].domain}`, 'msp');
        const files = { signcerts: ['cert.pem', certificate], keystore: ['key.pem', (signer ?? keys).privateKey.export({ type: 'pkcs8', format: 'pem' })] };
        for (const [part, [file, content]] of Object.entries(files)) {
            mkdirSync(join(folder, part), { recursive: true });
            writeFileSync(join(folder, part, file), content);
        }
        return this.network.participant(msp, user, gatewayMsp);
    }

    /** A member of an organisation's staff, the first custodian's unless another is named. */
    async employ(name, roles, unit = 'root', msp = this.home) {
        const person = this.enroll(msp, name);
        await this.admin(msp).submit('RegisterStaff', { unit, roles, period: { start: 0 } }, { enrolment_id: person.enrolmentId });
        return person;
    }

    /** A patient that has confirmed, with a device. */
    async patient(name) {
        const actor = this.enroll(this.home, `p-${name}`);
        const device = this.enroll(this.home, `d-${name}`);
        const [sid, rk] = [hex(16), hex(16)];
        await this.registrar.submit('RegisterPatient', {}, registration(sid, actor));
        await actor.submit('ConfirmRegistration', {}, { sid, rk, secret: hex(32) });
        const from = Math.floor(Date.now() / GRID_MS) * GRID_MS - WINDOWS * GRID_MS;
        await actor.submit('RegisterDevice', {}, { sid, device: device.pid, key_hash: device.keyHash, profile: 'pulse-sensor', active_from: from });
        await device.submit('ConfirmDevice', {}, { sid });
        return new Patient(actor, device, sid, rk, from);
    }

    #system(msp, name, ...args) {
        return this.#reader(msp).gateway.getNetwork(CHANNEL).getContract('qscc').evaluateTransaction(name, CHANNEL, ...args);
    }

    #reader(msp) {
        return this.network.participant(msp, 'Admin', msp);
    }

    /** How many blocks an organisation's peer has. */
    async height(msp = this.home) {
        const info = await this.#system(msp, 'GetChainInfo');
        return common.BlockchainInfo.deserializeBinary(info).getHeight();
    }

    /** A block as a peer stores it. */
    block(number, msp = this.home) {
        return this.#system(msp, 'GetBlockByNumber', String(number));
    }

    /** The transactions of a block with their validation codes. */
    async transactions(number, msp = this.home) {
        return transactions(await this.block(number, msp));
    }
}

export class Patient {
    constructor(actor, device, sid, rk, from) {
        Object.assign(this, { actor, device, sid, rk, from });
    }

    /** The start of a window of the device's past. */
    window(number) {
        return this.from + number * GRID_MS;
    }

    batch(...records) {
        return { sid: this.sid, rk: this.rk, records };
    }

    /** What a read of all windows asks for. */
    question() {
        return { code: CODE, grid_s: GRID_S, from: this.from, until: this.window(WINDOWS) };
    }

    /** The windows on the ledger, as an organisation's own peer tells them. */
    async windows(actor = this.actor, options = {}) {
        const starts = [];
        let bookmark;
        do {
            const page = await actor.evaluate('ReadOwnSummaries', {}, { ...this.question(), bookmark }, options);
            starts.push(...page.records.map(({ summary: { start } }) => (start - this.from) / GRID_MS));
            ({ bookmark } = page);
        } while (bookmark);
        return starts.sort((a, b) => a - b);
    }
}

/** The private part of a patient's registration. */
export function registration(sid, actor) {
    return { sid, secret: hex(32), enrolment_id: actor.enrolmentId, key_hash: actor.keyHash };
}

/** A summary of a window that the contract takes. */
export function summary(start, locator) {
    const statistics = Object.entries({ average: '71.5', minimum: '58.0', maximum: '96.2', median: '70.9' });
    return {
        code: CODE,
        grid_s: GRID_S,
        start,
        unit: '/min',
        statistics: statistics.map(([stat, value]) => ({ stat, value })),
        count: 355,
        total_count: 357,
        raw: { alg: 'sha-256', digest: hex(32), sample_count: 30_000, format: 'ioht-raw/1', locator },
        modality: 'sensed',
        status: 'final',
    };
}
