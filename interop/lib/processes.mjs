// Child processes that never outlive this one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const STOP_MS = 10_000;
const LISTEN_MS = 30_000;
const LISTEN_POLL_MS = 50;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]]) {
    process.on(signal, () => process.exit(code));
}

export class Process {
    /** Starts a program whose output goes to the file `log`. */
    constructor(program, args, { log, env = {}, cwd }) {
        this.program = program;
        this.log = log;
        this.child = spawn(program, args, {
            cwd,
            env: { ...process.env, ...env },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        running.add(this.child);
        const file = createWriteStream(log);
        this.child.stdout.pipe(file, { end: false });
        this.child.stderr.pipe(file, { end: false });
        this.ended = once(this.child, 'close').then(
            ([code, signal]) => {
                running.delete(this.child);
                file.end();
                return code ?? signal;
            },
            (error) => {
                running.delete(this.child);
                return error.message;
            },
        );
        this.lines = createInterface({ input: this.child.stdout });
    }

    /** What `search` finds in the standard output line by line, until it says that it is done. */
    async until(search) {
        const found = new Promise((resolve) => {
            this.lines.on('line', (line) => {
                const result = search(line);
                if (result !== undefined) resolve(result);
            });
        });
        return Promise.race([found, this.#early()]);
    }

    async #early() {
        throw new Error(`${this.program} ended with ${await this.ended}; see ${this.log}`);
    }

    /** Waits until a connection to the port is taken. */
    async listens(port) {
        const deadline = Date.now() + LISTEN_MS;
        while (!(await answers(port))) {
            if (Date.now() > deadline) throw new Error(`${this.program} does not listen on ${port}; see ${this.log}`);
            await Promise.race([delay(LISTEN_POLL_MS), this.#early()]);
        }
    }

    async stop() {
        this.child.kill('SIGTERM');
        const killed = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
        const code = await this.ended;
        clearTimeout(killed);
        return code;
    }
}

function answers(port) {
    return new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        const settle = (result) => {
            socket.destroy();
            resolve(result);
        };
        socket.once('connect', () => settle(true));
        socket.once('error', () => settle(false));
    });
}

const PORTS = { first: 28_100, count: 4_500 };
const given = new Set();

/**
 * A port that nothing listens on at the moment and that was not given before. It lies below those that the
 * system gives to outgoing connections, so that none of them takes it until it is listened on.
 */
export async function freePort() {
    for (;;) {
        const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
        if (given.has(port)) continue;
        given.add(port);
        const server = createServer();
        const free = once(server.listen(port, '127.0.0.1'), 'listening').then(() => true, () => false);
        if (!(await free)) continue;
        server.close();
        await once(server, 'close');
        return port;
    }
}
