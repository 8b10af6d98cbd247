// Endorsements that are genuine and not enough: of one custodian, of the provider's peer, and of a
// provider that serves a contract of its own making to its peer, also under a function's own name and
// with custodians' signatures. None of them ever becomes valid.

import { gateway } from '@hyperledger/fabric-protos';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { transaction } from '../../lib/blocks.mjs';
import { Process, freePort } from '../../lib/processes.mjs';
import { Report } from '../../lib/report.mjs';
import { refusal } from '../network.mjs';
import { NETWORK_DIR, ROOT, World, failure, hex, summary, told, until } from './world.mjs';

const ENDORSEMENT_POLICY_FAILURE = 10;
const CHANNEL = 'mychannel';

const report = new Report('forgeries');
const world = await World.open('forgeries');
const patient = await world.patient('one');
const { home, second, provider } = world;
const decode = (bytes) => new TextDecoder().decode(bytes);

/** What becomes of a transaction that just these organisations endorse. */
async function code(actor, name, args, secret, endorsingOrganizations) {
    const transientData = secret && { private: JSON.stringify(secret) };
    const options = { arguments: [JSON.stringify(args)], transientData, endorsingOrganizations };
    const status = await (await actor.contract.submitAsync(name, options)).getStatus();
    return status.code;
}

async function tooFew() {
    const ring = { sid: patient.sid, device: hex(16), key_hash: hex(32), profile: 'ring' };
    report.equal(`${home} alone, private data`, await code(patient.actor, 'RegisterDevice', {}, ring, [home]), ENDORSEMENT_POLICY_FAILURE);
    const suspended = ['SetStatus', { target: 'device' }, { sid: patient.sid, device: ring.device, status: 'suspended' }];
    const absent = await failure('the device of one custodian', patient.actor.submit(...suspended));
    report.equal('the device is not registered', refusal(absent), 'DEVICE_UNKNOWN');
    for (const organizations of [[home], [provider], [home, provider], [second, provider]]) {
        const unit = `forged-${organizations.join('-')}`;
        const put = { unit, parent: 'root', name: 'A ward' };
        report.equal(`${organizations.join(' and ')}, public data`, await code(world.hospital, 'PutUnit', put, undefined, organizations), ENDORSEMENT_POLICY_FAILURE);
        const gone = await failure('a unit of too few', world.hospital.submit('SetStatus', { target: 'unit', unit, status: 'suspended' }));
        report.equal('the unit is not there', refusal(gone), 'UNIT_UNKNOWN');
    }
    const put = { unit: 'endorsed', parent: 'root', name: 'A ward' };
    report.equal(`${home} and ${second}: valid`, await code(world.hospital, 'PutUnit', put, undefined, [home, second]), 0);
}

/** Has the provider's peer take its chaincode from another server than the others. */
async function serveOwnContract() {
    const port = await freePort();
    const folder = join(NETWORK_DIR, 'forgeries');
    mkdirSync(folder);
    const script = `
        set -euo pipefail
        eval "$(network/network.sh env ${provider})"
        id=$(network/package.sh --label ioht_1.0 --address 127.0.0.1:${port} '${folder}/package.tar.gz')
        peer lifecycle chaincode install '${folder}/package.tar.gz' >&2
        sequence=$(peer lifecycle chaincode querycommitted -C ${CHANNEL} -n ioht | sed -n 's/.*Sequence: *\\([0-9]*\\).*/\\1/p')
        peer lifecycle chaincode approveformyorg "\${ORDERER_FLAGS[@]}" -C ${CHANNEL} -n ioht -v 1.0 --sequence "$sequence" \\
            --collections-config policies/collections.json --signature-policy "$(cat policies/endorsement-policy.txt)" --package-id "$id" >&2
        printf %s "$id"`;
    const id = execFileSync('bash', ['-c', script], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
    const env = { CHAINCODE_ID: id, CHAINCODE_SERVER_ADDRESS: `127.0.0.1:${port}` };
    const server = new Process(process.execPath, [join(ROOT, 'interop/shims/node/forger.mjs')], { log: join(folder, 'server.log'), env });
    await server.listens(port);
    return server;
}

async function ownContract() {
    await patient.device.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(0), 'forgeries')));
    const server = await serveOwnContract();
    try {
        await attack();
        await forge();
    } finally {
        await server.stop();
    }
    report.equal('the custodians go on without it', (await patient.device.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(1), 'forgeries')))).answer.created, 1);
}

