# Shared by network.sh and its parts: settings, messages, Fabric's commands.
# shellcheck shell=bash

NETWORK_DIR=${NETWORK_DIR:-$HERE/run}
ORGANIZATIONS_FILE=${ORGANIZATIONS_FILE:-$HERE/organizations.conf}
POLICIES_DIR=${POLICIES_DIR:-$HERE/../policies}
CHANNEL=${CHANNEL:-mychannel}
CHAINCODE=${CHAINCODE:-ioht}
CHAINCODE_VERSION=${CHAINCODE_VERSION:-1.0}
CHAINCODE_ADDRESS=${CHAINCODE_ADDRESS:-127.0.0.1:9999}
# Whether the definition asks for an initialisation (peer chaincode invoke --isInit) before all else.
INIT_REQUIRED=${INIT_REQUIRED:-false}
ORDERER_PORT=${ORDERER_PORT:-7050}
ORDERER_ADMIN_PORT=${ORDERER_ADMIN_PORT:-7053}
ORDERER_OPERATIONS_PORT=${ORDERER_OPERATIONS_PORT:-9443}
# A lone transaction waits this long for company; Fabric's own default is 2s.
BATCH_TIMEOUT=${BATCH_TIMEOUT:-200ms}
# A block has so many transactions at most.
MAX_MESSAGE_COUNT=${MAX_MESSAGE_COUNT:-500}
USE_WRITE_BATCH=${USE_WRITE_BATCH:-true}
USE_GET_MULTIPLE_KEYS=${USE_GET_MULTIPLE_KEYS:-true}
# The organisations of the channel's first block, all by default, and whose it is: only custodians are given
# full blocks and change it and the chaincode's definition, or members as on Fabric's test network.
CHANNEL_MEMBERS=${CHANNEL_MEMBERS:-}
CHANNEL_RIGHTS=${CHANNEL_RIGHTS:-custodians}
# Client identities of each organisation, User1 and on.
USERS_COUNT=${USERS_COUNT:-8}
# The orderer, of an organisation of its own.
ORDERER_MSP=${ORDERER_MSP:-OrdererMSP}
ORDERER_DOMAIN=${ORDERER_DOMAIN:-example.com}
ORGS_DIR=$NETWORK_DIR/organizations
CONFIG_DIR=$NETWORK_DIR/config
LOGS_DIR=$NETWORK_DIR/logs
PIDS_DIR=$NETWORK_DIR/pids

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# find_fabric [COMMAND]…: finds Fabric's commands (by default those that run a network) on PATH or in
# FABRIC_BIN, all of one release, and tells it.
find_fabric() {
    [ -z "${FABRIC_BIN:-}" ] || PATH=$FABRIC_BIN:$PATH
    [ $# -gt 0 ] || set -- peer orderer configtxgen cryptogen osnadmin
    local command version missing=
    local remedy="Install Fabric's binaries (release 3.1 or 2.5) with its install-fabric.sh and put them on PATH, or set FABRIC_BIN to their folder."
    for command in "$@"; do
        command -v "$command" >/dev/null || missing="$missing $command"
    done
    [ -z "$missing" ] || die "not found:$missing. $remedy"
    FABRIC_VERSION=$(version_of peer) || true
    case $FABRIC_VERSION in
        3.[1-9]* | 2.5.*) ;;
        *) die "$(command -v peer) is of Fabric ${FABRIC_VERSION:-(no version told)}, which this is not made for. $remedy" ;;
    esac
    for command in "$@"; do
        # The only one that tells no version.
        [ "$command" != osnadmin ] || continue
        version=$(version_of "$command") || true
        [ "$version" = "$FABRIC_VERSION" ] ||
            die "$(command -v "$command") is of Fabric ${version:-(no version told)}, but $(command -v peer) of $FABRIC_VERSION. $remedy"
    done
}

version_of() {
    local argument=version
    [ "$1" != configtxgen ] || argument=-version
    "$1" $argument | sed -n 's/^ *Version: *v\{0,1\}\([0-9.]*\).*/\1/p' | head -n 1
}

