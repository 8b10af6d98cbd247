// A certificate authority of a network, in this process: as many clients as a scenario needs, and
// certificates that no authority should issue.

import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { integer, octets, sequence, tagged } from '../../lib/der.mjs';

const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');
const DAYS = 30;
const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const UNIT = oid(0x55, 0x04, 0x0b);
const KEY_USAGE = oid(0x55, 0x1d, 0x0f);
/** Where Fabric's certificate authority puts attributes. */
const ATTRIBUTES = oid(0x2a, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x01);
const TRUE = tagged(0x01, Buffer.from([0xff]));

export class Authority {
    #key;
    #name;

    /**
     * @param {string} folder `ca` of an organisation, with the authority's certificate and key
     * @param {KeyObject} key another one, for an authority that only bears the name
     */
    constructor(folder, key) {
        const read = (end) => readFileSync(join(folder, onlyName(folder, end)));
        this.#key = key ?? createPrivateKey(read('_sk'));
        // What it signs names it as it is named itself, byte by byte.
        this.#name = subjectOf(new X509Certificate(read('-cert.pem')).raw);
    }

    /**
     * Certifies a client's key.
     *
     * @param {string[]} names its common names: one, unless an odd certificate is wanted
     * @param {object} options `units`; `keys`, a new pair unless given; `attributes`, as Fabric's authority
     * writes; `from` and `until`, in milliseconds. Peers look at the chain as it was at `from`, and the
     * authority is hardly older than that.
     */
    issue(names, { units = ['client'], keys = newKeys(), attributes, from = Date.now(), until = from + DAYS * DAY_MS } = {}) {
        const extensions = [sequence(KEY_USAGE, TRUE, octets(Buffer.from([0x03, 0x02, 0x07, 0x80])))];
        if (attributes) extensions.push(sequence(ATTRIBUTES, octets(Buffer.from(JSON.stringify({ attrs: attributes })))));
        const content = sequence(
            tagged(0xa0, integer(2)),
            integer(BigInt(`0x${randomBytes(16).toString('hex')}`)),
            ECDSA_WITH_SHA256,
            this.#name,
            sequence(time(from), time(until)),
            sequence(...units.map((unit) => named(UNIT, unit)), ...names.map((name) => named(COMMON_NAME, name))),
            keys.publicKey.export({ type: 'spki', format: 'der' }),
            tagged(0xa3, sequence(...extensions)),
        );
        const certificate = sequence(content, ECDSA_WITH_SHA256, bits(this.#signature(content)));
        const lines = certificate.toString('base64').match(/.{1,64}/g);
        return { certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'), keys };
    }

    /** Fabric takes the lower of the two values that S can have. */
    #signature(content) {
        const plain = sign('sha256', content, { key: this.#key, dsaEncoding: 'ieee-p1363' });
        const number = (bytes) => BigInt(`0x${bytes.toString('hex')}`);
        const [r, s] = [number(plain.subarray(0, 32)), number(plain.subarray(32))];
        return sequence(integer(r), integer(s > ORDER / 2n ? ORDER - s : s));
    }
}

export function newKeys() {
    return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function oid(...bytes) {
    return tagged(0x06, Buffer.from(bytes));
}

const bits = (bytes) => tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]));
const named = (type, text) => tagged(0x31, sequence(type, tagged(0x0c, Buffer.from(text))));
const time = (at) => tagged(0x17, Buffer.from(new Date(at).toISOString().replace(/^..|[-:T]|\.\d+/g, '')));

/** The subject of a certificate: the sixth part of what is signed, of a version 3 one. */
function subjectOf(certificate) {
    const [content] = parts(inside(certificate));
    return parts(inside(content))[5];
}

/** Where the content of what starts at `at` lies. */
function extent(bytes, at) {
    const first = bytes[at + 1];
    const width = first < 0x80 ? 0 : first - 0x80;
    const start = at + 2 + width;
    return [start, start + (width === 0 ? first : bytes.readUIntBE(at + 2, width))];
}

function inside(bytes) {
    return bytes.subarray(...extent(bytes, 0));
}

function parts(bytes) {
    const found = [];
    for (let at = 0; at < bytes.length; ) {
        const [, end] = extent(bytes, at);
        found.push(bytes.subarray(at, end));
        at = end;
    }
    return found;
}

function onlyName(folder, end) {
    const names = readdirSync(folder).filter((name) => name.endsWith(end));
    if (names.length !== 1) throw new Error(`${folder}: one file …${end} is expected, not ${names.length}`);
    return names[0];
}
