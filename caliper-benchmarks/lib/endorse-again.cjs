'use strict';

// Endorsements that are asked for again, by gRPC's own retries, and how many were.
//
// For instants a peer knows no other member of the private collection, and does not endorse, or no other
// endorser, and finds no way to satisfy the policy: see docs/caliper.md. Nothing is ordered before the
// client has signed the endorsed transaction, so asking again changes nothing but the delay. Submit is
// never sent again here.

const { InterceptingCall, status } = require('@grpc/grpc-js');

/** Calls of Endorse for one transaction, the first included; gRPC for Node allows no more. */
const ATTEMPTS_MAX = 5;

/** The codes of these two, and of a peer that cannot be reached. */
const AGAIN = [status.ABORTED, status.FAILED_PRECONDITION, status.UNAVAILABLE];

/** Codes are all that gRPC decides by. What is refused for good is refused each time, and fails as before. */
const serviceConfig = {
    methodConfig: [
        {
            name: [{ service: 'gateway.Gateway', method: 'Endorse' }],
            retryPolicy: {
                maxAttempts: ATTEMPTS_MAX,
                initialBackoff: '0.05s',
                maxBackoff: '1s',
                backoffMultiplier: 3,
                retryableStatusCodes: AGAIN.map((code) => status[code]),
            },
        },
    ],
};

/** For a gRPC client of the gateway. */
const GRPC_OPTIONS = { 'grpc.service_config': JSON.stringify(serviceConfig) };

/** What gRPC adds to the answer of a call that it sent more than once: how often before. */
const PREVIOUS_ATTEMPTS = 'grpc-previous-rpc-attempts';

let again = 0;

function note(metadata) {
    const [attempts] = metadata.get(PREVIOUS_ATTEMPTS);
    if (attempts !== undefined) again += Number(attempts);
}

/** An interceptor for the calls to count. gRPC tells the number with the answer, or with the failure. */
function count(options, next) {
    return new InterceptingCall(next(options), {
        start(metadata, _listener, start) {
            let noted = false;
            const once = (received) => {
                if (!noted) note(received);
                noted = true;
            };
            start(metadata, {
                onReceiveMetadata(received, pass) {
                    once(received);
                    pass(received);
                },
                onReceiveStatus(ended, pass) {
                    once(ended.metadata);
                    pass(ended);
                },
            });
        },
    });
}

/** Attempts after the first, since the last time of asking. */
function take() {
    const taken = again;
    again = 0;
    return taken;
}

module.exports = { ATTEMPTS_MAX, GRPC_OPTIONS, count, take };
