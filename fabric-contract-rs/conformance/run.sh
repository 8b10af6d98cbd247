#!/usr/bin/env bash
# Runs the conformance suite on a real Fabric network made for it, twice on one ledger.
#
# Fabric's commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN. USE_WRITE_BATCH=false and
# USE_GET_MULTIPLE_KEYS=false make the peers of 3.1 behave as older ones.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$HERE/../..
WORK=$(mktemp -d)
export NETWORK_DIR=$WORK/network ORGANIZATIONS_FILE=$HERE/organizations.conf POLICIES_DIR=$HERE/policies
export USERS_COUNT=1
export ORDERER_PORT=17050 ORDERER_ADMIN_PORT=17053 ORDERER_OPERATIONS_PORT=19443

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-conformance
CONFORMANCE=${CARGO_TARGET_DIR:-$ROOT/target}/debug/fabric-conformance
CALLEE_SERVER=

clean() {
    local status=$?
    if [ $status -ne 0 ]; then
        tail -n 20 "$NETWORK_DIR"/logs/* >&2 || true
    fi
    [ -z "$CALLEE_SERVER" ] || kill "$CALLEE_SERVER" || true
    "$ROOT/network/network.sh" clean >/dev/null || true
    rm -rf "$WORK"
    exit $status
}
trap clean EXIT

# Two channels; the called chaincode is on both.
for channel in mychannel conformance-2; do
    CHANNEL=$channel "$ROOT/network/network.sh" up
    CHANNEL=$channel CHAINCODE=conformance-callee CHAINCODE_ADDRESS=127.0.0.1:19998 CCAAS_SERVER=none \
        "$ROOT/network/network.sh" deploy
done
CHAINCODE_ID=$(cat "$NETWORK_DIR/package-id") CHAINCODE_SERVER_ADDRESS=127.0.0.1:19998 "$CONFORMANCE" &
CALLEE_SERVER=$!
export CHAINCODE=conformance CHAINCODE_ADDRESS=127.0.0.1:19999
INIT_REQUIRED=true CCAAS_SERVER=$CONFORMANCE "$ROOT/network/network.sh" deploy
PATH=${FABRIC_BIN:+$FABRIC_BIN:}$PATH "$HERE/initialise.sh"
ORG=$NETWORK_DIR/organizations/peerOrganizations/org1.example.com
for run in first second; do
    "$CONFORMANCE" run --other-channel --run-id "$run" --gateway 127.0.0.1:17051 --server-name peer0.org1.example.com \
        --tls-root "$ORG/peers/peer0.org1.example.com/tls/ca.crt" \
        --msp-dir "$ORG/users/User1@org1.example.com/msp"
done
