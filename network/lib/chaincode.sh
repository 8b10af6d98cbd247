# Packages, installs, approves and commits the chaincode; starts its server.
# shellcheck shell=bash

package_chaincode() {
    PACKAGE=$NETWORK_DIR/$CHAINCODE.tar.gz
    PACKAGE_ID=$("$HERE/package.sh" --label "${CHAINCODE}_$CHAINCODE_VERSION" --address "$CHAINCODE_ADDRESS" "$PACKAGE")
    say "$PACKAGE_ID" >"$NETWORK_DIR/package-id"
}

install_chaincode() {
    act_as "$@"
    if ! peer lifecycle chaincode queryinstalled 2>/dev/null | grep -F "$PACKAGE_ID" >/dev/null; then
        peer lifecycle chaincode install "$PACKAGE" >>"$LOGS_DIR/setup.log" 2>&1 ||
            die "installing on the peer $(peer_name "$@") failed; see $LOGS_DIR/setup.log"
    fi
}

definition() {
    printf '%s\n' --channelID "$CHANNEL" --name "$CHAINCODE" --version "$CHAINCODE_VERSION" \
        --sequence "$SEQUENCE" --collections-config "$POLICIES_DIR/collections.json" \
        --signature-policy "$(cat "$POLICIES_DIR/endorsement-policy.txt")"
    [ "$INIT_REQUIRED" = false ] || printf '%s\n' --init-required
}

approve_chaincode() {
    act_as "$@"
    local -a flags
    mapfile -t flags < <(orderer_flags; definition)
    peer lifecycle chaincode approveformyorg "${flags[@]}" --package-id "$PACKAGE_ID" >>"$LOGS_DIR/setup.log" 2>&1 ||
        die "$1 could not approve the chaincode; see $LOGS_DIR/setup.log"
}

commit_flags() {
    printf '%s\n' --peerAddresses "127.0.0.1:$4" --tlsRootCertFiles "$ORGS_DIR/peerOrganizations/$3/peers/peer$7.$3/tls/ca.crt"
}

committed_sequence() {
    peer lifecycle chaincode querycommitted --channelID "$CHANNEL" --name "$CHAINCODE" 2>/dev/null |
        sed -n 's/.*Sequence: *\([0-9]*\).*/\1/p' | head -n 1
}

commit_chaincode() {
    local -a flags
    mapfile -t flags < <(orderer_flags; definition; each_member commit_flags)
    peer lifecycle chaincode commit "${flags[@]}" >>"$LOGS_DIR/setup.log" 2>&1 ||
        die "the chaincode could not be committed; see $LOGS_DIR/setup.log"
}

# The server's binary: CCAAS_SERVER, or built here.
server_binary() {
    if [ -n "${CCAAS_SERVER:-}" ]; then
        say "$CCAAS_SERVER"
    else
        (cd "$HERE/.." && cargo build --release --quiet -p ccaas-server >&2) || die "building ccaas-server failed"
        say "${CARGO_TARGET_DIR:-$HERE/../target}/release/ccaas-server"
    fi
}

start_server() {
    local binary
    binary=$(server_binary)
    (
        # The peer command's settings would tell the server to use TLS.
        unset "${!CORE_PEER_@}"
        export CHAINCODE_ID CHAINCODE_SERVER_ADDRESS=$CHAINCODE_ADDRESS
        CHAINCODE_ID=$(cat "$NETWORK_DIR/package-id")
        start chaincode "$binary" --policies "$POLICIES_DIR"
    )
    wait_for 10 chaincode "the chaincode server's start" listening "${CHAINCODE_ADDRESS%:*}" "${CHAINCODE_ADDRESS##*:}"
}

listening() {
    (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}
