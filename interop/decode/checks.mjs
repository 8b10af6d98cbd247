// What must hold for each block of a ledger, by Fabric's own message classes and the rules of its
// peers and orderers: layout, hashes, signatures, identities, read-write sets.

import { common, ledger, msp, orderer, peer } from '@hyperledger/fabric-protos';
import { X509Certificate, createHash, verify } from 'node:crypto';
import { hex, transaction } from '../lib/blocks.mjs';
import { integer, octets, sequence } from '../lib/der.mjs';

const { rwset } = ledger;
const { kvrwset } = rwset;
const SLOTS = 5;
const HASH_BYTES = 32;
const VALID = peer.TxValidationCode.VALID;

export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

/** Bytes that their own class writes again as they were: no unknown field, no other order. */
function decoded(type, bytes, what) {
    const message = type.deserializeBinary(bytes);
    if (!same(message.serializeBinary(), bytes)) throw new Error(`${what} does not re-encode to its bytes`);
    return message;
}

function expect(holds, what) {
    if (!holds) throw new Error(what);
}

function signedBy(serializedIdentity, signature, ...parts) {
    const identity = decoded(msp.SerializedIdentity, serializedIdentity, 'an identity');
    const { publicKey } = new X509Certificate(identity.getIdBytes_asU8());
    expect(verify('sha256', Buffer.concat(parts), publicKey, signature), `a signature of ${identity.getMspid()} is not its own`);
    return identity;
}

/** A header as Fabric hashes and signs it. */
const headerBytes = (header) =>
    sequence(integer(header.getNumber()), octets(header.getPreviousHash_asU8()), octets(header.getDataHash_asU8()));

/** Each check throws where a block breaks it; `seen` is what came before. */
export const BLOCK_CHECKS = {
    'a block re-encodes to the bytes that are stored': ({ bytes }) => decoded(common.Block, bytes, 'the block'),
    'block numbers run from 0': ({ block, number }) => expect(block.getHeader().getNumber() === number, `it is number ${block.getHeader().getNumber()}`),
    'the data hash is that of the envelopes': ({ block, envelopes }) =>
        expect(same(block.getHeader().getDataHash_asU8(), sha256(...envelopes)), 'the data hash is another'),
    'each header names the hash of the one before': ({ block, before }) => {
        const expected = before ? sha256(headerBytes(before.block.getHeader())) : [];
        expect(same(block.getHeader().getPreviousHash_asU8(), expected), 'the previous hash is another');
    },
    'there are five metadata slots, and each is a message': ({ block }) => {
        const slots = block.getMetadata().getMetadataList_asU8();
        expect(slots.length === SLOTS, `there are ${slots.length}`);
        const index = common.BlockMetadataIndex;
        for (const slot of [index.SIGNATURES, index.LAST_CONFIG, index.ORDERER, index.COMMIT_HASH]) decoded(common.Metadata, slots[slot], `slot ${slot}`);
    },
    'an orderer signed the header, and names block 0 as the last configuration': ({ block, number }) => {
        const slot = decoded(common.Metadata, slotOf(block, 'SIGNATURES'), 'the signatures');
        const value = decoded(common.OrdererBlockMetadata, slot.getValue_asU8(), "the orderer's metadata");
        expect((value.getLastConfig()?.getIndex() ?? 0) === 0, 'the last configuration is another');
        expect(slot.getSignaturesList().length === (number === 0 ? 0 : 1), 'the number of signatures is another');
        for (const one of slot.getSignaturesList()) {
            const header = decoded(common.SignatureHeader, one.getSignatureHeader_asU8(), 'its signature header');
            signedBy(header.getCreator_asU8(), one.getSignature_asU8(), slot.getValue_asU8(), one.getSignatureHeader_asU8(), headerBytes(block.getHeader()));
        }
    },
    'the filter has a known code for each transaction': ({ codes, envelopes }) => {
        expect(codes.length === envelopes.length, `${codes.length} codes for ${envelopes.length} transactions`);
        const known = new Set(Object.values(peer.TxValidationCode));
        expect([...codes].every((code) => known.has(code)), `codes ${[...codes]}`);
    },
    'the commit hash is that of flags and writes, chained': (context) => {
        const { block, number } = context;
        const found = decoded(common.Metadata, slotOf(block, 'COMMIT_HASH'), 'the commit hash').getValue_asU8();
        if (number === 0) expect(found.length === 0, 'the first block has one');
        else expect(same(found, commitHash(context)), `it is ${hex(found)}`);
        context.commitHash = found;
    },
};

