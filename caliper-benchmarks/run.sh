#!/usr/bin/env bash
# Caliper rounds for the health-IoT contract, on a devnet or on a real Fabric network.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")

usage() {
    cat <<EOF
Usage: run.sh WORKLOAD TARGET [OPTIONS]

  WORKLOAD  create        a device submits one summary a transaction
            create-batch  50 and 100 summaries a transaction
            query         a patient reads a page of 12 of its own summaries
            all           these, one after the other
  TARGET    devnet        builds and starts fabric-devnet and ccaas-server, stops them afterwards
            network       the running network of network/network.sh, or a new one, removed afterwards

Options:
  --short               about a minute in all, instead of 1,000, 5,000 and 10,000 transactions a workload
  --transactions N,…    rows of these sizes instead
  --workers N           Caliper's worker processes, each with a patient and a device of its own (2)
  --in-flight N         transactions under way at once, over all workers (by workload: 100, 32, 16)
  --native-signing      workers sign by OpenSSL instead of the Node client's JavaScript

Prints a table and leaves it with Caliper's HTML report and log in caliper-benchmarks/reports. The exit
code is 0 only if every transaction succeeded.

BINARIES names a folder with fabric-devnet and ccaas-server to use on TARGET devnet instead of building them.

Settings for TARGET network, by environment: those of network/network.sh. NETWORK_DIR names a network
that is up and deployed, with at least 2 N + 1 users (USERS_COUNT). A new network listens on the ports
that network.sh --help tells.
EOF
}

die() {
    printf 'run.sh: %s\n' "$*" >&2
    exit 2
}

WORKERS=2 SIGNING=JavaScript
PREPARE=() CALIPER=()
parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage; exit 0 ;;
            --short) PREPARE+=(--short) ;;
            --native-signing) SIGNING=OpenSSL CALIPER+=(--native-signing) ;;
            --transactions)
                [[ ${2:-} =~ ^[1-9][0-9]*(,[1-9][0-9]*)*$ ]] || die "$1 takes numbers such as 1000,5000"
                PREPARE+=("$1" "$2")
                shift
                ;;
            --workers | --in-flight)
                [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "$1 takes a number"
                if [ "$1" = --workers ]; then WORKERS=$2; else PREPARE+=("$1" "$2"); fi
                shift
                ;;
            -*) die "unknown option $1; see run.sh --help" ;;
            *) WORDS+=("$1") ;;
        esac
        shift
    done
}
WORDS=()
parse "$@"
[ ${#WORDS[@]} -eq 2 ] || { usage >&2; exit 2; }
WORKLOAD=${WORDS[0]} TARGET=${WORDS[1]}
case $WORKLOAD in create | create-batch | query | all) ;; *) die "unknown workload $WORKLOAD" ;; esac
case $TARGET in devnet | network) ;; *) die "unknown target $TARGET" ;; esac

WORK=$(mktemp -d)
REPORT=$HERE/reports/$(date +%Y%m%d-%H%M%S)-$WORKLOAD-$TARGET-$$
STARTED=()
mkdir -p "$REPORT"

