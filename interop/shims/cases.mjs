// What every judge is asked, in this order, each on a ledger of its own.
//
// A case that commits makes one block, so that versions are the same on every ledger. `answer` is
// what Fabric's rules give; `refused` and `fault` are failures. A shim named in `without` does not
// offer the function: it commits a `Noop` instead, which keeps the blocks in step.

import { createHash } from 'node:crypto';

const put = (key, value, collection) => ({ op: 'put', key, value, ...(collection && { collection }) });
const del = (key, collection) => ({ op: 'delete', key, ...(collection && { collection }) });
const purge = (key, collection) => ({ op: 'purge', key, collection });
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const numbered = (prefix, from, until) =>
    Array.from({ length: until - from }, (_, i) => `${prefix}${String(from + i).padStart(3, '0')}`);

const submit = (title, fn, args, answer, more = {}) => ({ title, fn, args, answer, submit: true, ...more });
const evaluate = (title, fn, args, answer, more = {}) => ({ title, fn, args, answer, submit: false, ...more });
const refused = (title, fn, args, status, message, more = {}) => ({ title, fn, args, submit: true, refused: { status, message }, ...more });
const fault = (title, fn, args, text, more = {}) => ({ title, fn, args, submit: true, fault: text, ...more });

/** What `fabric-contract-rs` leaves out on purpose. */
const NOT_OURS = { without: ['contract-rs'] };
/** The crate `fabric-shim` knows no endorsement policies of keys. */
const METADATA = { without: ['shim-crate'] };

const many = numbered('m', 0, 250);
const rows = (keys, value = (key) => `of ${key}`) => keys.map((key) => [key, value(key)]);

