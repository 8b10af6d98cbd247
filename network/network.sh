#!/usr/bin/env bash
# A real Hyperledger Fabric network on this machine, without containers.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/lib/common.sh"
. "$HERE/lib/config.sh"
. "$HERE/lib/processes.sh"
. "$HERE/lib/chaincode.sh"

usage() {
    cat <<EOF
Usage: network.sh COMMAND

  up       create what is missing and start: one orderer, each organisation's peers, the channel;
           with another CHANNEL, also beside the first one
  deploy   install, approve and commit the chaincode, and start its server
  serve    start the chaincode's server, when it is not running
  down [NAME]  stop every process that this network started, or one of them as status names it
  status   what runs, the channel's height, the chaincode's definition
  env MSP [USER]  settings that make the peer command act as an organisation's user (Admin), for eval
  endpoints  each organisation's domain, kind and gateway as a JSON object, for clients
  logs     follow the logs (logs NAME: one of them)
  clean    down, then remove the network's folder with its ledgers and keys

Everything listens on 127.0.0.1. Fabric's commands (3.1 or 2.5) are taken from PATH or FABRIC_BIN.

Settings, by environment (default):
  NETWORK_DIR            keys, configuration, ledgers, logs ($NETWORK_DIR)
  ORGANIZATIONS_FILE     organisations, and the ports of each one's peers ($ORGANIZATIONS_FILE)
  POLICIES_DIR           collection and endorsement policies ($POLICIES_DIR)
  CHANNEL                ($CHANNEL)
  CHAINCODE, CHAINCODE_VERSION, CHAINCODE_ADDRESS  ($CHAINCODE, $CHAINCODE_VERSION, $CHAINCODE_ADDRESS)
  INIT_REQUIRED          whether the chaincode has to be initialised, invoke --isInit ($INIT_REQUIRED)
  CCAAS_SERVER           a chaincode server to run instead of the one built here; "none": run none
  CHANNEL_MEMBERS        organisations of the channel's first block (all); others' peers run and join nothing
  CHANNEL_RIGHTS            who is given full blocks and changes the channel and the chaincode's definition:
                         custodians, or members as on Fabric's test network ($CHANNEL_RIGHTS)
  ORDERER_MSP, ORDERER_DOMAIN  ($ORDERER_MSP, $ORDERER_DOMAIN)
  ORDERER_PORT, ORDERER_ADMIN_PORT, ORDERER_OPERATIONS_PORT  ($ORDERER_PORT, $ORDERER_ADMIN_PORT, $ORDERER_OPERATIONS_PORT)
  USERS_COUNT            client identities of each organisation, User1 and on ($USERS_COUNT)
  BATCH_TIMEOUT          how long a lone transaction waits ($BATCH_TIMEOUT)
  MAX_MESSAGE_COUNT      transactions of a block at most ($MAX_MESSAGE_COUNT)
  USE_WRITE_BATCH, USE_GET_MULTIPLE_KEYS  what peers offer chaincode, from 3.1 ($USE_WRITE_BATCH, $USE_GET_MULTIPLE_KEYS)
EOF
}

up() {
    find_fabric
    check_organizations
    say "Fabric $FABRIC_VERSION in $NETWORK_DIR"
    mkdir -p "$CONFIG_DIR" "$LOGS_DIR"
    if [ ! -f "$NETWORK_DIR/$CHANNEL.block" ]; then
        # A second channel is one of the same organisations.
        if ! compgen -G "$NETWORK_DIR/*.block" >/dev/null; then
            write_crypto_config
            rm -rf "$ORGS_DIR"
            cryptogen generate --config="$CONFIG_DIR/crypto-config.yaml" --output="$ORGS_DIR" >>"$LOGS_DIR/setup.log" 2>&1 ||
                die "cryptogen failed; see $LOGS_DIR/setup.log"
        fi
        write_configtx
        FABRIC_CFG_PATH=$CONFIG_DIR configtxgen -profile Channel -channelID "$CHANNEL" \
            -outputBlock "$NETWORK_DIR/$CHANNEL.block" >>"$LOGS_DIR/setup.log" 2>&1 ||
            die "configtxgen failed; see $LOGS_DIR/setup.log"
    fi
    write_orderer_config
    each_peer write_peer_config
    start_orderer
    each_peer start_peer
    wait_for 30 orderer "the start of the orderer" orderer_admin list
    if ! orderer_admin list --channelID "$CHANNEL" 2>/dev/null | grep -q '"status": "active"'; then
        orderer_admin join --channelID "$CHANNEL" --config-block "$NETWORK_DIR/$CHANNEL.block" >>"$LOGS_DIR/setup.log" 2>&1 ||
            die "the orderer could not join $CHANNEL; see $LOGS_DIR/setup.log"
    fi
    wait_for 30 orderer "the orderer's election on $CHANNEL" orderer_has_channel
    each_member_peer join_peer
    each_member_peer wait_for_gossip
    say "up: channel $CHANNEL with $(channel_members | paste -sd' '); identities in $ORGS_DIR"
}

