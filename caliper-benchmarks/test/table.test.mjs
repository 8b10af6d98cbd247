// What makes a run fail: the table's exit code and last line, by what Caliper and the workers left.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const folder = mkdtempSync(join(tmpdir(), 'table-'));
after(() => rmSync(folder, { recursive: true }));

const PLAN = [{ label: 'create 10', workload: 'create', transactions: 10, records: 1 }];
const HEAD = ['Name', 'Succ', 'Fail', 'Send Rate (TPS)', 'Max Latency (s)', 'Min Latency (s)', 'Avg Latency (s)', 'Throughput (TPS)'];

const row = (cells, kind) => `<tr>${cells.map((cell) => `<${kind}>${cell}</${kind}>`).join('')}</tr>`;
const report = (rows) => `<table>${[row(HEAD, 'th'), ...rows.map((cells) => row(cells, 'td'))].join('\n')}</table>`;
const round = ({ succeeded = 10, failed = 0 } = {}) => ['create 10', succeeded, failed, '9.0', '0.2', '0.1', '0.1', '8.5'];

function table({ rows = [round()], tally = '0 0 0\n0 0 0\n', target = 'network' } = {}) {
    const file = (name, content) => {
        writeFileSync(join(folder, name), content);
        return join(folder, name);
    };
    const script = fileURLToPath(new URL('../lib/table.mjs', import.meta.url));
    const given = [file('plan.json', JSON.stringify(PLAN)), file('report.html', report(rows)), file('tally.txt', tally), target, 'a test'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...given], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return [status, stdout.split('\n').filter((line) => line.startsWith('FAILED'))];
}

test('what succeeded passes, and its figures are printed', () => {
    for (const target of ['network', 'devnet']) assert.deepEqual(table({ target }), [0, []]);
});

test('what did not succeed fails', () => {
    const failed = [1, ['FAILED: not every transaction succeeded: create 10']];
    assert.deepEqual(table({ rows: [round({ succeeded: 9, failed: 1 })] }), failed);
    assert.deepEqual(table({ rows: [round({ succeeded: 9 })] }), failed);
    assert.deepEqual(table({ rows: [] }), failed);
});

test('a wrong answer of the last transactions fails, and so does a round without a tally', () => {
    const failed = [1, ['FAILED: answers were wrong, or nobody counted them: create 10']];
    assert.deepEqual(table({ tally: '0 0 0\n0 0 1\n' }), failed);
    assert.deepEqual(table({ tally: '' }), failed);
});

test('endorsements that were asked for again fail on a devnet alone', () => {
    const tally = '0 0 0\n0 1 0\n';
    assert.deepEqual(table({ tally }), [0, []]);
    assert.deepEqual(table({ tally, target: 'devnet' }), [1, ['FAILED: a devnet was asked again for endorsements: create 10']]);
});
