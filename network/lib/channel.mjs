// The steps of channel.sh that read and write configurations as JSON.
//
//   node channel.mjs STEP FILE…

import { readFileSync } from 'node:fs';
import { Refused, compare, configOf, envelopeOf, hasSigned, signersOf, withAnchor, withCustodians, withOrganization } from './configuration.mjs';

const json = (file) => {
    try {
        return JSON.parse(readFileSync(file, 'utf8'));
    } catch (error) {
        throw new Refused(`${file} cannot be read: ${error.message}`);
    }
};
const print = (value) => console.log(JSON.stringify(value));

/** Each prints its result; a step that finds nothing to do prints nothing. */
const STEPS = {
    config: (block) => print(configOf(json(block))),
    custodians: (config, organizations) => printIf(withCustodians(json(config), json(organizations))),
    'add-organization': (config, organizations, definition) => printIf(withOrganization(json(config), json(definition), json(organizations))),
    define: (definition, anchor) => print(withAnchor(json(definition), anchor)),
    envelope: (update, channel) => print(envelopeOf(json(update), channel)),
    state: (config, envelope) => console.log(compare(json(config), json(envelope)).state),
    changes: (config, envelope) => compare(json(config), json(envelope)).changes.forEach((line) => console.log(line)),
    signed: (envelope, msp, certificate) => console.log(hasSigned(json(envelope), msp, readFileSync(certificate))),
    signers: (envelope) => signersOf(json(envelope)).forEach(({ msp, name, role }) => console.log(`${msp} ${name} (${role})`)),
};

function printIf(changed) {
    if (changed) print(changed);
}

const [step, ...files] = process.argv.slice(2);
try {
    STEPS[step](...files);
} catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(`channel.sh: ${error.message}`);
    process.exitCode = 1;
}