deploy() {
    find_fabric
    [ -f "$NETWORK_DIR/$CHANNEL.block" ] || die "no network in $NETWORK_DIR: run 'network.sh up' first"
    # Also what concerns no organisation needs the configuration of one.
    each_org act_as
    package_chaincode
    each_member_peer install_chaincode
    local committed
    # None is committed the first time.
    committed=$(committed_sequence || true)
    SEQUENCE=${SEQUENCE:-$((${committed:-0} + 1))}
    each_member approve_chaincode
    commit_chaincode
    say "committed: $CHAINCODE $CHAINCODE_VERSION, sequence $SEQUENCE, package $PACKAGE_ID"
    if [ "${CCAAS_SERVER:-}" = none ]; then
        say "start the server: CHAINCODE_ID=$PACKAGE_ID CHAINCODE_SERVER_ADDRESS=$CHAINCODE_ADDRESS ccaas-server"
    else
        stop chaincode
        start_server
        # Peers tell each other every second which chaincode they endorse (publishStateInfoInterval).
        sleep 3
        say "serving at $CHAINCODE_ADDRESS"
    fi
}

serve() {
    [ -f "$NETWORK_DIR/package-id" ] || die "nothing is deployed in $NETWORK_DIR: run 'network.sh deploy' first"
    start_server
    say "serving at $CHAINCODE_ADDRESS"
}

down() {
    local file
    if [ $# -gt 0 ]; then
        [ -f "$PIDS_DIR/$1" ] || die "$1 does not run; 'network.sh status' tells what does"
        stop "$1"
        say "$1: down"
        return
    fi
    for file in "$PIDS_DIR"/*; do
        [ ! -f "$file" ] || stop "$(basename "$file")"
    done
    say "down"
}

status() {
    local file name
    for file in "$PIDS_DIR"/*; do
        [ -f "$file" ] || { say "nothing runs"; return; }
        name=$(basename "$file")
        if running "$name"; then say "$name: running ($(cut -d' ' -f1 "$file"))"; else say "$name: stopped"; fi
    done
    find_fabric
    each_peer channel_status
}

channel_status() {
    act_as "$@"
    say "$(peer_name "$@"): $(peer channel getinfo -c "$CHANNEL" 2>/dev/null | sed 's/^Blockchain info: //' || say "does not answer")"
    peer lifecycle chaincode querycommitted --channelID "$CHANNEL" 2>/dev/null | sed 's/^/    /' || true
}

env_of() {
    local user=${2:-Admin} name
    unset CORE_PEER_LOCALMSPID
    each_org act_as_if "$1" "$user"
    [ -n "${CORE_PEER_LOCALMSPID:-}" ] || die "no organisation $1 in $ORGANIZATIONS_FILE"
    [ -d "$CORE_PEER_MSPCONFIGPATH" ] || die "no user $user of $1: $CORE_PEER_MSPCONFIGPATH is missing"
    export FABRIC_LOGGING_SPEC=chaincodeCmd=info:error
    for name in FABRIC_CFG_PATH FABRIC_LOGGING_SPEC "${!CORE_PEER_@}"; do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
    # Arrays: where transactions are ordered, and the peers of the custodians who endorse them.
    printf 'ORDERER_FLAGS=(%s)\n' "$(orderer_flags | xargs printf '%q ')"
    printf 'PEER_FLAGS=(%s)\n' "$(each_org custodian_flags | xargs printf '%q ')"
}

act_as_if() {
    local msp=$1 user=$2
    shift 2
    [ "$1" = "$msp" ] || return 0
    act_as "$@"
    CORE_PEER_MSPCONFIGPATH=$ORGS_DIR/peerOrganizations/$3/users/$user@$3/msp
}

custodian_flags() {
    [ "$2" != custodian ] || commit_flags "$@"
}

endpoints() {
    say "{$(each_org endpoint | paste -sd,)}"
}

endpoint() {
    printf '"%s":{"domain":"%s","kind":"%s","endpoint":"127.0.0.1:%s"}\n' "$1" "$3" "$2" "$4"
}

logs() {
    if [ $# -gt 0 ]; then tail -n 100 -f "$LOGS_DIR/$1.log"; else tail -n 20 -f "$LOGS_DIR"/*.log; fi
}

clean() {
    down
    [ -d "$CONFIG_DIR" ] || [ ! -e "$NETWORK_DIR" ] || die "$NETWORK_DIR does not look like a network of this script: not removed"
    rm -rf "$NETWORK_DIR"
    say "removed $NETWORK_DIR"
}

case ${1:-help} in
    up | deploy | serve | status | endpoints | clean) [ $# -eq 1 ] || { usage >&2; exit 2; }; "$1" ;;
    down) [ $# -le 2 ] || { usage >&2; exit 2; }; "$@" ;;
    logs) shift; logs "$@" ;;
    env) [ $# -ge 2 ] || { usage >&2; exit 2; }; env_of "$2" "${3:-}" ;;
    help | -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