/** Each check throws where a transaction breaks it. */
export const TRANSACTION_CHECKS = {
    'every layer of an envelope re-encodes to its bytes': ({ bytes, tx }) => {
        decoded(common.Envelope, bytes, 'the envelope');
        decoded(common.Payload, tx.envelope.getPayload_asU8(), 'the payload');
        const header = tx.payload.getHeader();
        decoded(common.ChannelHeader, header.getChannelHeader_asU8(), 'the channel header');
        decoded(common.SignatureHeader, header.getSignatureHeader_asU8(), 'the signature header');
        if (!tx.action) return;
        decoded(peer.ChaincodeHeaderExtension, tx.channelHeader.getExtension_asU8(), "the header's extension");
        decoded(peer.Transaction, tx.payload.getData_asU8(), 'the transaction');
        const [first] = tx.transactionMessage.getActionsList();
        decoded(peer.ChaincodeActionPayload, first.getPayload_asU8(), 'the action');
        decoded(peer.ChaincodeProposalPayload, tx.actionPayload.getChaincodeProposalPayload_asU8(), 'the proposal payload');
        decoded(peer.ProposalResponsePayload, tx.endorsed.getProposalResponsePayload_asU8(), 'the response payload');
        decoded(peer.ChaincodeAction, tx.responsePayload.getExtension_asU8(), "the chaincode's action");
    },
    'the transaction id is the hash of nonce and creator': ({ tx }) => {
        if (!tx.action) return;
        const { signatureHeader } = tx;
        expect(hex(sha256(signatureHeader.getNonce_asU8(), signatureHeader.getCreator_asU8())) === tx.txId, `the id is ${tx.txId}`);
    },
    'the client signed the payload': ({ tx }) => {
        if (!tx.action) return;
        signedBy(tx.signatureHeader.getCreator_asU8(), tx.envelope.getSignature_asU8(), tx.envelope.getPayload_asU8());
    },
    'there is one action, by the same creator, for the chaincode of the header': ({ tx }) => {
        if (!tx.action) return;
        const actions = tx.transactionMessage.getActionsList();
        expect(actions.length === 1, `there are ${actions.length}`);
        expect(same(actions[0].getHeader_asU8(), tx.payload.getHeader().getSignatureHeader_asU8()), 'its header is another');
        const extension = peer.ChaincodeHeaderExtension.deserializeBinary(tx.channelHeader.getExtension_asU8());
        expect(extension.getChaincodeId().getName() === tx.action.getChaincodeId().getName(), 'the chaincode is another');
        expect(tx.action.getChaincodeId().getVersion() !== '', 'the chaincode has no version');
        const response = tx.action.getResponse();
        expect(response.getStatus() >= 200 && response.getStatus() < 400, `the status is ${response.getStatus()}`);
    },
    'transient data is not in the block, and the proposal is what was hashed': ({ tx }) => {
        if (!tx.action) return;
        const payload = tx.actionPayload.getChaincodeProposalPayload_asU8();
        expect(peer.ChaincodeProposalPayload.deserializeBinary(payload).getTransientmapMap().getLength() === 0, 'it is there');
        const header = tx.payload.getHeader();
        const expected = sha256(header.getChannelHeader_asU8(), header.getSignatureHeader_asU8(), payload);
        expect(same(tx.responsePayload.getProposalHash_asU8(), expected), 'the proposal hash is another');
    },
    'each endorser signed the response, and none twice': ({ tx }) => {
        if (!tx.action) return;
        const response = tx.endorsed.getProposalResponsePayload_asU8();
        const endorsers = tx.endorsed.getEndorsementsList().map((one) => {
            signedBy(one.getEndorser_asU8(), one.getSignature_asU8(), response, one.getEndorser_asU8());
            return hex(one.getEndorser_asU8());
        });
        expect(endorsers.length > 0 && new Set(endorsers).size === endorsers.length, `there are ${endorsers.length} endorsements`);
    },
    'an event names the transaction and its chaincode': ({ tx }) => {
        const bytes = tx.action?.getEvents_asU8() ?? [];
        if (bytes.length === 0) return;
        const event = decoded(peer.ChaincodeEvent, bytes, 'the event');
        expect(event.getTxId() === tx.txId && event.getEventName() !== '', `it is ${event.getEventName()} of ${event.getTxId()}`);
        expect(event.getChaincodeId() === tx.action.getChaincodeId().getName(), `it is of ${event.getChaincodeId()}`);
    },
    'read-write sets re-encode, are sorted, and hold private data as hashes only': ({ tx }) => {
        if (!tx.action) return;
        const set = decoded(rwset.TxReadWriteSet, tx.action.getResults_asU8(), 'the read-write set');
        sorted(set.getNsRwsetList().map((one) => one.getNamespace()), 'namespaces');
        for (const namespace of set.getNsRwsetList()) {
            const own = decoded(kvrwset.KVRWSet, namespace.getRwset_asU8(), "a namespace's set");
            for (const list of [own.getReadsList(), own.getWritesList(), own.getMetadataWritesList()]) sorted(list.map((one) => one.getKey()), 'keys');
            sorted(namespace.getCollectionHashedRwsetList().map((one) => one.getCollectionName()), 'collections');
            namespace.getCollectionHashedRwsetList().forEach(checkCollection);
        }
    },
};

