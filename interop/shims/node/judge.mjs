// The judge contract by Fabric's own Node shim. ../README.md says what each function does.

import shim from 'fabric-shim';

const ITEM = 'item';
const utf8 = new TextDecoder('utf-8', { fatal: true });
const text = (bytes) => (bytes.length === 0 ? null : utf8.decode(bytes));

class Refusal extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

/** At most `limit` rows of a query; leaving the loop early closes it at the peer. */
async function rows(query, limit) {
    const found = [];
    for await (const { key, value } of query) {
        found.push([key, text(value)]);
        if (found.length === limit) break;
    }
    return found;
}

const write = {
    put: (stub, { collection, key, value }) =>
        collection ? stub.putPrivateData(collection, key, value) : stub.putState(key, value),
    delete: (stub, { collection, key }) =>
        collection ? stub.deletePrivateData(collection, key) : stub.deleteState(key),
    purge: (stub, { collection, key }) => stub.purgePrivateData(collection, key),
};

const read = async (stub, collection, key) =>
    text(await (collection ? stub.getPrivateData(collection, key) : stub.getState(key)));

export const functions = {
    async Noop() {
        return null;
    },
    async WhoCalls(stub) {
        return [stub.getCreator().mspid, stub.getChannelID(), stub.getTxID(), [...stub.getTransient().keys()].sort()];
    },
    async Write(stub, { writes }) {
        for (const one of writes) await write[one.op](stub, one);
        return writes.length;
    },
    async PutSecret(stub, { collection, key }) {
        await stub.putPrivateData(collection, key, stub.getTransient().get('value'));
        return null;
    },
    async Get(stub, { collection, keys }) {
        const values = [];
        for (const key of keys) values.push(await read(stub, collection, key));
        return values;
    },
    /** This shim has no multi-get: each key is one request. */
    async GetMany(stub, args) {
        return functions.Get(stub, args);
    },
    async Hash(stub, { collection, key }) {
        const hash = await stub.getPrivateDataHash(collection, key);
        return hash.length === 0 ? null : hash.toString('hex');
    },
    async PutItems(stub, { collection, items }) {
        for (const { parts, value } of items) {
            await write.put(stub, { collection, key: stub.createCompositeKey(ITEM, parts), value });
        }
        return items.length;
    },
    async Items(stub, { collection, prefix, limit }) {
        const found = await rows(
            collection
                ? stub.getPrivateDataByPartialCompositeKey(collection, ITEM, prefix)
                : stub.getStateByPartialCompositeKey(ITEM, prefix),
            limit,
        );
        return found.map(([key, value]) => [stub.splitCompositeKey(key).attributes, value]);
    },
    async Range(stub, { collection, start, end, limit }) {
        return rows(collection ? stub.getPrivateDataByRange(collection, start, end) : stub.getStateByRange(start, end), limit);
    },
    async ReadThenWrite(stub, { read: wanted, writes }) {
        const values = await functions.Get(stub, wanted);
        await functions.Write(stub, { writes });
        return values;
    },
    async Announce(stub, { writes, events }) {
        await functions.Write(stub, { writes });
        for (const [name, payload] of events) stub.setEvent(name, Buffer.from(payload));
        return null;
    },
    async Refuse(stub, { status, writes }) {
        await functions.Write(stub, { writes });
        throw new Refusal(status, 'JUDGE_REFUSES: the judge says no');
    },
    async Page(stub, { start, end, size, bookmark }) {
        const { iterator, metadata } = await stub.getStateByRangeWithPagination(start, end, size, bookmark);
        const found = [];
        for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
            found.push([next.value.key, text(next.value.value)]);
        }
        return [found, metadata.fetchedRecordsCount, metadata.bookmark];
    },
    async History(stub, { key }) {
        const found = [];
        for await (const { txId, value, isDelete } of stub.getHistoryForKey(key)) {
            found.push([txId.length, isDelete, text(value)]);
        }
        return found;
    },
    async WriteThenRange(stub, { writes, ...range }) {
        await functions.Write(stub, { writes });
        return functions.Range(stub, range);
    },
    async RangeThenWrite(stub, { writes, ...range }) {
        const found = await functions.Range(stub, range);
        await functions.Write(stub, { writes });
        return found;
    },
    async WriteThenRead(stub, { writes, read: wanted }) {
        await functions.Write(stub, { writes });
        return functions.Get(stub, wanted);
    },
    async SetPolicy(stub, { collection, key, orgs, writes = [] }) {
        await functions.Write(stub, { writes });
        const policy = new shim.KeyEndorsementPolicy();
        policy.addOrgs('MEMBER', ...orgs);
        const bytes = policy.getPolicy();
        await (collection
            ? stub.setPrivateDataValidationParameter(collection, key, bytes)
            : stub.setStateValidationParameter(key, bytes));
        return null;
    },
    async GetPolicy(stub, { collection, key }) {
        const bytes = await (collection
            ? stub.getPrivateDataValidationParameter(collection, key)
            : stub.getStateValidationParameter(key));
        return bytes && bytes.length > 0 ? Buffer.from(bytes).toString('hex') : null;
    },
};

const judge = {
    async Init() {
        return shim.success();
    },
    async Invoke(stub) {
        const { fcn, params } = stub.getFunctionAndParameters();
        try {
            const answer = await functions[fcn](stub, JSON.parse(params[0] ?? '{}'));
            return shim.success(Buffer.from(JSON.stringify(answer)));
        } catch (error) {
            return { status: error.status ?? 500, message: error.message };
        }
    },
};

const { CHAINCODE_ID: ccid, CHAINCODE_SERVER_ADDRESS: address } = process.env;
await shim.server(judge, { ccid, address }).start();
