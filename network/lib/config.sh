# Writes the configuration of the network from organizations.conf.
# shellcheck shell=bash

write_crypto_config() {
    {
        say "OrdererOrgs:"
        say "  - {Name: Orderer, Domain: $ORDERER_DOMAIN, EnableNodeOUs: true, Specs: [{Hostname: orderer, SANS: [localhost, 127.0.0.1]}]}"
        say "PeerOrgs:"
        each_org write_crypto_org
    } >"$CONFIG_DIR/crypto-config.yaml"
}

write_crypto_org() {
    say "  - {Name: $1, Domain: $3, EnableNodeOUs: true, Template: {Count: $(peers_of "$1" | wc -l), SANS: [localhost, 127.0.0.1]}, Users: {Count: $USERS_COUNT}}"
}

# The peer ports of an organisation, a line each.
peers_of() { each_peer echo | awk -v msp="$1" '$1 == msp { print $4 }'; }

write_configtx() {
    {
        cat <<EOF
Organizations:
  - &Orderer
    Name: $ORDERER_MSP
    ID: $ORDERER_MSP
    MSPDir: $ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/msp
    OrdererEndpoints: ["127.0.0.1:$ORDERER_PORT"]
    Policies:
      Readers: {Type: Signature, Rule: "OR('$ORDERER_MSP.member')"}
      Writers: {Type: Signature, Rule: "OR('$ORDERER_MSP.member')"}
      Admins: {Type: Signature, Rule: "OR('$ORDERER_MSP.admin')"}
EOF
        each_org write_configtx_org
        cat <<EOF
Profiles:
  Channel:
    Policies: &Implicit
      Readers: {Type: ImplicitMeta, Rule: "ANY Readers"}
      Writers: {Type: ImplicitMeta, Rule: "ANY Writers"}
      Admins: {Type: ImplicitMeta, Rule: "MAJORITY Admins"}
    Capabilities: {V2_0: true}
    Orderer:
      OrdererType: etcdraft
      BatchTimeout: $BATCH_TIMEOUT
      BatchSize: {MaxMessageCount: $MAX_MESSAGE_COUNT, AbsoluteMaxBytes: 99 MB, PreferredMaxBytes: 2 MB}
      EtcdRaft:
        Consenters:
          - Host: 127.0.0.1
            Port: $ORDERER_PORT
            ClientTLSCert: $ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/orderers/orderer.$ORDERER_DOMAIN/tls/server.crt
            ServerTLSCert: $ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/orderers/orderer.$ORDERER_DOMAIN/tls/server.crt
      Organizations: [*Orderer]
      Policies:
        <<: *Implicit
        BlockValidation: {Type: ImplicitMeta, Rule: "ANY Writers"}
      Capabilities: {V2_0: true}
    Application:
      Organizations:
EOF
        channel_members | sed 's/.*/        - *&/'
        cat <<EOF
      Policies:
        <<: *Implicit
        Endorsement: {Type: ImplicitMeta, Rule: "MAJORITY Endorsement"}
EOF
        if [ "$CHANNEL_RIGHTS" = members ]; then
            say '        LifecycleEndorsement: {Type: ImplicitMeta, Rule: "MAJORITY Endorsement"}'
        else
            write_custodians
        fi
        say "      Capabilities: {V2_5: true}"
    } >"$CONFIG_DIR/configtx.yaml"
}

# Full blocks can be had with their private data: they are for custodians' peers and administrators only,
# whichever way. A custodian's clients are doctors, patients and devices; like everyone else they follow
# the channel by filtered blocks and chaincode events. A majority of all organisations could give itself
# more by another configuration or definition of the chaincode. Goes on after the policies.
write_custodians() {
    local most
    most=$(($(msps_of_kind custodian | wc -l) / 2 + 1))
    cat <<EOF
        Admins: {Type: Signature, Rule: "OutOf($most, $(msps_of_kind custodian | principals admin))"}
        LifecycleEndorsement: {Type: Signature, Rule: "OutOf($most, $(msps_of_kind custodian | principals peer))"}
        Custodians: {Type: Signature, Rule: "OR($(msps_of_kind custodian | principals admin peer))"}
      ACLs:
        event/Block: &custodians /Channel/Application/Custodians
        qscc/GetBlockByNumber: *custodians
        qscc/GetBlockByHash: *custodians
        qscc/GetBlockByTxID: *custodians
        qscc/GetTransactionByID: *custodians
EOF
}

