// Nothing is guessable: whoever has every block builds each private key that can be built of what
// stands there in clear, and compares hashes. What is planted in private parts is in no block and no log.

import { msp } from '@hyperledger/fabric-protos';
import { X509Certificate } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readWriteSet, transactions } from '../../lib/blocks.mjs';
import { Report } from '../../lib/report.mjs';
import { participantId } from '../network.mjs';
import { live, needles } from './acts.mjs';
import { keyHash, newest, privateTables, sha256, time, version } from './keys.mjs';
import { CODE, GRID_MS, GRID_S, NETWORK_DIR, ROOT, World } from './world.mjs';

const HOUR_MS = 3_600_000;
const WINDOWS = 200;
const VERSIONS = 4;
/** Tables whose keys anyone with a certificate can compute, as docs/security.md says. */
const OPEN = ['device', 'key', 'patient'];
/** Tables whose keys can be computed with a subject id that was not to be known, as it says too. */
const BY_SUBJECT = ['access', 'head', 'rate'];

const report = new Report('guessing');
const world = await World.open('guessing');

/** Everything in clear in all blocks that a guess can be made of, and every hash of a private key or value. */
async function readLedger() {
    const seen = { keys: new Set(), values: new Map(), people: new Map(), transactions: [], tickets: new Set(), blocks: [] };
    const height = await world.height();
    for (let number = 0; number < height; number += 1) {
        const bytes = await world.block(number);
        seen.blocks.push(Buffer.from(bytes));
        for (const one of transactions(bytes)) note(seen, one);
    }
    return seen;
}

function note(seen, { txId, channelHeader, signatureHeader, action }) {
    const creator = msp.SerializedIdentity.deserializeBinary(signatureHeader.getCreator_asU8());
    const certificate = new X509Certificate(Buffer.from(creator.getIdBytes_asU8()));
    const key = sha256(certificate.publicKey.export({ type: 'spki', format: 'der' }));
    const name = /(?:^|\n)CN=(.*)/.exec(certificate.subject)?.[1];
    seen.people.set(key, { pid: participantId(creator.getMspid(), name), key });
    const at = channelHeader.getTimestamp();
    seen.transactions.push({ txId, at: at.getSeconds() * 1000 + Math.floor(at.getNanos() / 1_000_000) });
    const answer = new TextDecoder().decode(action.getResponse().getPayload_asU8());
    for (const [ticket] of answer.matchAll(/[0-9]{13}\.[0-9a-f]{32}/g)) seen.tickets.add(ticket);
    for (const { collections } of readWriteSet(action.getResults_asU8())) {
        for (const { hashed } of collections.filter(({ name: collection }) => collection === 'health')) {
            for (const { keyHash: hash } of [...(hashed.hashedReads ?? []), ...(hashed.hashedWrites ?? [])]) seen.keys.add(Buffer.from(hash, 'base64').toString('hex'));
            const written = (hashed.hashedWrites ?? []).map(({ valueHash }) => valueHash).filter(Boolean);
            // An envelope that was sent twice stands there twice.
            if (written.length > 0) seen.values.set(txId, written);
        }
    }
}

const policies = (file) => JSON.parse(readFileSync(join(ROOT, 'policies', `${file}.json`), 'utf8'));

/**
 * Tables with a key of which the hash is on the ledger, by what a guesser has.
 *
 * @param {string[]} subjects what may be a subject id
 * @param {string[]} records what may be a records key
 */
