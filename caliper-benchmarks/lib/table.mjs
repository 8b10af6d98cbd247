// Prints a run's results beside the paper's, out of Caliper's report; fails unless all succeeded.
//
//   node table.mjs PLAN REPORT TALLY TARGET SYSTEM
//
// TALLY holds a line `ROUND AGAIN WRONG` a worker and round: endorsements that were asked for again, and
// wrong answers. On TARGET devnet nothing is asked for again: there is no gossip to wait for.

import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';

/** Tables II and III of the paper, as ranges over their rows; its Fabric hosts are not stated. */
const PAPER = [
    { of: /^create/, round: 'paper: create', failed: '34.8-42.3 %', sendRate: '135-146', average: '634-696', tps: '11.9-17.2' },
    { of: /^query/, round: 'paper: query', failed: '3.0-4.4 %', sendRate: '324-356', average: '4.2-5.1', tps: '289-298' },
];

const COLUMNS = {
    round: 'Round',
    sent: 'Sent',
    succeeded: 'Succeeded',
    failed: 'Failed',
    again: 'Endorsed again',
    sendRate: 'Sent/s',
    average: 'Avg latency s',
    longest: 'Max latency s',
    tps: 'TPS',
    records: 'Records/s',
};

const [planFile, reportFile, tallyFile, target, system] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const reported = readReport(readFileSync(reportFile, 'utf8'));
const tallies = readTallies(tallyFile);
const results = plan.map((round, n) => {
    const row = reported.get(round.label);
    if (!row) return { round: round.label, sent: 0, succeeded: 0, failed: round.transactions };
    const [succeeded, failed] = [Number(row.Succ), Number(row.Fail)];
    const tps = Number(row['Throughput (TPS)']);
    return {
        round: round.label,
        sent: succeeded + failed,
        succeeded,
        failed,
        again: tallies.get(n)?.again,
        sendRate: row['Send Rate (TPS)'],
        average: row['Avg Latency (s)'],
        longest: row['Max Latency (s)'],
        tps: row['Throughput (TPS)'],
        records: Math.round((tps * round.records * succeeded) / Math.max(1, succeeded + failed)),
    };
});

console.log(`${system}; ${machine()}\n`);
print([...results, ...PAPER.filter(({ of }) => plan.some(({ workload }) => of.test(workload)))]);
const FAULTS = {
    'not every transaction succeeded': ({ transactions }, { succeeded, failed }) => succeeded !== transactions || failed > 0,
    'answers were wrong, or nobody counted them': (_, __, tally) => tally?.wrong !== 0,
    'a devnet was asked again for endorsements': (_, __, tally) => target === 'devnet' && tally?.again > 0,
};
for (const [fault, is] of Object.entries(FAULTS)) {
    const bad = plan.filter((round, n) => is(round, results[n], tallies.get(n)));
    if (bad.length === 0) continue;
    console.log(`\nFAILED: ${fault}: ${bad.map(({ label }) => label).join(', ')}`);
    process.exitCode = 1;
}

/** The rows of the report's summary by round. */
function readReport(html) {
    const [summary] = /<table[\s\S]*?<\/table>/.exec(html) ?? [''];
    const cells = (row, kind) => [...row.matchAll(new RegExp(`<${kind}>([^<]*)</${kind}>`, 'g'))].map(([, text]) => text);
    const [head, ...rows] = [...summary.matchAll(/<tr>[\s\S]*?<\/tr>/g)].map(([row]) => row);
    const names = cells(head ?? '', 'th');
    const named = rows.map((row) => Object.fromEntries(cells(row, 'td').map((text, n) => [names[n], text])));
    return new Map(named.map((row) => [row.Name, row]));
}

function readTallies(file) {
    const rounds = new Map();
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    for (const [round, again, wrong] of lines.map((line) => line.split(' ').map(Number))) {
        const known = rounds.get(round) ?? { again: 0, wrong: 0 };
        rounds.set(round, { again: known.again + again, wrong: known.wrong + wrong });
    }
    return rounds;
}

function machine() {
    const all = cpus();
    const memory = Math.round(totalmem() / 2 ** 30);
    return `${all.length} cores (${all[0].model.trim()}), ${memory} GiB, Node ${process.versions.node}, all on this machine`;
}

function print(rows) {
    const keys = Object.keys(COLUMNS);
    const lines = [COLUMNS, ...rows].map((row) => keys.map((key) => String(row[key] ?? '-')));
    const widths = keys.map((_, n) => Math.max(...lines.map((line) => line[n].length)));
    const pad = (text, n) => (n === 0 ? text.padEnd(widths[n]) : text.padStart(widths[n]));
    lines.splice(1, 0, widths.map((width) => '-'.repeat(width)));
    for (const line of lines) console.log(`| ${line.map(pad).join(' | ')} |`);
}
