use std::sync::Arc;

use fabric_ledger::channel::READERS;
use tonic::Status;

use super::GatewayService;
use crate::acl::unsatisfied;
use crate::chain::Chain;

/// A signed question about the ledger.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignedRequest<'a> {
    /// What it asks for, as ACLs name it.
    pub(super) resource: &'static str,
    pub(super) channel: &'a str,
    /// Who asks, a marshalled `SerializedIdentity`.
    pub(super) identity: &'a [u8],
    pub(super) bytes: &'a [u8],
    pub(super) signature: &'a [u8],
}

impl GatewayService {
    /// The channel asked about. Refuses whoever may not read it; expired certificates may.
    pub(super) fn authorize_reader(
        &self,
        request: SignedRequest<'_>,
    ) -> Result<&Arc<Chain>, Status> {
        let SignedRequest { resource, channel, identity, bytes, signature } = request;
        let Some(chain) = self.chains.get(channel) else {
            let text = format!("Failed to get policy manager for channel [{channel}]");
            return Err(Status::permission_denied(text));
        };
        let shared = &chain.shared;
        // Who is unknown or signed wrongly counts for nobody.
        let reader = shared.membership.identity(identity).ok();
        let reader =
            reader.filter(|reader| shared.membership.verify(&reader.key, bytes, signature).is_ok());
        let Some(reader) = reader else {
            let text = format!(
                "failed evaluating policy on signed data during check policy [{READERS}]: [{}]",
                unsatisfied("Readers")
            );
            return Err(Status::permission_denied(text));
        };
        shared.acl.check(resource, &reader).map_err(Status::permission_denied)?;
        Ok(chain)
    }
}
