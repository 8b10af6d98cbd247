#!/usr/bin/env bash
# channel.sh on a network whose channel gives full blocks to every member (FULL_BLOCKS=members): what it
# prepares, what is refused until enough administrators agree, and that a second time changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
update=$work/acl.pb

# as MSP USER COMMAND…: channel.sh for one of its users.
as() {
    local msp=$1 user=$2
    shift 2
    eval "$(network/network.sh env "$msp" "$user")"
    network/channel.sh "$@" -- "${ORDERER_FLAGS[@]}"
}

# does|refuses WHAT WORDS COMMAND…: it succeeds or fails, and the words are among what it says.
does() { expect 0 "$@"; }
refuses() { expect 1 "$@"; }
expect() {
    local code=$1 what=$2 words=$3 said got=0
    shift 3
    said=$(set -e; "$@" 2>&1) || got=$?
    if [ "$got" -ne "$code" ] || [[ $said != *"$words"* ]]; then
        printf '  FAILED  %s\n%s\nwas to say, with code %s and not %s:\n%s\n' "$what" "$said" "$code" "$got" "$words" >&2
        exit 1
    fi
    printf '  ok      %s\n' "$what"
}

org3=$(network/network.sh endpoints | sed 's/.*"Org3MSP":{"domain":"\([^"]*\)".*/\1/')
network/channel.sh define ClinicMSP "$NETWORK_DIR/organizations/peerOrganizations/$org3/msp" clinic.example.net:7051 >"$work/clinic.json"
refuses "a provider is added before full blocks are closed to it" "run channel.sh acl first" as Org1MSP Admin add-organization "$work/clinic.json" "$work/clinic.pb"

# A later change of custodians, prepared too early: for the configuration of before.
cp -r policies "$work/policies"
sed -i '/Org2MSP/d' "$work/policies/organizations.json"
POLICIES_DIR=$work/policies as Org1MSP Admin acl "$work/early.pb" >/dev/null

does "an update is prepared" "event/Block for /Channel/Application/Custodians" as Org1MSP Admin acl "$update"
refuses "an administrator submits what nobody else has signed" "too few administrators have agreed" as Org1MSP Admin submit "$update"
does "a member of the staff signs" "signed by Org2MSP" as Org2MSP User1 sign "$update"
refuses "that is no administrator's" "signed before by: Org2MSP User1@org2.example.com (client)" as Org1MSP Admin submit "$update"
does "an administrator sees what it signs" "Custodians: new, 1 of (Org1MSP.member, Org2MSP.member)" as Org2MSP Admin show "$update"
does "an administrator signs" "signed by Org2MSP" as Org2MSP Admin sign "$update"
does "it signs once" "Org2MSP has signed already" as Org2MSP Admin sign "$update"
does "another one submits" "in effect on mychannel" as Org1MSP Admin submit "$update"
does "a second time" "nothing is to be changed on mychannel: this is in effect" as Org1MSP Admin submit "$update"
does "there is nothing to sign" "nothing is to be changed on mychannel: this is in effect" as Org3MSP Admin sign "$update"
does "nothing is prepared" "nothing is to be changed on mychannel" as Org1MSP Admin acl "$update"
[ ! -e "$update" ]
does "so there is nothing to submit" "nothing is to be changed" as Org1MSP Admin submit "$update"
refuses "what was prepared before the change" "prepare it anew" as Org1MSP Admin submit "$work/early.pb"
does "a provider is added then" "Channel/Application/ClinicMSP: AnchorPeers" as Org1MSP Admin add-organization "$work/clinic.json" "$work/clinic.pb"
does "a member is added" "nothing is to be changed on mychannel" as Org1MSP Admin add-organization \
    <(network/channel.sh define Org3MSP "$NETWORK_DIR/organizations/peerOrganizations/$org3/msp") "$work/again.pb"
refuses "another channel" "there is no channel other" env CHANNEL=other bash -c 'eval "$(CHANNEL=mychannel network/network.sh env Org1MSP)"; network/channel.sh acl "$0" -- "${ORDERER_FLAGS[@]}"' "$update"
refuses "full blocks are not for Org3MSP's administrator any more" "Org3MSP may not read the configuration of mychannel" \
    bash -c 'eval "$(network/network.sh env Org3MSP)"; CORE_PEER_ADDRESS=$(. <(network/network.sh env Org1MSP); echo "$CORE_PEER_ADDRESS") CORE_PEER_TLS_ROOTCERT_FILE=$(. <(network/network.sh env Org1MSP); echo "$CORE_PEER_TLS_ROOTCERT_FILE") network/channel.sh acl "$0"' "$update"
