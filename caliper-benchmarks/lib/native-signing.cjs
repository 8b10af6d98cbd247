'use strict';

// Signatures by OpenSSL, as Fabric's peers take them.

const { createPrivateKey, sign } = require('node:crypto');

/** The order of P-256's group: Fabric refuses signatures whose s lies above its half. */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

function newNativeSigner(pem) {
    const key = createPrivateKey(pem);
    return async (message) => {
        const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' });
        const s = BigInt(`0x${signature.toString('hex', 32)}`);
        const low = s > ORDER / 2n ? Buffer.from((ORDER - s).toString(16).padStart(64, '0'), 'hex') : signature.subarray(32);
        const numbers = Buffer.concat([integer(signature.subarray(0, 32)), integer(low)]);
        return Buffer.concat([Buffer.from([0x30, numbers.length]), numbers]);
    };
}

/** A DER integer: no leading zeros but the one that keeps it positive. */
function integer(bytes) {
    const first = bytes.findIndex((byte) => byte !== 0);
    const sign = bytes[first] >= 0x80 ? [0] : [];
    return Buffer.concat([Buffer.from([0x02, 32 - first + sign.length, ...sign]), bytes.subarray(first)]);
}

module.exports = { newNativeSigner };
