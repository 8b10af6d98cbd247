// Connects participants to their organisation's gateway, from the files that Fabric's tools write.

import * as grpc from '@grpc/grpc-js';
import { connect, hash, signers } from '@hyperledger/fabric-gateway';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

export const CHANNEL = process.env.CHANNEL_NAME ?? 'mychannel';
export const CHAINCODE = process.env.CHAINCODE_NAME ?? 'ioht';

const SECOND = 1000;
const AGAIN_MAX = 10;
const AGAIN_AFTER = SECOND / 4;
const utf8 = new TextDecoder();
/** A stream never ends: what is waited for has to have come by then. */
const streamed = () => ({ deadline: Date.now() + 120 * SECOND });

export class Network {
    #organizations;
    #clients = new Map();

    /** @param {string} folder the folder `organizations` of a devnet or a test network */
    constructor(folder, endpoints) {
        this.#organizations = new Map(
            Object.entries(endpoints).map(([msp, { domain, endpoint }]) => [
                msp,
                { domain, endpoint, folder: join(folder, 'peerOrganizations', domain) },
            ]),
        );
    }

    #client(msp) {
        if (!this.#clients.has(msp)) {
            const { folder, domain, endpoint } = this.#organizations.get(msp);
            const peer = `peer0.${domain}`;
            const roots = readFileSync(join(folder, 'peers', peer, 'tls', 'ca.crt'));
            const options = { 'grpc.ssl_target_name_override': peer };
            const credentials = grpc.credentials.createSsl(roots);
            this.#clients.set(msp, new grpc.Client(endpoint, credentials, options));
        }
        return this.#clients.get(msp);
    }

    /** A participant with the user folder `user@domain` of its organisation. */
    participant(msp, user, gatewayMsp = msp) {
        return this.#member(msp, 'users', `${user}@`, gatewayMsp);
    }

    /** An organisation's peer, as a client of a gateway. */
    peer(msp, gatewayMsp = msp) {
        return this.#member(msp, 'peers', 'peer0.', gatewayMsp);
    }

    #member(msp, kind, name, gatewayMsp) {
        const { folder, domain } = this.#organizations.get(msp);
        const files = join(folder, kind, `${name}${domain}`, 'msp');
        const certificate = readFileSync(onlyFile(join(files, 'signcerts')));
        const key = createPrivateKey(readFileSync(onlyFile(join(files, 'keystore'))));
        const gateway = connect({
            client: this.#client(gatewayMsp),
            identity: { mspId: msp, credentials: certificate },
            signer: signers.newPrivateKeySigner(key),
            hash: hash.sha256,
            evaluateOptions: () => ({ deadline: Date.now() + 10 * SECOND }),
            endorseOptions: () => ({ deadline: Date.now() + 30 * SECOND }),
            submitOptions: () => ({ deadline: Date.now() + 10 * SECOND }),
            commitStatusOptions: () => ({ deadline: Date.now() + 60 * SECOND }),
            chaincodeEventsOptions: streamed,
            filteredBlockEventsOptions: streamed,
            blockEventsOptions: streamed,
            blockAndPrivateDataEventsOptions: streamed,
        });
        return new Participant(msp, certificate, gateway, gatewayMsp);
    }

    close() {
        this.#clients.forEach((client) => client.close());
    }
}

// Devnet writes the certificate under both names that Fabric's tools use.
function onlyFile(folder) {
    const names = readdirSync(folder).sort();
    if (names.length === 0) throw new Error(`${folder} is empty`);
    return join(folder, names[0]);
}

/** The contract's pseudonym of whoever an organisation has enrolled under a name. */
export function participantId(msp, enrolmentId) {
    return createHash('sha256').update(`pid/1\0${msp}\0${enrolmentId}`).digest('hex').slice(0, 32);
}

export class Participant {
    /** @param {string} gatewayMsp whose peer is the gateway */
    constructor(msp, certificate, gateway, gatewayMsp) {
        this.gatewayMsp = gatewayMsp;
        this.certificate = new X509Certificate(certificate);
        this.gateway = gateway;
        this.contract = gateway.getNetwork(CHANNEL).getContract(CHAINCODE);
        const spki = this.certificate.publicKey.export({ type: 'spki', format: 'der' });
        this.keyHash = createHash('sha256').update(spki).digest('hex');
        this.enrolmentId = /(?:^|\n)CN=(.*)/.exec(this.certificate.subject)?.[1];
        this.pid = participantId(msp, this.enrolmentId);
    }

    async evaluate(name, args = {}, secret = undefined, options = {}) {
        const answer = await this.contract.evaluate(name, proposal(args, secret, options));
        return JSON.parse(utf8.decode(answer));
    }

    /** A transaction that was endorsed and is not yet submitted; proposed anew where what stands in its way passes. */
    async endorse(name, args = {}, secret = undefined, options = {}) {
        for (let again = AGAIN_MAX; ; again -= 1) {
            try {
                return await this.contract.newProposal(name, proposal(args, secret, options)).endorse();
            } catch (error) {
                if (again === 0 || !passes(error, this.gatewayMsp)) throw error;
            }
            await setTimeout(AGAIN_AFTER);
        }
    }

    /** Endorses, submits and waits; resolves to the answer, the transaction and its block. */
    async submit(name, args = {}, secret = undefined, options = {}) {
        const endorsed = await this.endorse(name, args, secret, options);
        const status = await (await endorsed.submit()).getStatus();
        if (!status.successful) {
            throw new Error(`transaction ${status.transactionId} has code ${status.code}`);
        }
        const answer = JSON.parse(utf8.decode(endorsed.getResult()));
        return { answer, transactionId: status.transactionId, block: status.blockNumber };
    }
}

/**
 * Whether a peer knew of no other one for an instant, or was a block behind: it answered something else than
 * the gateway's own peer, or refused what that one, which is asked first, did not.
 */
function passes({ details = [] }, gatewayMsp) {
    const words = ['failed to distribute private collection', 'ProposalResponsePayloads do not match'];
    const behind = ({ mspId, message }) => mspId !== gatewayMsp && message.includes('chaincode response');
    return details.some(({ message }) => words.some((text) => message.includes(text))) || (details.length > 0 && details.every(behind));
}

function proposal(args, secret, options) {
    const transientData = secret === undefined ? undefined : { private: JSON.stringify(secret) };
    return { arguments: [JSON.stringify(args)], transientData, ...options };
}

/** The contract's stable code in an error, whichever stage it came from. */
export function refusal(error) {
    const texts = [error.message, ...(error.details ?? []).map((detail) => detail.message)];
    for (const text of texts) {
        const found = /chaincode response \d+, ([A-Z][A-Z0-9_]*):/.exec(text);
        if (found) return found[1];
    }
    return undefined;
}
