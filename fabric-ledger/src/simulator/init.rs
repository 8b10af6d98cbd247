use bytes::Bytes;

use super::{Result, SimulationError, Simulator};
use crate::access::CollectionAccess;
use crate::store::Store;

/// Where the peer notes, in the chaincode's own state, which version of it was initialised. No
/// range that a chaincode's API offers reaches it.
pub const INITIALIZED_KEY: &str = "\u{0}\u{10ffff}initialized";

/// How a chaincode is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvocationKind {
    /// By a TRANSACTION message.
    Transaction,
    /// By an INIT message.
    Init,
}

impl<S: Store, P: Store, A: CollectionAccess> Simulator<S, P, A> {
    /// What a peer settles before a chaincode runs, called by a client or by another chaincode:
    /// one whose definition requires initialisation is initialised exactly once for each version,
    /// and not called for anything else before.
    ///
    /// An initialisation notes the version, so that one of two that meet in a block is invalid, and
    /// keeps private data out of the chaincode's reach.
    pub fn begin(
        &mut self,
        namespace: &str,
        version: &str,
        init_required: bool,
        is_init: bool,
    ) -> Result<InvocationKind> {
        let name = || namespace.to_owned();
        if !init_required {
            return match is_init {
                true => Err(SimulationError::InitNotRequired { namespace: name() }),
                false => Ok(InvocationKind::Transaction),
            };
        }
        let noted = self.get_state(namespace, INITIALIZED_KEY)?;
        let initialized = noted.as_deref() == Some(version.as_bytes());
        match (is_init, initialized) {
            (false, true) => Ok(InvocationKind::Transaction),
            (false, false) => Err(SimulationError::NotInitialized { namespace: name() }),
            (true, true) => Err(SimulationError::AlreadyInitialized { namespace: name() }),
            (true, false) => {
                let version = Bytes::copy_from_slice(version.as_bytes());
                self.put_state(namespace, INITIALIZED_KEY, version)?;
                self.simulation.initializing = Some(name());
                Ok(InvocationKind::Init)
            }
        }
    }
}
