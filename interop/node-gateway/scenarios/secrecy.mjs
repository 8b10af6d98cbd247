// Health data in the files of real peers and of the orderer: where it is, where it must never be, and
// who is not told of it.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { Report } from '../../lib/report.mjs';
import { CHANNEL } from '../network.mjs';
import { live, needles as sought } from './acts.mjs';
import { journal, table } from './leveldb.mjs';
import { NETWORK_DIR, World, failure, hex, network, summary, told, until } from './world.mjs';

/** Where a custodian's peer keeps private data in clear. */
const PRIVATE_STORES = ['ledgersData/pvtdataStore', 'ledgersData/stateLeveldb', 'transientstore'];
const FORBIDDEN = 403;
const RECORDS = 3;

const report = new Report('secrecy');
const MARKER = `planted-marker-${hex(8)}`;
const world = await World.open('secrecy');
let needles;
/** What of it a custodian's peer keeps. */
let kept;
/** The number of the block with the records, and their transaction's id, which is no secret. */
let submitted;
let transactionId;

/** Plants the marker, and leaves the traces of failures too. */
async function plant() {
    const patient = await world.patient('one');
    const records = Array.from({ length: RECORDS }, (_, number) => summary(patient.window(number), MARKER));
    const batch = patient.batch(...records);
    ({ block: submitted, transactionId } = await patient.device.submit('SubmitSummaries', {}, batch));
    report.equal('the patient reads what the device sent', await patient.windows(), [0, 1, 2]);
    await failure('a provider reads', world.clinician.evaluate('ReadOwnSummaries', {}, patient.question()));
    await failure('a provider submits', world.clinician.submit('SubmitSummaries', {}, batch));
    const mistaken = patient.actor.submit('ReadOwnSummaries', {}, patient.question(), { endorsingOrganizations: world.custodians });
    await failure('a query is submitted', mistaken);
    await failure('a provider endorses', patient.device.submit('SubmitSummaries', {}, batch, { endorsingOrganizations: [world.provider] }));
    const hexadecimal = { 'subject id': patient.sid, 'records key': patient.rk, "raw data's digest": records[0].raw.digest };
    needles = [['marker', Buffer.from(MARKER)]];
    for (const [what, text] of Object.entries(hexadecimal)) {
        needles.push([what, Buffer.from(text, 'hex')], [`${what} in hexadecimal`, Buffer.from(text)]);
    }
    // Another patient's consent, accesses, delegations, commands and corrections.
    const { planted } = await live(world);
    needles.push(...sought(planted));
    kept = planted.map(([what]) => what).filter((what) => !what.startsWith('field of'));
    return patient;
}

const files = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

/** The needles that a file holds, as it is and as LevelDB reads it. */
function found(file) {
    const bytes = readFileSync(file);
    const forms = [bytes];
    if (/\/\d+\.log$/.test(file)) forms.push(journal(bytes));
    if (file.endsWith('.ldb')) forms.push(table(bytes));
    return needles.filter(([, needle]) => forms.some((form) => form.includes(needle))).map(([what]) => what);
}

function scan(when) {
    const data = join(NETWORK_DIR, 'data');
    const [peers, owners] = [Object.keys(world.endpoints), readdirSync(data).sort()];
    report.equal(`${when}: every peer's files and the orderer's are searched`, owners, [...peers, 'orderer'].sort());
    for (const owner of owners) {
        const folder = join(data, owner);
        const all = files(folder);
        const tells = all.filter((file) => /\/blockfile_\d+$/.test(file) && readFileSync(file).includes(transactionId));
        report.equal(`${when}: ${owner} has the transaction in its blocks`, tells.length, 1);
        const holds = all.map((file) => [relative(folder, file), found(file)]).filter(([, what]) => what.length > 0);
        const custodian = world.custodians.includes(owner);
        const allowed = (file) => custodian && PRIVATE_STORES.some((store) => file.startsWith(`${store}/`));
        report.equal(`${when}: ${owner}'s ${all.length} files hold none of it${custodian ? ' but in private stores' : ''}`, holds.filter(([file]) => !allowed(file)), []);
        if (!custodian) continue;
        // Proves that the search finds what is there.
        for (const store of PRIVATE_STORES.slice(0, 2)) {
            report.check(`${when}: ${owner} keeps the records in ${store}`, holds.some(([file, what]) => file.startsWith(store) && what.includes('marker')));
        }
        const stored = new Set(holds.filter(([file]) => file.startsWith(PRIVATE_STORES[0])).flatMap(([, what]) => what));
        const missed = kept.filter((what) => !stored.has(what) && !stored.has(`${what}, in bytes`));
        report.equal(`${when}: ${owner} keeps all ${kept.length} values that were planted in consent, access, delegation, commands and corrections`, missed, []);
    }
    const logs = files(join(NETWORK_DIR, 'logs'));
    const due = ['chaincode', 'orderer', ...peers.map((peer) => `peer-${peer}`)];
    const written = logs.filter((file) => statSync(file).size > 0).map((file) => basename(file, '.log'));
    report.equal(`${when}: every program has its log`, due.filter((name) => !written.includes(name)), []);
    report.equal(`${when}: ${logs.length} logs hold none of it`, logs.filter((file) => found(file).length > 0), []);
    return files(data).filter((file) => file.endsWith('.ldb') && found(file).length > 0).length;
}

