// The checks find what they are for: ledgers with one thing changed, each with the checks that must
// then fail.

import { common } from '@hyperledger/fabric-protos';
import { BLOCK_CHECKS, TRANSACTION_CHECKS, checkLedger } from './checks.mjs';

const flipped = (bytes, at = bytes.length - 1) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

/** A copy of a block with one thing changed. */
function changed(bytes, change) {
    const block = common.Block.deserializeBinary(bytes);
    change(block);
    return block.serializeBinary();
}

function slot(block, name, change) {
    const slots = block.getMetadata().getMetadataList_asU8();
    const index = common.BlockMetadataIndex[name];
    slots[index] = change(slots[index]);
    block.getMetadata().setMetadataList(slots);
}

function envelope(block, change) {
    const one = common.Envelope.deserializeBinary(block.getData().getDataList_asU8()[0]);
    change(one);
    block.getData().setDataList([one.serializeBinary()]);
}

function payload(block, change) {
    envelope(block, (one) => {
        const content = common.Payload.deserializeBinary(one.getPayload_asU8());
        change(content);
        one.setPayload(content.serializeBinary());
    });
}

const TAMPERED = {
    'a byte after the block': [(bytes) => Buffer.concat([bytes, Buffer.from([0x28, 1])]), ['a block re-encodes to the bytes that are stored']],
    'another number': [(bytes) => changed(bytes, (block) => block.getHeader().setNumber(7)), ['block numbers run from 0', 'each header names the hash of the one before', 'an orderer signed the header, and names block 0 as the last configuration']],
    'another envelope signature': [
        (bytes) => changed(bytes, (block) => envelope(block, (one) => one.setSignature(flipped(one.getSignature_asU8())))),
        ['the data hash is that of the envelopes', 'the client signed the payload'],
    ],
    'another header hash': [(bytes) => changed(bytes, (block) => block.getHeader().setPreviousHash(flipped(block.getHeader().getPreviousHash_asU8()))), ['each header names the hash of the one before', 'an orderer signed the header, and names block 0 as the last configuration']],
    'a valid transaction marked invalid': [
        (bytes) => changed(bytes, (block) => slot(block, 'TRANSACTIONS_FILTER', () => Uint8Array.of(11))),
        ['the commit hash is that of flags and writes, chained'],
    ],
    'an unknown code': [(bytes) => changed(bytes, (block) => slot(block, 'TRANSACTIONS_FILTER', () => Uint8Array.of(200))), ['the filter has a known code for each transaction']],
    'a code too many': [(bytes) => changed(bytes, (block) => slot(block, 'TRANSACTIONS_FILTER', () => Uint8Array.of(0, 0))), ['the filter has a known code for each transaction']],
    'another commit hash': [(bytes) => changed(bytes, (block) => slot(block, 'COMMIT_HASH', (one) => flipped(one))), ['the commit hash is that of flags and writes, chained']],
    'a missing metadata slot': [
        (bytes) => changed(bytes, (block) => block.getMetadata().setMetadataList(block.getMetadata().getMetadataList_asU8().slice(0, 4))),
        ['there are five metadata slots, and each is a message'],
    ],
    'no signature of an orderer': [
        (bytes) => changed(bytes, (block) => slot(block, 'SIGNATURES', (one) => {
            const metadata = common.Metadata.deserializeBinary(one);
            metadata.setSignaturesList([]);
            return metadata.serializeBinary();
        })),
        ['an orderer signed the header, and names block 0 as the last configuration'],
    ],
    'another nonce': [
        (bytes) => changed(bytes, (block) => payload(block, (content) => {
            const header = common.SignatureHeader.deserializeBinary(content.getHeader().getSignatureHeader_asU8());
            header.setNonce(flipped(header.getNonce_asU8()));
            content.getHeader().setSignatureHeader(header.serializeBinary());
        })),
        [
            'the transaction id is the hash of nonce and creator',
            'there is one action, by the same creator, for the chaincode of the header',
            'transient data is not in the block, and the proposal is what was hashed',
        ],
    ],
    'a byte of the transaction': [
        // Within the last endorsement's signature, which ends the transaction.
        (bytes) => changed(bytes, (block) => payload(block, (content) => content.setData(flipped(content.getData_asU8())))),
        ['each endorser signed the response, and none twice'],
    ],
};

/** Each change to the last block but one breaks the checks named, on a copy of the ledger. */
export function checkTampering(report, blocks) {
    const known = new Set([...Object.keys(BLOCK_CHECKS), ...Object.keys(TRANSACTION_CHECKS)]);
    for (const [title, [tamper, expected]] of Object.entries(TAMPERED)) {
        const copy = blocks.map((bytes, number) => (number === blocks.length - 2 ? tamper(bytes) : bytes));
        const broken = new Set();
        const silent = { check: (what, holds) => holds || broken.add(what.replace('copy: ', '')) };
        try {
            checkLedger(silent, 'copy', copy);
        } catch (error) {
            broken.add(error.message);
        }
        const missed = expected.filter((check) => !known.has(check) || !broken.has(check));
        report.check(`the checks notice ${title}`, missed.length === 0, () => `unnoticed by: ${missed.join('; ')}`);
    }
}
