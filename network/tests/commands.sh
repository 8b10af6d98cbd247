#!/usr/bin/env bash
# What is said where Fabric's commands are missing or of another release, by commands that only say
# their version; and where they or others are missing that are required. Needs no Fabric.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

REMEDY="Install Fabric's binaries (release 3.1 or 2.5) with its install-fabric.sh and put them on PATH, or set FABRIC_BIN to their folder."
NETWORK_COMMANDS=(peer orderer configtxgen cryptogen osnadmin)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Nothing of Fabric's that this machine may have: only what the scripts use themselves.
mkdir -p "$scratch/system" "$scratch/msp/cacerts"
for command in bash dirname sed head cat mktemp rm realpath env awk; do ln -s "$(command -v "$command")" "$scratch/system/$command"; done

# fabric VERSION-LINE COMMAND…: a folder with such commands alone.
fabric() {
    rm -rf "$scratch/bin"
    mkdir "$scratch/bin"
    add "$@"
}
add() {
    local line=$1 command
    shift
    for command in "$@"; do
        printf '#!/usr/bin/env bash\nprintf "%%s\\n" "%s:" "%s"\n' "$command" "$line" >"$scratch/bin/$command"
        chmod +x "$scratch/bin/$command"
    done
}

# refused WHAT SENTENCE COMMAND…: fails, and says just that.
refused() {
    local what=$1 sentence=$2 said
    shift 2
    if said=$(PATH=$scratch/system FABRIC_BIN=$scratch/bin NETWORK_DIR=$scratch/network REQUIRE_FABRIC= REQUIRE_JUDGES= "$@" 2>&1); then
        printf '%s: did not fail\n' "$what" >&2
        exit 1
    fi
    if [ "$said" != "$sentence" ]; then
        printf '%s: said\n%s\nand was to say\n%s\n' "$what" "$said" "$sentence" >&2
        exit 1
    fi
    printf '  ok  %s\n' "$what"
}

fabric " Version: v3.1.5"
refused "no command" "network.sh: not found: ${NETWORK_COMMANDS[*]}. $REMEDY" network/network.sh up
fabric " Version: v3.1.5" peer orderer configtxgen osnadmin
refused "one command missing" "network.sh: not found: cryptogen. $REMEDY" network/network.sh up
for version in 1.4.12 2.2.15 2.4.9 2.50.0 3.0.0 4.1.0; do
    fabric " Version: v$version" "${NETWORK_COMMANDS[@]}"
    refused "release $version" "network.sh: $scratch/bin/peer is of Fabric $version, which this is not made for. $REMEDY" network/network.sh up
done
fabric "built somewhere" "${NETWORK_COMMANDS[@]}"
refused "a peer that tells no version" "network.sh: $scratch/bin/peer is of Fabric (no version told), which this is not made for. $REMEDY" network/network.sh up
update() { refused "$1" "channel.sh: $2" network/channel.sh "${@:3}"; }
fabric " Version: v3.1.5" peer
update "no configtxlator" "not found: configtxlator. $REMEDY" custodians "$scratch/update.pb"
update "no configtxgen" "not found: configtxgen. $REMEDY" define Org1MSP "$scratch/msp"
fabric " Version: v2.2.15" peer configtxlator
update "configtxlator of release 2.2" "$scratch/bin/peer is of Fabric 2.2.15, which this is not made for. $REMEDY" custodians "$scratch/update.pb"
for command in orderer configtxgen cryptogen; do
    fabric " Version: v3.1.5" "${NETWORK_COMMANDS[@]}"
    add " Version: v2.5.16" "$command"
    refused "$command of another release" "network.sh: $scratch/bin/$command is of Fabric 2.5.16, but $scratch/bin/peer of 3.1.5. $REMEDY" network/network.sh up
done
fabric " Version: v2.5.16" peer
add "built somewhere" configtxlator
update "configtxlator that tells no version" "$scratch/bin/configtxlator is of Fabric (no version told), but $scratch/bin/peer of 2.5.16. $REMEDY" custodians "$scratch/update.pb"
fabric " Version: v3.1.5" peer configtxlator
update "no Node.js" "not found: node. Install Node.js from release 20 on." custodians "$scratch/update.pb"
fabric " Version: v3.1.5" "${NETWORK_COMMANDS[@]}"

printf '%s\n' "AMSP custodian a.example.com 1 2 3" "AMSP custodian b.example.com 4 5 6" >"$scratch/organizations.conf"
refused "lines of one organisation that differ" "network.sh: $scratch/organizations.conf: the lines of AMSP differ in kind or domain" \
    env ORGANIZATIONS_FILE="$scratch/organizations.conf" network/network.sh up

# A command of another machine's kind does not start.
printf '#!/nowhere/interpreter\n' >"$scratch/bin/peer"
if said=$(PATH=$scratch/system FABRIC_BIN=$scratch/bin network/network.sh up 2>&1) || [[ $said != *"(no version told)"*"$REMEDY" ]]; then
    printf 'a peer that does not start: said\n%s\n' "$said" >&2
    exit 1
fi
printf '  ok  a peer that does not start\n'
# Releases that are right get further.
for version in 2.5.16 3.1.5; do
    fabric " Version: v$version" "${NETWORK_COMMANDS[@]}"
    refused "release $version is not what is wrong" "network.sh: no network in $scratch/network: run 'network.sh up' first" network/network.sh deploy
done

# What checks on real Fabric say before they begin.
real() { refused "$1" "real Fabric: $2" env "${@:3}"; }
fabric " Version: v3.1.5" "${NETWORK_COMMANDS[@]}"
mkdir "$scratch/other"
ln -s "$scratch/bin/peer" "$scratch/other/peer"
there() { printf "not found in the folder '%s' of FABRIC_BIN: %s. All of a release's commands have to be there" "$@"; }
real "a folder that is not there" "$(there "$scratch/typo" "${NETWORK_COMMANDS[*]}")" FABRIC_BIN="$scratch/bin:$scratch/typo" .ci/real-fabric readme
real "a second folder without all" "$(there "$scratch/other" "${NETWORK_COMMANDS[*]:1}")" FABRIC_BIN="$scratch/bin:$scratch/other" .ci/real-fabric readme
real "configtxlator required" "$(there "$scratch/bin" configtxlator)" REQUIRE_FABRIC=1 .ci/real-fabric readme
real "Fabric required" "not found, but required: put Fabric's commands (release 3.1 or 2.5) on PATH, or set FABRIC_BIN to their folder" FABRIC_BIN= REQUIRE_FABRIC=1 .ci/real-fabric readme
add " Version: v3.1.5" configtxlator
real "Maven required" "Fabric's Java client is required: install Maven (mvn) and a JDK from 17 on" REQUIRE_FABRIC=1 .ci/real-fabric readme access
refused "Go and Maven required" "go not found, but required: install Go, and Maven with a JDK from 17 on" env REQUIRE_JUDGES=1 .ci/run
printf '%s\n' '```bash' true '```' '```bash with nothing-of-that-name' true '```' >"$scratch/document.md"
refused "a command of a document required" "$scratch/document.md: nothing-of-that-name is not found, but required: install it" \
    env PATH="$PATH" REQUIRE_FABRIC=1 network/tests/documented.sh "$scratch/document.md"
