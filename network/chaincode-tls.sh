#!/usr/bin/env bash
# Keys and certificates for mutual TLS between an organisation's peers and its chaincode server.
set -euo pipefail

usage() {
    cat <<USAGE
Usage: chaincode-tls.sh DIR HOST…

For an organisation without a certificate authority for such ends: makes one authority for this one
connection, the server's certificate for the names and IPv4 addresses by which peers reach it, and the
certificate that the peers show. In DIR:

  ca.pem                        authority of both: package.sh --tls-root, ccaas-server --client-ca
  server.pem, server-key.pem    ccaas-server --tls-cert, --tls-key
  peer.pem, peer-key.pem        package.sh --client-cert, --client-key

The authority's own key is not kept: certificates are renewed by making all of them anew. They are
valid for DAYS days (365).
USAGE
}

[ $# -ge 2 ] || { usage >&2; exit 2; }
DAYS=${DAYS:-365}
dir=$1
shift
names=
for host in "$@"; do
    if [[ $host =~ ^[0-9.]+$ ]]; then names+=,IP:$host; else names+=,DNS:$host; fi
done

umask 077
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run COMMAND…: what openssl says is shown only when it fails.
run() {
    openssl "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
}

run req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/ca-key.pem" \
    -out "$dir/ca.pem" -days "$DAYS" -subj '/CN=chaincode connection' \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign

# issue NAME EXTENSION…
issue() {
    local name=$1
    shift
    printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature "$@" >"$work/extensions"
    run req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$name-key.pem" \
        -out "$work/request.pem" -subj "/CN=chaincode $name"
    run x509 -req -in "$work/request.pem" -CA "$dir/ca.pem" -CAkey "$work/ca-key.pem" -CAcreateserial -CAserial "$work/serial" \
        -days "$DAYS" -extfile "$work/extensions" -out "$dir/$name.pem"
}

issue server extendedKeyUsage=serverAuth "subjectAltName=${names#,}"
issue peer extendedKeyUsage=clientAuth
