// Participants of one organisation, by Fabric's own Node client.

import * as grpc from '@grpc/grpc-js';
import { connect, signers } from '@hyperledger/fabric-gateway';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GRPC_OPTIONS } from './endorse-again.cjs';

export class Organization {
    #grpc;

    /** @param {{msp, domain, endpoint, folder, channel, contract}} options `folder` holds the organisation's keys */
    constructor(options) {
        Object.assign(this, options);
        this.peer = `peer0.${this.domain}`;
        this.tlsRoot = readFileSync(join(this.folder, 'peers', this.peer, 'tls', 'ca.crt'), 'utf8');
        const credentials = grpc.credentials.createSsl(Buffer.from(this.tlsRoot));
        this.#grpc = new grpc.Client(this.endpoint, credentials, {
            ...GRPC_OPTIONS,
            'grpc.ssl_target_name_override': this.peer,
        });
    }

    participant(user) {
        return new Participant(this, user, this.#grpc);
    }

    close() {
        this.#grpc.close();
    }
}

class Participant {
    #contract;

    constructor({ msp, domain, folder, channel, contract }, user, client) {
        this.user = user;
        const files = join(folder, 'users', `${user}@${domain}`, 'msp');
        this.certificateFile = firstFile(join(files, 'signcerts'));
        this.keyFile = firstFile(join(files, 'keystore'));
        const credentials = readFileSync(this.certificateFile);
        const signer = signers.newPrivateKeySigner(createPrivateKey(readFileSync(this.keyFile)));
        const deadline = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });
        const gateway = connect({
            client,
            identity: { mspId: msp, credentials },
            signer,
            evaluateOptions: deadline(10),
            endorseOptions: deadline(30),
            submitOptions: deadline(10),
            commitStatusOptions: deadline(60),
        });
        this.#contract = gateway.getNetwork(channel).getContract(contract);
        const certificate = new X509Certificate(credentials);
        this.enrolmentId = /(?:^|\n)CN=(.*)/.exec(certificate.subject)[1];
        const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
        this.keyHash = createHash('sha256').update(spki).digest('hex');
    }

    evaluate(name, secret) {
        return this.#contract.evaluate(name, proposal({}, secret)).then(parse, explain(name));
    }

    submit(name, secret, plain = {}) {
        return this.#contract.submit(name, proposal(plain, secret)).then(parse, explain(name));
    }
}

// Devnet writes the certificate under both names that Fabric's tools use.
function firstFile(folder) {
    const [name] = readdirSync(folder).sort();
    if (name === undefined) throw new Error(`${folder} is empty`);
    return join(folder, name);
}

function proposal(plain, secret) {
    const transientData = secret && { private: JSON.stringify(secret) };
    return { arguments: [JSON.stringify(plain)], transientData };
}

const parse = (answer) => JSON.parse(Buffer.from(answer).toString());

const explain = (name) => (error) => {
    const details = (error.details ?? []).map((detail) => `\n  ${detail.address}: ${detail.message}`);
    throw new Error(`${name}: ${error.message}${details.join('')}`, { cause: error });
};
