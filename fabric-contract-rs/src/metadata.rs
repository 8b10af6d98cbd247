use crate::{Contract, QueryReader, TxError};
use bytes::Bytes;

pub(crate) fn document<C: Contract, R: QueryReader + 'static>() -> Result<Bytes, TxError> {
    Err(TxError::new(500, "NO_METADATA", "metadata is not described yet"))
}
