#!/usr/bin/env bash
# Runs the conformance suite on a real Fabric network made for it, twice on one ledger. Peers of 3.1
# offer write batches and multi-gets in the first run; then all are started again, and offer neither
# in the second one, like older ones. Fabric's commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../../network/tests/lib.sh"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
PATH=${FABRIC_BIN:+$FABRIC_BIN:}$PATH
export POLICIES_DIR=$HERE/policies USERS_COUNT=1
# Two channels; the called chaincode is on both.
CHANNELS=(mychannel conformance-2)

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-conformance
CONFORMANCE=${CARGO_TARGET_DIR:-$ROOT/target}/debug/fabric-conformance

up() {
    local channel
    for channel in "${CHANNELS[@]}"; do CHANNEL=$channel "$NETWORK" up; done
}

deploy_callee() {
    local channel folder=$WORK/network/deployment/callee
    # The port behind those of the first organisation is free.
    local -x CHAINCODE=conformance-callee CHAINCODE_ADDRESS=127.0.0.1:$((${CHAINCODE_ADDRESS##*:} + 4))
    for channel in "${CHANNELS[@]}"; do CHANNEL=$channel CCAAS_SERVER=none "$NETWORK" deploy; done
    mkdir -p "$folder"
    CHAINCODE_ID=$(cat "$NETWORK_DIR/package-id") CHAINCODE_SERVER_ADDRESS=$CHAINCODE_ADDRESS \
        "$CONFORMANCE" serve >"$folder/server.log" 2>&1 &
    echo $! >"$folder/server.pid"
}

# run NAME OFFERED: every case, under keys of its own, by peers that offered the server so much.
run() {
    local org=$NETWORK_DIR/organizations/peerOrganizations/org1.example.com
    "$CONFORMANCE" run --other-channel --withhold "$HERE/withhold.sh" --run-id "$1" \
        --gateway "$(awk '$1 == "Org1MSP" { print "127.0.0.1:" $4 }' "$ORGANIZATIONS_FILE")" \
        --tls-root "$org/peers/peer0.org1.example.com/tls/ca.crt" \
        --msp-dir "$org/users/User1@org1.example.com/msp"
    grep -F 'write_batch:' "$NETWORK_DIR/logs/chaincode.log" | tail -n 2 | grep -cF "$2" | grep -qx 2 ||
        { echo "not both peers have offered '$2'" >&2; return 1; }
}

suite() {
    up
    deploy_callee
    export CHAINCODE=conformance
    RUST_LOG=warn,ccaas_server=info INIT_REQUIRED=true CCAAS_SERVER=$CONFORMANCE "$NETWORK" deploy
    "$HERE/initialise.sh"
    local neither='write_batch: None, multi_get: None' offered
    case $(peer version) in *'Version: v3.'*) offered='write_batch: Some(1000), multi_get: Some(1000)' ;; *) offered=$neither ;; esac
    run first "$offered"
    local peer
    for peer in Org1MSP Org2MSP; do "$NETWORK" down "peer-$peer"; done
    export USE_WRITE_BATCH=false USE_GET_MULTIPLE_KEYS=false
    up
    run second "$neither"
}

own_network "$WORK/network" "Org1MSP custodian org1.example.com" "Org2MSP custodian org2.example.com"
with_network "$WORK/network" suite
