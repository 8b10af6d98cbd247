// A custodian's second peer holds what the first one holds, and stands in for it.

import { World, hex, network, summary, until } from '../../interop/node-gateway/scenarios/world.mjs';
import { Report } from '../../interop/lib/report.mjs';

const report = new Report('second peer');
const world = await World.open('second-peer');
const { home, second } = world;
const patient = await world.patient('one');
const submit = (actor, number) => actor.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(number), hex(8))));
/** Somebody of the first custodian at the gateway of the second. */
const elsewhere = (name) => world.network.participant(home, `second-peer-${name}`, second);

/** A peer that did not answer a commit itself may be a block behind, or still fetch what is private in it. */
async function reads(what, expected, ...options) {
    const found = await until(what, async () => {
        const windows = await patient.windows(...options);
        return windows.length === expected.length && windows;
    });
    report.equal(what, found, expected);
}

try {
    await submit(patient.device, 0);
    await reads('the patient reads at the first peer', [0]);
    network('down', `peer-${home}`);
    // Only peers of the first custodian may answer, and one of them is left.
    const there = { endorsingOrganizations: [home] };
    await reads('the patient reads the same at the second peer', [0], elsewhere('p-one'), there);
    await submit(elsewhere('d-one'), 1);
    await reads('what the second peer endorsed is read there', [0, 1], elsewhere('p-one'), there);
    network('up');
    await reads('the first peer has it once it is back', [0, 1]);
} catch (error) {
    report.fail('it broke off', error.stack + JSON.stringify(error.details));
} finally {
    world.close();
}
report.close();