write_configtx_org() {
    cat <<EOF
  - &$1
    Name: $1
    ID: $1
    MSPDir: $ORGS_DIR/peerOrganizations/$3/msp
    AnchorPeers: [$(peers_of "$1" | sed 's/.*/{Host: 127.0.0.1, Port: &}/' | paste -sd,)]
    Policies:
      Readers: {Type: Signature, Rule: "OR('$1.admin', '$1.peer', '$1.client')"}
      Writers: {Type: Signature, Rule: "OR('$1.admin', '$1.client')"}
      Admins: {Type: Signature, Rule: "OR('$1.admin')"}
      Endorsement: {Type: Signature, Rule: "OR('$1.peer')"}
EOF
}

write_orderer_config() {
    local node=$ORGS_DIR/ordererOrganizations/$ORDERER_DOMAIN/orderers/orderer.$ORDERER_DOMAIN
    mkdir -p "$CONFIG_DIR/orderer"
    cat >"$CONFIG_DIR/orderer/orderer.yaml" <<EOF
General:
  ListenAddress: 127.0.0.1
  ListenPort: $ORDERER_PORT
  LocalMSPID: $ORDERER_MSP
  LocalMSPDir: $node/msp
  TLS: &TLS
    Enabled: true
    PrivateKey: $node/tls/server.key
    Certificate: $node/tls/server.crt
    RootCAs: [$node/tls/ca.crt]
    ClientAuthRequired: false
  Cluster: {SendBufferSize: 100}
  BCCSP: {Default: SW, SW: {Hash: SHA2, Security: 256}}
  Authentication: {TimeWindow: 15m}
  MaxRecvMsgSize: 104857600
  MaxSendMsgSize: 104857600
  # The channel is joined by osnadmin; a 2.5 orderer would otherwise look for a system channel.
  BootstrapMethod: none
FileLedger: {Location: $NETWORK_DIR/data/orderer}
ChannelParticipation: {Enabled: true, MaxRequestBodySize: 1 MB}
Consensus:
  WALDir: $NETWORK_DIR/data/orderer/etcdraft/wal
  SnapDir: $NETWORK_DIR/data/orderer/etcdraft/snapshot
Operations: {ListenAddress: "127.0.0.1:$ORDERER_OPERATIONS_PORT", TLS: {Enabled: false}}
Metrics: {Provider: disabled}
Admin:
  ListenAddress: 127.0.0.1:$ORDERER_ADMIN_PORT
  TLS: {Enabled: true, PrivateKey: $node/tls/server.key, Certificate: $node/tls/server.crt, ClientAuthRequired: true, ClientRootCAs: [$node/tls/ca.crt]}
EOF
}

# By a peer's fields.
write_peer_config() {
    local node=$ORGS_DIR/peerOrganizations/$3/peers/peer$7.$3 time_window= name others
    name=$(peer_name "$@")
    # An organisation's peers find each other; one that is alone starts with itself.
    others=$(peers_of "$1" | sed "/^$4\$/d; s/^/127.0.0.1:/" | paste -sd' ')
    # Fabric bounds the time a client claims since 3.0; a 2.5 peer does not know the filter.
    case $FABRIC_VERSION in 3.*) time_window=", {name: TimeWindowCheck}" ;; esac
    mkdir -p "$CONFIG_DIR/peer-$name"
    cat >"$CONFIG_DIR/peer-$name/core.yaml" <<EOF
