//! What can be signed elsewhere.

/// The methods that such a type has beside `bytes`, whose signature it keeps in a field of that name.
macro_rules! signed_elsewhere {
    () => {
        /// SHA-256 of [`bytes`](Self::bytes), for signers that take a digest.
        #[must_use]
        pub fn digest(&self) -> [u8; 32] {
            $crate::proposal::sha256(self.bytes().as_ref())
        }

        /// Supplies the signature of [`bytes`](Self::bytes) as they are now: ECDSA in DER with a low `s`.
        #[must_use]
        pub fn sign_with(mut self, signature: impl Into<Bytes>) -> Self {
            self.signature = signature.into();
            self
        }
    };
}

pub(crate) use signed_elsewhere;
