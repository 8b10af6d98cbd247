#!/usr/bin/env bash
# Usage: withhold.sh lose|settle|return
#
# Makes the peer of Org2MSP, of the network that run.sh has started, miss private data.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
NETWORK=$HERE/../../network/network.sh
MSP=Org2MSP

restart() {
    local channel
    "$NETWORK" down "peer-$MSP"
    [ "$1" = as-it-is ] || rm -r "$NETWORK_DIR/data/$MSP/transientstore"
    for channel in mychannel conformance-2; do CHANNEL=$channel "$NETWORK" up; done
}

# height MSP: of its peer's chain.
height() (
    eval "$("$NETWORK" env "$1")"
    peer channel getinfo -c mychannel 2>/dev/null | sed -n 's/.*"height":\([0-9]*\).*/\1/p'
)

settle() {
    local goal deadline=$((SECONDS + 60))
    goal=$(height Org1MSP)
    until [ "$(height "$MSP")" -ge "$goal" ]; do
        [ $SECONDS -lt $deadline ] || { echo "the peer of $MSP does not catch up with block $goal" >&2; return 1; }
        sleep 0.1
    done
}

case ${1:-} in
    # What it keeps until a commit is gone; at the commit and later it asks no other peer for it.
    lose)
        export CORE_PEER_GOSSIP_PVTDATA_PULLRETRYTHRESHOLD=0s CORE_PEER_GOSSIP_PVTDATA_RECONCILIATIONENABLED=false
        restart without-it >/dev/null
        ;;
    settle) settle ;;
    return) restart as-it-is >/dev/null ;;
    *) sed -n 's/^# //p' "$0" | head -n 1 >&2; exit 2 ;;
esac
