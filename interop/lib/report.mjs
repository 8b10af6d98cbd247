// One line a check, and how many held.

import { inspect, isDeepStrictEqual } from 'node:util';

export class Report {
    passed = 0;
    failed = 0;

    /** @param {string} name stands before the counts, so that several parts can be told apart */
    constructor(name) {
        this.name = name;
    }

    pass(what) {
        this.passed += 1;
        console.log(`  ok      ${what}`);
    }

    fail(what, why) {
        this.failed += 1;
        console.log(`  FAILED  ${what}\n            ${String(why).replaceAll('\n', '\n            ')}`);
    }

    check(what, holds, why = 'it does not hold') {
        if (holds) this.pass(what);
        else this.fail(what, typeof why === 'function' ? why() : why);
    }

    equal(what, found, expected) {
        this.check(what, isDeepStrictEqual(found, expected), () => `expected ${show(expected)}\nfound    ${show(found)}`);
    }

    /** Prints the counts; the exit code says whether all held and anything was checked at all. */
    close() {
        console.log(`\n${this.name}: ${this.passed} passed, ${this.failed} failed`);
        process.exitCode = this.failed === 0 && this.passed > 0 ? 0 : 1;
    }
}

export function show(value) {
    return inspect(value, { depth: null, breakLength: 160, maxArrayLength: 20, maxStringLength: 400 });
}