# each_peer COMMAND…: calls it with each peer's fields appended: msp kind domain port chaincode-port
# ops-port number. Numbers count an organisation's peers from 0.
each_peer() {
    local msp kind domain port chaincode_port operations_port number
    local -A peers=()
    while read -r msp kind domain port chaincode_port operations_port; do
        case $msp in '' | '#'*) continue ;; esac
        number=${peers[$msp]:-0}
        peers[$msp]=$((number + 1))
        "$@" "$msp" "$kind" "$domain" "$port" "$chaincode_port" "$operations_port" "$number" </dev/null || return
    done <"$ORGANIZATIONS_FILE"
}

# The same for the first peer of each organisation.
each_org() { each_peer if_first "$@"; }
if_first() { if [ "${!#}" -eq 0 ]; then "$@"; fi; }

# The same for the organisations of the channel's first block, and for all of their peers.
each_member() { each_org if_member "$@"; }
each_member_peer() { each_peer if_member "$@"; }
if_member() {
    local -a fields=("${@: -7}")
    case " ${CHANNEL_MEMBERS:-${fields[0]}} " in *" ${fields[0]} "*) "$@" ;; esac
}
channel_members() { each_member echo | cut -d ' ' -f 1; }

# What a peer's files, log and process are called, by its fields.
peer_name() { if [ "$7" -eq 0 ]; then say "$1"; else say "$1-peer$7"; fi; }

msps_of_kind() {
    awk -v kind="$1" '$1 !~ /^#/ && NF && (kind == "any" || $2 == kind) && !seen[$1]++ { print $1 }' "$ORGANIZATIONS_FILE"
}

# Lines of one organisation have to agree on what it is.
check_organizations() {
    local differing
    differing=$(awk '$1 !~ /^#/ && NF { one = $2 " " $3; if ($1 in all && all[$1] != one) print $1; all[$1] = one }' "$ORGANIZATIONS_FILE")
    [ -z "$differing" ] || die "$ORGANIZATIONS_FILE: the lines of $differing differ in kind or domain"
}

# 'A.role','B.role' for a policy, from MSP ids on standard input.
principals() {
    local msp role
    while read -r msp; do
        for role in "$@"; do say "'$msp.$role'"; done
    done | paste -sd, -
}

orderer_ca() { say "$ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/tlsca/tlsca.$ORDERER_DOMAIN-cert.pem"; }

# Makes the peer command act as an organisation's administrator at one of its peers, by its fields.
act_as() {
    local org=$ORGS_DIR/peerOrganizations/$3
    FABRIC_CFG_PATH=$CONFIG_DIR/peer-$(peer_name "$@")
    export FABRIC_CFG_PATH
    export CORE_PEER_TLS_ENABLED=true CORE_PEER_LOCALMSPID=$1 CORE_PEER_ADDRESS=127.0.0.1:$4
    export CORE_PEER_TLS_ROOTCERT_FILE=$org/peers/peer$7.$3/tls/ca.crt
    export CORE_PEER_MSPCONFIGPATH=$org/users/Admin@$3/msp
}

orderer_flags() {
    printf '%s\n' -o "127.0.0.1:$ORDERER_PORT" --ordererTLSHostnameOverride "orderer.$ORDERER_DOMAIN" --tls --cafile "$(orderer_ca)"
}

# wait_for SECONDS PROCESS WHAT COMMAND…: repeats the command until it succeeds, while the process runs.
wait_for() {
    local seconds=$1 process=$2 what=$3 deadline
    shift 3
    deadline=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        running "$process" || die "$process stopped: $(tail -n 20 "$LOGS_DIR/$process.log" | grep -aE 'panic:|FATAL|Fatal|Error|ccaas-server:|address already in use' | tail -n 1)
see $LOGS_DIR/$process.log"
        [ $SECONDS -lt $deadline ] || die "$what did not happen within $seconds s; see $LOGS_DIR/$process.log"
        sleep 0.2
    done
}
