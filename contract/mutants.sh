#!/usr/bin/env bash
# Plants small faults in the contract, one at a time, and counts those that its tests notice.
#
# Usage: contract/mutants.sh [TEXT]    only the rows of mutants.txt that contain TEXT
#
# Each row of mutants.txt is `file | what it says | what it is made to say`; the second has to occur
# exactly once in the file, so that a row that has gone stale is an error and not a survivor. Fails when
# fewer than 95 in 100 are noticed. Needs a clean work tree, which it leaves as it found it.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "commit first: files are changed and put back"; exit 2; }

changed=
restore() { [ -z "$changed" ] || git checkout --quiet -- "$changed"; changed=; }

log=$(mktemp)
trap 'restore; rm -f "$log"' EXIT
trap 'exit 2' INT TERM

# The tests that notice most come first: what they notice needs no others to be built.
tests() {
    cargo test --quiet -p ioht-contract --lib --test contract >"$log" 2>&1 &&
        cargo test --quiet -p ioht-contract --tests >"$log" 2>&1
}

tests || { tail -30 "$log"; echo "the tests have to pass before anything is planted"; exit 2; }

killed=0 survived=0
while IFS= read -r row; do
    [[ -z $row || $row == \#* || $row != *"${1:-}"* ]] && continue
    file=${row%% | *} rest=${row#* | }
    old=${rest%% | *} new=${rest#* | }
    changed=$file
    OLD=$old NEW=$new python3 - "$file" <<'PYTHON' || { echo "stale: $row"; exit 2; }
import os, sys
path, old, new = sys.argv[1], os.environ["OLD"], os.environ["NEW"]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(f"{path}: `{old}` occurs {text.count(old)} times")
open(path, "w").write(text.replace(old, new))
PYTHON
    if tests; then
        survived=$((survived + 1))
        echo "SURVIVED  $row"
    elif grep -qE '^error(\[|: could not compile)' "$log"; then
        grep -m 3 -E '^error' "$log"
        echo "does not compile: $row"
        exit 2
    else
        killed=$((killed + 1))
        echo "killed    $row"
    fi
    restore
done <contract/mutants.txt

total=$((killed + survived))
echo "$killed of $total noticed"
[ "$total" -gt 0 ] && [ $((killed * 100)) -ge $((total * 95)) ]
