// One of three custodians is away: two are enough, and it gets what it missed.

import assert from 'node:assert/strict';
import { Report } from '../../lib/report.mjs';
import { World, network, summary, until } from './world.mjs';

const report = new Report('absence');
const world = await World.open('absence');
const patient = await world.patient('one');
const submit = (number) => patient.device.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(number), 'absence')));
const away = world.custodians.at(-1);

try {
    assert.ok(world.custodians.length > 2, 'two custodians must be left');
    await submit(0);
    network('down', `peer-${away}`);
    // Until the gateway has noticed it plans with the peer that is away.
    await until('a commit without it', () => submit(1).then(() => true, () => false));
    report.pass(`${away}'s peer is down: transactions are committed`);
    report.equal(`${away}'s peer is down: the patient reads`, await patient.windows(), [0, 1]);
    network('up');
    await until(`${away}'s catching up`, async () => (await world.height(away)) === (await world.height()));
    const there = world.network.participant(world.home, 'absence-p-one', away);
    const windows = await until('the reconciliation of private data', async () => {
        const found = await patient.windows(there, { endorsingOrganizations: [away] });
        return found.length === 2 && found;
    });
    report.equal(`${away} is back and has got what it missed`, windows, [0, 1]);
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