peer:
  id: peer$7.$3
  networkId: ioht
  listenAddress: 127.0.0.1:$4
  chaincodeListenAddress: 127.0.0.1:$5
  address: 127.0.0.1:$4
  localMspId: $1
  mspConfigPath: $node/msp
  fileSystemPath: $NETWORK_DIR/data/$name
  maxRecvMsgSize: 104857600
  maxSendMsgSize: 104857600
  authentication: {timewindow: 15m}
  keepalive:
    minInterval: 60s
    client: {interval: 60s, timeout: 20s}
    deliveryClient: {interval: 60s, timeout: 20s}
  gateway: {enabled: true, endorsementTimeout: 30s, broadcastTimeout: 30s, dialTimeout: 2m}
  gossip:
    bootstrap: ${others:-127.0.0.1:$4}
    endpoint: 127.0.0.1:$4
    externalEndpoint: 127.0.0.1:$4
    orgLeader: true
    useLeaderElection: false
    maxBlockCountToStore: 10
    maxPropagationBurstLatency: 10ms
    maxPropagationBurstSize: 10
    propagateIterations: 1
    propagatePeerNum: 3
    pullInterval: 4s
    pullPeerNum: 3
    requestStateInfoInterval: 1s
    publishStateInfoInterval: 1s
    publishCertPeriod: 10s
    dialTimeout: 3s
    connTimeout: 2s
    recvBuffSize: 200
    sendBuffSize: 400
    digestWaitTime: 1s
    requestWaitTime: 1500ms
    responseWaitTime: 2s
    aliveTimeInterval: 1s
    aliveExpirationTimeout: 10s
    reconnectInterval: 1s
    maxConnectionAttempts: 120
    msgExpirationFactor: 20
    membershipTrackerInterval: 5s
    pvtData:
      pullRetryThreshold: 10s
      transientstoreMaxBlockRetention: 20000
      pushAckTimeout: 3s
      btlPullMargin: 10
      reconcileBatchSize: 100
      reconcileSleepInterval: 5s
      reconciliationEnabled: true
      implicitCollectionDisseminationPolicy: {requiredPeerCount: 0, maxPeerCount: 1}
    state: {enabled: false}
  tls:
    enabled: true
    clientAuthRequired: false
    cert: {file: $node/tls/server.crt}
    key: {file: $node/tls/server.key}
    rootcert: {file: $node/tls/ca.crt}
  BCCSP: {Default: SW, SW: {Hash: SHA2, Security: 256}}
  client: {connTimeout: 3s}
  deliveryclient:
    blockGossipEnabled: true
    reconnectTotalTimeThreshold: 3600s
    reConnectBackoffThreshold: 5s
    connTimeout: 3s
  handlers:
    authFilters: [{name: DefaultAuth}, {name: ExpirationCheck}$time_window]
    decorators: [{name: DefaultDecorator}]
    endorsers: {escc: {name: DefaultEndorsement}}
    validators: {vscc: {name: DefaultValidation}}
  discovery: {enabled: true, authCacheEnabled: true, authCacheMaxSize: 1000, authCachePurgeRetentionRatio: 0.75, orgMembersAllowedAccess: false}
  limits: {concurrency: {endorserService: 2500, deliverService: 2500, gatewayService: 500}}
vm: {endpoint: ""}
chaincode:
  mode: net
  keepalive: 0
  startuptimeout: 30s
  executetimeout: 30s
  installTimeout: 60s
  externalBuilders: [{name: ccaas, path: $HERE/builders/ccaas}]
  system: {_lifecycle: enable, cscc: enable, lscc: enable, qscc: enable}
  runtimeParams:
    useWriteBatch: $USE_WRITE_BATCH
    maxSizeWriteBatch: 1000
    useGetMultipleKeys: $USE_GET_MULTIPLE_KEYS
    maxSizeGetMultipleKeys: 1000
ledger:
  state: {stateDatabase: goleveldb, totalQueryLimit: 100000}
  history: {enableHistoryDatabase: true}
  # Purged private data leaves the disk at the next block: erasure must not wait for traffic.
  pvtdataStore: {collElgProcMaxDbBatchSize: 5000, collElgProcDbBatchesInterval: 1000, deprioritizedDataReconcilerInterval: 1m, purgeInterval: 1, purgedKeyAuditLogging: true}
  snapshots: {rootDir: $NETWORK_DIR/data/$name/snapshots}
operations: {listenAddress: "127.0.0.1:$6", tls: {enabled: false}}
metrics: {provider: prometheus}
EOF
}
