// What is asked for again, and that it is counted: Fabric's client against a gateway that refuses.

import * as grpc from '@grpc/grpc-js';
import { connect } from '@hyperledger/fabric-gateway';
import { gateway as messages } from '@hyperledger/fabric-protos';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPTS_MAX, count, GRPC_OPTIONS, take } from '../lib/endorse-again.cjs';

const { Endorse: endorse, Submit: submit } = Object.fromEntries(
    ['Endorse', 'Submit'].map((name) => [name, { path: `/gateway.Gateway/${name}`, ...plain() }]),
);

function plain() {
    const same = (bytes) => bytes;
    const serialize = { requestSerialize: same, requestDeserialize: same };
    return { requestStream: false, responseStream: false, ...serialize, responseSerialize: same, responseDeserialize: same };
}

/** Calls a gateway whose answers are status codes, and tells what came of it and how often it was called. */
async function run({ code, failures, method = 'endorse' }) {
    let calls = 0;
    const handler = (_, answer) => {
        calls += 1;
        if (calls <= failures) answer({ code, details: 'not now' });
        else answer(null, Buffer.from(new messages.EndorseResponse().serializeBinary()));
    };
    const server = new grpc.Server();
    server.addService({ endorse, submit }, { endorse: handler, submit: handler });
    const port = await new Promise((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
            error ? reject(error) : resolve(bound),
        );
    });
    const client = new grpc.Client(`localhost:${port}`, grpc.credentials.createInsecure(), GRPC_OPTIONS);
    const gateway = connect({
        client,
        identity: { mspId: 'Org1MSP', credentials: Buffer.from('certificate') },
        signer: async () => Buffer.from('signature'),
        endorseOptions: () => ({ interceptors: [count] }),
    });
    try {
        const contract = gateway.getNetwork('mychannel').getContract('ioht');
        let failed;
        if (method === 'endorse') {
            // An empty answer is no transaction, which the client notices only after it has arrived.
            await contract.newProposal('Put').endorse().catch((error) => (failed = error.code));
        } else {
            await new Promise((resolve) => {
                const same = (bytes) => bytes;
                client.makeUnaryRequest(submit.path, same, same, Buffer.alloc(0), (error) => {
                    failed = error?.code;
                    resolve();
                });
            });
        }
        return { calls, failed, again: take() };
    } finally {
        gateway.close();
        client.close();
        server.forceShutdown();
    }
}

test('an endorsement is asked for again, and counted', async () => {
    for (const code of [grpc.status.ABORTED, grpc.status.FAILED_PRECONDITION, grpc.status.UNAVAILABLE]) {
        assert.deepEqual(await run({ code, failures: 2 }), { calls: 3, failed: undefined, again: 2 });
    }
});

test('at the first answer nothing is counted', async () => {
    assert.deepEqual(await run({ failures: 0 }), { calls: 1, failed: undefined, again: 0 });
});

test('in the end it has failed, and every attempt is counted', async () => {
    const code = grpc.status.ABORTED;
    assert.deepEqual(await run({ code, failures: 99 }), { calls: ATTEMPTS_MAX, failed: code, again: ATTEMPTS_MAX - 1 });
});

test('other failures are final', async () => {
    const code = grpc.status.INVALID_ARGUMENT;
    assert.deepEqual(await run({ code, failures: 1 }), { calls: 1, failed: code, again: 0 });
});

test('a transaction is never submitted again', async () => {
    const code = grpc.status.UNAVAILABLE;
    assert.deepEqual(await run({ code, failures: 1, method: 'submit' }), { calls: 1, failed: code, again: 0 });
});