finish() {
    local code=$? pid
    trap - EXIT
    for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    [ ! -d "$WORK/network" ] || "$ROOT/network/network.sh" clean >/dev/null || code=1
    rm -rf "$WORK"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME COMMAND…: in the background until the end of this run, its output in the report's folder.
start() {
    local log=$REPORT/$1.log
    shift
    : >"$log"
    "$@" >>"$log" 2>&1 </dev/null &
    STARTED+=($!)
}

# Waits until a line of NAME's log matches PATTERN and prints what \1 matched.
told() {
    local name=$1 pattern=$2 pid=${STARTED[-1]} deadline=$((SECONDS + 60)) found
    while true; do
        found=$(sed -n "s/.*$pattern.*/\1/p" "$REPORT/$name.log" | head -n 1)
        [ -z "$found" ] || break
        kill -0 "$pid" 2>/dev/null || die "$name stopped; see $REPORT/$name.log"
        [ $SECONDS -lt $deadline ] || die "$name did not start within 60 s; see $REPORT/$name.log"
        sleep 0.1
    done
    printf '%s\n' "$found"
}

start_devnet() {
    local bin=${BINARIES:-${CARGO_TARGET_DIR:-$ROOT/target}/release} package=ioht_1.0:caliper dir=$WORK/devnet address user
    [ -n "${BINARIES:-}" ] || (cd "$ROOT" && cargo build --release --quiet -p fabric-devnet -p ccaas-server)
    start ccaas-server env NO_COLOR=1 "$bin/ccaas-server" --listen 127.0.0.1:0 --chaincode-id "$package" --policies "$ROOT/policies"
    address=$(told ccaas-server 'address=\([0-9.:]*\)')
    start devnet "$bin/fabric-devnet" up --dir "$dir" --ports 0,0,0 --chaincode "ioht=$address" --package-id "$package" \
        --collections "$ROOT/policies/collections.json" --endorsement-policy "$ROOT/policies/endorsement-policy.txt"
    told devnet '\(devnet is ready\)' >/dev/null
    DOMAIN=org1.example.com ORGANIZATIONS=$dir/organizations
    ENDPOINT=localhost:$(told devnet "localhost:\([0-9]*\) (TLS, peer0.$DOMAIN)")
    USERS=registrar
    for ((n = 1; n <= WORKERS; n++)); do USERS+=,patient$n,device$n; done
    for user in ${USERS//,/ }; do
        "$bin/fabric-devnet" enroll --dir "$dir" --org Org1MSP --name "$user" >/dev/null
    done
    SYSTEM="fabric-devnet $("$bin/fabric-devnet" --version | cut -d' ' -f2)${BINARIES:+ ($BINARIES)}"
}

start_network() {
    local count=$((2 * WORKERS + 1)) port
    read -r _ _ DOMAIN port _ < <(grep '^Org1MSP ' "${ORGANIZATIONS_FILE:-$ROOT/network/organizations.conf}")
    ENDPOINT=localhost:$port
    local dir=${NETWORK_DIR:-$ROOT/network/run}
    if ! { [ -d "$dir/organizations" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }; then
        [ -z "${NETWORK_DIR:-}" ] || die "no network runs in $dir: start it with network.sh up and deploy"
        dir=$WORK/network
        export NETWORK_DIR=$dir USERS_COUNT=$count
        "$ROOT/network/network.sh" up
        "$ROOT/network/network.sh" deploy
    fi
    ORGANIZATIONS=$dir/organizations
    USERS=User1
    for ((n = 2; n <= count; n++)); do
        [ -d "$ORGANIZATIONS/peerOrganizations/$DOMAIN/users/User$n@$DOMAIN" ] ||
            die "this network has fewer than the $count users that $WORKERS workers need: start one with USERS_COUNT=$count"
        USERS+=,User$n
    done
    SYSTEM="Fabric $(PATH=${FABRIC_BIN:+$FABRIC_BIN:}$PATH peer version 2>/dev/null | sed -n 's/^ *Version: *v*//p')"
}

# What else the machine does belongs to the result.
LOAD=$(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)

lib() { printf '%s\n' "$HERE/lib/$1"; }

cd "$HERE"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --omit=optional --ignore-scripts --no-audit --no-fund
"start_$TARGET"
SYSTEM+="; $WORKERS workers, signing in $SIGNING; load average before: $LOAD"
echo "preparing $WORKERS patients and their devices"
node "$(lib prepare.mjs)" --organizations "$ORGANIZATIONS" --domain "$DOMAIN" --endpoint "$ENDPOINT" \
    --channel "${CHANNEL:-mychannel}" --contract "${CHAINCODE:-ioht}" --users "$USERS" \
    --workload "$WORKLOAD" --description "$SYSTEM" --out "$WORK" "${PREPARE[@]}"
echo "running; log: $REPORT/caliper.log"
start caliper node "$(lib caliper.cjs)" launch manager --caliper-workspace "$WORK" --caliper-benchconfig benchmark.json \
    --caliper-networkconfig network.json --caliper-report-path "$REPORT/report.html" "${CALIPER[@]}"
# Not in the foreground: an interrupt must not wait for the end of the rounds.
wait "${STARTED[-1]}" || {
    code=$?
    tail -n 30 "$REPORT/caliper.log" >&2
    # Above 128: ended from outside, by the signal of that number less 128.
    echo "run.sh: Caliper ended with exit code $code before its report; see $REPORT" >&2
    exit 1
}
node "$(lib table.mjs)" "$WORK/plan.json" "$REPORT/report.html" "$WORK/tally.txt" "$TARGET" "$SYSTEM" | tee "$REPORT/table.txt"
