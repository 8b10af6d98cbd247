#!/usr/bin/env bash
# Makes the package by which a peer finds a chaincode server, and prints its package id.
set -euo pipefail

usage() {
    cat <<USAGE
Usage: package.sh --address HOST:PORT [OPTION]… PACKAGE.tar.gz

Writes a package of type ccaas for 'peer lifecycle chaincode install' and prints its package id, which
the server must be started with. The same settings make the same package on every machine. A package
tells one organisation's peers where their own server is: organisations that run servers of their own
make packages of their own, and approve the same definition with different package ids.

  --label LABEL        what the id begins with (ioht_1.0)
  --dial-timeout TIME  how long the peer tries to connect (10s)
  --tls-root FILE      the authority of the server's certificate, PEM: the peer uses TLS. The
                       certificate must be for HOST
  --client-cert FILE, --client-key FILE
                       what the peer shows to the server, PEM: mutual TLS. The key becomes part of the
                       package, so such a package is one organisation's secret
USAGE
}

die() {
    printf 'package.sh: %s\n' "$*" >&2
    exit 2
}

address='' label=ioht_1.0 dial_timeout=10s tls_root='' client_cert='' client_key='' output=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --address | --label | --dial-timeout | --tls-root | --client-cert | --client-key)
            [ $# -gt 1 ] || die "$1 needs a value; see package.sh --help"
            name=${1#--}
            printf -v "${name//-/_}" %s "$2"
            shift
            ;;
        -*) die "unknown option $1; see package.sh --help" ;;
        *) [ -z "$output" ] || die "one package at a time"; output=$1 ;;
    esac
    shift
done
[ -n "$output" ] || { usage >&2; exit 2; }
[[ $address =~ ^[^\"\\]+:[0-9]+$ ]] || die "--address must be HOST:PORT, as the peer reaches the server"
[[ $label =~ ^[A-Za-z0-9][A-Za-z0-9_.+-]*$ ]] || die "--label holds letters, digits and _.+- only"
[[ $dial_timeout =~ ^[0-9]+(ms|s|m)$ ]] || die "--dial-timeout is a time such as 10s"
[ -z "$client_cert$client_key" ] || [ -n "$tls_root" ] || die "a client certificate needs --tls-root too"
case ${client_cert:+cert}${client_key:+key} in cert | key) die "--client-cert and --client-key belong together" ;; esac

# A PEM file as a JSON string.
pem() {
    awk 'BEGIN { printf "\"" } { gsub(/\r/, ""); printf "%s\\n", $0 } END { printf "\"" }' "$1"
}

connection() {
    printf '{"address":"%s","dial_timeout":"%s"' "$address" "$dial_timeout"
    if [ -n "$tls_root" ]; then printf ',"tls_required":true,"root_cert":%s' "$(pem "$tls_root")"; else printf ',"tls_required":false'; fi
    if [ -n "$client_cert" ]; then
        printf ',"client_auth_required":true,"client_cert":%s,"client_key":%s' "$(pem "$client_cert")" "$(pem "$client_key")"
    else
        printf ',"client_auth_required":false'
    fi
    printf '}\n'
}

# archive FILE MEMBER…: the same bytes for the same members.
archive() {
    tar -C "$work" --sort=name --mode=0644 --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - "${@:2}" | gzip -n >"$work/$1"
}

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for file in "$tls_root" "$client_cert" "$client_key"; do
    [ -z "$file" ] || grep -q -- '-----BEGIN ' "$file" || die "$file is no PEM file"
done
connection >"$work/connection.json"
printf '{"type":"ccaas","label":"%s"}\n' "$label" >"$work/metadata.json"
archive code.tar.gz connection.json
archive package.tar.gz metadata.json code.tar.gz
cp "$work/package.tar.gz" "$output"
printf '%s:%s\n' "$label" "$(sha256sum "$output" | cut -d ' ' -f 1)"