/** Reads one event of a stream that is closed then. */
async function first(open) {
    const events = await open;
    try {
        for await (const event of events) return event;
        throw new Error('the stream ended');
    } finally {
        events.close();
    }
}

async function delivered() {
    const options = { startBlock: submitted };
    const channel = (actor) => actor.gateway.getNetwork(CHANNEL);
    const curious = await world.patient('curious');
    const askers = [
        ["the hospital's clinician", world.home, await world.employ('colleague', ['practitioner'])],
        ["the hospital's registrar", world.home, world.registrar],
        ['another patient', world.home, curious.actor],
        ['a device', world.home, curious.device],
    ];
    for (const msp of [world.home, world.second]) {
        askers.push([`a client of ${world.second}`, msp, world.enroll(world.second, `reader-at-${msp}`, msp)]);
        askers.push(['a provider', msp, world.enroll(world.provider, `reader-at-${msp}`, msp)]);
        askers.push(["a provider's administrator", msp, world.network.participant(world.provider, 'Admin', msp)]);
        askers.push(["a provider's peer", msp, world.network.peer(world.provider, msp)]);
    }
    for (const [who, msp, asker] of askers) {
        for (const [what, open] of [
            ['full blocks', (of) => of.getBlockEvents(options)],
            ['blocks with private data', (of) => of.getBlockAndPrivateDataEvents(options)],
        ]) {
            const error = await failure(what, first(open(channel(asker))));
            report.check(`${who} asks ${msp}'s peer for ${what}: FORBIDDEN`, told(error).includes(String(FORBIDDEN)), () => told(error));
        }
        const asked = channel(asker).getContract('qscc').evaluateTransaction('GetBlockByNumber', CHANNEL, String(submitted));
        const denied = await failure('a block by query', asked);
        report.check(`${who} queries ${msp}'s peer for a block: denied`, told(denied).includes('access denied'), () => told(denied));
        const filtered = await first(channel(asker).getFilteredBlockEvents(options));
        const holds = needles.filter(([, needle]) => Buffer.from(filtered.serializeBinary()).includes(needle));
        report.check(`${who} asks ${msp}'s peer for filtered blocks: given, with nothing in them`, Number(filtered.getNumber()) === Number(submitted) && holds.length === 0);
    }
    const custodian = await first(channel(world.hospital).getBlockAndPrivateDataEvents(options));
    report.check("a custodian's administrator is given the block with its private data", Buffer.from(custodian.serializeBinary()).includes(MARKER));
    const whole = await first(channel(world.hospital).getBlockEvents(options));
    report.check("a custodian's administrator is given the block", whole.getData().getDataList().length > 0);
}

try {
    const patient = await plant();
    for (const msp of Object.keys(world.endpoints)) await until(`the records at ${msp}'s peer`, async () => (await world.height(msp)) > submitted);
    scan('running');
    await delivered();
    world.close();
    // On the next start journals become compressed tables.
    network('down');
    network('up');
    network('serve');
    const tables = scan('started again');
    report.check(`the records were found in ${tables} compressed tables`, tables > 0);
    const again = new World('secrecy');
    const reader = again.network.participant(again.home, 'secrecy-p-one');
    report.equal('the patient reads the same after everything was stopped', await patient.windows(reader), [0, 1, 2]);
    again.close();
} catch (error) {
    report.fail('it broke off', error.stack);
    world.close();
}
report.close();
