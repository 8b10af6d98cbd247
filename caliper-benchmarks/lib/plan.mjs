// The rounds of a run.

import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Records that every patient has before a round of queries: a week of windows. */
export const SEEDED = 7 * 288;

/** Records of a page: an hour of five-minute windows. */
const PAGE = 12;

/**
 * Rows of a workload: transactions and records each. `inFlight` is where more in flight adds latency
 * but no throughput on two cores.
 */
const WORKLOADS = {
    create: {
        module: here('../workloads/create.cjs'),
        inFlight: 100,
        rows: [[1_000, 1], [5_000, 1], [10_000, 1]],
        short: [[1_000, 1]],
    },
    'create-batch': {
        module: here('../workloads/create.cjs'),
        inFlight: 32,
        rows: [[1_000, 50], [1_000, 100]],
        short: [[100, 50], [100, 100]],
    },
    query: {
        module: here('../workloads/query.cjs'),
        inFlight: 16,
        rows: [[1_000, PAGE], [5_000, PAGE], [10_000, PAGE]],
        short: [[1_000, PAGE]],
    },
};

export const WORKLOAD_NAMES = Object.keys(WORKLOADS);

/** @param {{workload, short, transactions, inFlight, workers}} wanted `workload` is a name or `all` */
export function rounds({ workload, short, transactions, inFlight, workers }) {
    // Results are told apart by their rounds' labels.
    if (transactions && new Set(transactions).size < transactions.length) throw new Error('--transactions: a size twice');
    const names = workload === 'all' ? WORKLOAD_NAMES : [workload];
    return names.flatMap((name) => {
        const known = WORKLOADS[name];
        if (!known) throw new Error(`there is no workload ${name}`);
        const rows = transactions ? withCounts(known, transactions) : known[short ? 'short' : 'rows'];
        return rows.map(([count, records]) => ({
            workload: name,
            label: `${name} ${count}${records > 1 ? ` x ${records}` : ''}`,
            module: known.module,
            // Caliper gives each worker the same share and drops the rest.
            transactions: Math.ceil(count / workers) * workers,
            records,
            inFlight: inFlight ?? known.inFlight,
        }));
    });
}

function withCounts({ rows }, counts) {
    const sizes = new Set(rows.map(([, records]) => records));
    return counts.flatMap((count) => [...sizes].map((records) => [count, records]));
}

/** Caliper's benchmark file. `shared` is what every workload module is told. */
export function benchmark(rounds, workers, description, shared) {
    // Rounds that write share the devices' calendars: each starts where the one before ends.
    let skip = 0;
    const written = ({ workload, transactions, records }) =>
        workload === 'query' ? 0 : (transactions / workers) * records;
    return {
        test: {
            name: 'health-IoT contract',
            description,
            workers: { number: workers },
            rounds: rounds.map((round) => {
                const { label, module, transactions, records, inFlight } = round;
                const args = { ...shared, records, skip };
                skip += written(round);
                return {
                    label,
                    txNumber: transactions,
                    rateControl: { type: here('../workloads/in-flight.cjs'), opts: { inFlight } },
                    workload: { module, arguments: args },
                };
            }),
        },
    };
}

/** Windows that the rounds need on each device's calendar. */
export function windowsNeeded(rounds, workers) {
    const writing = rounds.filter(({ workload }) => workload !== 'query');
    return writing.reduce((sum, { transactions, records }) => sum + (transactions / workers) * records, 0);
}
