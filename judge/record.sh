#!/usr/bin/env bash
# Usage: judge/record.sh blocks|session NAME
#
# Makes the recording recorded/NAME.blocks or recorded/NAME.session on a real Fabric network: the
# blocks of a short workload, or one peer's chaincode stream while cases of the conformance suite
# run on ccaas-server. Fabric's commands and the settings of peers are taken as run.sh takes them.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/../network/tests/lib.sh"
WHAT=$1 NAME=$2
WORK=$(mktemp -d)
PATH=${FABRIC_BIN:+$FABRIC_BIN:}$PATH
trap 'rm -rf "$WORK"' EXIT
# One case at least for every message of the stream. An INIT comes before them.
CASES=(own_writes_are_invisible a_deleted_key_is_absent multi_gets_keep_order_duplicates_and_gaps
    ranges_keep_their_limit simple_ranges_show_no_composite_keys private_hashes_are_of_values
    private_ranges_are_ordered_and_limited purged_keys_leave_nothing key_policies_are_kept_with_their_keys
    history_is_newest_first a_refusal_leaves_no_trace the_last_event_is_sent
    transient_data_reaches_the_contract unknown_functions_are_refused bad_arguments_are_refused
    members_only_collections_refuse_other_clients a_callees_writes_join_the_transaction
    a_callees_refusal_is_passed_on)

cargo build --quiet --manifest-path "$ROOT/Cargo.toml" -p fabric-judge -p fabric-conformance
BIN=${CARGO_TARGET_DIR:-$ROOT/target}/debug
mkdir -p "$HERE/recorded"

# serve ADDRESS: the conformance contract as the chaincode that was deployed last.
serve() {
    CHAINCODE_ID=$(cat "$NETWORK_DIR/package-id") CHAINCODE_SERVER_ADDRESS=$1 "$BIN/fabric-conformance" serve &
    STARTED+=($!)
}

# In a shell of its own, which ends what it has started.
session() (
    STARTED=()
    trap 'kill "${STARTED[@]}" 2>/dev/null || true' EXIT
    export POLICIES_DIR=$ROOT/fabric-contract-rs/conformance/policies USERS_COUNT=1 CCAAS_SERVER=none
    port=${CHAINCODE_ADDRESS##*:}
    "$NETWORK" up
    # The ports behind those of the first and the second organisation are free.
    CHAINCODE=conformance-callee CHAINCODE_ADDRESS=127.0.0.1:$((port + 4)) "$NETWORK" deploy
    serve "127.0.0.1:$((port + 4))"
    export CHAINCODE=conformance
    INIT_REQUIRED=true "$NETWORK" deploy
    serve "127.0.0.1:$((port + 8))"
    "$BIN/fabric-judge" record --listen "$CHAINCODE_ADDRESS" --upstream "127.0.0.1:$((port + 8))" --out "$WORK" &
    recorder=$!
    STARTED+=($recorder)
    # Peers tell each other every second which chaincode they endorse.
    sleep 3
    "$ROOT/fabric-contract-rs/conformance/initialise.sh"
    org=$NETWORK_DIR/organizations/peerOrganizations/org1.example.com
    "$BIN/fabric-conformance" run --run-id recorded \
        --gateway "$(awk '$1 == "Org1MSP" { print "127.0.0.1:" $4 }' "$ORGANIZATIONS_FILE")" \
        --tls-root "$org/peers/peer0.org1.example.com/tls/ca.crt" \
        --msp-dir "$org/users/User1@org1.example.com/msp" "${CASES[@]/#/--case=}"
    kill -INT $recorder
    wait $recorder
    # Both peers endorse, and the client's own one is asked by queries as well.
    cp "$(ls -S "$WORK"/*.session | head -n 1)" "$HERE/recorded/$NAME.session"
)

if [ "$WHAT" = blocks ]; then
    KEEP_BLOCKS=$HERE/recorded/$NAME.blocks BLOCK=16 BATCH_TIMEOUT=4s "$HERE/run.sh" 64 5
    exit
fi
own_network "$WORK/network" "Org1MSP custodian org1.example.com" "Org2MSP custodian org2.example.com"
with_network "$WORK/network" session
