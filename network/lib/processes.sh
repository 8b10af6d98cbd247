# Starts and stops the network's processes, each known by its recorded process id.
# shellcheck shell=bash

# Whether the process recorded under a name still runs, and is the program that was started.
running() {
    local file=$PIDS_DIR/$1 pid program
    [ -f "$file" ] || return 1
    read -r pid program <"$file"
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$program" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status"
}

# start NAME COMMAND…: in the background, its output in the log of that name.
start() {
    local name=$1 program
    shift
    ! running "$name" || return 0
    # The kernel keeps the first 15 characters of a program's name.
    program=$(basename "$1" | cut -c 1-15)
    mkdir -p "$PIDS_DIR" "$LOGS_DIR"
    nohup "$@" >>"$LOGS_DIR/$name.log" 2>&1 </dev/null &
    printf '%s %s\n' "$!" "$program" >"$PIDS_DIR/$name"
    # Until the shell has become the program it would be taken for a stopped one.
    while kill -0 $! 2>/dev/null && ! running "$name"; do sleep 0.02; done
}

stop() {
    local pid program
    if running "$1"; then
        read -r pid program <"$PIDS_DIR/$1"
        kill "$pid"
        local deadline=$((SECONDS + 15))
        while running "$1"; do
            [ $SECONDS -lt $deadline ] || kill -KILL "$pid" 2>/dev/null || true
            sleep 0.1
        done
    fi
    rm -f "$PIDS_DIR/$1"
}

start_orderer() {
    FABRIC_CFG_PATH=$CONFIG_DIR/orderer start orderer orderer
}

# A gateway logs endorsements that disagree with their payloads, as a warning: a query that a client
# submits by mistake would leave what it read in the log.
PEER_LOGGING=gateway.responsechecker=error:info

start_peer() {
    local name
    name=peer-$(peer_name "$@")
    FABRIC_CFG_PATH=$CONFIG_DIR/$name FABRIC_LOGGING_SPEC=$PEER_LOGGING start "$name" peer node start
}

orderer_admin() {
    local node=$ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/orderers/orderer.$ORDERER_DOMAIN/tls
    osnadmin channel "$@" -o "127.0.0.1:$ORDERER_ADMIN_PORT" --ca-file "$(orderer_ca)" \
        --client-cert "$node/server.crt" --client-key "$node/server.key"
}

orderer_has_channel() {
    orderer_admin list --channelID "$CHANNEL" | grep -q '"status": "active"'
}

join_peer() {
    local name
    name=$(peer_name "$@")
    act_as "$@"
    wait_for 30 "peer-$name" "the start of the peer $name" peer channel list
    # Not -q: the command would break off while it tells of another channel.
    if ! peer channel list 2>/dev/null | grep -x "$CHANNEL" >/dev/null; then
        peer channel join -b "$NETWORK_DIR/$CHANNEL.block" >>"$LOGS_DIR/setup.log" 2>&1 ||
            die "the peer $name could not join $CHANNEL; see $LOGS_DIR/setup.log"
    fi
}

# Peers that know each other can be found by gateways and get each other's private data.
wait_for_gossip() {
    local others name
    name=$(peer_name "$@")
    others=$(($(each_member_peer echo | wc -l) - 1))
    wait_for 60 "peer-$name" "the meeting of the peer $name with the others" knows_peers "$6" "$others"
}

# Whether the peer with this operations port knows so many others on the channel.
knows_peers() {
    local known
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
    known=$(sed -n "s/^gossip_membership_total_peers_known{channel=\"$CHANNEL\"} \([0-9]*\).*/\1/p" <&3)
    exec 3>&-
    [ "${known:-0}" -ge "$2" ]
}
