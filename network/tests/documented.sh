#!/usr/bin/env bash
# Runs the commands of a document as they are printed, from the repository's root.
#
#   documented.sh FILE [MSP]…
#
# Blocks marked `bash` run one after the other in one shell. A block marked `text` after one of them
# is what must be among what it prints; after one marked `bash fails` the commands must fail as well.
# Blocks marked `bash each` run once for each MSP named, with its id in $MSP and in a shell of their
# own. Where `with COMMAND` is added to a mark, the block is run only where that command is found: absence is
# told, and with REQUIRE_FABRIC=1 a failure. Other blocks are not run.
set -eo pipefail

doc_file=$(realpath "$1")
shift
doc_msps=("$@")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
doc_work=$(mktemp -d)
doc_what=
doc_end() {
    local status=$?
    if [ $status -ne 0 ] && [ -n "$doc_what" ]; then
        printf '%s: this failed:\n%s\nit printed:\n' "$doc_file" "$doc_what" >&2
        cut -c 1-500 "$doc_work/printed" >&2 || true
    fi
    rm -rf "$doc_work"
}
trap doc_end EXIT

doc_text=$doc_work/document
cp "$doc_file" "$doc_text"
for doc_command in $(sed -n 's/^```[a-z].* with \([^ ]*\)$/\1/p' "$doc_text" | sort -u); do
    doc_marks="s/^\`\`\`\([a-z].*\) with $doc_command\$"
    if command -v "$doc_command" >/dev/null; then
        sed -i "$doc_marks/\`\`\`\1/" "$doc_text"
    elif [ "${REQUIRE_FABRIC:-}" = 1 ]; then
        printf '%s: %s is not found, but required: install it\n' "${doc_file#"$PWD"/}" "$doc_command" >&2
        exit 1
    else
        printf '%s: %s is not found, what needs it is skipped\n' "${doc_file#"$PWD"/}" "$doc_command"
        sed -i "$doc_marks/\`\`\`skipped/" "$doc_text"
    fi
done

# One file a block, named by its number and mark. Neighbours that run for each MSP are one.
awk -v dir="$doc_work" '
    !inside && /^```[a-z]/ {
        inside = 1
        mark = substr($0, 4)
        gsub(/ /, "-", mark)
        if (mark != "bash-each" || last != mark) count++
        if (mark != "text") last = mark
        name = sprintf("%s/%03d.%s", dir, count, mark)
        next
    }
    /^```$/ { inside = 0; next }
    inside { print > name }
' "$doc_text"

doc_count=0
for doc_block in "$doc_work"/[0-9]*; do
    doc_what=$(cat "$doc_block")
    case $doc_block in
        *.bash | *.bash-fails)
            doc_number=$(basename "${doc_block%.*}")
            doc_next=$(printf '%s/%03d.text' "$doc_work" $((10#$doc_number + 1)))
            doc_expected=
            [ ! -f "$doc_next" ] || doc_expected=$(cat "$doc_next")
            if [ "${doc_block##*.}" = bash ]; then
                eval "$doc_what" >"$doc_work/printed" 2>&1
            elif eval "$doc_what" >"$doc_work/printed" 2>&1; then
                printf 'it was expected to fail\n' >>"$doc_work/printed"
                exit 1
            fi
            # Fabric's commands put one space or two between fields, at their own choice.
            case $(tr -d '\0' <"$doc_work/printed" | tr -s ' ') in
                *"$(tr -s ' ' <<<"$doc_expected")"*) ;;
                *)
                    doc_what="$doc_what
and was to print:
$doc_expected"
                    exit 1
                    ;;
            esac
            ;;
        *.bash-each)
            [ ${#doc_msps[@]} -gt 0 ] || exit 1
            for doc_msp in "${doc_msps[@]}"; do
                (
                    MSP=$doc_msp
                    eval "$doc_what"
                ) >"$doc_work/printed" 2>&1
            done
            ;;
        *) continue ;;
    esac
    doc_count=$((doc_count + 1))
done
[ "$doc_count" -gt 0 ]
printf '%s: %s blocks of commands did as printed\n' "${doc_file#"$PWD"/}" "$doc_count"
