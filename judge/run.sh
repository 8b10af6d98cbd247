#!/usr/bin/env bash
# Usage: judge/run.sh [TRANSACTIONS [SEED]]
#
# The random workload on a real Fabric network made for it and on a devnet, compared. Fabric's
# commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN. USE_WRITE_BATCH=false together with
# USE_GET_MULTIPLE_KEYS=false makes the peers of 3.1 behave as older ones. BLOCK sets the
# transactions of a block; BATCH_TIMEOUT the time in which so many have to reach the orderer.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$HERE/..
BLOCK=${BLOCK:-50}
WORK=$(mktemp -d)
export NETWORK_DIR=${NETWORK_DIR:-$WORK/network} ORGANIZATIONS_FILE=$HERE/organizations.conf POLICIES_DIR=$HERE/policies
export CHAINCODE=judge CHAINCODE_ADDRESS=127.0.0.1:29999 USERS_COUNT=1
export ORDERER_PORT=27050 ORDERER_ADMIN_PORT=27053 ORDERER_OPERATIONS_PORT=29443
export MAX_MESSAGE_COUNT=$BLOCK BATCH_TIMEOUT=${BATCH_TIMEOUT:-8s}

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-judge
export CCAAS_SERVER=${CARGO_TARGET_DIR:-$ROOT/target}/debug/fabric-judge

clean() {
    local status=$?
    if [ $status -ne 0 ]; then
        grep -ahE 'panic|PANI|CRIT' "$NETWORK_DIR"/logs/* >&2 || true
        tail -n 5 "$NETWORK_DIR"/logs/* >&2 || true
    fi
    "$ROOT/network/network.sh" clean >/dev/null || true
    rm -rf "$WORK"
    exit $status
}
trap clean EXIT

"$ROOT/network/network.sh" up
"$ROOT/network/network.sh" deploy
"$CCAAS_SERVER" run --transactions "${1:-500}" --seed "${2:-1}" --batch "$BLOCK" \
    --organizations "$NETWORK_DIR/organizations" --peers 127.0.0.1:27051,127.0.0.1:29051
