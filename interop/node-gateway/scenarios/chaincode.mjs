// The chaincode's server as something to stop, kill and start again: on a real network the one that
// network.sh serves, on a devnet a process of the scenario's own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Process } from '../../lib/processes.mjs';
import { IS_DEVNET, NETWORK_DIR, ROOT, network, until } from './world.mjs';

const ADDRESS = process.env.CHAINCODE_ADDRESS;
const PORT = Number(ADDRESS.split(':').at(-1));
const POLICIES = process.env.POLICIES_DIR ?? join(ROOT, 'policies');
/** How /proc/net/tcp writes the states of a connection. */
const [ESTABLISHED, CLOSE_WAIT, LISTEN] = ['01', '08', '0A'];

class ChaincodeServer {
    #others = 0;

    /** Tells it to end, and waits as `kill` does. */
    async stop() {
        await this.end();
        await gone();
    }

    /** Kills it, and waits until all of its threads are gone and its peers' ends of the connections are closed. */
    async kill() {
        process.kill(this.pid(), 'SIGKILL');
        await gone();
    }

    /** Kills it when it has a transaction to run that it has not read yet. */
    async killWhileRunning() {
        process.kill(this.pid(), 'SIGSTOP');
        await until('the arrival of a transaction at the server', () => unread() > 0);
        await this.kill();
    }

    /** Another server in its place, which says that it is the one of this package id. */
    async another(id) {
        this.#others += 1;
        return launch(join(this.logs, `chaincode-of-another-id-${this.#others}.log`), id);
    }
}

/** The machine's sockets: ports, state, and how many bytes wait to be read. */
function sockets() {
    const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1);
    const port = (address) => parseInt(address.split(':')[1], 16);
    return rows.map((row) => {
        const [, local, remote, state, queues] = row.trim().split(/\s+/);
        return { local: port(local), remote: port(remote), state, unread: parseInt(queues.split(':')[1], 16) };
    });
}

/** Bytes that reached the chaincode server's connections and that it has not read. */
function unread() {
    const connections = sockets().filter(({ local, state }) => local === PORT && state === ESTABLISHED);
    return connections.reduce((sum, { unread: bytes }) => sum + bytes, 0);
}

async function gone() {
    const isOpen = ({ local, remote, state }) => (local === PORT && state === LISTEN) || (remote === PORT && [ESTABLISHED, CLOSE_WAIT].includes(state));
    await until('the end of the server and of its connections', () => !sockets().some(isOpen));
}

async function launch(log, id) {
    const env = { CHAINCODE_ID: id, CHAINCODE_SERVER_ADDRESS: ADDRESS };
    const server = new Process(process.env.CCAAS_SERVER, ['--policies', POLICIES], { log, env });
    await server.listens(PORT);
    return server;
}

class NetworkServer extends ChaincodeServer {
    logs = join(NETWORK_DIR ?? '', 'logs');

    pid() {
        return Number(readFileSync(join(NETWORK_DIR, 'pids', 'chaincode'), 'utf8').split(' ')[0]);
    }

    async start() {
        network('serve');
    }

    async end() {
        network('down', 'chaincode');
    }

    /** Whoever comes next finds it running. */
    async leave() {}
}

class DevnetServer extends ChaincodeServer {
    logs = process.env.LOGS;
    #process;
    #starts = 0;

    pid() {
        return this.#process.child.pid;
    }

    async start() {
        this.#starts += 1;
        this.#process = await launch(join(this.logs, `chaincode-${this.#starts}.log`), process.env.CHAINCODE_ID);
    }

    async end() {
        await this.#process.stop();
    }

    async leave() {
        await this.stop();
    }
}

/** The server of the network that the environment names; a devnet's has to be started. */
export function chaincodeServer() {
    return IS_DEVNET ? new DevnetServer() : new NetworkServer();
}