export const CASES = [
    submit('nothing at all', 'Noop', {}, null),
    submit('who calls', 'WhoCalls', {}, ['Org1MSP', 'mychannel', '<tx>', ['a', 'b']], { transient: { b: '2', a: '1' } }),
    evaluate('who calls, evaluated', 'WhoCalls', {}, ['Org3MSP', 'mychannel', '<tx>', []], { msp: 'Org3MSP' }),

    submit('a read of what is not there', 'Get', { keys: ['color'] }, [null]),
    submit('a first write', 'Write', { writes: [put('color', 'red')] }, 1),
    submit('a read of it', 'Get', { keys: ['color'] }, ['red']),
    submit('the same key read twice', 'Get', { keys: ['color', 'color'] }, ['red', 'red']),
    submit('an overwrite without a read', 'Write', { writes: [put('color', 'blue')] }, 1),
    submit('several writes, out of order', 'Write', { writes: [put('d', '4'), put('b', '2'), put('c', '3'), put('a', '1')] }, 4),
    submit('the last write of a key wins', 'Write', { writes: [put('a', 'x'), put('a', 'y'), del('b'), put('b', 'z'), put('c', 'gone'), del('c')] }, 6),
    submit('a key and a value beyond ASCII', 'Write', { writes: [put('größe ☃ \u{1F40E}', 'naïve \u{1F40E}'), put('\u{FFFD}', 'replacement')] }, 2),
    submit('a deletion', 'Write', { writes: [del('d')] }, 1),
    submit('a deletion of what is not there', 'Write', { writes: [del('never')] }, 1),
    submit('many keys at once, one of them twice', 'GetMany', { keys: ['b', 'a', 'd', 'never', 'a'] }, ['z', 'y', null, null, 'y']),
    submit('reads, then writes', 'ReadThenWrite', { read: { keys: ['a', 'b'] }, writes: [put('a', 'after a read'), del('b')] }, ['y', 'z']),
    evaluate('reads, evaluated', 'Get', { keys: ['a', 'b'] }, ['after a read', null]),

    submit('250 writes', 'Write', { writes: many.map((key) => put(key, `of ${key}`)) }, 250),
    submit('a range in one batch', 'Range', { start: 'm000', end: 'm100' }, rows(numbered('m', 0, 100))),
    submit('a range in three batches', 'Range', { start: 'm', end: 'n' }, rows(many)),
    submit('a range that is empty', 'Range', { start: 'x', end: 'y' }, []),
    submit('a range given up within its first batch', 'Range', { start: 'm', end: 'n', limit: 7 }, rows(numbered('m', 0, 7))),
    submit('a range given up after its first batch', 'Range', { start: 'm', end: 'n', limit: 100 }, rows(numbered('m', 0, 100))),
    submit('a range given up within its second batch', 'Range', { start: 'm', end: 'n', limit: 150 }, rows(numbered('m', 0, 150))),
    submit('250 keys at once', 'GetMany', { keys: many }, many.map((key) => `of ${key}`)),

    submit('composite keys', 'PutItems', { items: [{ parts: ['x', '2'], value: 'x2' }, { parts: ['x', '1'], value: 'x1' }, { parts: ['xy', '1'], value: 'xy1' }, { parts: ['ü', '☃'], value: 'ü' }] }, 4),
    submit('all below a partial composite key', 'Items', { prefix: ['x'] }, [[['x', '1'], 'x1'], [['x', '2'], 'x2']]),
    submit('all of one kind', 'Items', { prefix: [] }, [[['x', '1'], 'x1'], [['x', '2'], 'x2'], [['xy', '1'], 'xy1'], [['ü', '☃'], 'ü']]),
    submit('a range with open ends sees simple keys only', 'Range', { start: '', end: '', limit: 3 }, [['a', 'after a read'], ['color', 'blue'], ['größe ☃ \u{1F40E}', 'naïve \u{1F40E}']]),

    submit('a private value', 'PutSecret', { collection: 'secrets', key: 'pin' }, null, { transient: { value: '1234' } }),
    submit('a private read', 'Get', { collection: 'secrets', keys: ['pin', 'none'] }, ['1234', null]),
    submit('the hash of a private value', 'Hash', { collection: 'secrets', key: 'pin' }, sha256('1234')),
    submit('the hash of nothing', 'Hash', { collection: 'secrets', key: 'none' }, null),
    submit('private and public writes together', 'Write', { writes: [put('p1', 'one', 'secrets'), put('public', 'seen'), put('p2', 'two', 'secrets'), put('p1', 'guarded', 'members'), del('pin', 'secrets')] }, 5),
    submit('many private keys at once', 'GetMany', { collection: 'secrets', keys: ['p2', 'p1', 'pin', 'p2'] }, ['two', 'one', null, 'two']),
    submit('a private read, then private writes', 'ReadThenWrite', { read: { collection: 'secrets', keys: ['p1'] }, writes: [put('p1', 'uno', 'secrets'), put('p3', 'three', 'secrets')] }, ['one']),
    submit('a private range', 'Range', { collection: 'secrets', start: 'p', end: 'q' }, [['p1', 'uno'], ['p2', 'two'], ['p3', 'three']]),
    submit('private composite keys', 'PutItems', { collection: 'secrets', items: [{ parts: ['x', '2'], value: 's2' }, { parts: ['x', '1'], value: 's1' }, { parts: ['y', '1'], value: 's3' }] }, 3),
    submit('all below a private partial composite key', 'Items', { collection: 'secrets', prefix: ['x'] }, [[['x', '1'], 's1'], [['x', '2'], 's2']]),
    submit('a purge', 'Write', { writes: [purge('p1', 'secrets')] }, 1),
    submit('a purge of what was never there', 'Write', { writes: [purge('never', 'secrets')] }, 1),
    submit('a purge beside a write and a deletion', 'Write', { writes: [purge('p2', 'secrets'), put('p4', 'four', 'secrets'), del('p3', 'secrets')] }, 3),
    submit('what is left in private', 'Range', { collection: 'secrets', start: 'p', end: 'q' }, [['p4', 'four']]),
    submit('the hash of what was purged', 'Hash', { collection: 'secrets', key: 'p1' }, null),
    evaluate('a member reads from a collection for members', 'Get', { collection: 'members', keys: ['p1'] }, ['guarded']),
    fault('a stranger reads from a collection for members', 'Get', { collection: 'members', keys: ['p1'] }, 'tx creator does not have read access permission on privatedata in chaincodeName:judge collectionName: members', { submit: false, msp: 'Org3MSP' }),
    fault('a stranger writes to a collection for members', 'Write', { writes: [put('p1', 'forged', 'members')] }, 'tx creator does not have write access permission on privatedata in chaincodeName:judge collectionName: members', { msp: 'Org3MSP' }),

    submit('an event', 'Announce', { writes: [put('e', '1')], events: [['Happened', 'once']] }, null),
    submit('the last event wins', 'Announce', { writes: [], events: [['First', '1'], ['Second', '2']] }, null),
    refused('a refusal after a write', 'Refuse', { status: 409, writes: [put('refused', 'x'), put('refused', 'x', 'secrets')] }, 409, 'JUDGE_REFUSES: the judge says no'),
    refused('a refusal, evaluated', 'Refuse', { status: 404, writes: [] }, 404, 'JUDGE_REFUSES: the judge says no', { submit: false }),
    refused('the least that is refused', 'Refuse', { status: 400, writes: [] }, 400, 'JUDGE_REFUSES: the judge says no'),
    submit('nothing of a refused transaction is there', 'Get', { keys: ['refused'] }, [null]),
    refused('a failure with status 500', 'Refuse', { status: 500, writes: [] }, 500, 'JUDGE_REFUSES: the judge says no'),

    evaluate('a first page', 'Page', { start: 'm', end: 'n', size: 3, bookmark: '' }, [rows(numbered('m', 0, 3)), 3, 'm003'], NOT_OURS),
    evaluate('the next page', 'Page', { start: 'm', end: 'n', size: 3, bookmark: 'm003' }, [rows(numbered('m', 3, 6)), 3, 'm006'], NOT_OURS),
    evaluate('a page larger than a batch', 'Page', { start: 'm', end: 'n', size: 120, bookmark: '' }, [rows(numbered('m', 0, 120)), 120, 'm120'], NOT_OURS),
    evaluate('a last page', 'Page', { start: 'm', end: 'n', size: 300, bookmark: 'm248' }, [rows(numbered('m', 248, 250)), 2, ''], NOT_OURS),
    submit('a page, endorsed', 'Page', { start: 'm', end: 'n', size: 3, bookmark: '' }, [rows(numbered('m', 0, 3)), 3, 'm003'], NOT_OURS),
    submit('history, newest first', 'History', { key: 'b' }, [[64, true, null], [64, false, 'z'], [64, false, '2']], NOT_OURS),
    submit('history of what was never there', 'History', { key: 'never' }, [[64, true, null]], NOT_OURS),
    submit('own writes are not seen', 'WriteThenRead', { writes: [put('color', 'green')], read: { keys: ['color'] } }, ['blue'], NOT_OURS),
    submit('own private writes are not seen', 'WriteThenRead', { writes: [put('p4', 'IV', 'secrets')], read: { collection: 'secrets', keys: ['p4'] } }, ['four'], NOT_OURS),
    submit('a range after a write', 'WriteThenRange', { writes: [put('color', 'black')], start: 'c', end: 'd' }, [['color', 'green']], NOT_OURS),
    submit('a write after a range', 'RangeThenWrite', { writes: [put('color', 'white')], start: 'c', end: 'd' }, [['color', 'black']], NOT_OURS),
    fault('a private range after a write', 'WriteThenRange', { writes: [put('color', 'x')], collection: 'secrets', start: 'p', end: 'q' }, 'unsuppored transaction. Queries on pvt data is supported only in a read-only transaction', NOT_OURS),
    fault('a write after a private range', 'RangeThenWrite', { writes: [put('color', 'x')], collection: 'secrets', start: 'p', end: 'q' }, 'unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed', NOT_OURS),
    submit('an empty value is a deletion', 'Write', { writes: [put('color', '')] }, 1, NOT_OURS),
    submit('and reads as one', 'Get', { keys: ['color'] }, [null], NOT_OURS),

    submit('a policy on a key', 'SetPolicy', { key: 'a', orgs: ['Org1MSP'] }, null, METADATA),
    submit('the policy of a key', 'GetPolicy', { key: 'a' }, '120812060801120208001a0b12090a074f7267314d5350', METADATA),
    submit('the policy of a key without one', 'GetPolicy', { key: 'e' }, null, METADATA),
    submit('a policy on a private key', 'SetPolicy', { collection: 'secrets', key: 'p4', orgs: ['Org1MSP', 'Org2MSP'] }, null, METADATA),
    submit('the policy of a private key', 'GetPolicy', { collection: 'secrets', key: 'p4' }, '120c120a08021202080012020801' + ['31', '32'].map((digit) => `1a0b12090a074f7267${digit}4d5350`).join(''), METADATA),
    submit('a policy on a key that is not there', 'SetPolicy', { key: 'nowhere', orgs: ['Org1MSP'] }, null, METADATA),
    submit('a policy and a value together', 'SetPolicy', { key: 'both', orgs: ['Org2MSP'], writes: [put('both', '1')] }, null, METADATA),
    submit('a write that keeps the policy', 'Write', { writes: [put('a', 'guarded')] }, 1),
    submit('what is there in the end', 'GetMany', { keys: ['a', 'b', 'c', 'e', 'public', 'refused'] }, ['guarded', null, null, '1', 'seen', null]),
];
