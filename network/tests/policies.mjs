// The policies for other organisations: everything as it is but who they are.
//
//   node policies.mjs FROM TO ORGANIZATIONS     (as network.sh endpoints prints them)

import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [from, to, organizations] = process.argv.slice(2);
const kinds = Object.entries(JSON.parse(organizations)).map(([msp, { kind }]) => ({ msp, kind }));
const custodians = kinds.filter(({ kind }) => kind === 'custodian').map(({ msp }) => msp);
const principals = (role) => custodians.map((msp) => `'${msp}.${role}'`).join(', ');
const endorsement = `OutOf(2, ${principals('peer')})`;

cpSync(from, to, { recursive: true });
const change = (name, changed) => {
    const file = join(to, name);
    writeFileSync(file, `${JSON.stringify(changed(JSON.parse(readFileSync(file, 'utf8'))), null, 2)}\n`);
};
change('organizations.json', (document) => ({ ...document, organizations: kinds }));
change('collections.json', ([collection]) => [
    {
        ...collection,
        policy: `OR(${principals('member')})`,
        maxPeerCount: custodians.length - 1,
        endorsementPolicy: { signaturePolicy: endorsement },
    },
]);
writeFileSync(join(to, 'endorsement-policy.txt'), `${endorsement}\n`);
