// Certificates and signatures that no peer may take for a client's: whoever bears them is stopped before
// the contract is asked, at a query as at a transaction.

import { Report } from '../../lib/report.mjs';
import { refusal } from '../network.mjs';
import { endConsent } from './calls.mjs';
import { newKeys } from './certificates.mjs';
import { World, failure, hex, registration, told } from './world.mjs';

const SECOND_MS = 1000;
const DENIED = /access denied/;
const POLICY = /policy .*Writers/;
const EXPIRED = /client identity expired/;

const report = new Report('impostors');
const world = await World.open('impostors');
const patient = await world.patient('one');

const IMPOSTORS = [
    ['certified by an authority of the same name', { authority: world.falseAuthority(world.home) }, DENIED],
    ["certified by another organisation's authority", { authority: world.authority(world.second) }, DENIED],
    ["certified by the provider's authority", { authority: world.authority(world.provider) }, DENIED],
    ['signed with another key', { signer: newKeys() }, DENIED],
    ['of no unit', { units: [] }, DENIED],
    ['of a unit that is no kind of node', { units: ['ward'] }, DENIED],
    ['client and administrator at once', { units: ['client', 'admin'] }, DENIED],
    ['client and peer at once', { units: ['client', 'peer'] }, DENIED],
    ['client twice', { units: ['client', 'client'] }, DENIED],
    ['a peer', { units: ['peer'] }, POLICY],
    ['an orderer', { units: ['orderer'] }, POLICY],
];

/** A registrar whose certificate has ended, with the key that it had. */
async function expired() {
    const keys = newKeys();
    const enroll = (name, options) => world.enroll(world.home, name, world.home, 'late', { keys, ...options });
    const { enrolmentId } = enroll('in-time', {});
    await world.hospital.submit('RegisterStaff', { unit: 'root', roles: ['registrar'], period: { start: 0 } }, { enrolment_id: enrolmentId });
    const late = enroll('late', { from: Date.now() - 3 * SECOND_MS, until: Date.now() - SECOND_MS });
    const height = await world.height();
    const error = await failure('an expired certificate', late.submit('RegisterPatient', {}, registration(hex(16), world.stranger)));
    report.check('an expired certificate (submit): stopped by a peer', EXPIRED.test(told(error)) && (await world.height()) === height, () => told(error));
    // The gateway of 2.5 asks its own peer without looking at expiry; other peers and the orderer look.
    const query = late.evaluate('WhoAmI');
    if (process.env.FABRIC_RELEASE?.startsWith('2.')) report.equal("an expired certificate (evaluate): let through by 2.5's gateway", (await query).pid, late.pid);
    else report.check('an expired certificate (evaluate): stopped by the peer', EXPIRED.test(told(await failure('an expired certificate', query))));
}

try {
    for (const [what, options, words] of IMPOSTORS) {
        // In the patient's own name, which its hospital's authority could certify.
        const impostor = world.enroll(world.home, `impostor-${hex(3)}`, world.home, 'p-one', options);
        for (const [way, call] of [['evaluate', ['GetConsent', {}, {}]], ['submit', endConsent(patient)]]) {
            const height = await world.height();
            const error = await failure(what, impostor[way](...call));
            const stopped = words.test(told(error)) && refusal(error) === undefined && (await world.height()) === height;
            report.check(`the patient's name, ${what} (${way}): stopped by the peer`, stopped, () => told(error));
        }
    }
    await expired();
    const honest = world.enroll(world.home, 'honest', world.home, 'p-one');
    const error = await failure('an honest certificate', honest.evaluate('GetConsent'));
    report.equal('one with nothing wrong reaches the contract, which knows the key', refusal(error), 'KEY_NOT_BOUND');
} catch (error) {
    report.fail('it broke off', error.stack);
} finally {
    world.close();
}
report.close();
