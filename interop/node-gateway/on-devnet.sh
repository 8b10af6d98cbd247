#!/usr/bin/env bash
# Starts an embedded Fabric and the chaincode server in a temporary folder, plays the story, stops.
# BIN_DIR holds the programs; default: the debug build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
bin=${BIN_DIR:-${CARGO_TARGET_DIR:-$root/target}/debug}
dir=$(mktemp -d)
pids=()
cleanup() {
    status=$?
    if [ ${#pids[@]} -gt 0 ]; then kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; fi
    [ $status -eq 0 ] || tail -n 20 "$dir"/*.log >&2
    rm -rf "$dir"
    exit $status
}
trap cleanup EXIT

[ -d "$here/node_modules" ] || (cd "$here" && npm ci --no-audit --no-fund --silent)
chaincode=127.0.0.1:$(node -e 'const s=require("net").createServer().listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})')
"$bin/fabric-devnet" up --dir "$dir/devnet" --ports 0,0,0 --chaincode "ioht=$chaincode" \
    --collections "$root/policies/collections.json" \
    --endorsement-policy "$root/policies/endorsement-policy.txt" >"$dir/devnet.log" 2>&1 &
pids+=($!)
for _ in $(seq 100); do
    ! grep -q 'devnet is ready' "$dir/devnet.log" || break
    kill -0 "${pids[0]}"
    sleep 0.1
done
CHAINCODE_SERVER_ADDRESS=$chaincode \
    CHAINCODE_ID=$(sed -n 's/^ *CHAINCODE_ID=//p' "$dir/devnet.log") \
    "$bin/ccaas-server" --policies "$root/policies" >"$dir/server.log" 2>&1 &
pids+=($!)
for user in registrar patient device stranger; do
    "$bin/fabric-devnet" enroll --dir "$dir/devnet" --org Org1MSP --name "$user" >/dev/null
done
"$bin/fabric-devnet" enroll --dir "$dir/devnet" --org Org3MSP --name clinician >/dev/null
# Org1MSP / gateway localhost:PORT (…) lines become {"Org1MSP": {"domain": …, "endpoint": …}}.
ENDPOINTS=$(awk '/MSP$/ { msp = $1 } $1 == "gateway" {
    host = $4; sub(/\)$/, "", host); sub(/^peer0\./, "", host)
    printf "%s\"%s\":{\"domain\":\"%s\",\"endpoint\":\"%s\"}", sep, msp, host, $2; sep = ","
}' "$dir/devnet.log")
ENDPOINTS="{$ENDPOINTS}" node "$here/story.mjs" "$dir/devnet/organizations"
