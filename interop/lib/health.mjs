// A devnet with the health-IoT contract and the people of the story.

import { join } from 'node:path';
import { Devnet, ROOT, binary } from './devnet.mjs';
import { Process } from './processes.mjs';

const CHAINCODE = 'ioht';
const POLICIES = join(ROOT, 'policies');
/** Everybody in the story who is not an administrator. */
const USERS = [
    ['Org1MSP', 'registrar'],
    ['Org1MSP', 'patient'],
    ['Org1MSP', 'device'],
    ['Org1MSP', 'stranger'],
    ['Org3MSP', 'clinician'],
];

/**
 * Starts it in `dir`; `run` runs a client program there, `stop` ends it.
 *
 * @param served whether the chaincode's server is started as well: a program that is to kill it starts its own
 */
export async function healthDevnet(dir, { served = true } = {}) {
    const options = ['--collections', join(POLICIES, 'collections.json'), '--endorsement-policy', join(POLICIES, 'endorsement-policy.txt')];
    const devnet = await Devnet.start(dir, CHAINCODE, options);
    for (const [msp, name] of USERS) devnet.enroll(msp, name);
    const { CHAINCODE_ID, CHAINCODE_SERVER_ADDRESS: CHAINCODE_ADDRESS } = devnet.chaincode.env;
    const [CCAAS_SERVER, POLICIES_DIR] = [binary('ccaas-server'), POLICIES];
    let server;
    if (served) {
        server = new Process(CCAAS_SERVER, ['--policies', POLICIES], { log: join(dir, 'chaincode.log'), env: devnet.chaincode.env });
        await server.listens(devnet.chaincode.port);
    }
    return {
        devnet,
        /** Resolves to the exit code of the program; its output goes to the file `client.log` and, `shown`, to ours. */
        async run(program, args, { shown = false, ...options } = {}) {
            const network = { ENDPOINTS: JSON.stringify(devnet.endpoints), ORGANIZATIONS: devnet.organizations, CHAINCODE_NAME: CHAINCODE, LOGS: dir };
            const env = { ...network, CHAINCODE_ID, CHAINCODE_ADDRESS, CCAAS_SERVER, POLICIES_DIR };
            const client = new Process(program, args, { log: join(dir, 'client.log'), env, ...options });
            if (shown) client.lines.on('line', (line) => console.log(line));
            return client.ended;
        },
        async stop() {
            await server?.stop();
            await devnet.stop();
        },
    };
}
