/// Why a creator cannot be taken for a client.
///
/// A peer has already checked the certificate's chain and the proposal's signature; what is refused
/// here is a certificate that two readers could understand differently, or that says too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// No MSP id, or a longer one than any organisation has.
    #[error("the creator's MSP id must have 1 to 255 bytes")]
    MspId,
    /// More bytes than [`CERTIFICATE_PEM_BYTES_MAX`](crate::CERTIFICATE_PEM_BYTES_MAX).
    #[error("the creator's certificate exceeds 16384 bytes; ask its issuer for a smaller one")]
    TooLarge,
    /// Not one PEM block of a certificate and nothing else.
    #[error("the creator must be exactly one PEM CERTIFICATE, with nothing before or after it")]
    NotOnePem,
    /// The block does not hold one X.509 certificate.
    #[error("the creator's certificate cannot be parsed")]
    Malformed,
    /// A subject or issuer with a value that is not one of X.509's text types.
    #[error("the creator's certificate names its subject or issuer in an unknown way")]
    Name,
    /// The attribute extension is there, but is not `{"attrs": {name: text}}` with unique names.
    #[error("the creator's certificate has malformed attributes; enrol again")]
    Attributes,
    /// Neither the attribute `hf.EnrollmentID` nor a common name.
    #[error("the creator's certificate carries no enrolment id: neither hf.EnrollmentID nor a CN")]
    NoEnrolmentId,
    /// Several common names, or one that differs from the attribute `hf.EnrollmentID`.
    #[error("the creator's certificate carries more than one enrolment id; enrol again")]
    AmbiguousEnrolmentId,
}
