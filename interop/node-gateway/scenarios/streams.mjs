// What a gateway streams to those who follow the channel, each kind with what the ledger says of it.

import { common, ledger, peer } from '@hyperledger/fabric-protos';
import { createHash } from 'node:crypto';
import { transactions } from '../../lib/blocks.mjs';
import { CHAINCODE, CHANNEL } from '../network.mjs';

const VALID = 0;
const digest = (block) => createHash('sha256').update(block.serializeBinary()).digest('hex');
const event = (action) => peer.ChaincodeEvent.deserializeBinary(action.getEvents_asU8());
const identified = (block) => ({ number: block.getHeader().getNumber(), digest: digest(block) });

/** A block that a peer stores, taken apart. */
export function stored(bytes) {
    const block = common.Block.deserializeBinary(bytes);
    return { block, number: block.getHeader().getNumber(), transactions: transactions(bytes) };
}

const blockwise = (number) => ({
    keep: (checkpointer, one) => checkpointer.checkpointBlock(BigInt(number(one))),
    number,
});

/**
 * `open` starts a stream on a network of the client, `keep` makes a checkpoint, `number` is the block of
 * what was told; `told` says what a client was told, and `due` what it has to be told of a block.
 */
export const STREAMS = {
    'chaincode events': {
        open: (network, options) => network.getChaincodeEvents(CHAINCODE, options),
        keep: (checkpointer, one) => checkpointer.checkpointChaincodeEvent(one),
        number: ({ blockNumber }) => Number(blockNumber),
        told: ({ blockNumber, transactionId, chaincodeName, eventName, payload }) => [Number(blockNumber), transactionId, chaincodeName, eventName, Buffer.from(payload).toString()],
        due: ({ number, transactions: all }) =>
            all.filter(({ code }) => code === VALID).map(({ txId, action }) => [number, txId, CHAINCODE, event(action).getEventName(), JSON.stringify({ id: txId })]),
    },
    'filtered blocks': {
        open: (network, options) => network.getFilteredBlockEvents(options),
        ...blockwise((block) => block.getNumber()),
        told: (block) => [block.getChannelId(), block.getNumber(), block.getFilteredTransactionsList().map((one) => one.toObject())],
        due: ({ number, transactions: all }) => [
            [CHANNEL, number, all.map(({ txId, code, action }) => {
                const chaincodeActionsList = [{ chaincodeEvent: { ...event(action).toObject(), payload: '' } }];
                return { txid: txId, type: common.HeaderType.ENDORSER_TRANSACTION, txValidationCode: code, transactionActions: { chaincodeActionsList } };
            })],
        ],
    },
    'whole blocks': {
        open: (network, options) => network.getBlockEvents(options),
        ...blockwise((block) => block.getHeader().getNumber()),
        told: identified,
        due: ({ block }) => [identified(block)],
    },
    'blocks with private data': {
        open: (network, options) => network.getBlockAndPrivateDataEvents(options),
        ...blockwise((one) => one.getBlock().getHeader().getNumber()),
        told: (one) => ({ ...identified(one.getBlock()), collections: collections(one) }),
        due: ({ block, transactions: all }) => [
            { ...identified(block), collections: all.map((_, at) => [at, CHAINCODE, 'health']) },
        ],
    },
};

/** Which collections a block brings in clear, by the position of a transaction, also of one that met a conflict. */
function collections(one) {
    const sets = [...one.getPrivateDataMapMap().entries()].sort(([a], [b]) => a - b);
    return sets.flatMap(([at, set]) => privateWrites(set).map(([namespace, name]) => [at, namespace, name]));
}

const privateWrites = (set) =>
    set.getNsPvtRwsetList().flatMap((one) => one.getCollectionPvtRwsetList().map((collection) => [one.getNamespace(), collection.getCollectionName(), collection.getRwset_asU8()]));

/** What a block brings in clear of one transaction's private writes, as bytes. */
export function inClear(one, at) {
    const set = one.getPrivateDataMapMap().get(at) ?? new ledger.rwset.TxPvtReadWriteSet();
    return Buffer.concat(privateWrites(set).map(([, , bytes]) => Buffer.from(bytes)));
}