function guess(seen, { subjects, records, life, directives = [], devices, until }) {
    const hits = new Map();
    const attempt = (table, ...parts) => {
        tried += 1;
        if (seen.keys.has(keyHash(table, ...parts))) hits.set(table, (hits.get(table) ?? 0) + 1);
    };
    for (const { pid, key } of seen.people.values()) {
        attempt('patient', pid);
        attempt('device', pid);
        attempt('key', key);
    }
    const hours = [0, 1].map((back) => time(Math.floor(until / HOUR_MS) - back));
    const people = [...seen.people.values()].map(({ pid }) => `pid:${pid}`);
    for (const sid of subjects) {
        attempt('head', sid);
        for (const ticket of seen.tickets) attempt('access', sid, ticket);
        for (const device of devices) {
            for (const who of people) for (const hour of hours) attempt('rate', sid, device, who, hour);
            // An id of a command is drawn at random; those of transactions are at hand.
            for (const { txId, at } of seen.transactions) attempt('command', sid, device, time(at + 300_000), txId.slice(0, 32));
        }
    }
    const names = [...policies('presets').presets.map(({ id }) => id), ...directives];
    const codes = policies('codes').codes.map(({ code, grids_s: grids }) => [code, grids]);
    for (const rk of records) {
        attempt('records_key', rk);
        for (const ticket of seen.tickets) attempt('disclosure', rk, ticket);
        for (const { txId, at } of seen.transactions) attempt('journal', rk, newest(at), txId);
        for (let number = 1; number <= VERSIONS; number += 1) for (const name of names) attempt('directive', rk, name, version(number));
        for (const [code, grids] of codes) {
            for (const grid of grids.filter((length) => code === CODE || length === GRID_S)) {
                for (let window = 0; window < WINDOWS; window += 1) {
                    const start = time(life.from + window * GRID_MS);
                    for (const device of devices) {
                        attempt('record', rk, code, String(grid), start, device);
                        if (code === CODE) for (let number = 1; number <= VERSIONS; number += 1) attempt('record_old', rk, code, String(grid), start, device, version(number));
                    }
                }
            }
        }
    }
    return [...hits.keys()].sort();
}

let tried = 0;

/** Files whose names end with `.log` below a folder. */
const logs = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith('.log')).map((entry) => join(entry.parentPath, entry.name));

try {
    const { patient, planted, directives } = await live(world);
    const seen = await readLedger();
    const until = Date.now();
    const devices = [patient.device.pid];
    const publicIds = [patient.actor.pid, patient.device.pid, patient.actor.keyHash.slice(0, 32), '0'.repeat(32), ...seen.transactions.slice(-20).map(({ txId }) => txId.slice(0, 32))];
    const shared = { life: patient, devices, until };
    console.log(`  ${seen.blocks.length} blocks, ${seen.keys.size} hashes of keys, ${seen.people.size} certificates, ${seen.tickets.size} names of accesses and disclosures`);

    report.equal('of what stands in blocks alone', guess(seen, { ...shared, subjects: publicIds, records: publicIds }), OPEN);
    report.equal('with a subject id as well: no record, directive, disclosure, command or entry of the journal', guess(seen, { ...shared, subjects: [...publicIds, patient.sid], records: [...publicIds, patient.sid], directives }), [...OPEN, ...BY_SUBJECT].sort());
    // What must be found is found: with the secrets every table has a key that was on the ledger.
    const known = guess(seen, { ...shared, subjects: [patient.sid], records: [patient.rk], directives });
    report.equal('with the records key too every table but that of commands is found, so that finding nothing means something', known, privateTables().filter((table) => table !== 'command'));
    const command = planted.find(([what]) => what === 'command')[1];
    report.check('and the command by its own id', [...Array(60_000).keys()].some((ms) => seen.keys.has(keyHash('command', patient.sid, patient.device.pid, time(until + 600_000 - ms), command))));
    console.log(`  ${tried} keys were guessed`);

    const values = [...seen.values.values()].flat();
    report.equal(`${values.length} private values were written: no hash of one occurs twice`, values.length - new Set(values).size, 0);

    const wanted = needles(planted);
    const held = (bytes) => wanted.filter(([, needle]) => bytes.includes(needle)).map(([what]) => what);
    report.equal(`${planted.length} planted values: none is in any block`, seen.blocks.flatMap(held), []);
    // An answer names an access: the search finds what is in a block.
    const [ticket] = seen.tickets;
    report.check('an access that was answered is in a block', seen.blocks.some((block) => block.includes(ticket)));
    const folder = process.env.LOGS ?? join(NETWORK_DIR, 'logs');
    report.equal(`${logs(folder).length} logs: none is there either`, logs(folder).flatMap((file) => held(readFileSync(file)).map((what) => [file, what])), []);
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
