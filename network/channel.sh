#!/usr/bin/env bash
# Changes the configuration of a channel that is there, by its organisations' administrators.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/lib/common.sh"

usage() {
    cat <<USAGE
Usage: channel.sh COMMAND … [-- FLAG…]

Acts by Fabric's commands for the administrator whom the peer command is set up for. What follows -- is
handed to 'peer channel': where and how to order (-o, --tls, --cafile, --ordererTLSHostnameOverride, …).
Without it the configuration is asked from the organisation's peer.

  custodians UPDATE   prepares: only peers and administrators of organizations.json's custodians are given
                      full blocks, which carry private data; and most custodians change the channel,
                      and the chaincode's definition
  define MSP FOLDER [HOST:PORT]
                      prints the definition of an organisation, from the folder with its authorities'
                      certificates and config.yaml, for others to add; its anchor peer with it
  add-organization DEFINITION UPDATE
                      prepares: one organisation more; a provider only once custodians is in effect
  show UPDATE         what an update changes, and who has signed it
  sign UPDATE         the same, and signs it
  submit UPDATE       signs it and has it ordered; returns when it is in effect

An update goes from one organisation to the next: prepared by one of them, signed by as many as the
channel's policy asks for (by default by most, the submitter among them), submitted by one. Where
nothing is to be changed, custodians and add-organization say so and leave no UPDATE, and sign and submit do
nothing.

Needs peer, configtxlator (define: configtxgen) of Fabric 3.1 or 2.5 on PATH or in FABRIC_BIN, and Node.js.

Settings, by environment (default):
  CHANNEL       ($CHANNEL)
  POLICIES_DIR  the folder with organizations.json ($POLICIES_DIR)
USAGE
}

# How long an update that is ordered may take to be in effect.
EFFECTIVE_SECONDS=30

need() {
    find_fabric "$@"
    command -v node >/dev/null || die "not found: node. Install Node.js from release 20 on."
}

# quiet COMMAND…: what Fabric's commands say is kept for when they fail.
quiet() {
    "$@" >"$work/said" 2>&1
}

# What is left of Fabric's sayings when its own talk of what it does is taken away.
said() { grep -aE '^Error|rror:|FORBIDDEN|failed' "$work/said" | tail -n 1 | cut -c 1-600 || tail -n 1 "$work/said"; }

me() { say "${CORE_PEER_LOCALMSPID:-the peer command (CORE_PEER_LOCALMSPID is not set)}"; }

decode() { quiet configtxlator proto_decode --type "$1" --input "$2" --output "$3" || die "$2 is no $1: $(said)"; }
encode() { quiet configtxlator proto_encode --type "$1" --input "$2" --output "$3" || die "configtxlator refuses what $2 says: $(said)"; }
step() { node "$HERE/lib/channel.mjs" "$@"; }

fetch_config() {
    quiet peer channel fetch config "$work/config.block" -c "$CHANNEL" "${flags[@]}" || case $(said) in
        *FORBIDDEN*) die "$(me) may not read the configuration of $CHANNEL: an administrator of a member can$([ ${#flags[@]} -gt 0 ] || say ", from the orderer (-- -o HOST:PORT …) if not from the peer")" ;;
        *NOT_FOUND*) die "there is no channel $CHANNEL; CHANNEL=… names another" ;;
        *) die "the configuration of $CHANNEL cannot be fetched by $(me): $(said)" ;;
    esac
    decode common.Block "$work/config.block" "$work/block.json"
    step config "$work/block.json" >"$work/config.json"
}

# prepare UPDATE STEP [FILE]…
prepare() {
    local update=$1
    shift
    need peer configtxlator
    fetch_config
    step "$1" "$work/config.json" "$POLICIES_DIR/organizations.json" "${@:2}" >"$work/changed.json"
    if [ ! -s "$work/changed.json" ]; then
        rm -f "$update"
        say "nothing is to be changed on $CHANNEL"
        return
    fi
    encode common.Config "$work/config.json" "$work/config.pb"
    encode common.Config "$work/changed.json" "$work/changed.pb"
    quiet configtxlator compute_update --channel_id "$CHANNEL" --original "$work/config.pb" --updated "$work/changed.pb" --output "$work/update.pb" ||
        die "configtxlator finds no update: $(said)"
    decode common.ConfigUpdate "$work/update.pb" "$work/update.json"
    step envelope "$work/update.json" "$CHANNEL" >"$work/envelope.json"
    encode common.Envelope "$work/envelope.json" "$update"
    step changes "$work/config.json" "$work/envelope.json"
    say "to be signed and submitted: $update"
}