function checkCollection(collection) {
    const hashed = decoded(kvrwset.HashedRWSet, collection.getHashedRwset_asU8(), 'a hashed set');
    const writes = hashed.getHashedWritesList();
    const all = [...hashed.getHashedReadsList(), ...writes, ...hashed.getMetadataWritesList()];
    expect(all.every((one) => one.getKeyHash_asU8().length === HASH_BYTES), 'a key hash has another length');
    for (const write of writes) {
        const length = write.getValueHash_asU8().length;
        expect(length === (write.getIsDelete() ? 0 : HASH_BYTES), `a value hash has ${length} bytes`);
        expect(!write.getIsPurge() || write.getIsDelete(), 'a purge is no deletion');
    }
    const changes = writes.length + hashed.getMetadataWritesList().length > 0;
    expect(collection.getPvtRwsetHash_asU8().length === (changes ? HASH_BYTES : 0), 'the hash of the plaintext has another length');
}

function sorted(texts, what) {
    const bytes = texts.map((text) => Buffer.from(text));
    expect(bytes.every((one, i) => i === 0 || Buffer.compare(bytes[i - 1], one) < 0), `${what} are not in order`);
}

export const slotOf = (block, name) => block.getMetadata().getMetadataList_asU8()[common.BlockMetadataIndex[name]];

/** The hash that peers of one channel compare: flags, then public and hashed writes in order. */
function commitHash(context) {
    const { number, codes, before } = context;
    const updates = updatesOf(context);
    const message = [];
    let namespaceBefore;
    for (const [place, keys] of inOrder(updates)) {
        const [namespace, collection] = place.split('\0');
        let first = true;
        for (const [key, write] of inOrder(keys)) {
            const one = [];
            if (namespace !== namespaceBefore) one.push(field(1, Buffer.from(namespace)));
            if (first && collection !== '') one.push(field(2, Buffer.from(collection)));
            one.push(field(3, Buffer.from(key, 'hex')));
            if (write.deleted) one.push(Buffer.from([4 << 3, 1]));
            one.push(field(5, Buffer.from(write.value)));
            one.push(field(6, Buffer.concat([ordered(number), ordered(write.index)])));
            message.push(field(1, Buffer.concat(one), true));
            [namespaceBefore, first] = [namespace, false];
        }
    }
    const chained = before.commitHash.length === 0 ? [] : [before.commitHash];
    return sha256(varint(codes.length), codes, Buffer.concat(message), ...chained);
}

