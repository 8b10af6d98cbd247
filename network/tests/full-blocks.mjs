// Whether custodians' peers give a provider, and a patient of their own, blocks with their private data:
// `given` or `refused`.
//
//   node full-blocks.mjs given|refused      (on the network of network.sh, up and deployed)

import { hex, summary, told, World } from '../../interop/node-gateway/scenarios/world.mjs';
import { CHANNEL } from '../../interop/node-gateway/network.mjs';
import { Report } from '../../interop/lib/report.mjs';

const expected = process.argv[2];
const MARKER = `planted-marker-${hex(8)}`;
const FORBIDDEN = 403;

const report = new Report(`full blocks ${expected}`);
const world = await World.open(`blocks-${expected}`);

/** The first block from a number on with its private data, as serialized, or the error in its place. */
async function asked(actor, startBlock) {
    try {
        const events = await actor.gateway.getNetwork(CHANNEL).getBlockAndPrivateDataEvents({ startBlock });
        try {
            for await (const event of events) return { bytes: Buffer.from(event.serializeBinary()) };
            return { error: 'the stream ended' };
        } finally {
            events.close();
        }
    } catch (error) {
        return { error: told(error) };
    }
}

try {
    const patient = await world.patient('one');
    const { block } = await patient.device.submit('SubmitSummaries', {}, patient.batch(summary(patient.window(0), MARKER)));
    for (const msp of [world.home, world.second]) {
        for (const [who, of] of [['a provider', world.provider], ['its own client', msp]]) {
            const { bytes, error } = await asked(world.enroll(of, `reader-of-${of}-at-${msp}`, msp), block);
            const holds = expected === 'given' ? bytes?.includes(MARKER) : error?.includes(String(FORBIDDEN));
            report.check(`${who} asks ${msp}'s peer for a block with private data: ${expected}`, holds, error ?? 'it was given');
        }
    }
    const { bytes, error } = await asked(world.hospital, block);
    report.check("a custodian's administrator is given it", bytes?.includes(MARKER), error);
} finally {
    world.close();
}
report.close();
