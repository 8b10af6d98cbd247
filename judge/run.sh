#!/usr/bin/env bash
# Usage: judge/run.sh [TRANSACTIONS [SEED]]
#
# The random workload on a real Fabric network made for it and on a devnet, compared. Fabric's
# commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN. USE_WRITE_BATCH=false together with
# USE_GET_MULTIPLE_KEYS=false makes the peers of 3.1 behave as older ones. BLOCK sets the
# transactions of a block, KEEP_BLOCKS a file to keep the network's blocks in; BATCH_TIMEOUT the seconds
# in which so many have to reach the orderer. On a machine too slow for it all begins anew, with more time.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../network/tests/lib.sh"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
BLOCK=${BLOCK:-50}
SECONDS_OF_A_BATCH=${BATCH_TIMEOUT:-8s}
SECONDS_OF_A_BATCH=${SECONDS_OF_A_BATCH%s}
# How often the time is doubled: what takes longer than that does not lack time.
DOUBLED_MAX=3
# The program's status where a batch was not cut into one block.
CUT=3
export POLICIES_DIR=$HERE/policies CHAINCODE=judge USERS_COUNT=1 MAX_MESSAGE_COUNT=$BLOCK

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-judge
export CCAAS_SERVER=${CARGO_TARGET_DIR:-$ROOT/target}/debug/fabric-judge

# Its caller wants to know how it ends, and the shell must end with what fails in it nevertheless.
workload() {
    set -e
    "$NETWORK" up
    "$NETWORK" deploy
    local peers status=0
    peers=$(awk '{ print "127.0.0.1:" $4 }' "$ORGANIZATIONS_FILE" | paste -sd,)
    "$CCAAS_SERVER" run --transactions "$1" --seed "$2" --batch "$BLOCK" \
        --organizations "$NETWORK_DIR/organizations" --peers "$peers" ${KEEP_BLOCKS:+--keep "$KEEP_BLOCKS"} || status=$?
    if [ $status -ne 0 ]; then grep -ahE 'panic|PANI|CRIT' "$NETWORK_DIR"/logs/peer-*.log | cut -c 1-1000 >&2 || true; fi
    return $status
}

for ((doubled = 0; ; doubled++)); do
    export BATCH_TIMEOUT=$((SECONDS_OF_A_BATCH << doubled))s
    own_network "$WORK/network" "Org1MSP custodian org1.example.com" "Org2MSP custodian org2.example.com"
    set +e
    with_network "$WORK/network" workload "${1:-500}" "${2:-1}"
    status=$?
    set -e
    if [ $status -ne $CUT ] || [ $doubled -eq $DOUBLED_MAX ]; then exit $status; fi
    echo "again, with $((SECONDS_OF_A_BATCH << (doubled + 1))) seconds for a batch" >&2
done