/** What a block changes: place, then key in hexadecimal, to the last value and its transaction. */
function updatesOf({ codes, transactions, values }) {
    const updates = new Map();
    const at = (place) => {
        if (!updates.has(place)) updates.set(place, new Map());
        return updates.get(place);
    };
    transactions.forEach((tx, index) => {
        if (codes[index] !== VALID || !tx.action) return;
        for (const { place, writes, metadata } of changes(tx.action)) {
            for (const [key, value] of writes) at(place).set(key, { deleted: value === undefined, value: value ?? [], index });
            // A key that only gets metadata is written again as it is; one that is not there is not.
            for (const key of metadata.filter((one) => !writes.has(one))) {
                const value = at(place).has(key) ? at(place).get(key).value : values.get(place)?.get(key);
                if (value?.length > 0) at(place).set(key, { deleted: false, value, index });
            }
        }
    });
    for (const [place, keys] of updates) {
        if (!values.has(place)) values.set(place, new Map());
        for (const [key, { value }] of keys) values.get(place).set(key, value);
    }
    return new Map([...updates].filter(([, keys]) => keys.size > 0));
}

/** A transaction's writes of values (or hashes of them) and metadata, by place. */
function* changes(action) {
    for (const namespace of rwset.TxReadWriteSet.deserializeBinary(action.getResults_asU8()).getNsRwsetList()) {
        const own = kvrwset.KVRWSet.deserializeBinary(namespace.getRwset_asU8());
        yield {
            place: `${namespace.getNamespace()}\0`,
            writes: new Map(own.getWritesList().map((one) => [hex(Buffer.from(one.getKey())), one.getIsDelete() ? undefined : one.getValue_asU8()])),
            metadata: own.getMetadataWritesList().map((one) => hex(Buffer.from(one.getKey()))),
        };
        for (const collection of namespace.getCollectionHashedRwsetList()) {
            const hashed = kvrwset.HashedRWSet.deserializeBinary(collection.getHashedRwset_asU8());
            yield {
                place: `${namespace.getNamespace()}\0${collection.getCollectionName()}`,
                writes: new Map(hashed.getHashedWritesList().map((one) => [hex(one.getKeyHash_asU8()), one.getIsDelete() ? undefined : one.getValueHash_asU8()])),
                metadata: hashed.getMetadataWritesList().map((one) => hex(one.getKeyHash_asU8())),
            };
        }
    }
}

/** In the order of the keys' bytes: hexadecimal text sorts as they do, and so does U+0000 first. */
const inOrder = (map) => [...map].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

function varint(number) {
    const bytes = [];
    let rest = number;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    return Buffer.from([...bytes, rest]);
}

/** A field of bytes; proto3 leaves an empty one out unless it is a repeated message. */
function field(number, content, always = false) {
    return content.length === 0 && !always ? Buffer.alloc(0) : Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
}

/** A number whose bytes sort as numbers do: how many bytes, then the bytes. */
function ordered(number) {
    const bytes = [];
    for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
    return Buffer.from([bytes.length, ...bytes]);
}

/** Reports each check once for the whole ledger, with the first place that breaks it. */
export function checkLedger(report, name, stored) {
    const contexts = [];
    // The values that the blocks so far leave, which later ones may write again.
    const values = new Map();
    for (const bytes of stored) {
        const block = common.Block.deserializeBinary(bytes);
        const envelopes = block.getData().getDataList_asU8();
        const codes = slotOf(block, 'TRANSACTIONS_FILTER');
        contexts.push({ bytes, block, number: contexts.length, envelopes, codes, transactions: envelopes.map(transaction), values, before: contexts.at(-1) });
    }
    const transactions = contexts.flatMap(({ number, envelopes, transactions: all }) =>
        all.map((tx, index) => ({ tx, bytes: envelopes[index], place: `transaction ${index} of block ${number}` })));
    for (const [what, check] of Object.entries(BLOCK_CHECKS)) {
        report.check(`${name}: ${what}`, ...firstFailure(contexts, check, ({ number }) => `block ${number}`));
    }
    for (const [what, check] of Object.entries(TRANSACTION_CHECKS)) {
        report.check(`${name}: ${what}`, ...firstFailure(transactions, check, ({ place }) => place));
    }
    return contexts;
}

function firstFailure(all, check, place) {
    if (all.length === 0) return [false, 'there is nothing to check'];
    for (const one of all) {
        try {
            check(one);
        } catch (error) {
            return [false, `${place(one)}: ${error.message}`];
        }
    }
    return [true];
}
