'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

/**
 * Rate control: at most `inFlight` transactions of all workers together are under way; the next one
 * starts as soon as one has ended. The system sets the rate and is never asked for more than it does.
 *
 * Caliper's own `fixed-load` pauses for whole latencies at its limit and so stays far below it.
 */
class InFlight {
    constructor(test, stats) {
        this.stats = stats;
        this.most = Math.max(1, Math.floor(test.getRateControlSpec().opts.inFlight / test.getWorkersNumber()));
    }

    async applyRateControl() {
        while (this.stats.getTotalSubmittedTx() - this.stats.getTotalFinishedTx() >= this.most) {
            await sleep(1);
        }
    }

    async end() {}
}

module.exports.createRateController = (test, stats) => new InFlight(test, stats);
