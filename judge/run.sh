#!/usr/bin/env bash
# Usage: judge/run.sh [TRANSACTIONS [SEED]]
#
# The random workload on a real Fabric network made for it and on a devnet, compared. Fabric's
# commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN. USE_WRITE_BATCH=false together with
# USE_GET_MULTIPLE_KEYS=false makes the peers of 3.1 behave as older ones. BLOCK sets the
# transactions of a block, KEEP_BLOCKS a file to keep the network's blocks in; BATCH_TIMEOUT the time in which so many have to reach the orderer.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../network/tests/lib.sh"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
BLOCK=${BLOCK:-50}
export POLICIES_DIR=$HERE/policies CHAINCODE=judge USERS_COUNT=1
export MAX_MESSAGE_COUNT=$BLOCK BATCH_TIMEOUT=${BATCH_TIMEOUT:-8s}

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-judge
export CCAAS_SERVER=${CARGO_TARGET_DIR:-$ROOT/target}/debug/fabric-judge

workload() {
    "$NETWORK" up
    "$NETWORK" deploy
    local peers
    peers=$(awk '{ print "127.0.0.1:" $4 }' "$ORGANIZATIONS_FILE" | paste -sd,)
    "$CCAAS_SERVER" run --transactions "$1" --seed "$2" --batch "$BLOCK" \
        --organizations "$NETWORK_DIR/organizations" --peers "$peers" ${KEEP_BLOCKS:+--keep "$KEEP_BLOCKS"} ||
        { grep -ahE 'panic|PANI|CRIT' "$NETWORK_DIR"/logs/peer-*.log | cut -c 1-1000 >&2; return 1; }
}

own_network "$WORK/network" "Org1MSP custodian org1.example.com" "Org2MSP custodian org2.example.com"
with_network "$WORK/network" workload "${1:-500}" "${2:-1}"
