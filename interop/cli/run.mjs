// The commands of the README and of docs/peer-cli.md on devnets, by Fabric's own peer command of each release found.

import { common } from '@hyperledger/fabric-protos';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { ROOT, binary, folder } from '../lib/devnet.mjs';
import { healthDevnet } from '../lib/health.mjs';
import { Report } from '../lib/report.mjs';

const DOCUMENTS = ['README.md', 'docs/peer-cli.md'];
const COMMANDS_MS = 300_000;
const RUNNER = join(ROOT, 'network/tests/documented.sh');

const report = new Report('cli');
for (const bin of releases()) for (const document of DOCUMENTS) await documented(bin, document);
report.close();

/** Folders with the peer command: those of FABRIC_BIN, else the first one of PATH. */
function releases() {
    const folders = (process.env.FABRIC_BIN ?? '').split(delimiter).filter((one) => one !== '');
    const searched = folders.length > 0 ? folders : process.env.PATH.split(delimiter);
    const found = searched.filter((one) => existsSync(join(one, 'peer')));
    return folders.length > 0 ? found : found.slice(0, 1);
}

async function documented(bin, document) {
    const dir = folder('cli');
    const health = await healthDevnet(dir);
    try {
        const env = { ...process.env, DEVNET_DIR: health.devnet.dir, PATH: [bin, dirname(binary('fabric-devnet')), process.env.PATH].join(delimiter) };
        const bash = (...args) => execFileSync('bash', args, { cwd: ROOT, env, encoding: 'utf8', timeout: COMMANDS_MS, stdio: ['ignore', 'pipe', 'pipe'] });
        const version = /Version: *v?([\w.]+)/.exec(bash('-c', 'peer version'))[1];
        const file = join(dir, 'document.md');
        writeFileSync(file, forDevnet(document, health.devnet.dir));
        attempt(`peer ${version}: the commands of ${document} do as printed`, () => bash(RUNNER, file));
        for (const flags of ['', '"${ORDERER_FLAGS[@]}"']) {
            const block = join(dir, `config${flags.length}.block`);
            const from = flags === '' ? 'peer' : 'orderer';
            attempt(`peer ${version}: the configuration that it fetches from the ${from} is complete`, () => {
                bash('-c', `eval "$(fabric-devnet env --dir "$DEVNET_DIR" --org Org1MSP)" && peer channel fetch config "$0" -c mychannel ${flags}`, block);
                checkConfiguration(readFileSync(block));
            });
        }
    } finally {
        await health.stop();
    }
}

function attempt(what, run) {
    try {
        run();
        report.pass(what);
    } catch (error) {
        report.fail(what, error.stderr || error.message);
    }
}

/** A document with the commands that reach a devnet, in `dir`, in place of those that reach a network. */
function forDevnet(document, dir) {
    const text = readFileSync(join(ROOT, document), 'utf8');
    const network = text.replace(/```bash\n(?:eval "\$\()?network\/network\.sh [^`]*```\n/g, '');
    if (network === text || !network.includes('```bash devnet\n')) throw new Error(`${document} does not tell how to reach both kinds of networks`);
    // Where the README's reader has built the commands, and keeps the devnet.
    const here = network.replaceAll('$PWD/target/release', dirname(binary('fabric-devnet'))).replaceAll('devnet-data', dir);
    return here.replaceAll('```bash devnet\n', '```bash\n');
}

/** What makes a first block one that Fabric's tools can work with, by its own message classes. */
function checkConfiguration(bytes) {
    const [envelope] = common.Block.deserializeBinary(bytes).getData().getDataList_asU8();
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(envelope).getPayload_asU8());
    const channel = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig().getChannelGroup();
    const group = (parent, name) => {
        const found = parent.getGroupsMap().get(name);
        if (!found) throw new Error(`there is no group ${name}`);
        return found;
    };
    const value = (parent, name) => {
        if (!parent.getValuesMap().get(name)?.getValue_asU8().length) throw new Error(`there is no value ${name}`);
    };
    for (const name of ['HashingAlgorithm', 'BlockDataHashingStructure', 'Capabilities']) value(channel, name);
    const [application, orderer] = [group(channel, 'Application'), group(channel, 'Orderer')];
    for (const name of ['ACLs', 'Capabilities']) value(application, name);
    for (const name of ['ConsensusType', 'BatchSize', 'BatchTimeout', 'Capabilities']) value(orderer, name);
    for (const msp of ['Org1MSP', 'Org2MSP', 'Org3MSP']) value(group(application, msp), 'MSP');
    value(group(orderer, 'OrdererMSP'), 'Endpoints');
    if (!application.getPoliciesMap().get('Custodians')) throw new Error('there is no policy Custodians');
}
