#!/usr/bin/env bash
# Initialises the conformance chaincode of a network that run.sh has started, by the peer command:
# refused before, once, and never again.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
eval "$("$HERE/../../network/network.sh" env Org1MSP User1)"

# Its key is no case's: a case begins its keys with the name of its run.
PUT='{"function":"Apply","Args":["{\"steps\":[{\"put\":[{\"place\":\"public\",\"key\":{\"simple\":\"initialised\"}},\"yes\"]}]}"]}'
invoke() {
    peer chaincode invoke "${ORDERER_FLAGS[@]}" "${PEER_FLAGS[@]}" --channelID mychannel --name "$CHAINCODE" \
        --ctor "$PUT" --waitForEvent "$@" 2>&1
}

# refused WORDS COMMAND…
refused() {
    local words=$1 said
    shift
    if said=$("$@"); then
        echo "not refused: $*" >&2
        return 1
    fi
    grep -qF "$words" <<<"$said" || { printf '%s\n' "$said" >&2; return 1; }
}

refused "chaincode '$CHAINCODE' has not been initialized for this version, must call as init first" invoke
invoke --isInit
refused "chaincode '$CHAINCODE' is already initialized but called as init" invoke --isInit
invoke
