// The contract's private keys as they stand on a ledger, for who wants to guess them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './world.mjs';

const TIME_DIGITS = 13;
const TIME_MAX = 9_999_999_999_999;
const VERSION_DIGITS = 10;

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
export const time = (at) => String(at).padStart(TIME_DIGITS, '0');
export const newest = (at) => time(TIME_MAX - at);
export const version = (number) => String(number).padStart(VERSION_DIGITS, '0');

/** What stands in a block for a key of a table. */
export const keyHash = (table, ...parts) => sha256(`\0${[table, ...parts].join('\0')}\0`);

/** Every private table, as the contract's source names them. */
export function privateTables() {
    const source = readFileSync(join(ROOT, 'contract/src/state.rs'), 'utf8');
    const names = [...source.matchAll(/Table::new\(\s*"(\w+)",\s*Space::Private/g)].map(([, name]) => name);
    assert.ok(names.length > 0, 'the contract names no private table');
    return names.sort();
}
