'use strict';

// Caliper's connector for Fabric, which leaves its user two things short: to count the endorsements that
// were asked for again, and to choose the signer.
//
// With --native-signing signatures are made by OpenSSL. The Node client signs in JavaScript, which costs
// more than everything else that a worker does for a transaction.

const { ConnectorFactory } = require('@hyperledger/caliper-fabric');
const { connect, hash, signers } = require('@hyperledger/fabric-gateway');
const { createPrivateKey } = require('node:crypto');
const { count } = require('./endorse-again.cjs');
const { newNativeSigner } = require('./native-signing.cjs');

/** @param {boolean} native whether signatures are made by OpenSSL */
module.exports.connectorFactory = (native) => async (workerIndex) => {
    const connector = await ConnectorFactory(workerIndex);
    const { _configDefaultTimeout: deadline } = connector.constructor;
    connector._createGatewayWithIdentity = async (msp, alias, wallet, peer) => {
        const { mspid: mspId, certificate, privateKey } = await wallet.export(alias);
        return connect({
            client: await connector._createClientForPeer(msp, peer),
            identity: { mspId, credentials: Buffer.from(certificate) },
            ...(native
                ? { signer: newNativeSigner(privateKey), hash: hash.none }
                : { signer: signers.newPrivateKeySigner(createPrivateKey(privateKey)) }),
            evaluateOptions: deadline,
            endorseOptions: () => ({ ...deadline(), interceptors: [count] }),
            submitOptions: deadline,
            commitStatusOptions: deadline,
        });
    };
    return connector;
};
