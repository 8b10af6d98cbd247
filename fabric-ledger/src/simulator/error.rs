use crate::store::StoreError;
use crate::version::Version;

/// Why a peer refuses a chaincode's request; the text is the peer's, without the
/// `<REQUEST> failed: transaction ID: <id>: ` that the chaincode stream puts before it.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// Private data is out of reach while a chaincode is initialised.
    #[error("private data APIs are not allowed in chaincode Init()")]
    PrivateDataInInit,
    /// The chaincode's definition has no such collection.
    #[error("collection {channel}/{namespace}/{collection} could not be found")]
    CollectionNotFound {
        /// Channel name.
        channel: String,
        /// Chaincode name.
        namespace: String,
        /// Collection name.
        collection: String,
    },
    /// As [`SimulationError::CollectionNotFound`], where no permission is looked up before.
    #[error(
        "collection [{collection}] not defined in the collection config for chaincode [{namespace}]"
    )]
    CollectionNotDefined {
        /// Chaincode name.
        namespace: String,
        /// Collection name.
        collection: String,
    },
    /// The collection is `member_only_read` and the creator is no member.
    #[error(
        "tx creator does not have read access permission on privatedata in chaincodeName:{namespace} collectionName: {collection}"
    )]
    NoReadAccess {
        /// Chaincode name.
        namespace: String,
        /// Collection name.
        collection: String,
    },
    /// The collection is `member_only_write` and the creator is no member.
    #[error(
        "tx creator does not have write access permission on privatedata in chaincodeName:{namespace} collectionName: {collection}"
    )]
    NoWriteAccess {
        /// Chaincode name.
        namespace: String,
        /// Collection name.
        collection: String,
    },
    /// This peer holds another version of a private value than the ledger has the hash of: it has
    /// not been reconciled yet.
    #[error(
        "private data matching public hash version is not available. Public hash version = {}, Private data version = {}",
        or_nil(*.hash), or_nil(*.private)
    )]
    PrivateDataNotAvailable {
        /// Version of the hash.
        hash: Option<Version>,
        /// Version of this peer's plaintext.
        private: Option<Version>,
    },
    /// A range query on private data after a write.
    #[error(
        "txid [{tx_id}]: unsuppored transaction. Queries on pvt data is supported only in a read-only transaction"
    )]
    PrivateQueryAfterWrite {
        /// Transaction id.
        tx_id: String,
    },
    /// A write after a range query on private data.
    #[error(
        "txid [{tx_id}]: unsuppored transaction. Transaction has already performed queries on pvt data. Writes are not allowed"
    )]
    WriteAfterPrivateQuery {
        /// Transaction id.
        tx_id: String,
    },
    /// A paginated query after a write.
    #[error(
        "txid [{tx_id}]: unsuppored transaction. Paginated queries are supported only in a read-only transaction"
    )]
    PaginatedQueryAfterWrite {
        /// Transaction id.
        tx_id: String,
    },
    /// A write after a paginated query.
    #[error(
        "txid [{tx_id}]: unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    )]
    WriteAfterPaginatedQuery {
        /// Transaction id.
        tx_id: String,
    },
    /// Only keys of a collection can be purged.
    #[error("only applicable for private data")]
    PurgeOfPublicData,
    /// A query in the state database's own language: peers on LevelDB have none.
    #[error("ExecuteQuery not supported for leveldb")]
    RichQuery,
    /// An initialisation of a chaincode whose definition does not ask for one.
    #[error("chaincode '{namespace}' does not require initialization but called as init")]
    InitNotRequired {
        /// Chaincode name.
        namespace: String,
    },
    /// A second initialisation of one version.
    #[error("chaincode '{namespace}' is already initialized but called as init")]
    AlreadyInitialized {
        /// Chaincode name.
        namespace: String,
    },
    /// A call before the initialisation of this version.
    #[error(
        "chaincode '{namespace}' has not been initialized for this version, must call as init first"
    )]
    NotInitialized {
        /// Chaincode name.
        namespace: String,
    },
    /// The query was never opened, is closed, or has given its last batch.
    #[error("query iterator not found")]
    QueryNotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn or_nil(version: Option<Version>) -> String {
    version.map_or_else(|| "<nil>".to_owned(), |version| version.to_string())
}
