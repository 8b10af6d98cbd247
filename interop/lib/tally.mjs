// How many checks of several programs held.

import { readFileSync } from 'node:fs';

export class Tally {
    #passed = 0;
    #failed = 0;

    /** Adds what a program's log says last; one that broke off has failed, whatever it counted. */
    add(program, code, log) {
        const counts = [...readFileSync(log, 'utf8').matchAll(/(\d+) passed, (\d+) failed$/gm)];
        const [, passed = 0, failed = 0] = counts.at(-1) ?? [];
        this.#passed += Number(passed);
        this.#failed += Number(failed);
        if (code !== 0 && Number(failed) === 0) {
            console.log(`  FAILED  ${program} ended with ${code}`);
            this.#failed += 1;
        }
    }

    /** Prints the counts; the exit code says whether all held and anything was checked at all. */
    close(name) {
        console.log(`\n${name}: ${this.#passed} passed, ${this.#failed} failed`);
        process.exitCode = this.#failed === 0 && this.#passed > 0 ? 0 : 1;
    }
}
