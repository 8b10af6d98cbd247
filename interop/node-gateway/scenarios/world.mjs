// A real network with its people: what every scenario starts from.
//
// The network is the one that network/network.sh finds by its settings in the environment, up and
// deployed. Everybody but administrators is issued a certificate by openssl from the keys of the
// authorities that cryptogen left, so that a name can have a second key.

import { common } from '@hyperledger/fabric-protos';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transactions } from '../../lib/blocks.mjs';
import { CHANNEL, Network } from '../network.mjs';

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');
export const NETWORK_DIR = process.env.NETWORK_DIR;
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

export class World {
    #folder = join(NETWORK_DIR, 'organizations');
    #tag;

    /** @param {string} tag goes into every name, so that scenarios can share a network */
    constructor(tag) {
        this.#tag = tag;
        this.endpoints = JSON.parse(network('endpoints'));
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

    /** An organisation's administrator, at the gateway of the first custodian. */
    admin(msp) {
        return this.network.participant(msp, 'Admin', this.home);
    }

    /**
     * A new client of an organisation at the gateway of one.
     *
     * @param {string} subject whose name the certificate bears
     */
    enroll(msp, name, gatewayMsp = this.home, subject = name) {
        const { domain } = this.endpoints[msp];
        const organization = join(this.#folder, 'peerOrganizations', domain);
        const authority = join(organization, 'ca');
        const user = `${this.#tag}-${name}`;
        const msps = join(organization, 'users', `${user}@${domain}`, 'msp');
        for (const part of ['signcerts', 'keystore']) mkdirSync(join(msps, part), { recursive: true });
        const request = join(msps, 'request.pem');
        const extensions = join(msps, 'extensions');
        writeFileSync(extensions, 'keyUsage=critical,digitalSignature\n');
        const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
        openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/OU=client/CN=${this.#tag}-${subject}`,
            '-keyout', join(msps, 'keystore', 'key.pem'), '-out', request);
        openssl('x509', '-req', '-in', request, '-sha256', '-days', '30', '-set_serial', `0x00${hex(16)}`, '-extfile', extensions,
            '-CA', join(authority, onlyName(authority, '-cert.pem')), '-CAkey', join(authority, onlyName(authority, '_sk')),
            '-out', join(msps, 'signcerts', 'cert.pem'));
        [request, extensions].forEach((file) => rmSync(file));
        return this.network.participant(msp, user, gatewayMsp);
    }

    /** A member of the first custodian's staff. */
    async employ(name, roles, unit = 'root') {
        const person = this.enroll(this.home, name);
        await this.hospital.submit('RegisterStaff', { unit, roles, period: { start: 0 } }, { enrolment_id: person.enrolmentId });
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

    /** The transactions of a block with their validation codes. */
    async transactions(number, msp = this.home) {
        return transactions(await this.#system(msp, 'GetBlockByNumber', String(number)));
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

function onlyName(folder, end) {
    const names = readdirSync(folder).filter((name) => name.endsWith(end));
    assert.equal(names.length, 1, `${folder}: ${names}`);
    return names[0];
}
