'use strict';

const { readFileSync } = require('node:fs');
const { summary } = require('../lib/summary.cjs');
const { Tallied } = require('../lib/tallied.cjs');

/** A device submits its next summaries, `records` of them a transaction. */
class Create extends Tallied {
    async initializeWorkloadModule(...given) {
        await super.initializeWorkloadModule(...given);
        const { contract, participants, skip } = this.roundArguments;
        this.contract = contract;
        this.pair = JSON.parse(readFileSync(participants, 'utf8'))[this.workerIndex];
        this.next = this.pair.free + skip;
    }

    async submitTransaction() {
        const { records: count } = this.roundArguments;
        const { device, sid, rk } = this.pair;
        const records = Array.from({ length: count }, () => summary(device.pid, this.next++));
        const sent = await this.sutAdapter.sendRequests({
            contractId: this.contract,
            contractFunction: 'SubmitSummaries',
            contractArguments: ['{}'],
            transientMap: { private: JSON.stringify({ sid, rk, records }) },
            invokerIdentity: device.user,
            readOnly: false,
        });
        if (!sent.IsCommitted()) return; // counted as failed, and logged
        const { created } = JSON.parse(Buffer.from(sent.GetResult()).toString());
        if (created !== count) this.refuse(`${created} of ${count} records are new`);
    }
}

module.exports.createWorkloadModule = () => new Create();