define() {
    local msp=$1 folder
    folder=$(realpath "$2")
    [[ $msp =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || die "$msp is no MSP id"
    [ -d "$folder/cacerts" ] || die "$folder holds no cacerts: name the MSP folder of the organisation"
    [[ ${3:-none:0} =~ ^[A-Za-z0-9.-]+:[0-9]+$ ]] || die "an anchor peer is HOST:PORT, as other organisations' peers reach it"
    need peer configtxgen
    cat >"$work/configtx.yaml" <<YAML
Organizations:
  - Name: $msp
    ID: $msp
    MSPDir: $folder
    Policies:
      Readers: {Type: Signature, Rule: "OR('$msp.admin', '$msp.peer', '$msp.client')"}
      Writers: {Type: Signature, Rule: "OR('$msp.admin', '$msp.client')"}
      Admins: {Type: Signature, Rule: "OR('$msp.admin')"}
      Endorsement: {Type: Signature, Rule: "OR('$msp.peer')"}
YAML
    # Release 2.5 prints no anchor peers.
    configtxgen -configPath "$work" -printOrg "$msp" >"$work/definition.json" 2>"$work/said" || die "configtxgen refuses $folder: $(said)"
    step define "$work/definition.json" "${@:3}"
}

# What an update does to the configuration of now: pending, effective or stale.
look() {
    need peer configtxlator
    [ -f "$1" ] || { say "there is no $1: nothing is to be changed"; exit; }
    fetch_config
    decode common.Envelope "$1" "$work/envelope.json"
    state=$(step state "$work/config.json" "$work/envelope.json")
    case $state in
        effective) say "nothing is to be changed on $CHANNEL: this is in effect" ;;
        stale) die "$1 was prepared for a configuration that $CHANNEL has no longer: prepare it anew" ;;
        *) step changes "$work/config.json" "$work/envelope.json" ;;
    esac
}

signers() { step signers "$work/envelope.json" | sort -u | paste -sd, | sed 's/,/, /g'; }

show() {
    look "$1"
    [ "$state" = effective ] || say "signed by: $(signers)"
}

sign() {
    look "$1"
    [ "$state" != effective ] || return 0
    local -a certificates=("${CORE_PEER_MSPCONFIGPATH:-}"/signcerts/*)
    if [ -f "${certificates[0]}" ] && [ "$(step signed "$work/envelope.json" "$(me)" "${certificates[0]}")" = true ]; then
        say "$(me) has signed already"
        return
    fi
    quiet peer channel signconfigtx -f "$1" || die "$(me) could not sign: $(said)"
    say "signed by $(me)"
}

submit() {
    look "$1"
    [ "$state" != effective ] || return 0
    [ ${#flags[@]} -gt 0 ] || die "say where to order: channel.sh submit $1 -- -o HOST:PORT --tls --cafile FILE …"
    if ! quiet peer channel update -f "$1" -c "$CHANNEL" "${flags[@]}"; then
        case $(said) in
            *'not satisfied'* | *'policy evaluation failed'* | *FORBIDDEN*)
                die "too few administrators have agreed, by the channel's policy for this: $(me) submits, signed before by: $(signers)
An administrator of each other organisation signs by: channel.sh sign $1
The orderer says: $(said)"
                ;;
            *) die "the orderer did not take it: $(said)" ;;
        esac
    fi
    local deadline=$((SECONDS + EFFECTIVE_SECONDS))
    until fetch_config && [ "$(step state "$work/config.json" "$work/envelope.json")" = effective ]; do
        [ $SECONDS -lt $deadline ] || die "it was ordered, and is not in effect after $EFFECTIVE_SECONDS s"
        sleep 0.2
    done
    say "in effect on $CHANNEL"
}

arguments=()
flags=()
while [ $# -gt 0 ]; do
    if [ "$1" = -- ]; then
        flags=("${@:2}")
        break
    fi
    arguments+=("$1")
    shift
done
set -- "${arguments[@]}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case ${1:-help}:$# in
    custodians:2) prepare "$2" custodians ;;
    define:3 | define:4) define "${@:2}" ;;
    add-organization:3) prepare "$3" add-organization "$2" ;;
    show:2 | sign:2 | submit:2) "$1" "$2" ;;
    help:* | -h:* | --help:*) usage ;;
    *) usage >&2; exit 2 ;;
esac
