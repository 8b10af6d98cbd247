// Takes blocks apart with Fabric's own message classes.

import { common, ledger, peer } from '@hyperledger/fabric-protos';

const { rwset } = ledger;
const { kvrwset } = rwset;

/** The endorser transactions of a block, each with its validation code. */
export function transactions(bytes) {
    const block = common.Block.deserializeBinary(bytes);
    const codes = block.getMetadata().getMetadataList_asU8()[common.BlockMetadataIndex.TRANSACTIONS_FILTER];
    return block
        .getData()
        .getDataList_asU8()
        .map((envelope, index) => ({ ...transaction(envelope), code: codes[index] }))
        .filter(({ action }) => action !== undefined);
}

/** An envelope's channel header and, of an endorser transaction, its one action. */
export function transaction(envelopeBytes) {
    const envelope = common.Envelope.deserializeBinary(envelopeBytes);
    const payload = common.Payload.deserializeBinary(envelope.getPayload_asU8());
    const channelHeader = common.ChannelHeader.deserializeBinary(payload.getHeader().getChannelHeader_asU8());
    const signatureHeader = common.SignatureHeader.deserializeBinary(payload.getHeader().getSignatureHeader_asU8());
    const found = { envelope, payload, channelHeader, signatureHeader, txId: channelHeader.getTxId() };
    if (channelHeader.getType() !== common.HeaderType.ENDORSER_TRANSACTION) return found;
    const transactionMessage = peer.Transaction.deserializeBinary(payload.getData_asU8());
    const [first] = transactionMessage.getActionsList();
    const actionPayload = peer.ChaincodeActionPayload.deserializeBinary(first.getPayload_asU8());
    const endorsed = actionPayload.getAction();
    const responsePayload = peer.ProposalResponsePayload.deserializeBinary(endorsed.getProposalResponsePayload_asU8());
    const action = peer.ChaincodeAction.deserializeBinary(responsePayload.getExtension_asU8());
    return { ...found, transactionMessage, actionPayload, endorsed, responsePayload, action };
}

/** A read-write set as a value that prints well; byte strings become base64. */
export function readWriteSet(bytes) {
    const set = rwset.TxReadWriteSet.deserializeBinary(bytes);
    return set.getNsRwsetList().map((one) => ({
        namespace: one.getNamespace(),
        public: plain(kvrwset.KVRWSet.deserializeBinary(one.getRwset_asU8()).toObject()),
        collections: one.getCollectionHashedRwsetList().map((collection) => ({
            name: collection.getCollectionName(),
            hashed: plain(kvrwset.HashedRWSet.deserializeBinary(collection.getHashedRwset_asU8()).toObject()),
            private: hex(collection.getPvtRwsetHash_asU8()),
        })),
    }));
}

export const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** Leaves out what is unset, so that two of them are easy to compare by eye. */
function plain(value) {
    if (Array.isArray(value)) return value.map(plain);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(([, one]) => one !== undefined && one !== '' && one !== false && !(Array.isArray(one) && one.length === 0));
    return Object.fromEntries(entries.map(([name, one]) => [name.replace(/List$/, ''), plain(one)]));
}
