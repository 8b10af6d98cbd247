// What the files of a LevelDB hold, without the journal's framing and the tables' compression, so
// that a search for bytes finds them wherever they are.

import assert from 'node:assert/strict';

const JOURNAL_BLOCK = 32 * 1024;
const JOURNAL_HEADER = 7;
const FOOTER = 48;
const BLOCK_TRAILER = 5;
const MAGIC = 0xdb4775248b80fb57n;

/** The records of a journal one after the other; fragments of one record are joined. */
export function journal(bytes) {
    const fragments = [];
    for (let at = 0; at + JOURNAL_HEADER <= bytes.length; ) {
        const left = JOURNAL_BLOCK - (at % JOURNAL_BLOCK);
        if (left < JOURNAL_HEADER) {
            at += left;
            continue;
        }
        const length = bytes.readUInt16LE(at + 4);
        if (length === 0 && bytes[at + 6] === 0) break;
        fragments.push(bytes.subarray(at + JOURNAL_HEADER, at + JOURNAL_HEADER + length));
        at += JOURNAL_HEADER + length;
    }
    return Buffer.concat(fragments);
}

/** The keys and values of a sorted table, one after the other. */
export function table(bytes) {
    const footer = bytes.subarray(bytes.length - FOOTER);
    assert.equal(footer.readBigUInt64LE(FOOTER - 8), MAGIC, 'this is no LevelDB table');
    const [, afterMeta] = handle(footer, 0);
    const [index] = handle(footer, afterMeta);
    const parts = [];
    for (const [, place] of entries(block(bytes, index))) {
        for (const [key, value] of entries(block(bytes, handle(place, 0)[0]))) parts.push(key, value);
    }
    return Buffer.concat(parts);
}

function varint(bytes, at) {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * scale;
        if (byte < 128) return [value, at];
    }
}

function handle(bytes, at) {
    const [offset, next] = varint(bytes, at);
    const [size, end] = varint(bytes, next);
    return [{ offset, size }, end];
}

function block(bytes, { offset, size }) {
    const content = bytes.subarray(offset, offset + size);
    const kind = bytes[offset + size + BLOCK_TRAILER - 5];
    assert.ok(kind === 0 || kind === 1, `compression of kind ${kind}`);
    return kind === 0 ? content : snappy(content);
}

function* entries(content) {
    const restarts = content.readUInt32LE(content.length - 4);
    const end = content.length - 4 - 4 * restarts;
    let key = Buffer.alloc(0);
    for (let at = 0; at < end; ) {
        let shared, added, length;
        [shared, at] = varint(content, at);
        [added, at] = varint(content, at);
        [length, at] = varint(content, at);
        key = Buffer.concat([key.subarray(0, shared), content.subarray(at, at + added)]);
        at += added;
        yield [key, content.subarray(at, at + length)];
        at += length;
    }
}

function snappy(bytes) {
    const [length, start] = varint(bytes, 0);
    const out = Buffer.alloc(length);
    let filled = 0;
    for (let at = start; at < bytes.length; ) {
        const tag = bytes[at++];
        const kind = tag & 3;
        let size = (tag >> 2) + 1;
        if (kind === 0) {
            if (size > 60) {
                const width = size - 60;
                size = bytes.readUIntLE(at, width) + 1;
                at += width;
            }
            bytes.copy(out, filled, at, at + size);
            at += size;
            filled += size;
            continue;
        }
        let distance;
        if (kind === 1) {
            size = ((tag >> 2) & 7) + 4;
            distance = ((tag >> 5) << 8) | bytes[at++];
        } else {
            const width = kind === 2 ? 2 : 4;
            distance = bytes.readUIntLE(at, width);
            at += width;
        }
        // What is copied may overlap what it becomes.
        for (let copied = 0; copied < size; copied++, filled++) out[filled] = out[filled - distance];
    }
    assert.equal(filled, length, 'a compressed block has another length than it says');
    return out;
}
