# Networks for tests: each with a folder and ports of its own, taken down whatever happens.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NETWORK=$ROOT/network/network.sh
DEFAULT_ORGANIZATIONS=(
    "Org1MSP custodian org1.example.com"
    "Org2MSP custodian org2.example.com"
    "Org3MSP provider org3.example.com"
)

# own_network DIR [LINE]…: settings of a network in a folder of its own. A line is the MSP id, kind
# and domain of an organisation; the third port after its peer's is free for a chaincode server.
own_network() {
    local dir=$1 port line
    shift
    [ $# -gt 0 ] || set -- "${DEFAULT_ORGANIZATIONS[@]}"
    mkdir -p "$dir"
    port=$(free_ports)
    export NETWORK_DIR=$dir/network ORGANIZATIONS_FILE=$dir/organizations.conf
    export ORDERER_PORT=$port ORDERER_ADMIN_PORT=$((port + 1)) ORDERER_OPERATIONS_PORT=$((port + 2))
    export CHAINCODE_ADDRESS=127.0.0.1:$((port + 3))
    : >"$ORGANIZATIONS_FILE"
    for line in "$@"; do
        port=$((port + 4))
        printf '%s %s %s %s\n' "$line" "$port" $((port + 1)) $((port + 2)) >>"$ORGANIZATIONS_FILE"
    done
}

# The first of so many ports that nothing listens on. They lie below those that the system gives to
# outgoing connections, so that a peer that is stopped and started again finds its port free.
PORTS_COUNT=40
free_ports() {
    local first port
    while :; do
        first=$((20000 + RANDOM % 200 * PORTS_COUNT))
        for ((port = first; port < first + PORTS_COUNT; port++)); do
            ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue 2
        done
        printf '%s\n' "$first"
        return
    done
}

# with_network DIR COMMAND…: runs the command, then removes the network that it has started in DIR.
# A failure shows the ends of the logs first.
with_network() (
    dir=$1
    shift
    finish() {
        local status=$? file
        trap - EXIT
        if [ $status -ne 0 ]; then
            tail -n 15 "$dir"/network/logs/*.log "$dir"/deployment/*/server.log 2>/dev/null | cut -c 1-300 >&2 || true
        fi
        for file in "$dir"/deployment/*/server.pid; do
            [ ! -f "$file" ] || kill "$(cat "$file")" || status=1
        done
        if [ -d "$dir/network" ]; then "$NETWORK" clean >/dev/null || status=1; fi
        rm -rf "$dir"
        exit $status
    }
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$@"
)
