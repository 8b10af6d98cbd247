#!/usr/bin/env bash
# channel.sh on a network whose channel is its members' (CHANNEL_RIGHTS=members), with ioht deployed at
# sequence 1: what it prepares, what is refused until enough administrators agree, and that a second time changes nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
update=$work/custodians.pb

# as MSP USER COMMAND…: channel.sh for one of its users.
as() {
    local msp=$1 user=$2
    shift 2
    eval "$(network/network.sh env "$msp" "$user")"
    network/channel.sh "$@" -- "${ORDERER_FLAGS[@]}"
}

# other COMMAND…: channel.sh for a channel that is not there.
other() {
    eval "$(network/network.sh env Org1MSP)"
    CHANNEL=other network/channel.sh "$@" -- "${ORDERER_FLAGS[@]}"
}

# does|refuses WHAT WORDS COMMAND…: it succeeds or fails, and the words are among what it says.
does() { expect 0 "$@"; }
refuses() { expect 1 "$@"; }
expect() {
    local code=$1 what=$2 words=$3 said got
    shift 3
    # With || after it the shell would go on where the command fails.
    set +e
    said=$(set -e; "$@" 2>&1)
    got=$?
    set -e
    if [ "$got" -ne "$code" ] || [[ $said != *"$words"* ]]; then
        printf '  FAILED  %s\n%s\nwas to say, with code %s and not %s:\n%s\n' "$what" "$said" "$code" "$got" "$words" >&2
        exit 1
    fi
    printf '  ok      %s\n' "$what"
}

# The chaincode's definition once more, as another sequence.
definition() {
    DEFINITION=(-C mychannel -n ioht -v 1.0 --sequence "$1" --collections-config policies/collections.json
        --signature-policy "$(cat policies/endorsement-policy.txt)")
}

# approve SEQUENCE: for everybody.
approve() {
    local msp
    definition "$1"
    for msp in Org1MSP Org2MSP Org3MSP; do
        eval "$(network/network.sh env "$msp")"
        peer lifecycle chaincode approveformyorg "${ORDERER_FLAGS[@]}" "${DEFINITION[@]}" --package-id "$(cat "$NETWORK_DIR/package-id")"
    done
}

# commit SEQUENCE MSP MSP: endorsed by peers of these two.
commit() {
    local sequence=$1 msp
    local -a peers=()
    shift
    for msp in "$@"; do
        eval "$(network/network.sh env "$msp")"
        peers+=(--peerAddresses "$CORE_PEER_ADDRESS" --tlsRootCertFiles "$CORE_PEER_TLS_ROOTCERT_FILE")
    done
    definition "$sequence"
    peer lifecycle chaincode commit "${ORDERER_FLAGS[@]}" "${peers[@]}" "${DEFINITION[@]}"
    peer lifecycle chaincode querycommitted -C mychannel -n ioht
}

# A custodian and the provider are most of the three members, and the chaincode's definition is theirs.
does "everybody approves a definition" "" approve 2
does "before, a provider helps to commit it" "Sequence: 2" commit 2 Org1MSP Org3MSP

domain=$(network/network.sh endpoints | sed 's/.*"Org3MSP":{"domain":"\([^"]*\)".*/\1/')
network/channel.sh define ClinicMSP "$NETWORK_DIR/organizations/peerOrganizations/$domain/msp" clinic.example.net:7051 >"$work/clinic.json"
refuses "a provider is not added before" "run channel.sh custodians first" as Org1MSP Admin add-organization "$work/clinic.json" "$work/clinic.pb"

# A later change of custodians, prepared too early: for the configuration of before.
cp -r policies "$work/policies"
sed -i '/Org2MSP/d' "$work/policies/organizations.json"
POLICIES_DIR=$work/policies as Org1MSP Admin custodians "$work/early.pb" >/dev/null

does "an update is prepared" "event/Block for /Channel/Application/Custodians" as Org1MSP Admin custodians "$update"
refuses "an administrator submits what nobody else has signed" "too few administrators have agreed" as Org1MSP Admin submit "$update"
does "a member of the staff signs" "signed by Org2MSP" as Org2MSP User1 sign "$update"
refuses "that is no administrator's" "signed before by: Org2MSP User1@org2.example.com (client)" as Org1MSP Admin submit "$update"
does "an administrator sees what it signs" "Admins: becomes 2 of (Org1MSP.admin, Org2MSP.admin)" as Org3MSP Admin show "$update"
does "before, a provider's administrator signs as well as any" "signed by Org3MSP" as Org3MSP Admin sign "$update"
does "it signs once" "Org3MSP has signed already" as Org3MSP Admin sign "$update"
does "another one submits" "in effect on mychannel" as Org1MSP Admin submit "$update"
does "a second time" "nothing is to be changed on mychannel: this is in effect" as Org1MSP Admin submit "$update"
does "there is nothing to sign" "nothing is to be changed on mychannel: this is in effect" as Org2MSP Admin sign "$update"
does "nothing is prepared" "nothing is to be changed on mychannel" as Org1MSP Admin custodians "$update"
[ ! -e "$update" ]
does "so there is nothing to submit" "nothing is to be changed" as Org1MSP Admin submit "$update"
refuses "what was prepared before the change" "prepare it anew" as Org1MSP Admin submit "$work/early.pb"

does "a provider is prepared to join then" "Channel/Application/ClinicMSP: AnchorPeers" as Org1MSP Admin add-organization "$work/clinic.json" "$work/clinic.pb"
does "another provider's administrator signs" "signed by Org3MSP" as Org3MSP Admin sign "$work/clinic.pb"
refuses "which does not count any more" "too few administrators have agreed" as Org1MSP Admin submit "$work/clinic.pb"
does "a custodian's signs" "signed by Org2MSP" as Org2MSP Admin sign "$work/clinic.pb"
does "which does" "in effect on mychannel" as Org1MSP Admin submit "$work/clinic.pb"
does "a member is not added again" "nothing is to be changed on mychannel" as Org1MSP Admin add-organization "$work/clinic.json" "$work/clinic.pb"
does "everybody approves another" "" approve 3
refuses "a custodian and a provider do not commit it" "ENDORSEMENT_POLICY_FAILURE" commit 3 Org1MSP Org3MSP
does "the custodians do" "Sequence: 3" commit 3 Org1MSP Org2MSP

# The settings of MSP, at the peer of another.
at() {
    local home
    home=$(network/network.sh env "$2" | grep -E 'CORE_PEER_(ADDRESS|TLS_ROOTCERT_FILE)')
    eval "$(network/network.sh env "$1")"
    eval "$home"
    network/channel.sh "${@:3}"
}
refuses "another channel" "there is no channel other" other custodians "$update"
refuses "who is given no full blocks" "Org3MSP may not read the configuration of mychannel" at Org3MSP Org1MSP custodians "$update"