/** What the contract that the provider serves answers. */
async function ask(name, args) {
    const options = { arguments: [JSON.stringify(args)], endorsingOrganizations: [provider] };
    return JSON.parse(decode(await world.admin(provider).contract.evaluate(name, options)));
}

async function attack() {
    const attacker = world.enroll(provider, 'attacker', provider);
    await until("the provider's peer serving its own contract", () => ask('Noop', {}).then(() => true, () => false));
    report.pass("the provider's peer runs a contract of its own");

    const key = `forged-${hex(8)}`;
    const write = (collection) => ({ writes: [{ op: 'put', collection, key, value: 'forged' }] });
    for (const [what, collection] of [['public state', ''], ['private data', 'health']]) {
        report.equal(`it writes ${what}, alone`, await code(attacker, 'Write', write(collection), undefined, [provider]), ENDORSEMENT_POLICY_FAILURE);
        for (const custodian of [home, second]) {
            const error = await failure('with a custodian', code(attacker, 'Write', write(collection), undefined, [provider, custodian]));
            report.check(`it writes ${what} together with ${custodian}, who refuses`, told(error).includes('UNKNOWN_FUNCTION'), () => told(error));
        }
    }
    report.equal('what it wrote is not there', [await ask('Get', { keys: [key] }), await ask('Hash', { collection: 'health', key })], [[null], null]);
    // Everything between the first and the last key of the collection that this peer has.
    const seen = await ask('Range', { collection: 'health', start: '\u0000', end: '', limit: 100 });
    report.equal('it reads the whole private collection of its own peer: nothing', seen, []);
}

/** What it writes under the name of a function that the custodians run as well, for whoever may call that. */
async function forge() {
    const admin = world.admin(provider);
    const unit = `forged-${hex(8)}`;
    const put = { unit, parent: 'root', name: 'A ward' };
    report.equal('it forges PutUnit, alone', await code(admin, 'PutUnit', put, undefined, [provider]), ENDORSEMENT_POLICY_FAILURE);
    const height = await world.height();
    for (const custodian of [home, second]) {
        const error = await failure('with a custodian', code(admin, 'PutUnit', put, undefined, [provider, custodian]));
        report.check(`it forges PutUnit together with ${custodian}: their payloads do not match`, told(error).includes('ProposalResponsePayloads do not match'), () => told(error));
    }
    report.equal('nothing of that is ordered', await world.height(), height);

    report.equal(`it forges PutUnit, and adds the signatures of ${home} and ${second} on theirs`, await mixed(admin, put, [provider], [home, second]), ENDORSEMENT_POLICY_FAILURE);
    report.equal('what it forged is not there', await ask('Get', { keys: [unit] }), [null]);
    // Proves that signatures are added as they have to be.
    report.equal(`PutUnit of ${home} and ${second}, with its signature on its own added: valid`, await mixed(admin, put, [home, second], [provider]), 0);
}

/** What becomes of `PutUnit` as `some` answer it, with the signatures of `others` on what they answer. */
async function mixed(actor, put, some, others) {
    const proposal = actor.contract.newProposal('PutUnit', { arguments: [JSON.stringify(put)], endorsingOrganizations: some });
    const endorsed = await proposal.endorse();
    const same = gateway.ProposedTransaction.deserializeBinary(proposal.getBytes());
    same.setEndorsingOrganizationsList(others);
    const other = await actor.gateway.newProposal(same.serializeBinary()).endorse();
    const status = await (await actor.gateway.newTransaction(withSignatures(endorsed, other)).submit()).getStatus();
    return status.code;
}

/** A prepared transaction with the endorsements of another on the same proposal, as bytes. */
function withSignatures(...both) {
    const [prepared, other] = both.map((one) => gateway.PreparedTransaction.deserializeBinary(one.getBytes()));
    const [to, from] = [prepared, other].map((one) => transaction(one.getEnvelope().serializeBinary()));
    to.endorsed.setEndorsementsList([...to.endorsed.getEndorsementsList(), ...from.endorsed.getEndorsementsList()]);
    to.transactionMessage.getActionsList()[0].setPayload(to.actionPayload.serializeBinary());
    to.payload.setData(to.transactionMessage.serializeBinary());
    prepared.getEnvelope().setPayload(to.payload.serializeBinary());
    return prepared.serializeBinary();
}

try {
    await tooFew();
    await ownContract();
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
