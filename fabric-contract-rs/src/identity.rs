use std::sync::Arc;

/// Who signed the proposal, from the creator's certificate alone.
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    msp_id: String,
}

impl ClientIdentity {
    /// The organisation's MSP id.
    pub fn msp_id(&self) -> &str {
        &self.inner.msp_id
    }
}
