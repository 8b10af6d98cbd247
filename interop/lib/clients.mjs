// Calls a chaincode of a devnet through Fabric's own Node client.

import * as grpc from '@grpc/grpc-js';
import { connect, hash, signers } from '@hyperledger/fabric-gateway';
import { createPrivateKey } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const CHANNEL = 'mychannel';
const DEADLINE_MS = 30_000;
const utf8 = new TextDecoder();

export class Clients {
    #devnet;
    #chaincode;
    #contracts = new Map();
    #connections = [];

    constructor(devnet, chaincode) {
        this.#devnet = devnet;
        this.#chaincode = chaincode;
    }

    /** The chaincode as `User1` of an organisation calls it, through the gateway of Org1. */
    contract(msp) {
        if (!this.#contracts.has(msp)) this.#contracts.set(msp, this.#connect(msp));
        return this.#contracts.get(msp);
    }

    #connect(msp) {
        const { endpoints, organizations } = this.#devnet;
        const peers = (one) => join(organizations, 'peerOrganizations', endpoints[one].domain);
        const peer = `peer0.${endpoints.Org1MSP.domain}`;
        const roots = readFileSync(join(peers('Org1MSP'), 'peers', peer, 'tls/ca.crt'));
        const client = new grpc.Client(endpoints.Org1MSP.endpoint, grpc.credentials.createSsl(roots), { 'grpc.ssl_target_name_override': peer });
        this.#connections.push(client);
        const files = join(peers(msp), 'users', `User1@${endpoints[msp].domain}`, 'msp');
        const first = (folder) => readFileSync(join(files, folder, readdirSync(join(files, folder)).sort()[0]));
        const options = () => ({ deadline: Date.now() + DEADLINE_MS });
        const gateway = connect({
            client,
            identity: { mspId: msp, credentials: first('signcerts') },
            signer: signers.newPrivateKeySigner(createPrivateKey(first('keystore'))),
            hash: hash.sha256,
            evaluateOptions: options,
            endorseOptions: options,
            submitOptions: options,
            commitStatusOptions: options,
        });
        return gateway.getNetwork(CHANNEL).getContract(this.#chaincode);
    }

    /** A signed proposal of a function with one JSON argument. */
    proposal({ fn, args, transient, msp = 'Org1MSP' }) {
        return this.contract(msp).newProposal(fn, { arguments: [JSON.stringify(args)], transientData: transient });
    }

    /**
     * Evaluates, or submits and waits for the commit.
     *
     * Resolves to the answer, with the transaction's id in it replaced; to `refused`, the status and
     * message of the contract's own refusal; and to `text`, all that is said about any failure.
     */
    async call(one) {
        const proposal = this.proposal(one);
        const id = proposal.getTransactionId();
        const parse = (bytes) => JSON.parse(utf8.decode(bytes).replaceAll(id, '<tx>'));
        try {
            if (!one.submit) return { answer: parse(await proposal.evaluate()) };
            const transaction = await proposal.endorse();
            const status = await (await transaction.submit()).getStatus();
            if (!status.successful) return { txId: id, text: `committed with code ${status.code}` };
            return { txId: id, answer: parse(transaction.getResult()) };
        } catch (error) {
            if (error.code === undefined) throw error;
            const texts = [error.message, ...(error.details ?? []).map(({ message }) => message)];
            const text = texts.join('\n').replaceAll(id, '<tx>');
            const refusal = /chaincode response (\d+), (.*)/.exec(text);
            return { text, code: grpc.status[error.code], ...(refusal && { refused: { status: Number(refusal[1]), message: refusal[2] } }) };
        }
    }

    close() {
        this.#connections.forEach((client) => client.close());
    }
}
