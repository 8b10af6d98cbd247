// A TCP line to an endpoint, which breaks when it is told to.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Transform } from 'node:stream';

export class Line {
    /** So many bytes of what the endpoint sends pass by each connection, before it breaks. */
    bytesMax = Infinity;
    #server;
    #sockets = new Set();

    constructor(server) {
        this.#server = server;
        this.endpoint = `127.0.0.1:${server.address().port}`;
    }

    static async to(endpoint) {
        const [host, port] = endpoint.split(':');
        const server = createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        const line = new Line(server);
        server.on('connection', (near) => line.#connect(near, connect(Number(port), host)));
        return line;
    }

    #connect(near, far) {
        let left = this.bytesMax;
        const transform = (chunk, _, done) => {
            const passes = chunk.subarray(0, left);
            left -= passes.length;
            done(null, passes);
            if (left === 0) near.end();
        };
        near.pipe(far).pipe(new Transform({ transform })).pipe(near);
        for (const [socket, other] of [[near, far], [far, near]]) {
            this.#sockets.add(socket);
            // Whatever ends one side ends the other: an error is a line that broke, too.
            socket.on('error', () => socket.destroy());
            socket.on('close', () => {
                this.#sockets.delete(socket);
                other.destroy();
            });
        }
    }

    close() {
        this.#sockets.forEach((socket) => socket.destroy());
        this.#server.close();
    }
}
