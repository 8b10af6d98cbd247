// What a refusal has to be: a stable code, no block, nothing personal told.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusal } from '../network.mjs';
import { ROOT, failure, told } from './world.mjs';

export class Refusals {
    /** The codes that were seen. */
    codes = new Set();
    #held = 0;
    #report;
    #world;
    #secrets;

    /** @param {string[]} secrets what stands in no error */
    constructor(report, world, secrets) {
        this.#report = report;
        this.#world = world;
        this.#secrets = secrets;
    }

    /** A failure at endorsement that makes no block and tells nothing. */
    async text(what, submit) {
        const height = await this.#world.height();
        const error = await failure(what, submit());
        assert.equal(error.constructor.name, 'EndorseError', `${what}: ${told(error)}`);
        assert.equal(await this.#world.height(), height, `${what}: a block was made`);
        this.#tellsNothing(what, error);
        return error;
    }

    /** A transaction that is refused with this code. */
    async submit(what, actor, name, args, secret, code) {
        await this.#refused(what, code, this.text(what, () => actor.submit(name, args, secret)));
    }

    /** The same for a query. */
    async query(what, actor, name, secret, code, args = {}) {
        await this.#refused(what, code, failure(what, actor.evaluate(name, args, secret)));
    }

    /** The same for whatever of both `attempt` is. */
    async attempt(what, attempt, code) {
        await this.#refused(what, code, failure(what, attempt()));
    }

    async #refused(what, code, pending) {
        try {
            const error = await pending;
            assert.equal(refusal(error), code, told(error));
            assert.match(told(error), /chaincode response 4\d\d, /);
            this.#tellsNothing(what, error);
            this.codes.add(code);
            this.#held += 1;
            this.#report.pass(`${what}: ${code}`);
        } catch (error) {
            this.#report.fail(what, error.message);
        }
    }

    #tellsNothing(what, error) {
        for (const secret of this.#secrets) assert.ok(!told(error).includes(secret), `${what}: the error tells ${secret}`);
    }

    /** Every code that was seen is one of the contract's list; tells how many of it were. */
    close() {
        const listed = readFileSync(join(ROOT, 'contract/tests/golden/errors.md'), 'utf8').match(/(?<=^\| `)[A-Z_]+/gm);
        this.#report.equal("every code is in the contract's list", [...this.codes].filter((code) => !listed.includes(code)), []);
        console.log(`  ${this.#held} refusals as they have to be, with ${this.codes.size} of the contract's ${listed.length} codes`);
    }
}
