//! The ledger rules through the public interface.

#[cfg(test)]
mod blocks;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod init;
#[cfg(test)]
mod interest;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod mvcc;
#[cfg(test)]
mod private_data;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod proposals;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod validation;
