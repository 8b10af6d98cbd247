//! Who signs, as Fabric names it.

/// A member of an organisation: the content of Fabric's serialized identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Id of the organisation's membership service provider, such as `Org1MSP`.
    pub msp_id: String,
    /// The X.509 certificate in PEM, byte for byte as the organisation's authority issued it: transaction ids
    /// and signatures cover these bytes.
    pub certificate_pem: String,
}
