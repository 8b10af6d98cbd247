// What a refusal has to be: a stable code, no block, nothing personal told.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refusal } from '../network.mjs';
import { ROOT, failure, told } from './world.mjs';

/** Each code of the contract's list, and the scenario that has to see it. */
const DUE = {
    refusals: [
        'UNKNOWN_FUNCTION', 'BAD_ARGUMENTS', 'PRIVATE_MISSING', 'PRIVATE_MALFORMED', 'PRIVATE_TOO_LARGE', 'ARGUMENT_INVALID',
        'BATCH_SIZE', 'BATCH_DUPLICATE', 'RAW_DATA_REJECTED', 'ROLES_INCOMPATIBLE', 'ROLE_NOT_PERMITTED', 'IDENTITY_UNKNOWN',
        'KEY_NOT_BOUND', 'INACTIVE', 'OUTSIDE_AUTHORITY', 'DEVICE_NOT_OF_SUBJECT', 'SUSPENSION_HELD', 'ORGANIZATION_UNKNOWN',
        'UNIT_UNKNOWN', 'STAFF_UNKNOWN', 'SUBJECT_UNKNOWN', 'DEVICE_UNKNOWN', 'RECORD_UNKNOWN', 'ORGANIZATION_EXISTS',
        'UNIT_EXISTS', 'STAFF_EXISTS', 'PATIENT_EXISTS', 'NOT_PENDING', 'DEVICE_EXISTS', 'RECORDS_KEY_TAKEN',
        'RECORDS_KEY_MISMATCH', 'RECORD_CONFLICT', 'STATUS_CONFLICT', 'BACK_DATED',
    ],
    access: [
        'IDENTITY_UNUSABLE', 'PURPOSE_NOT_ASSERTABLE', 'TICKET_NOT_VISIBLE', 'DELEGATION_EXISTS', 'NOT_PROPOSED',
        'CONSENT_CONFLICT', 'PRESET_UNKNOWN', 'NOT_DISCLOSED', 'TICKET_EXPIRED',
    ],
    limits: [
        'KIND_NOT_ALLOWED', 'UNIT_TREE_FULL', 'NOT_AUTHORISED', 'COMMAND_NOT_IN_PROFILE', 'COMMAND_UNKNOWN', 'COMMAND_EXISTS',
        'COMMAND_ENDED', 'RATE_EXCEEDED', 'AUTHORISATIONS_FULL', 'CARE_TEAM_FULL', 'DELEGATIONS_FULL', 'CLAIMS_FULL',
        'KEY_TAKEN', 'RECORD_VERSION', 'RECORD_VERSIONS_FULL', 'CONSENT_INVALID', 'CONSENT_TOO_LARGE', 'PRIVATE_DATA_UNAVAILABLE',
    ],
    /** docs/security.md says why; `limits` shows it of the first two. */
    none: ['OFFER_LAPSED', 'PROPOSAL_UNUSABLE', 'STATE_CORRUPT', 'DEVICES_FULL'],
};

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

    /** Every code that was seen is one of the contract's list, and every one of it is seen by the scenario that has to. */
    close() {
        const report = this.#report;
        const listed = readFileSync(join(ROOT, 'contract/tests/golden/errors.md'), 'utf8').match(/(?<=^\| `)[A-Z_]+/gm);
        report.equal("every code is in the contract's list", [...this.codes].filter((code) => !listed.includes(code)), []);
        report.equal("every code of the contract's list is due in one scenario", Object.values(DUE).flat().sort(), listed.sort());
        report.equal('every code that is due here was seen', DUE[report.name].filter((code) => !this.codes.has(code)), []);
        console.log(`  ${this.#held} refusals as they have to be, with ${this.codes.size} of the contract's ${listed.length} codes`);
    }
}
