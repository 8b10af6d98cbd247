'use strict';

const { WorkloadModuleBase } = require('@hyperledger/caliper-core');
const { appendFileSync } = require('node:fs');
const { take } = require('./endorse-again.cjs');

/**
 * A workload that leaves a line `ROUND AGAIN WRONG` for the table: endorsements that were asked for again,
 * and answers that were wrong. Caliper ends a round at the first error, but not at one of the last
 * transactions in flight, when nothing is left to send.
 */
class Tallied extends WorkloadModuleBase {
    wrong = 0;

    /** Refuses an answer. */
    refuse(why) {
        this.wrong += 1;
        throw new Error(why);
    }

    async cleanupWorkloadModule() {
        appendFileSync(this.roundArguments.tally, `${this.roundIndex} ${take()} ${this.wrong}\n`);
    }
}

module.exports = { Tallied };
