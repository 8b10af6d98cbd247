'use strict';

const { readFileSync } = require('node:fs');
const { page, startOf } = require('../lib/summary.cjs');
const { Tallied } = require('../lib/tallied.cjs');

/** A patient reads `records` consecutive summaries of its own, from a place that wanders. */
class Query extends Tallied {
    async initializeWorkloadModule(...given) {
        await super.initializeWorkloadModule(...given);
        const { contract, participants, records, seeded } = this.roundArguments;
        this.contract = contract;
        this.pair = JSON.parse(readFileSync(participants, 'utf8'))[this.workerIndex];
        this.pages = seeded - records;
        this.sent = 0;
    }

    async submitTransaction() {
        const { records: count } = this.roundArguments;
        const first = (this.sent++ * 7) % this.pages;
        const answer = await this.sutAdapter.sendRequests({
            contractId: this.contract,
            contractFunction: 'ReadOwnSummaries',
            contractArguments: ['{}'],
            transientMap: { private: JSON.stringify(page(first, count)) },
            invokerIdentity: this.pair.patient.user,
            readOnly: true,
        });
        if (!answer.IsCommitted()) return; // counted as failed, and logged
        const { records } = JSON.parse(Buffer.from(answer.GetResult()).toString());
        const right = records.every((record, n) => record.summary.start === startOf(first + n));
        if (records.length !== count || !right) this.refuse(`not the ${count} records asked for`);
    }
}

module.exports.createWorkloadModule = () => new Query();
