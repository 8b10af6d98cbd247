// Prints a run's results beside the paper's, out of Caliper's report; fails unless all succeeded.
//
//   node table.mjs PLAN REPORT AGAIN SYSTEM
//
// AGAIN holds a line `ROUND COUNT` a worker and round: endorsements that were asked for again.

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

const [planFile, reportFile, againFile, system] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, 'utf8'));
const reported = readReport(readFileSync(reportFile, 'utf8'));
const endorsedAgain = readAgain(againFile);
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
        again: endorsedAgain.get(n),
        sendRate: row['Send Rate (TPS)'],
        average: row['Avg Latency (s)'],
        longest: row['Max Latency (s)'],
        tps: row['Throughput (TPS)'],
        records: Math.round((tps * round.records * succeeded) / Math.max(1, succeeded + failed)),
    };
});

console.log(`${system}; ${machine()}\n`);
print([...results, ...PAPER.filter(({ of }) => plan.some(({ workload }) => of.test(workload)))]);
const bad = plan.filter(({ transactions }, n) => results[n].succeeded !== transactions || results[n].failed > 0);
if (bad.length > 0) {
    console.log(`\nFAILED: not every transaction succeeded in ${bad.map(({ label }) => label).join(', ')}`);
    process.exit(1);
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

function readAgain(file) {
    const rounds = new Map();
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    for (const [round, count] of lines.map((line) => line.split(' ').map(Number))) {
        rounds.set(round, (rounds.get(round) ?? 0) + count);
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
