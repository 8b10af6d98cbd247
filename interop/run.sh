#!/usr/bin/env bash
# Platforms that are not this project's judge its devnet and its chaincode server.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$HERE")
PARTS=(node shims decode java)

usage() {
    cat <<USAGE
Usage: interop/run.sh [PART]...

Installs and builds what a part needs, runs it in a temporary folder with free ports, prints a line
for each check, and stops everything it started. The exit code is 0 if every check held.

Parts (all by default):
  node    the health story and the scenarios by Fabric's Node client
  shims   one contract on the Node shim, the Go shim, the crate fabric-shim and fabric-contract-rs:
          the same answers, and the same bytes endorsed
  decode  every block of two ledgers, by npm @hyperledger/fabric-protos
  java    a short form of the health story, and events and blocks, by Fabric's Java client
  all     all of these
  cli     only when named: the commands of the README and docs/peer-cli.md by Fabric's peer command, 3.1
          or 2.5, from FABRIC_BIN (several folders with colons between) or PATH; skipped where there is none
  fabric  only when named: the shims on a real network, compared with a devnet whose blocks have the
          same numbers, and the same checks of its blocks; 3.1 or 2.5, from PATH or FABRIC_BIN

Needs Rust, and Node.js with npm; java needs Maven and a JDK from 17 on. Go only for the Go shim, which
is left out, and said to be, where there is none.

Settings, by environment:
  BINARIES  a folder with fabric-devnet, ccaas-server, judge-contract-rs and judge-shim-crate to use
            instead of building them
  KEEP=1    keep the temporary folder with ledgers and logs
USAGE
}

selected=()
for part in "$@"; do
    case $part in
    -h | --help)
        usage
        exit 0
        ;;
    all) selected+=("${PARTS[@]}") ;;
    node | shims | decode | java | cli | fabric) selected+=("$part") ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done
[ ${#selected[@]} -gt 0 ] || selected=("${PARTS[@]}")

INTEROP_DIR=$(mktemp -d)
export INTEROP_DIR
export JUDGE_GO=$INTEROP_DIR/judge-go
child=
finish() {
    if [ -n "$child" ]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    if [ -n "${KEEP:-}" ]; then
        echo "ledgers and logs are in $INTEROP_DIR"
    else
        rm -rf "$INTEROP_DIR"
    fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

says() { printf '\n== %s\n' "$*"; }

need() {
    command -v "$1" >/dev/null || {
        echo "$1 is not installed: $2 needs it" >&2
        return 1
    }
}

# Runs a command in the background, so that a signal reaches it through the trap above.
watched() {
    "$@" &
    child=$!
    local code=0
    wait "$child" || code=$?
    child=
    return $code
}

install() { watched env -C "$HERE/$1" npm ci --silent --no-audit --no-fund; }

# Cargo puts both workspaces into one folder, so that what they share is compiled once.
build() {
    [ -z "${BINARIES_GIVEN:-}" ] || return 0
    watched env -C "$ROOT" cargo build --quiet -p fabric-devnet -p ccaas-server || return 1
    case $1 in shims | fabric) watched env -C "$HERE/shims/rust" cargo build --quiet ;; esac
}

prepare() {
    need node "$1" && need npm "$1" || return 1
    install . && build "$1" || return 1
    case $1 in
    node) install node-gateway ;;
    decode) install node-gateway && install shims/node ;;
    fabric) install shims/node ;;
    shims)
        install shims/node || return 1
        ! has_go || watched env -C "$HERE/shims/go" go build -o "$JUDGE_GO" .
        ;;
    java) need mvn "$1" && watched mvn -q -B -Dstyle.color=never -f "$HERE/java-gateway" compile ;;
    esac
}

has_peer() {
    local folder folders=${FABRIC_BIN:-}
    for folder in ${folders//:/ }; do [ ! -x "$folder/peer" ] || return 0; done
    command -v peer >/dev/null
}

has_go() { command -v go >/dev/null; }

program() {
    case $1 in
    node) echo node-gateway/run.mjs ;;
    java) echo java-gateway/run.mjs ;;
    *) echo "$1/run.mjs" ;;
    esac
}

# The shims to play; those of others that need nothing more than this project are always among them.
options() {
    [ "$1" != shims ] || has_go || echo node shim-crate contract-rs
}

BINARIES_GIVEN=${BINARIES:-}
BINARIES=${BINARIES:-${CARGO_TARGET_DIR:-$ROOT/target}/debug}
export BINARIES

passed=0
failed=0
for part in "${selected[@]}"; do
    if [ "$part" = cli ] && ! has_peer; then
        says "cli: the peer command is not found, skipped"
        continue
    fi
    says "$part: install and build"
    if ! prepare "$part"; then
        echo "  FAILED  $part could not be installed or built"
        failed=$((failed + 1))
        continue
    fi
    says "$part"
    [ "$part" != shims ] || has_go || echo "go is not installed: without the Go shim"
    read -ra arguments <<<"$(options "$part")"
    log=$INTEROP_DIR/$part.log
    mkfifo "$log.pipe"
    tee "$log" <"$log.pipe" &
    shown=$!
    code=0
    watched node "$HERE/$(program "$part")" "${arguments[@]}" >"$log.pipe" 2>&1 || code=$?
    wait "$shown"
    counts=$(grep -oE '[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1 || true)
    part_failed=0
    if [ -n "$counts" ]; then
        passed=$((passed + ${counts%% passed*}))
        part_failed=${counts#*, }
        part_failed=${part_failed%% *}
    fi
    # A part that broke off has failed, whatever it counted.
    if [ "$code" -ne 0 ] && [ "$part_failed" -eq 0 ]; then
        echo "  FAILED  $part ended with $code"
        part_failed=1
    fi
    failed=$((failed + part_failed))
    if [ "$part_failed" -gt 0 ]; then
        find "$INTEROP_DIR" -mindepth 2 -maxdepth 2 -name '*.log' -path "$INTEROP_DIR/$part*" -print -exec tail -n 20 {} \;
    fi
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
