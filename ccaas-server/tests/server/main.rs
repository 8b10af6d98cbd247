//! The server as a peer sees it.

#![cfg(test)]

mod callees;
mod endings;
mod handshake;
mod keys;
mod probe;
mod reads;
mod running;
mod transactions;
mod transport;
mod writes;
